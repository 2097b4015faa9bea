"""What became of the rows of a file: counted, and what could not be read said line by line."""

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
    """Counts rows; a context manager, which closes the file of faults.

    Attributes:
        rows: read, whether understood or not.
        kinds: events by kind; sales to nobody known count as `anonymous`.
        unread: rows that could not be read.
        repeated_orders: purchases whose order stands in the file already, which count as duplicates.
    """

    def __init__(self, path: Path, errors: Path | None, say: Callable[[str], None]) -> None:
        """Say the first faults by `say`, and write all of them to the file `errors` if there is one.

        Raises:
            CannotOpen: the file of faults cannot be written.
        """
        self.path = path
        self.rows = 0
        self.kinds: Counter[str] = Counter()
        self.unreadable = 0
        self.repeated_orders = 0
        self._orders: set[int] = set()
        self._say = say
        self._errors: IO[str] | None = None
        try:
            self._errors = errors.open("w", encoding="utf-8", errors="backslashreplace") if errors else None
        except OSError as error:
            raise FileError(f"{errors} cannot be written ({error.strerror}); name another file") from error

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file of faults."""
        if self._errors:
            self._errors.close()

    def add_event(self, event: ImportedEvent) -> None:
        """Count a row that became an event."""
        self.rows += 1
        self.kinds[event.kind if event.customer_id or event.kind not in ("purchase", "refund") else "anonymous"] += 1
        if event.kind == "purchase":
            order = hash((event.customer_id, event.order_id))
            self.repeated_orders += order in self._orders
            self._orders.add(order)

    def add_unreadable(self, line: int, fault: str) -> None:
        """Count a row that could not be read, and say why."""
        self.rows += 1
        self.unreadable += 1
        words = f"{self.path}:{line}: {fault}"
        if self._errors:
            self._errors.write(" ".join(words.splitlines()) + "\n")
        if self.unreadable <= MAX_PRINTED_ERRORS:
            self._say(words)

    @property
    def events(self) -> int:
        """Rows that became events."""
        return self.kinds.total()

    def print_remarks(self) -> None:
        """Say how many faults were not said, and which doubts are left."""
        if self.unreadable > MAX_PRINTED_ERRORS:
            rest = "all of them are in the file of --errors" if self._errors else "--errors FILE writes all of them"
            self._say(
                f"{self.path}: {_counted(self.unreadable - MAX_PRINTED_ERRORS, 'more row')} could not be read; {rest}"
            )
        if self.repeated_orders:
            repeated = _counted(self.repeated_orders, "purchase")
            self._say(
                f"{self.path}: {repeated} with an order_id that its customer has already will count as duplicates; "
                "if rows are lines of receipts, sum the lines of each receipt first"
            )

    def summary(self) -> str:
        """Rows read and what they became, in one line."""
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.kinds.items()))
        kinds = f" ({kinds})" if kinds else ""
        read, made = _counted(self.rows, "row"), _counted(self.events, "event")
        return f"{read} read, {made}{kinds}, {_counted(self.unreadable, 'row')} could not be read"


def build_events(
    rows: Iterable[Row | UnreadableRow], translation: EventBuilder, report: ImportReport, latest_ms: int | None
) -> Iterator[ImportedEvent]:
    """What became an event of the rows of a file, all of which are counted; `latest_ms` as `EventBuilder.build`."""
    for row in rows:
        if isinstance(row, UnreadableRow):
            report.add_unreadable(row.line, row.error)
            continue
        try:
            event = translation.build(row, latest_ms)
        except CellError as error:
            report.add_unreadable(row.line, str(error))
            continue
        report.add_event(event)
        yield event


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
