# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""What a column about returns has: flags, sums or numbers of refunds; and what a row with a refund number is."""

from collections.abc import Callable
from typing import Final, NamedTuple

from agents.importing.columns.column_value import CellError, is_missing
from agents.importing.columns.currencies import currency_candidates
from agents.importing.columns.numbers.decision import NumberFormat, parse_number
from agents.importing.findings import Choice, Question
from agents.importing.mapping.expression import Column, Expression
from agents.importing.mapping.known_names import normalize_name, words_of
from agents.importing.mapping.name_recognition import unit_of
from agents.importing.rows.column_decisions import ColumnDecisions, number_format
from agents.importing.rows.row_meaning import NO_NUMBER, read_returned
from agents.importing.rows.row_source import RowSource

_MAX_FLAGS: Final = 12
_ONE_OR_ZERO: Final = ("1", "0", "1.0", "0.0")
_SUMS: Final = frozenset(
    {"amount", "sum", "total", "partial", "сумма", "betrag", "montant", "importe", "valor", "kwota"}
)
"""Words of columns that have sums, even if these are only 0 and 1."""
_MAX_ROWS: Final = 10_000
_VAGUE: Final = frozenset(map(normalize_name, ("refund", "return", "returns", "refunds", "возврат", "возвраты")))
"""Names that say neither that a column has sums nor that it has numbers of refunds."""
_OF_MONEY_OR_PIECES: Final = frozenset(
    normalize_name(each)
    for each in (
        *("refunded", "returned", "refunds", "returns", "refund", "return", "возвращено", "возвраты", "возврат"),
        *("erstattet", "remboursement", "reembolsado", "vráceno", "retoure"),
    )
)
"""Names that say neither that a column has sums nor that it has pieces."""
REFUND_ROWS: Final = "refunds"
RETURNED_ORDERS: Final = "orders"


class RefundNumbers(NamedTuple):
    """What rows with a refund number are.

    Attributes:
        value: `refunds`: rows of their own; `orders`: orders that were given back; empty: it must be asked.
        evidence: why.
        all_rows: whether all rows have one.
    """

    value: str
    evidence: str
    all_rows: bool = False


class Pieces(NamedTuple):
    """How a column of pieces that came back compares with that of pieces that were sold.

    Attributes:
        returned: rows with at least one piece that came back.
        more_line: first line on which more came back than was sold; None: there is none.
        part_line: first line on which as many came back as the text says, but not all; None: there is none.
        is_whole: whether all numbers of both columns are whole.
    """

    returned: int
    more_line: int | None
    part_line: int | None
    is_whole: bool


