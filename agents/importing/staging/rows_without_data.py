# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""Find the rows of a sheet that are no data: blank ones, sums, notes, and headers that are repeated."""

import re
from collections.abc import Iterator
from typing import Any, Final

from agents.importing.findings import LeftOut
from agents.importing.reading.header_row import looks_like_data
from agents.importing.reading.total_labels import BEGINS_LIKE_LABEL, TOTAL_WORDS, is_total_label

_MAX_LABEL: Final = 80
_NUMBER: Final = re.compile(r"[^\w\s]{0,3}\s?\(?[-+−]?\d[\d\s.,'’]*\)?-?\s?(?:%|[^\d\s]{1,5})?")
_DATE: Final = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?:[ T][\d:.]+)?")
_TRAILER: Final = re.compile(
    r"(?:records?|record\(s\)|rows?|orders?|transactions?)\s+(?:downloaded|exported|found|in total)\b", re.IGNORECASE
)
"""What programs write below a table, in several cells: `12, record(s) downloaded, from, 1, to, 12`."""
_MAX_LABEL_COLUMN: Final = 4
"""In how many columns, from the left, the label of a sum may be."""
_USUAL_SHARE: Final = 0.9
_MIN_COLUMNS_OF_NOTES: Final = 3
_MAX_LAST_ROWS: Final = 5
_MIN_DIGITS_OF_SUM: Final = 4
_HUNDREDTHS: Final = (
    "CASE WHEN regexp_full_match({0}, '\\D{{0,5}}[0-9][0-9 .,'' \u00a0\u202f]*\\D{{0,5}}') THEN "
    "TRY_CAST(regexp_replace(regexp_replace({0}, '[.,][0-9]{{1,2}}\\D*$', ''), '\\D', '', 'g') || "
    "rpad(regexp_extract({0}, '[.,]([0-9]{{1,2}})\\D*$', 1), 2, '0') AS BIGINT) END"
)
"""SQL of the hundredths of a number, whichever its decimal sign; the sign is left out."""
_ROWS_PER_FETCH: Final = 1_000


def leave_out_rows_without_data(con: Any, table: str, names: tuple[str, ...], left_out: LeftOut) -> int:
    """Delete the rows that are no data from a table, and count them, blank ones excepted.

    A row is a sum if its first filled cell is a word such as `Total`, perhaps after a date, all others are numbers, and
    a cell is empty that is filled in nearly all rows; if the word only begins a text, at least half of those cells. If
    no cell is empty, or there is no such word, one of its numbers must be the sum of its column. A row is a note if
    only one of its cells is filled, and that is no number, date or address.

    Returns:
        How many rows were deleted.
    """
    columns = [f"c{number}" for number in range(len(names))]
    first, last = (f"coalesce({', '.join(order)})" for order in (columns, reversed(columns)))
    deleted = _delete(con, table, f"{first} IS NULL")
    deleted += _delete_headers(con, table, names, left_out)
    beginnings = (first, *(f"coalesce({column}, '')" for column in columns[1:_MAX_LABEL_COLUMN]))
    labelled = " OR ".join(map(_labelled, beginnings))
    ((total, *filled),) = con.execute(
        f"SELECT count(*), {', '.join(map('count({})'.format, columns))} FROM {table} "
        f"WHERE {first} <> {last} AND NOT ({labelled})"
    ).fetchall()
    usual = [number for number, count in enumerate(filled) if total and count >= _USUAL_SHARE * total]
    found = []
    for row_id, line, cells in _rows(con, table, columns, labelled):
        if _is_sum(cells, usual) or (_can_be_sum(cells) and _is_sum_of_others(con, table, row_id, cells)):
            left_out.add("total_row", line, " ".join(filter(None, cells))[:_MAX_LABEL])
            found.append(row_id)
    if total > 0 and len(usual) >= _MIN_COLUMNS_OF_NOTES:
        last_rows = f"rowid > (SELECT max(rowid) FROM {table}) - {_MAX_LAST_ROWS} AND NOT ({labelled})"
        for row_id, line, cells in _rows(con, table, columns, last_rows):
            if reason := _reason_of_last(con, table, row_id, cells, usual):
                left_out.add(reason, line, " ".join(filter(None, cells))[:_MAX_LABEL])
                found.append(row_id)
    if len(usual) >= _MIN_COLUMNS_OF_NOTES:
        for row_id, line, cells in _rows(con, table, columns, f"{first} = {last}"):
            if text := _note(cells):
                left_out.add("note", line, text[:_MAX_LABEL])
                found.append(row_id)
    if found:
        con.execute(f"DELETE FROM {table} WHERE rowid IN (SELECT unnest(?::BIGINT[]))", [found])
    return deleted + len(found)


