"""The result of comparing two policies, A and B, on the journal."""

from collections import Counter
from heapq import nlargest
from typing import Final, NamedTuple

from state.records.progress import NO_WATERMARK

TOP_MOVERS: Final = 10


class Mover(NamedTuple):
    """A customer whom the two policies put in different segments.

    Attributes:
        net: net revenue within the window of policy A, in minor units.
        lifetime: lifetime net revenue, in minor units.
        from_segment: the segment by policy A.
        to_segment: the segment by policy B.
    """

    net: int
    lifetime: int
    customer_id: str
    from_segment: str
    to_segment: str


class PolicyCounts(NamedTuple):
    """What one policy would have published.

    Attributes:
        sent: messages by campaign.
        suppressed: messages that were not sent, by campaign and reason.
        changes: changes of segment.
    """

    sent: Counter[str]
    suppressed: Counter[tuple[str, str]]
    changes: int

    def merge(self, other: "PolicyCounts") -> "PolicyCounts":
        """Return the sum of both."""
        return PolicyCounts(self.sent + other.sent, self.suppressed + other.suppressed, self.changes + other.changes)


class BacktestResult(NamedTuple):
    """The difference between policies A and B on a partition, or on several.

    Attributes:
        record_count: the number of records read from the journal.
        watermark_ms: the time that the partition has reached.
        customers: the number of customers by their segments by A and by B.
        net: their net revenue within A's window, in minor units.
        reachable: how many of them can be reached.
        top_movers: of the customers in different segments those with the most net revenue, highest first.
    """

    record_count: int
    watermark_ms: int
    customers: Counter[tuple[str, str]]
    net: Counter[tuple[str, str]]
    reachable: Counter[tuple[str, str]]
    top_movers: list[Mover]
    a: PolicyCounts
    b: PolicyCounts

    def merge(self, other: "BacktestResult") -> "BacktestResult":
        """Return the result of both partitions together."""
        net = Counter(self.net)
        net.update(other.net)  # `+` would drop sums that are not positive
        return BacktestResult(
            self.record_count + other.record_count,
            max(self.watermark_ms, other.watermark_ms),
            self.customers + other.customers,
            net,
            self.reachable + other.reachable,
            nlargest(TOP_MOVERS, [*self.top_movers, *other.top_movers]),
            self.a.merge(other.a),
            self.b.merge(other.b),
        )


_NO_COUNTS: Final = PolicyCounts(Counter(), Counter(), 0)
EMPTY_RESULT: Final = BacktestResult(0, NO_WATERMARK, Counter(), Counter(), Counter(), [], _NO_COUNTS, _NO_COUNTS)
