"""When which customer next needs judging: the wheel of one journal partition."""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush

from state.units.timestamps import NEVER


class TimerQueue:
    """The due moments of many customers, kept beside their profiles and derived from them.

    A customer has an entry at or before their due moment, always. A due moment that moves later costs nothing: the old
    entry is met at its own time, found stale and set anew. One that moves earlier gets a further entry; entries
    of a customer that meet at the same moment become one. Waiting customers cost nothing at a tick.
    """

    def __init__(self, dues: Iterable[tuple[int, str]] = ()) -> None:
        """Takes pairs of due moment and customer, as recovered from the table."""
        self._heap = [entry for entry in dues if entry[0] < NEVER]
        heapify(self._heap)

    def __len__(self) -> int:
        """How many entries wait, stale ones among them."""
        return len(self._heap)

    def reschedule(self, customer_id: str, before: int, after: int) -> None:
        """A customer's due moment was `before` (`NEVER` for a new customer) and is now `after`."""
        if after < before:
            heappush(self._heap, (after, customer_id))

    def pop(self, until: int) -> tuple[int, str] | None:
        """The earliest entry at or before `until`, taken out; the caller says by `schedule` if it was stale."""
        heap = self._heap
        if not heap or heap[0][0] > until:
            return None
        entry = heappop(heap)
        while heap and heap[0] == entry:
            heappop(heap)
        return entry

    def schedule(self, customer_id: str, due: int) -> None:
        """The customer whose entry was popped is due later than it said, or again."""
        if due < NEVER:
            heappush(self._heap, (due, customer_id))
