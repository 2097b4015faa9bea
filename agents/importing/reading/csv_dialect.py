"""Decide how a CSV file separates and quotes its cells, from many of its lines."""

import csv
import re
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from agents.importing.findings import Assumption, FileError
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


class Dialect(msgspec.Struct, frozen=True):
    """How a CSV file separates and quotes its cells.

    Attributes:
        delimiter: one character.
        quote: what encloses cells, one character; None: nothing does, and quotes are part of the text.
        escape: a character before a quote that is part of the text; None: it is doubled.
        skip_space: a space after the delimiter is not part of the cell, and a quote may follow it.
        sep_line: the first line is Excel's `sep=;`.
        assumptions: what was decided, with evidence.
    """

    delimiter: str
    quote: str | None
    escape: str | None
    skip_space: bool
    sep_line: bool
    assumptions: tuple[Assumption, ...]


class _Parsed(msgspec.Struct):
    """The first lines of a file, split at a delimiter."""

    delimiter: str
    quote: str | None
    skip_space: bool
    width: int
    fitting: int
    divided: int
    rows: int
    score: float


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
    if given is not None:
        given = "\t" if given in {"\\t", "tab"} else given
        if len(given) != 1 or given in "\r\n\"'":
            raise FileError(f"--delimiter {given!r} must be one character; give ',' or ';' or tab")
    delimiter = given or (sep[1] if sep else None)
    best = _best(lines, (delimiter,) if delimiter else DELIMITERS)
    assumptions = []
    if given is None and best.delimiter not in {",", _NO_DELIMITER}:
        evidence = (
            "line 1 names it"
            if sep
            else f"{best.fitting:,} of the first {best.rows:,} lines with content have {best.width} cells each"
        )
        name = _NAMES.get(best.delimiter, best.delimiter)
        assumptions.append(Assumption("delimiter", name, evidence, "--delimiter"))
    quote: str | None = best.quote or '"'
    escape = "\\" if quote and _escapes(lines, best.delimiter, quote) else None
    if evidence := _why_literal(lines, chunks, best, escape):
        quote = escape = None
        assumptions.append(Assumption("quotes", "part of the text", evidence))
    return Dialect(
        best.delimiter, quote, escape, best.skip_space and quote is not None, sep is not None, tuple(assumptions)
    )


def _best(lines: Sequence[str], delimiters: Sequence[str]) -> _Parsed:
    """Return the delimiter and quote with which most lines have the same number of cells, the greater the better."""
    single = "'" if _single_quotes(lines) else '"'
    parsed = [_parse(lines, delimiter, quote) for delimiter in delimiters for quote in (single, None)]
    best = max(parsed, key=lambda one: one.score)  # among equals the first: a comma, with quotes
    if not best.rows or len(delimiters) == 1 or best.divided > _MIN_DIVIDED * best.rows:
        return best
    return _parse(lines, _NO_DELIMITER, single)


def _parse(lines: Sequence[str], delimiter: str, quote: str | None) -> _Parsed:
    rows: list[list[str]] = []
    skip_space = quote is not None and _spaces_before_quotes(lines, delimiter, quote)
    reader = csv.reader(
        lines,
        delimiter=delimiter,
        quotechar=quote,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        skipinitialspace=skip_space,
    )
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
            if len(rows) == _MAX_ROWS:
                break
    except csv.Error:  # a field without end
        pass
    widths = Counter(map(len, rows))
    if not widths:
        return _Parsed(delimiter, quote, skip_space, 0, 0, 0, 0, 0.0)
    width, fitting = max(widths.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))
    cells = [cell for row in rows for cell in row][: _CELLS_FOR_SIGNS * width]
    foreign = [sign for sign in DELIMITERS[1:] if sign != delimiter]
    clean = sum(not any(sign in cell for sign in foreign) for cell in cells) / len(cells)
    named = 1.0 if find_header(rows) is not None else _WITHOUT_NAMES
    score = fitting / len(rows) * (1 - 1 / width) * clean * named
    divided = sum(count for size, count in widths.items() if size > 1)
    return _Parsed(delimiter, quote, skip_space, width, fitting, divided, len(rows), score)


def _single_quotes(lines: Sequence[str]) -> bool:
    """Return whether most lines begin and end with `'`, and none has a double quote."""
    content = [line.strip() for line in lines if line.strip()]
    enclosed = sum(len(line) > 1 and line[0] == line[-1] == "'" for line in content)
    return enclosed * 2 > len(content) and not any('"' in line for line in content)


def _why_literal(lines: Sequence[str], chunks: Iterable[str], best: _Parsed, escape: str | None) -> str:
    """Return why quotes are part of the text, judged by the whole text; an empty text if they enclose cells."""
    quote = best.quote or '"'
    opening, closing = _count_quotes(chunks, best, quote)
    if min(opening, closing) < _BALANCED * max(opening, closing):
        return f"{opening:,} cells begin with {quote}, {closing:,} end with it"
    opening, _ = _count_quotes(lines, best, quote)
    errors = _errors(lines, best, quote, escape)
    if 2 * errors > opening:
        return f"of the first {opening:,} cells that begin with {quote}, {errors:,} do not end with it"
    return ""


def _errors(lines: Sequence[str], best: _Parsed, quote: str, escape: str | None) -> int:
    """Return how often quotes are not as they should be if they enclose cells."""
    errors = start = 0
    while start < len(lines):
        reader = csv.reader(
            lines[start:],
            delimiter=best.delimiter,
            quotechar=quote,
            escapechar=escape,
            skipinitialspace=best.skip_space,
            strict=True,
        )
        try:
            deque(reader, maxlen=0)
        except csv.Error:
            errors += 1
        start += max(1, reader.line_num)
    return errors


def _count_quotes(chunks: Iterable[str], best: _Parsed, quote: str) -> tuple[int, int]:
    """Return how many cells begin with a quote and how many end with one."""
    opening = closing = 0
    delimiter = best.delimiter
    last = "\n"
    for chunk in chunks:
        if quote in chunk:
            text = last + chunk.replace(quote * 2, "").replace(f"\\{quote}", "")
            if best.skip_space:
                text = text.replace(f"{delimiter} ", delimiter)
            opening += text.count(delimiter + quote) + text.count("\n" + quote) + text.count("\r" + quote)
            closing += text.count(quote + delimiter) + text.count(quote + "\n") + text.count(quote + "\r")
        last = chunk[-1]
    return opening, closing + (last == quote)


def _spaces_before_quotes(lines: Sequence[str], delimiter: str, quote: str) -> bool:
    """Return whether cells are enclosed after a space, as in `1, "a, b"`."""
    text = "\n".join(lines).replace(quote * 2, "")
    return text.count(f"{delimiter} {quote}") > text.count(delimiter + quote)


def _escapes(lines: Sequence[str], delimiter: str, quote: str) -> bool:
    r"""Return whether `\"` is a quote within a cell: more lines can be read so than otherwise."""
    if not any(f"\\{quote}" in line for line in lines):
        return False
    errors = []
    for escape in (None, "\\"):
        failed = 0
        for line in lines:
            try:
                list(csv.reader([line], delimiter=delimiter, quotechar=quote, escapechar=escape, strict=True))
            except csv.Error:
                failed += 1
        errors.append(failed)
    return errors[1] < errors[0]
