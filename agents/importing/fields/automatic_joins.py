"""Files from no platform that belong together: a list of customers or of lines belongs to the orders it names."""

from collections.abc import Sequence

import msgspec

from agents.importing.findings import Findings, ImportRefused
from agents.importing.mapping.mapping import Join
from agents.importing.mapping.name_recognition import ColumnNames
from agents.importing.staging.stage import StagedTable, Staging


class FileRole(msgspec.Struct, frozen=True):
    """What the columns of a file say, by their names; empty: it has no such column.

    Attributes:
        table: the file.
        order: order number.
        amount: sum of an order or a line, or price.
        moment: date of an order.
        customer: number of a customer.
        email: address.
        person: anything that says who somebody is.
        is_refund: whether its rows are refunds.
    """

    table: StagedTable
    order: str
    amount: str
    moment: str
    customer: str
    email: str
    person: str
    is_refund: bool

    @property
    def are_orders(self) -> bool:
        """Whether its rows can be orders, with or without their sums."""
        return bool(self.moment and self.person and (self.amount or self.order)) and not self.is_refund

    @property
    def is_complete(self) -> bool:
        """Whether it needs no other file."""
        return self.are_orders and bool(self.amount)


def automatic_joins(
    staging: Staging, tables: Sequence[StagedTable], findings: Findings
) -> tuple[dict[str, tuple[Join, ...]], set[str]]:
    """Return what belongs to which table, by the table's name, and the names of tables that are not needed.

    Args:
        staging: the tables.
        tables: those from no platform.
        findings: receives which files are not needed, and why.

    Raises:
        ImportRefused: a file fits several others.
    """
    roles = [_role(staging, table) for table in tables]
    joins: dict[str, tuple[Join, ...]] = {}
    left: set[str] = set()
    for role in roles:
        if role.are_orders or role.is_refund:
            continue
        key = role.order if role.order and role.amount else role.customer if not role.order else ""
        mains = [
            other for other in roles if other is not role and other.are_orders and _key_of(other, role) == key != ""
        ]
        if len(mains) > 1:
            names = " and ".join(main.table.path.name for main in mains)
            raise ImportRefused(
                f"{role.table.path} fits {names}, which both have {key}; import it with one of them, or say what "
                "belongs together with [[join]] in a mapping file (--map)"
            )
        for main in mains:
            name = main.table.path.name
            if role.order and not main.amount:
                join = Join((key, role.amount), (key,), many=True)
            elif not role.order and role.email and not main.email:
                join = Join((key, role.email), (key,))
            else:
                has = "the sums of the orders" if role.order else "the customers"
                findings.assume("files", f"without {role.table.path.name}", f"{name} has {has} itself", "[[join]]")
                left.add(role.table.name)
                continue
            joins[main.table.name] = (*joins.get(main.table.name, ()), join)
    return joins, left


def _key_of(main: FileRole, other: FileRole) -> str:
    """Return the column by which rows of another file belong to the orders of a main one, as it is called there."""
    wanted, own = (other.order, main.order) if other.order else (other.customer, main.customer)
    return wanted if own and wanted and ColumnNames([own]).same(wanted) else ""


def _role(staging: Staging, table: StagedTable) -> FileRole:
    names = ColumnNames(table.names)

    def first(*fields: str) -> str:
        found = (name for field in fields for name in names.candidates(field) if staging.filled(table, name))
        return next(found, "")

    is_refund = bool(first("refund_id") or (first("refunded") and not first("amount", "unit_price")))
    return FileRole(
        table,
        first("order_id"),
        first("amount", "unit_price"),
        first("occurred_at"),
        first("customer_id"),
        first("email"),
        first("email", "customer_id", "phone", "customer_name"),
        is_refund,
    )
