"""When each customer of a journal partition is due next: a queue that ticks empty."""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush

from state.units.timestamps import NEVER


class TimerQueue:
    """The due moments of many customers, in memory only: recovered from their profiles.

    Every customer has a timer at or before their due moment. When a due moment moves later, the timer stays: it is
    popped at its own time, found stale and scheduled again. When it moves earlier, a second timer is added; equal
    timers of a customer are popped as one. Customers who are not due cost nothing at a tick.
    """

    def __init__(self, dues: Iterable[tuple[int, str]] = ()) -> None:
        """Take pairs of due moment and customer, as recovered from the table."""
        self._heap = [timer for timer in dues if timer[0] < NEVER]
        heapify(self._heap)

    def __len__(self) -> int:
        """Return the number of timers, stale ones included."""
        return len(self._heap)

    def reschedule(self, customer_id: str, before: int, after: int) -> None:
        """Note that a customer's due moment was `before` (`NEVER` for a new customer) and is now `after`."""
        if after < before:
            heappush(self._heap, (after, customer_id))

    def pop(self, until: int) -> tuple[int, str] | None:
        """Remove and return the earliest timer at or before `until`; the caller then calls `schedule` for it."""
        heap = self._heap
        if not heap or heap[0][0] > until:
            return None
        timer = heappop(heap)
        while heap and heap[0] == timer:
            heappop(heap)
        return timer

    def schedule(self, customer_id: str, due: int) -> None:
        """Add the next timer of a customer whose timer was popped."""
        if due < NEVER:
            heappush(self._heap, (due, customer_id))
