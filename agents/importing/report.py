"""What became of the rows of a file: counted, and what could not be read said line by line."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from agents.importing.rows import CannotOpen, Row, Unread
from agents.importing.translation import Event, Translation
from agents.importing.values import Unreadable

SAID_AT_MOST: Final = 20


class Report:
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
        self.unread = 0
        self.repeated_orders = 0
        self._orders: set[int] = set()
        self._say = say
        self._errors: IO[str] | None = None
        try:
            self._errors = errors.open("w", encoding="utf-8", errors="backslashreplace") if errors else None
        except OSError as error:
            raise CannotOpen(f"{errors} cannot be written ({error.strerror}); name another file") from error

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file of faults."""
        if self._errors:
            self._errors.close()

    def add_event(self, event: Event) -> None:
        """Count a row that became an event."""
        self.rows += 1
        self.kinds[event.kind if event.customer_id or event.kind not in ("purchase", "refund") else "anonymous"] += 1
        if event.kind == "purchase":
            order = hash((event.customer_id, event.order_id))
            self.repeated_orders += order in self._orders
            self._orders.add(order)

    def add_unread(self, line: int, fault: str) -> None:
        """Count a row that could not be read, and say why."""
        self.rows += 1
        self.unread += 1
        words = f"{self.path}:{line}: {fault}"
        if self._errors:
            self._errors.write(" ".join(words.splitlines()) + "\n")
        if self.unread <= SAID_AT_MOST:
            self._say(words)

    @property
    def events(self) -> int:
        """Rows that became events."""
        return self.kinds.total()

    def say_the_rest(self) -> None:
        """Say how many faults were not said, and which doubts are left."""
        if self.unread > SAID_AT_MOST:
            rest = "all of them are in the file of --errors" if self._errors else "--errors FILE writes all of them"
            self._say(f"{self.path}: {_counted(self.unread - SAID_AT_MOST, 'more row')} could not be read; {rest}")
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
        return f"{read} read, {made}{kinds}, {_counted(self.unread, 'row')} could not be read"


def events_of(
    rows: Iterable[Row | Unread], translation: Translation, report: Report, latest_ms: int | None
) -> Iterator[Event]:
    """What became an event of the rows of a file, all of which are counted; `latest_ms` as `Translation.event`."""
    for row in rows:
        if isinstance(row, Unread):
            report.add_unread(row.line, row.fault)
            continue
        try:
            event = translation.event(row, latest_ms)
        except Unreadable as error:
            report.add_unread(row.line, str(error))
            continue
        report.add_event(event)
        yield event


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
