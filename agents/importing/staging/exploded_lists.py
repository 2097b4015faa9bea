"""The elements of a column of JSON lists, such as the items of orders, as rows."""

from collections.abc import Iterator
from json import JSONDecodeError
from typing import Any, Final

from agents.importing.findings import FileError
from agents.importing.reading.json_files.flattening import DECODER, NumberText, flatten
from agents.importing.reading.source_table import MAX_COLUMNS

_ROWS_PER_BATCH: Final = 10_000


class ExplodedLists:
    """Turns lists into rows, batch by batch.

    Attributes:
        names: columns of the elements so far, in the order of their first appearance: `<name>.<field>`.
        typed: those whose cells all came as numbers; valid at the end.
    """

    def __init__(self, name: str) -> None:
        self.names: dict[str, None] = {}
        self._with_text: set[str] = set()
        self._name = name

    @property
    def typed(self) -> frozenset[str]:
        """The columns whose cells all came as numbers."""
        return frozenset(self.names) - self._with_text

    def elements(self, lists: Iterator[tuple[int, str]]) -> Iterator[tuple[list[int], list[dict[str, str]]]]:
        """Yield batches of keys and rows, a row for each element.

        Args:
            lists: a key and the JSON text of a list; what is no list is a list of one element.

        Raises:
            FileError: the elements have too many different fields.
        """
        keys: list[int] = []
        rows: list[dict[str, str]] = []
        for key, text in lists:
            for element in _elements(text):
                row = flatten(element if isinstance(element, dict) else {"": element}, f"{self._name}.")
                self._note(row)
                keys.append(key)
                rows.append(row)
            if len(rows) >= _ROWS_PER_BATCH:
                yield keys, rows
                keys, rows = [], []
        yield keys, rows

    def _note(self, row: dict[str, str]) -> None:
        for name, cell in row.items():
            if type(cell) is not NumberText:
                self._with_text.add(name)
        if not row.keys() <= self.names.keys():
            self.names |= dict.fromkeys(row)
            if len(self.names) > MAX_COLUMNS:
                raise FileError(f"the elements of {self._name} have more than {MAX_COLUMNS:,} different fields")


def _elements(text: str) -> list[Any]:
    try:
        value = DECODER.decode(text)
    except (JSONDecodeError, RecursionError):
        return [text]
    return value if isinstance(value, list) else [value]
