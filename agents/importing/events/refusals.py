# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""Refuse what is probably wrong: foreign currencies, no order at all, most orders without a customer."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from agents.importing.events.row_events import RowEvents
from agents.importing.events.sales import Sales
from agents.importing.events.totals import Totals
from agents.importing.findings import ImportRefused, LeftOut
from agents.importing.staging.stage import Staging

_REMEDIES: Final = {
    "status": "their status says that they do not count; [status] in a mapping file (--map) says which do",
    "unpaid": "they are not paid; a mapping file (--map) without the field paid does not look at that",
    "unreadable": "their cells cannot be read",
    "contradictory": "rows with the same order number contradict each other, so it may not be an order number",
    "not_a_sale": "they are no sales",
    "future": "they are in the future",
}


def base_currency(con: Any, parts: Sequence[Sales | RowEvents]) -> str:
    """Return the currency of most orders.

    Raises:
        ImportRefused: no order has one.
    """
    row = con.execute(f"SELECT mode(currency) FROM ({_currencies(parts)}) WHERE currency IS NOT NULL").fetchone()
    if row[0] is None:
        raise ImportRefused("no order has a currency; state it with --currency")
    return str(row[0])


def leave_out_currencies(con: Any, parts: Sequence[Sales | RowEvents], base: str) -> None:
    """Leave out orders and refunds in other currencies than the base one, for the reason `currency`."""
    for part in parts:
        for table in part.tables():
            con.execute(
                f"UPDATE {table} SET reason = 'currency', detail = currency || ', not {base}' "
                f"WHERE reason IS NULL AND currency <> '{base}' AND rate IS NULL"
            )


def check_ids(con: Any, lines: str, customers: int) -> None:
    """Refuse ids that a spreadsheet has rounded, such as 4.01E+11: different ones have become equal.

    Args:
        con: the connection of the staged tables.
        lines: table of lines.
        customers: how many possible ids of a customer it has.

    Raises:
        ImportRefused: there are some.
    """
    for column in ("order_id", *(f"customer{number}" for number in range(1, customers + 1))):
        row = con.execute(
            f"SELECT count(*), min(line), arg_min({column}, line) FROM {lines} "
            f"WHERE role <> 'out' AND regexp_full_match({column}, '[0-9][.,][0-9]+[eE][+]?[0-9]{{1,2}}')"
        ).fetchone()
        if row[0]:
            what = "order number" if column == "order_id" else "customer"
            raise ImportRefused(
                f"line {row[1]}: the {what} {row[2]} is what a spreadsheet has left of a long number "
                f"({row[0]:,} rows): different ones are equal now; export the file again, and do not save it in a "
                "spreadsheet, or give that column the format of text there"
            )


def check_currencies(
    staging: Staging, parts: Sequence[Sales | RowEvents], base: str, rates: Mapping[str, Decimal]
) -> None:
    """Refuse currencies that the policy neither has nor converts.

    Raises:
        ImportRefused: there are some; once for all of them.
    """
    known = ", ".join(f"'{code}'" for code in (base, *rates))
    foreign = staging.con.execute(
        f"SELECT currency, count(*), min(line) FROM ({_currencies(parts)}) "
        f"WHERE currency NOT IN ({known}) AND rate IS NULL GROUP BY 1 ORDER BY 2 DESC"
    ).fetchall()
    if not foreign:
        return
    listed = ", ".join(f"{code} ({count:,}, from line {line} on)" for code, count, line in foreign)
    files = " ".join(dict.fromkeys(str(path) for table in staging.tables for path in table.paths))
    codes = ", ".join(code for code, _, _ in foreign)
    if base_currency(staging.con, parts) == base:
        missing = ", ".join(f'{code} = "…"' for code, _, _ in foreign)
        raise ImportRefused(
            f"orders are in {listed}, and the policy is in {base}, as most of the file, without a rate for {codes}; "
            f"add [rates] with {missing} to the policy (the price of one unit in {base}), or leave these orders "
            "out with a [[skip]] rule in a mapping file (--map)"
        )
    raise ImportRefused(
        f"orders are in {listed}, and the policy is in {base} without a rate for {codes}; "
        f"`goldstream policy suggest {files}` suggests one in their currency; or add [rates] to yours"
    )


def check_orders(
    staging: Staging, totals: Totals, left_out: LeftOut, *, allow_anonymous: bool, are_refunds: bool
) -> None:
    """Refuse files without orders, and those most of whose orders have no customer.

    Args:
        staging: the files.
        totals: what they hold.
        left_out: what is left out of it.
        allow_anonymous: whether most orders may be without a customer.
        are_refunds: whether the user or a column says that rows are refunds, so that there may be no orders.

    Raises:
        ImportRefused: with what to do.
    """
    orders, anonymous = totals.orders, totals.anonymous
    files = ", ".join(dict.fromkeys(str(path) for table in staging.tables for path in table.paths))
    if not totals.events.total():
        reasons = [_reason(*each) for each in left_out.rows()]
        why = "; left out: " + ", ".join(reasons) if reasons else ""
        raise ImportRefused(f"{files}: no order at all{why}; describe the file's columns in a mapping file (--map)")
    if totals.events.keys() == {"refund"} and not are_refunds:
        raise ImportRefused(
            f"{files}: no order at all: all amounts are below zero; if they are refunds, say so with --kind refund, "
            'otherwise name the column of what was paid with --field amount="…"'
        )
    if anonymous * 2 > orders and not allow_anonymous:
        raise ImportRefused(
            f"{files}: {anonymous:,} of {orders:,} orders have no customer; name the column of customers with "
            '--field customer_id="…", or import them without customers with --allow-anonymous'
        )


def _reason(reason: str, count: int, lines: Sequence[int], detail: str) -> str:
    remedy = f" ({_REMEDIES[reason]})" if reason in _REMEDIES else ""
    return f"{count:,} {reason}{remedy} from line {lines[0]} on" + (f": {detail}" if detail else "")


def _currencies(parts: Sequence[Sales | RowEvents]) -> str:
    return " UNION ALL ".join(part.currencies_sql() for part in parts)
