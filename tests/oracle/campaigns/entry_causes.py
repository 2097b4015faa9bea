"""What makes a customer enter a campaign: a change of segment, or a trigger."""

from dataclasses import dataclass

from tests.oracle import moments
from tests.oracle.outputs import JsonObject, change_block


@dataclass(frozen=True)
class EntryCause:
    """A change of segment, or a trigger, whose `change` is None; `tag` is unique among the customer's causes."""

    customer_id: str
    at: int
    tag: str
    """The change's seq; ``b`` and the year of a birthday; ``o`` and the lifetime orders of an overdue order."""
    change: JsonObject | None = None
    trigger: str | None = None
    campaign: str | None = None
    """The campaign that a trigger starts; a change starts any that matches."""

    @classmethod
    def from_change(cls, change: JsonObject) -> "EntryCause":
        """Return a change as a cause."""
        return cls(change["customer_id"], moments.parse(change["effective_at"]), str(change["seq"]), change)

    @property
    def backfill(self) -> bool:
        """Return whether the change belongs to a backfill."""
        return self.change is not None and self.change["backfill"]

    @property
    def referrals_before(self) -> int:
        """Return the moment before which a referral counts: what is due comes before an event of the same moment."""
        by_time = self.change is None or self.change["cause"]["kind"] == "time"
        return self.at if by_time else self.at + 1

    @property
    def id(self) -> str:
        """Return ``<customer_id>:<tag>``."""
        return f"{self.customer_id}:{self.tag}"

    def block(self) -> JsonObject:
        """Return the fields that messages, suppressions and outcomes quote."""
        if self.change is None:
            return {"change": None, "trigger": self.trigger}
        return {"change": change_block(self.change)}
