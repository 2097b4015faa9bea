"""Count what became of the rows of a file, and report the unreadable ones line by line."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from agents.importing.cell_values import CellError
from agents.importing.event_builder import EventBuilder, ImportedEvent
from agents.importing.row_reader import FileError, Row, UnreadableRow

MAX_PRINTED_ERRORS: Final = 20


class ImportReport:
    """Counts rows and reports errors; a context manager, which closes the file of errors.

    Args:
        path: the imported file.
        errors: a file for the errors of all unreadable rows; None: no such file.
        print_line: prints the first errors and the remarks.

    Attributes:
        rows: rows read, readable or not.
        kinds: events by kind; sales without a customer count as `anonymous`.
        unreadable: rows that could not be read.
        repeated_orders: purchases whose order is in the file already; they will count as duplicates.

    Raises:
        FileError: the file of errors cannot be written.
    """

    def __init__(self, path: Path, errors: Path | None, print_line: Callable[[str], None]) -> None:
        self.path = path
        self.rows = 0
        self.kinds: Counter[str] = Counter()
        self.unreadable = 0
        self.repeated_orders = 0
        self._order_hashes: set[int] = set()
        self._print_line = print_line
        self._errors: IO[str] | None = None
        try:
            self._errors = errors.open("w", encoding="utf-8", errors="backslashreplace") if errors else None
        except OSError as error:
            raise FileError(f"{errors} cannot be written ({error.strerror}); name another file") from error

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file of errors."""
        if self._errors:
            self._errors.close()

    def add_event(self, event: ImportedEvent) -> None:
        """Count a row that became an event."""
        self.rows += 1
        self.kinds[event.kind if event.customer_id or event.kind not in ("purchase", "refund") else "anonymous"] += 1
        if event.kind == "purchase":
            order_hash = hash((event.customer_id, event.order_id))
            self.repeated_orders += order_hash in self._order_hashes
            self._order_hashes.add(order_hash)

    def add_unreadable(self, line: int, error: str) -> None:
        """Count an unreadable row and report its error."""
        self.rows += 1
        self.unreadable += 1
        text = f"{self.path}:{line}: {error}"
        if self._errors:
            self._errors.write(" ".join(text.splitlines()) + "\n")
        if self.unreadable <= MAX_PRINTED_ERRORS:
            self._print_line(text)

    @property
    def events(self) -> int:
        """The number of rows that became events."""
        return self.kinds.total()

    def print_remarks(self) -> None:
        """Print how many errors were not printed, and a warning about repeated orders."""
        if self.unreadable > MAX_PRINTED_ERRORS:
            rest = "all errors are in the file of --errors" if self._errors else "--errors FILE writes all errors"
            more = _counted(self.unreadable - MAX_PRINTED_ERRORS, "more row")
            self._print_line(f"{self.path}: {more} could not be read; {rest}")
        if self.repeated_orders:
            self._print_line(
                f"{self.path}: {_counted(self.repeated_orders, 'purchase')} with an order_id that its customer has "
                "already will count as duplicates; if rows are lines of receipts, sum the lines of each receipt first"
            )

    def summary(self) -> str:
        """Return in one line how many rows were read, and what they became."""
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.kinds.items()))
        kinds = f" ({kinds})" if kinds else ""
        rows, events = _counted(self.rows, "row"), _counted(self.events, "event")
        return f"{rows} read, {events}{kinds}, {_counted(self.unreadable, 'row')} could not be read"


def build_events(
    rows: Iterable[Row | UnreadableRow], builder: EventBuilder, report: ImportReport, latest_ms: int | None
) -> Iterator[ImportedEvent]:
    """Yield the events of a file's rows and count every row; `latest_ms` as in `EventBuilder.build`."""
    for row in rows:
        if isinstance(row, UnreadableRow):
            report.add_unreadable(row.line, row.error)
            continue
        try:
            event = builder.build(row, latest_ms)
        except CellError as error:
            report.add_unreadable(row.line, str(error))
            continue
        report.add_event(event)
        yield event


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