def _rows(con: Any, table: str, columns: list[str], condition: str) -> Iterator[tuple[int, int, list[str | None]]]:
    """Yield row id, line and cells of the rows that meet a condition."""
    found = con.cursor().execute(
        f"SELECT rowid, line, {', '.join(columns)} FROM {table} WHERE {condition} ORDER BY line"
    )
    while rows := found.fetchmany(_ROWS_PER_FETCH):
        for row_id, line, *cells in rows:
            yield row_id, line, cells


def _reason_of_last(con: Any, table: str, row_id: int, cells: list[str | None], usual: list[int]) -> str:
    """Return what one of the last rows is that lacks half of the usual cells; an empty text if it can be data."""
    texts = list(filter(None, cells))
    if 2 * sum(cells[number] is None for number in usual) < len(usual):
        return ""
    if any(map(_TRAILER.match, texts)):
        return "note"
    return "total_row" if all(map(_NUMBER.fullmatch, texts)) and _is_sum_of_others(con, table, row_id, cells) else ""


def _note(cells: list[str | None]) -> str:
    """Return the only filled cell if it is a note; otherwise an empty text."""
    text, *others = filter(None, cells)
    return "" if others or looks_like_data(text) or is_total_label(text) else text


def _labelled(first: str) -> str:
    return f"regexp_matches({first}, '^(?i:{TOTAL_WORDS.replace(chr(39), chr(39) * 2)})')"


def _is_sum(cells: list[str | None], usual: list[int]) -> bool:
    label, *others = filter(None, cells)
    if others and _DATE.fullmatch(label) and is_total_label(others[0]):
        label, *others = others
    if not BEGINS_LIKE_LABEL.fullmatch(label) or not all(map(_NUMBER.fullmatch, others)):
        return False
    missing = sum(cells[number] is None for number in usual)
    if is_total_label(label):
        return missing > 0 or len(cells) <= 2
    return missing > 1 and 2 * missing >= len(usual)


def _can_be_sum(cells: list[str | None]) -> bool:
    """Whether a row without empty cells has nothing but a label of a sum, numbers and dates."""
    texts = [text for text in cells if text and not _NUMBER.fullmatch(text) and not looks_like_data(text)]
    return len(texts) == 1 and is_total_label(texts[0])


def _is_sum_of_others(con: Any, table: str, row_id: int, cells: list[str | None]) -> bool:
    """Whether a number of a row with a fraction, or of at least four digits, is the sum of the column's others."""
    for number, text in enumerate(cells):
        if text is None or not _NUMBER.fullmatch(text) or len(re.sub(r"\D", "", text)) < _MIN_DIGITS_OF_SUM:
            continue
        ((own, others),) = con.execute(
            f"SELECT sum({_HUNDREDTHS.format(f'c{number}')}) FILTER (rowid = ?), "
            f"sum({_HUNDREDTHS.format(f'c{number}')}) FILTER (rowid <> ?) FROM {table}",
            [row_id, row_id],
        ).fetchall()
        if own and own == others:
            return True
    return False


def _delete_headers(con: Any, table: str, names: tuple[str, ...], left_out: LeftOut) -> int:
    """Delete the rows that repeat the names of the columns, as files that were joined by hand have them."""
    first = "ltrim(c0, '\ufeff') = ?"  # which begins many files
    others = [f"(c{number} IS NULL OR c{number} = ?)" for number in range(1, len(names))]
    condition = " AND ".join([first, *others])
    repeated = con.execute(f"SELECT line FROM {table} WHERE {condition} ORDER BY line", [*names]).fetchall()
    for (line,) in repeated:
        left_out.add("header", line)
    return _delete(con, table, condition, [*names]) if repeated else 0


def _delete(con: Any, table: str, condition: str, parameters: list[str] | None = None) -> int:
    ((count,),) = con.execute(f"DELETE FROM {table} WHERE {condition}", parameters).fetchall()
    return int(count)
