"""A run: one campaign begun for one customer on one occasion, with all its attempts and what became of them."""

from dataclasses import dataclass, field

from tests.oracle.campaigns import Campaign, Step
from tests.oracle.entry_causes import EntryCause

SENT = "sent"


@dataclass(eq=False)
class Attempt:
    """One attempt of a run; ``due_at`` is not known before ``base_at``, at which quiet hours are looked at."""

    number: int
    rung: Step
    base_at: int
    due_at: int | None = None
    outcome: str | None = None
    """``sent``, or the reason that kept it back; None while it is not made."""


@dataclass(eq=False)
class Run:
    """A campaign begun."""

    campaign: Campaign
    occasion: EntryCause
    attempts: list[Attempt] = field(default_factory=list)
    superseded: bool = False
    answered: bool = False
    """Whether a message of it was clicked or redeemed."""
    looked_for_silence: bool = False
    """Whether the moment came at which it silences or does not."""

    @classmethod
    def of(cls, campaign: Campaign, occasion: EntryCause) -> "Run":
        """The run that an occasion would begin."""
        run = cls(campaign, occasion)
        for number, rung in enumerate(campaign.rungs, start=1):
            run.attempts.append(Attempt(number, rung, occasion.at + rung.after_ms))
        return run

    def not_made(self) -> list[Attempt]:
        """The attempts of which nothing has become yet."""
        return [attempt for attempt in self.attempts if attempt.outcome is None]

    def message_id(self, attempt: Attempt) -> str:
        """Customer, the change's seq (or what stands for it), campaign, attempt."""
        return f"{self.occasion.id}:{self.campaign.name}:{attempt.number}"

    def silence_at(self) -> int | None:
        """When it silences the customer if nobody answers; None where it does not, or that is not known yet."""
        last_due_at = self.attempts[-1].due_at
        if self.campaign.silence_after_ms is None or last_due_at is None:
            return None
        return last_due_at + self.campaign.silence_after_ms

    def silences(self) -> bool:
        """Whether the customer was written to, did not answer, and has been in ``to`` throughout."""
        was_sent = any(attempt.outcome == SENT for attempt in self.attempts)
        return was_sent and not self.answered and not self.superseded


@dataclass(frozen=True)
class SentMessage:
    """A message that was sent."""

    message_id: str
    due_at: int
    channel: str
    run: Run


@dataclass(frozen=True)
class Contact:
    """A contact; ``cost`` is in base minor units."""

    message_id: str
    kind: str
    cost: int


@dataclass(eq=False)
class AttributionWatch:
    """A beginning of which the outcome is told once ``until`` has passed."""

    campaign: Campaign
    occasion: EntryCause
    group: str
    until: int
    told: bool = False

    @property
    def told_at(self) -> int:
        """An order at the very end counts."""
        return self.until + 1
