"""A run: one campaign entered by one customer for one cause, with its steps and their results."""

from dataclasses import dataclass, field

from tests.oracle.campaigns.campaigns_file import Campaign, Step
from tests.oracle.campaigns.entry_causes import EntryCause

SENT = "sent"


@dataclass(eq=False)
class RunStep:
    """One step of a run; `due_at` is unknown before `base_at`, when quiet hours are applied."""

    number: int
    definition: Step
    base_at: int
    due_at: int | None = None
    result: str | None = None
    """``sent``, or the reason for its suppression; None while it is open."""


@dataclass(eq=False)
class Run:
    """A campaign that the customer entered."""

    campaign: Campaign
    cause: EntryCause
    steps: list[RunStep] = field(default_factory=list)
    superseded: bool = False
    responded: bool = False
    """Whether one of its messages was clicked or redeemed."""
    silence_checked: bool = False
    """Whether the moment has passed at which it may silence the customer."""

    @classmethod
    def of(cls, campaign: Campaign, cause: EntryCause) -> "Run":
        """Return the run that a cause would start."""
        run = cls(campaign, cause)
        for number, definition in enumerate(campaign.steps, start=1):
            run.steps.append(RunStep(number, definition, cause.at + definition.after_ms))
        return run

    def open_steps(self) -> list[RunStep]:
        """Return the steps that are neither sent nor suppressed."""
        return [step for step in self.steps if step.result is None]

    def message_id(self, step: RunStep) -> str:
        """Return ``<customer id>:<tag of the cause>:<campaign>:<step>``."""
        return f"{self.cause.id}:{self.campaign.name}:{step.number}"

    def silence_at(self) -> int | None:
        """Return when it silences a customer without a response; None if it does not, or if that is not known yet."""
        last_due_at = self.steps[-1].due_at
        if self.campaign.silence_after_ms is None or last_due_at is None:
            return None
        return last_due_at + self.campaign.silence_after_ms

    def silences_customer(self) -> bool:
        """Return whether a message was sent, none got a response, and the customer never left ``to``."""
        was_sent = any(step.result == SENT for step in self.steps)
        return was_sent and not self.responded and not self.superseded


@dataclass(frozen=True)
class SentMessage:
    """A message that was sent."""

    message_id: str
    due_at: int
    channel: str
    run: Run


@dataclass(frozen=True)
class Contact:
    """A contact event; `cost` is in base minor units."""

    message_id: str
    kind: str
    cost: int


@dataclass(eq=False)
class AttributionWatch:
    """An entry whose outcome is reported after `until`."""

    campaign: Campaign
    cause: EntryCause
    group: str
    until: int
    reported: bool = False

    @property
    def report_at(self) -> int:
        """Return when the outcome is due: an order at `until` still counts."""
        return self.until + 1
