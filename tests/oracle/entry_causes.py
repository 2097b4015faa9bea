"""What begins a campaign: a change of segment, or a date of the customer's own."""

from dataclasses import dataclass

from tests.oracle import moments
from tests.oracle.outputs import JsonObject, change_block


@dataclass(frozen=True)
class EntryCause:
    """A change of segment, or a trigger, in which ``change`` is None; ``tag`` tells it from others of the customer."""

    customer_id: str
    at: int
    tag: str
    """The change's seq; ``b`` and the year of a birthday; ``o`` and the lifetime orders of one who is overdue."""
    change: JsonObject | None = None
    trigger: str | None = None
    campaign: str | None = None
    """The one that a trigger begins; a change begins any that fits."""

    @classmethod
    def of(cls, change: JsonObject) -> "EntryCause":
        """A change as an occasion."""
        return cls(change["customer_id"], moments.parse(change["effective_at"]), str(change["seq"]), change)

    @property
    def backfill(self) -> bool:
        """Whether it is history."""
        return self.change is not None and self.change["backfill"]

    @property
    def heard_before(self) -> int:
        """What came before this moment may bear on it: what fell due is told before an event of the same moment."""
        by_time = self.change is None or self.change["cause"]["kind"] == "time"
        return self.at if by_time else self.at + 1

    @property
    def id(self) -> str:
        """``<customer_id>:<tag>``."""
        return f"{self.customer_id}:{self.tag}"

    def block(self) -> JsonObject:
        """How messages, suppressions and outcomes quote it."""
        if self.change is None:
            return {"change": None, "trigger": self.trigger}
        return {"change": change_block(self.change)}
