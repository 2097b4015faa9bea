"""Find the objects of a JSON file that are its rows: its lines, an array, or an array within an object."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from agents.importing.findings import FileError
from agents.importing.reading.json_files.stream import JsonStream

_MAX_WRAPPER_DEPTH: Final = 3
_MAX_WRAPPER_FIELDS: Final = 3
_WRAPPERS: Final = """
    orders data results records rows events customers purchases transactions payments value values list заказы продажи
""".split()  # noqa: SIM905 - words as prose


class Records(msgspec.Struct, frozen=True):
    """Where the objects are.

    Attributes:
        lines: each is on a line of its own; a line that is no object does not affect the others.
        path: names of the members that lead to the array; empty: the file is the array.
        array: they are in an array, not one after the other.
    """

    lines: bool = False
    path: tuple[str, ...] = ()
    array: bool = False


def find_records(stream: JsonStream, *, named_lines: bool) -> Records:
    """Return where the objects of a file are that is not JSON Lines, or has a single line.

    Args:
        stream: at the beginning of the file.
        named_lines: its name says that it is JSON Lines.

    Raises:
        FileError: the file is not JSON, or there are no objects.
    """
    if stream.peek() == "[":
        return Records(array=True)
    try:
        first = stream.value()
    except FileError:  # too large for a row, or not JSON, which the next line finds out
        return Records(path=_largest(_count_in_stream(stream, ())), array=True)
    if stream.peek() or named_lines or not isinstance(first, dict):
        return Records()
    counts = _count(first, ())
    if counts and _is_wrapper(first, _largest(counts)):
        return Records(path=_largest(counts), array=True)
    return Records()


def read_records(stream: JsonStream, records: Records) -> Iterator[tuple[int, Any]]:
    """Yield the values of a file that is not JSON Lines: those of an array by their ordinal, others by their line.

    Raises:
        FileError: it is not JSON.
    """
    if records.array:
        yield from enumerate(_elements(stream, records.path), 1)
        if stream.peek():
            raise FileError(f"has more than one JSON value, the second on line {stream.line}; write an object a line")
        return
    while stream.peek():
        yield stream.line, stream.value()
        stream.take(",")


def _elements(stream: JsonStream, path: tuple[str, ...]) -> Iterator[Any]:
    if not path:
        for _ in stream.elements():
            yield stream.value()
        return
    for name in stream.members():
        if name == path[0]:
            yield from _elements(stream, path[1:])
        else:
            _count_value(stream, (), len(path))


def _count_in_stream(stream: JsonStream, path: tuple[str, ...]) -> Counter[tuple[str, ...]]:
    """Return how many objects each array has, of an object that may be too large for memory."""
    counts: Counter[tuple[str, ...]] = Counter()
    for name in stream.members():
        counts += _count_value(stream, (*path, name), len(path) + 1)
    return counts


def _count_value(stream: JsonStream, path: tuple[str, ...], depth: int) -> Counter[tuple[str, ...]]:
    opening = stream.peek()
    if opening == "[":
        return Counter({path: sum(isinstance(stream.value(), dict) for _ in stream.elements())})
    if opening == "{" and depth < _MAX_WRAPPER_DEPTH:
        return _count_in_stream(stream, path)
    stream.value()
    return Counter()


def _count(value: dict[str, Any], path: tuple[str, ...]) -> Counter[tuple[str, ...]]:
    """Return how many objects each array has that is within objects only."""
    counts: Counter[tuple[str, ...]] = Counter()
    for name, one in value.items():
        if isinstance(one, list):
            counts[*path, name] = sum(isinstance(element, dict) for element in one)
        elif isinstance(one, dict) and len(path) + 1 < _MAX_WRAPPER_DEPTH:
            counts += _count(one, (*path, name))
    return +counts


def _largest(counts: Counter[tuple[str, ...]]) -> tuple[str, ...]:
    if not counts:
        raise FileError("is one JSON object without an array of objects; export a list of orders")
    return counts.most_common(1)[0][0]


def _is_wrapper(record: dict[str, Any], path: tuple[str, ...]) -> bool:
    """Return whether an object only holds the rows, as an answer of an API does; an order holds its items."""
    fields = sum(not isinstance(value, dict | list) for value in record.values())
    return fields <= _MAX_WRAPPER_FIELDS or path[-1].lower() in _WRAPPERS
