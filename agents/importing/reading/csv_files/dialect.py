"""Decide how a CSV file separates and quotes its cells, from many of its lines."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from agents.importing.findings import Assumption, FileError
from agents.importing.reading.csv_files.quotes import QuoteStyle, count_errors, count_quotes, likely_style, unwrapped
from agents.importing.reading.header_row import find_header

DELIMITERS: Final = (",", ";", "\t", "|")
_NAMES: Final = {"\t": "tab", "\\t": "tab"}
_NO_DELIMITER: Final = "\x1f"
"""For a file with a single column: it does not occur in text."""
_SEP_LINE: Final = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_MAX_ROWS: Final = 1_000
_MIN_DIVIDED: Final = 0.4
"""Of the lines, those that have more than one cell; with fewer, the file has a single column."""
_CELLS_FOR_SIGNS: Final = 200
_WITHOUT_NAMES: Final = 0.5
"""What a delimiter counts that divides the rows, but not the names of the columns."""
_BALANCED: Final = 0.8
"""Where quotes enclose cells, as many open as close. Where they are inches, or part of names, they do not."""
_DIVIDED_BELOW_TITLES: Final = 0.8
"""Of the lines below titles, those that have more than one cell."""


class Dialect(msgspec.Struct, frozen=True):
    """How a CSV file separates and quotes its cells.

    Attributes:
        delimiter: one character.
        style: how cells are enclosed; None: they are not, and quotes are part of the text.
        wrapped: each line is one quoted cell, which contains the row, as after CSV was pasted into a sheet's column.
        sep_line: the first line is Excel's `sep=;`.
        assumptions: what was decided, with evidence.
    """

    delimiter: str
    style: QuoteStyle | None
    wrapped: bool
    sep_line: bool
    assumptions: tuple[Assumption, ...]


class _Parsed(msgspec.Struct):
    """The first lines of a file, split at a delimiter.

    Attributes:
        style: how cells are enclosed, if they are.
        width: cells that most rows have.
        fitting: rows with as many.
        divided: rows with more than one cell.
        rows: rows in all, without titles.
        score: the greater, the more likely.
    """

    style: QuoteStyle
    width: int = 0
    fitting: int = 0
    divided: int = 0
    rows: int = 0
    score: float = 0.0


def decide_dialect(head: Sequence[str], chunks: Iterable[str], given: str | None) -> Dialect:
    r"""Return the dialect in which the lines have the same number of cells.

    Args:
        head: the first lines, complete.
        chunks: the whole text, which shows whether quotes enclose cells.
        given: the delimiter that the user gave; `\t` and `tab` are a tab.

    Raises:
        FileError: the given delimiter is not one character.
    """
    sep = _SEP_LINE.fullmatch(head[0]) if head else None
    lines = head[1:] if sep else head
    if wrapped := _is_wrapped(lines):
        lines = chunks = list(map(unwrapped, lines))
    if given is not None:
        given = "\t" if given in {"\\t", "tab"} else given
        if len(given) != 1 or given in "\r\n\"'":
            raise FileError(f"--delimiter {given!r} must be one character; give ',' or ';' or tab")
    delimiter = given or (sep[1] if sep else None)
    best = _best(lines, (delimiter,) if delimiter else DELIMITERS)
    assumptions = []
    if given is None and best.style.delimiter not in {",", _NO_DELIMITER}:
        evidence = (
            "line 1 names it"
            if sep
            else f"{best.fitting:,} of the first {best.rows:,} lines with content have {best.width} cells each"
        )
        name = _NAMES.get(best.style.delimiter, best.style.delimiter)
        assumptions.append(Assumption("delimiter", name, evidence, "--delimiter"))
    evidence = _why_literal(lines, chunks, best.style)
    if evidence:
        assumptions.append(Assumption("quotes", "part of the text", evidence))
    style = None if evidence else best.style
    return Dialect(best.style.delimiter, style, wrapped, sep is not None, tuple(assumptions))


def _is_wrapped(lines: Sequence[str]) -> bool:
    """Return whether each line is one quoted cell, and these contain rows of several cells."""
    content = [line for line in lines if line.strip()]
    if len(content) < 2 or not all(line[0] == '"' for line in content):
        return False
    if count_errors(content, QuoteStyle(_NO_DELIMITER, '"')):
        return False
    inner = list(map(unwrapped, content))
    best = max((_parse(inner, likely_style(inner, sign), quoted=True) for sign in DELIMITERS), key=_score)
    return best.fitting == len(content) and best.width > 1


def _best(lines: Sequence[str], delimiters: Sequence[str]) -> _Parsed:
    """Return the delimiter with which most lines have the same number of cells, the greater the better."""
    parsed = []
    for delimiter in delimiters:
        style = likely_style(lines, delimiter)
        parsed.append(_parse(lines, style, quoted=True))
        if count_errors(lines, style):
            parsed.append(_parse(lines, style, quoted=False))
    best = max(parsed, key=_score)  # among equals the first: a comma, with quotes
    if not best.rows or len(delimiters) == 1 or best.divided > _MIN_DIVIDED * best.rows:
        return best
    return _parse(lines, likely_style(lines, _NO_DELIMITER), quoted=True)


def _score(parsed: _Parsed) -> float:
    return parsed.score


def _parse(lines: Sequence[str], style: QuoteStyle, *, quoted: bool) -> _Parsed:
    rows: list[list[str]] = []
    reader = csv.reader(
        lines,
        delimiter=style.delimiter,
        quotechar=style.quote,
        escapechar=style.escape if quoted else None,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        skipinitialspace=style.skip_space and quoted,
    )
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
            if len(rows) == _MAX_ROWS:
                break
    except csv.Error:  # a field without end
        pass
    if not rows:
        return _Parsed(style)
    named = 1.0 if find_header(rows) is not None else _WITHOUT_NAMES
    rows = _without_titles(rows)
    widths = Counter(map(len, rows))
    width, fitting = max(widths.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))
    cells = [cell for row in rows for cell in row][: _CELLS_FOR_SIGNS * width]
    foreign = [sign for sign in DELIMITERS[1:] if sign != style.delimiter]
    clean = sum(not any(sign in cell for sign in foreign) for cell in cells) / len(cells)
    score = fitting / len(rows) * (1 - 1 / width) * clean * named
    divided = sum(count for size, count in widths.items() if size > 1)
    return _Parsed(style, width, fitting, divided, len(rows), score)


def _without_titles(rows: list[list[str]]) -> list[list[str]]:
    """Return the rows without those at the beginning that have one cell, if nearly all others have more."""
    start = next((index for index, row in enumerate(rows) if len(row) > 1), 0)
    divided = sum(len(row) > 1 for row in rows[start:])
    return rows[start:] if divided > 1 and divided >= _DIVIDED_BELOW_TITLES * len(rows[start:]) else rows


def _why_literal(lines: Sequence[str], chunks: Iterable[str], style: QuoteStyle) -> str:
    """Return why quotes are part of the text, judged by the whole text; an empty text if they enclose cells."""
    opening, closing = count_quotes(chunks, style)
    if min(opening, closing) < _BALANCED * max(opening, closing):
        return f"{opening:,} cells begin with {style.quote}, {closing:,} end with it"
    opening, _ = count_quotes(lines, style)
    errors = count_errors(lines, style)
    if 2 * errors > opening:
        return f"of the first {opening:,} cells that begin with {style.quote}, {errors:,} do not end with it"
    return ""
