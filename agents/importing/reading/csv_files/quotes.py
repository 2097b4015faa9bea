"""What quotes in CSV mean: whether they enclose cells, and how a quote within a cell is written."""

import csv
from collections import deque
from collections.abc import Iterable, Sequence

import msgspec


class QuoteStyle(msgspec.Struct, frozen=True):
    """How cells are enclosed.

    Attributes:
        delimiter: between cells.
        quote: what encloses cells, one character.
        escape: a character before a quote that is part of the text; None: it is doubled.
        skip_space: a space after the delimiter is not part of the cell, and a quote may follow it.
    """

    delimiter: str
    quote: str
    escape: str | None = None
    skip_space: bool = False


def likely_style(lines: Sequence[str], delimiter: str) -> QuoteStyle:
    r"""Return how cells are enclosed, if they are: by `"` or `'`, which within a cell is doubled or follows a `\`."""
    quote = "'" if _uses_single_quotes(lines) else '"'
    style = QuoteStyle(delimiter, quote, skip_space=_spaces_before_quotes(lines, delimiter, quote))
    if any(f"\\{quote}" in line for line in lines):
        escaped = msgspec.structs.replace(style, escape="\\")
        return min((style, escaped), key=lambda one: count_errors(lines, one))
    return style


def count_errors(lines: Sequence[str], style: QuoteStyle) -> int:
    """Return how often quotes are not as they should be if they enclose cells."""
    errors = start = 0
    while start < len(lines):
        reader = csv.reader(
            lines[start:],
            delimiter=style.delimiter,
            quotechar=style.quote,
            escapechar=style.escape,
            skipinitialspace=style.skip_space,
            strict=True,
        )
        try:
            deque(reader, maxlen=0)
        except csv.Error:
            errors += 1
        start += max(1, reader.line_num)
    return errors


def count_quotes(chunks: Iterable[str], style: QuoteStyle) -> tuple[int, int]:
    """Return how many cells of a text begin with a quote, and how many end with one."""
    opening = closing = 0
    delimiter, quote = style.delimiter, style.quote
    last = "\n"
    for chunk in chunks:
        if quote in chunk:
            text = last + chunk.replace(quote * 2, "").replace(f"\\{quote}", "")
            if style.skip_space:
                text = text.replace(f"{delimiter} ", delimiter)
            opening += text.count(delimiter + quote) + text.count("\n" + quote) + text.count("\r" + quote)
            closing += text.count(quote + delimiter) + text.count(quote + "\n") + text.count(quote + "\r")
        last = chunk[-1]
    return opening, closing + (last == quote)


def unwrapped(line: str) -> str:
    """Return the content of a line that is one quoted cell, with the end of the line; any other line as it is."""
    content = line.rstrip("\r\n")
    if len(content) > 1 and content[0] == content[-1] == '"':
        return content[1:-1].replace('""', '"') + line[len(content) :]
    return line


def _uses_single_quotes(lines: Sequence[str]) -> bool:
    """Return whether most lines begin and end with `'`, and none has a double quote."""
    content = [line.strip() for line in lines if line.strip()]
    enclosed = sum(len(line) > 1 and line[0] == line[-1] == "'" for line in content)
    return enclosed * 2 > len(content) and not any('"' in line for line in content)


def _spaces_before_quotes(lines: Sequence[str], delimiter: str, quote: str) -> bool:
    """Return whether cells are enclosed after a space, as in `1, "a, b"`."""
    text = "".join(lines).replace(quote * 2, "")
    return text.count(f"{delimiter} {quote}") > text.count(delimiter + quote)
