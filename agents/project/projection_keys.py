"""The names of the keys in Redis, which `project` writes and look-ups read (docs/customers.md)."""

from typing import Final

MOVE_DAYS: Final = 90
"""How long a change of segment stays in Redis."""
SEQ_RANGE: Final = 1024
NOBODY: Final = "none"
"""In place of the segment before a customer's first change."""


class ProjectionKeys:
    """The keys of a prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.customer = f"{prefix}:customer:"
        self.segment = f"{prefix}:segment:"
        self.cell = f"{prefix}:cell:"
        self.totals = f"{prefix}:totals"
        self.days = f"{prefix}:days"
        self.day = f"{prefix}:daily:"
        self.day_parts = f"{prefix}:daily-parts:"
        self.flows = f"{prefix}:flows"

    def position(self, projection: str, partition: int) -> str:
        """Return the key of the offset that Redis reflects.

        Its name changes with the layout of what is projected: then Redis seems empty, and is written again.
        """
        return f"{self.prefix}:project-{projection}:{partition}"

    def days_published(self, partition: int | str) -> str:
        """Return the key of when each day of a partition was published last, in milliseconds."""
        return f"{self.prefix}:days-published:{partition}"

    def flow(self, name: str) -> str:
        """Return the key of a flow, or of the earlier moves of one, by its name, which is a member of `flows`."""
        return f"{self.prefix}:{name}"


def flow_name(before: str, after: str, cause: str) -> str:
    """Return the name of the sorted set of customers who moved so, each scored by the latest such move."""
    return f"flow:{before}:{after}:{cause}"


def earlier_name(flow: str) -> str:
    """Return the name of the sorted set of the earlier moves of a flow: of customers who moved so more than once."""
    return f"earlier-{flow}"


def move_score(at_ms: int, seq: int) -> int:
    """Return the score of a move: its moment, then its number, so that no two moves of a customer have the same.

    A double holds it exactly: 2199 is below 2^43 milliseconds, and the number takes 10 bits. It wraps around.
    """
    return at_ms * SEQ_RANGE + seq % SEQ_RANGE


def earlier_member(customer_id: str, score: int) -> str:
    """Return the member of a move that is not the customer's latest of the flow."""
    return f"{customer_id}:{score % SEQ_RANGE}"