class ReturnColumns:
    """Tells columns about returns apart by their contents.

    Args:
        source: the rows.
        decisions: how numbers are written.
    """

    def __init__(self, source: RowSource, decisions: ColumnDecisions) -> None:
        self._source = source
        self._decisions = decisions

    def is_flag(self, name: str) -> bool:
        """Whether a column has nothing but yes and no, 1 and 0, or words such as `returned`, and no name of sums."""
        if currency_candidates(unit_of(name)) or _SUMS & words_of(name):
            return False
        words = self._words(name)
        return 0 < len(words) <= _MAX_FLAGS and all(read_returned(word) is not None for word in words)

    def is_number_flag(self, name: str) -> bool:
        """Whether a column is a flag of 1 and 0, which can also count pieces."""
        return self.is_flag(name) and all(word in _ONE_OR_ZERO for word in self._words(name))

    def _words(self, name: str) -> list[str]:
        cell = self._source.cell(name)
        return [text for text, _ in self._source.staging.examples(cell.table, cell.name, _MAX_FLAGS + 1)]

    def is_nothing(self, name: str) -> bool:
        """Whether a column says nowhere that anything came back: nothing but zeros, `no` and signs for nothing."""
        return all(
            word.strip("0.,") == "" or word.lower() in NO_NUMBER or read_returned(word) is False
            for word in self._words(name)
        )

    def is_everywhere(self, name: str) -> bool:
        """Whether a column has a number other than 0 in every row."""
        cell = self._source.cell(name)
        numbers = self._source.staging.map_values(cell.table, cell.name, "DOUBLE", self._reader(name))
        row = self._source.staging.con.execute(
            f"SELECT count(*) FROM {self._source.from_sql} LEFT JOIN {numbers} n ON n.text = {cell.sql} "
            "WHERE coalesce(n.value, 0) = 0"
        ).fetchone()
        return row is not None and row[0] == 0

    def _reader(self, name: str) -> Callable[[str], float | None]:
        cell = self._source.cell(name)
        form = number_format(self._decisions.look_at_numbers(cell, cell.name))
        return lambda text: _number(text, form)

    def can_be_pieces(self, name: str, quantity: str) -> bool:
        """Whether a column whose name does not say what it counts can have the pieces of a line that came back."""
        if not quantity or normalize_name(name) not in _OF_MONEY_OR_PIECES:
            return False
        pieces = self.pieces(name, quantity)
        return pieces.returned > 0 and pieces.is_whole and pieces.more_line is None

    def is_sum(self, name: str, amount: Expression | None, quantity: str = "") -> bool | None:
        """Whether a column of numbers has sums; None: nothing tells whether they are sums or something else.

        Sums have fractions, or are nowhere greater than the amount beside them and somewhere equal to it.

        Args:
            name: of the column.
            amount: what orders cost.
            quantity: column of the pieces that were sold; empty: there is none.
        """
        is_vague = normalize_name(name) in _VAGUE
        if not is_vague and not self.can_be_pieces(name, quantity):
            return True
        cell = self._source.cell(name)
        examples = self._source.staging.examples(cell.table, cell.name, _MAX_FLAGS)
        if any(mark in text for text, _ in examples for mark in ".,"):
            return True
        if not isinstance(amount, Column):
            return None
        pairs = self._pairs(name, amount.name)
        if is_vague and any(abs(part) > abs(whole) for part, whole in pairs):
            return False
        return True if any(part and abs(part) == abs(whole) for part, whole in pairs) else None

    def pieces(self, name: str, quantity: str) -> Pieces:
        """Compare two columns of numbers: pieces that came back, and pieces that were sold."""
        joins, values = [], []
        for alias, column in (("r", name), ("q", quantity)):
            cell = self._source.cell(column)
            numbers = self._source.staging.map_values(cell.table, cell.name, "DOUBLE", self._reader(column))
            joins.append(f"LEFT JOIN {numbers} {alias} ON {alias}.text = {cell.sql}")
            values.append(f"coalesce(abs({alias}.value), 0)")
        returned, sold = values
        row = self._source.staging.con.execute(
            f"""
            SELECT count(*) FILTER (returned > 0), min(line) FILTER (returned > sold),
                min(line) FILTER (returned > 0 AND returned < sold),
                coalesce(bool_and(returned = floor(returned) AND sold = floor(sold)), true)
            FROM (SELECT b.line AS line, {returned} AS returned, {sold} AS sold
                FROM {self._source.from_sql} {" ".join(joins)})"""
        ).fetchone()
        assert row is not None
        return Pieces(*row)

    def is_rest(self, rest: str, whole: str, part: str) -> bool:
        """Whether a column of numbers is what is left of another one after a third, in all rows that have all three."""
        joins, values = [], []
        for alias, column in (("r", rest), ("w", whole), ("p", part)):
            cell = self._source.cell(column)
            numbers = self._source.staging.map_values(cell.table, cell.name, "DOUBLE", self._reader(column))
            joins.append(f"LEFT JOIN {numbers} {alias} ON {alias}.text = {cell.sql}")
            values.append(f"{alias}.value")
        left, total, taken = values
        row = self._source.staging.con.execute(
            f"SELECT coalesce(bool_and(abs({total} - abs({taken}) - {left}) < 0.005) FILTER ({taken} <> 0), false) "
            f"FROM {self._source.from_sql} {' '.join(joins)}"
        ).fetchone()
        return row is not None and bool(row[0])

    def _pairs(self, name: str, amount: str) -> list[tuple[float, float]]:
        """Return the first numbers of two columns, row by row."""
        cells = self._source.cell(name), self._source.cell(amount)
        formats = [number_format(self._decisions.look_at_numbers(cell, cell.name)) for cell in cells]
        rows = self._source.staging.con.execute(
            f"SELECT {cells[0].sql}, {cells[1].sql} FROM {self._source.from_sql} "
            f"WHERE {cells[0].sql} IS NOT NULL AND {cells[1].sql} IS NOT NULL LIMIT {_MAX_ROWS}"
        ).fetchall()
        pairs = []
        for texts in rows:
            numbers = [_number(text, form) for text, form in zip(texts, formats, strict=True)]
            if numbers[0] is not None and numbers[1] is not None:
                pairs.append((numbers[0], numbers[1]))
        return pairs

    def refund_numbers(self, fields: dict[str, Expression]) -> RefundNumbers | None:
        """Return what rows with a refund number are; None if no row has one, or something else says it."""
        number, order = fields.get("refund_id"), fields.get("order_id")
        if not isinstance(number, Column) or {"type", "refunded", "returned", "returned_quantity"} & fields.keys():
            return None
        cell = self._source.cell(number.name)
        missing = ", ".join(f"'{text}'" for text in NO_NUMBER)
        has_number = f"coalesce(lower({cell.sql}) NOT IN ({missing}), false)"
        other = self._source.cell(order.name).sql if isinstance(order, Column) else "NULL"
        row = self._source.staging.con.execute(
            f"""
            WITH rows AS (SELECT b.line AS line, {has_number} AS has_number, {other} AS order_id
                FROM {self._source.from_sql})
            SELECT count(*), count(*) FILTER (has_number), min(line) FILTER (has_number),
                count(*) FILTER (has_number AND (order_id IS NULL OR order_id IN
                    (SELECT order_id FROM rows WHERE NOT has_number AND order_id IS NOT NULL)))
            FROM rows"""
        ).fetchone()
        assert row is not None
        count, numbered, line, own = row
        if not numbered:
            return None
        if numbered == count:
            return RefundNumbers(REFUND_ROWS, f"all rows have a refund number in {number.name}", all_rows=True)
        if own:
            evidence = (
                f"{numbered:,} rows have a refund number in {number.name}, beside rows of the same orders without"
            )
            return RefundNumbers(REFUND_ROWS, f"{evidence}, the first on line {line}")
        return RefundNumbers("", f"line {line}")


def refund_numbers_question(name: str, line: str) -> Question:
    """Return the question of what rows with a refund number are."""
    return Question(
        "refund_numbers",
        f"Some rows have a number in {name}, such as {line}: is such a row a refund, or an order that was given back?",
        "refund_numbers",
        (
            Choice(RETURNED_ORDERS, "an order that was given back and refunded as a whole"),
            Choice(REFUND_ROWS, "a refund of the amount in its row"),
        ),
        'refund_numbers = "orders" or "refunds" in a mapping file (--map)',
    )


def _number(text: str, form: NumberFormat | None) -> float | None:
    if form is None or is_missing(text):
        return None
    try:
        return float(parse_number(text, form))
    except CellError:
        return None
