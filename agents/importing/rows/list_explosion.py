"""Make rows of the items of orders, where the amount of an order is only in its items."""

from typing import Final

from agents.importing.findings import Findings
from agents.importing.mapping.expression import Expression, alternatives_of, columns_of
from agents.importing.mapping.known_names import known_names, normalize_name
from agents.importing.mapping.mapping import Mapping
from agents.importing.mapping.name_recognition import ColumnNames
from agents.importing.platforms.catalog import GENERIC
from agents.importing.staging.stage import StagedTable, Staging

_LISTS: Final = frozenset(
    {"items", "lineitems", "orderitems", "products", "lines", "orderlines", "goods", "basket", "positions", "позиции"}
    | {"товары", "состав", "positionen", "artikel", "lignes", "articulos"}
)
_EXAMPLES: Final = 20


def explode_items(staging: Staging, table: StagedTable, mapping: Mapping, platform: str, findings: Findings) -> None:
    """Replace the rows of orders by rows of their items, if nothing else has the orders' amounts."""
    column = _list_column(staging, table, mapping, platform)
    if column is None or any(name.startswith(f"{column}.") for name in table.names):
        return
    if _has_amount(table, mapping, column):
        return
    staging.explode(table, column)
    findings.assume("rows", f"each of {column}", "only the items of an order have amounts", "explode in a mapping file")


def rows_of(staging: Staging, table: StagedTable) -> int:
    """Return how many rows of its files a table has, however many items they have."""
    row = staging.con.execute(f"SELECT count(DISTINCT (file, line)) FROM {table.name}").fetchone()  # noqa: S608
    assert row is not None
    return int(row[0])


def _list_column(staging: Staging, table: StagedTable, mapping: Mapping, platform: str) -> str | None:
    columns = ColumnNames(table.names)
    if mapping.explode:
        return columns.same(mapping.explode)
    if platform != GENERIC or table.file_format not in ("json", "jsonl", "parquet"):
        return None
    for name in table.names:
        if normalize_name(name) in _LISTS:
            examples = staging.examples(table, name, _EXAMPLES)
            if any(text.startswith(("[{", "[ {")) for text, _ in examples):
                return name
    return None


def _has_amount(table: StagedTable, mapping: Mapping, column: str) -> bool:
    """Whether a column of the rows themselves has the amount."""
    columns = ColumnNames(table.names)
    amount: Expression | None = mapping.fields.get("amount")
    if amount is not None:
        return any(
            all(columns.same(name) for name in columns_of(part)) and not _is_in(part, column)
            for part in alternatives_of(amount)
        )
    names = known_names().columns["amount"]
    return any(normalize_name(name) in names for name in table.names)


def _is_in(part: Expression, column: str) -> bool:
    return any(name.startswith(f"{column}.") for name in columns_of(part))
