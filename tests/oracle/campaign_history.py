"""All that campaigns did for one customer: the runs they began, what was sent, and what came back.

Nothing is forgotten here: what counts at a moment is looked up in the full lists.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.oracle.campaigns import Campaign, Campaigns, is_in_share
from tests.oracle.consents import Person
from tests.oracle.entry_causes import EntryCause
from tests.oracle.runs import SENT, Attempt, AttributionWatch, Contact, Run, SentMessage

REMEMBERED_MESSAGES = 64
ANSWERS = ("clicked", "redeemed")
REFUSALS = ("unsubscribed", "complained")


@dataclass(eq=False)
class CampaignHistory:
    """Every run, beginning and message of one customer, oldest first."""

    runs: list[Run] = field(default_factory=list)
    begins: list[tuple[str, int]] = field(default_factory=list)
    """Of each campaign that began or was held out: its name and the moment."""
    occasions: set[tuple[str, str]] = field(default_factory=set)
    """Of each campaign the occasions on which it began or was kept back: a birthday comes once, whatever clocks say."""
    sent: list[SentMessage] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    """Channels on which a message bounced for good."""
    silenced_by: Run | None = None
    controls: list[tuple[str, int]] = field(default_factory=list)
    """Of each campaign that would have begun but for the control: its name and the moment."""
    heard: list[Contact] = field(default_factory=list)
    watches: list[AttributionWatch] = field(default_factory=list)

    def due_moments(self) -> Iterator[int]:
        """Every moment at which a run asks to be looked at."""
        for run in self.runs:
            if run.superseded:
                continue
            yield from (each.base_at if each.due_at is None else each.due_at for each in run.not_made())
            silence_at = run.silence_at()
            if silence_at is not None:
                yield silence_at
        yield from (each.told_at for each in self.watches if not each.told)

    # A campaign as a whole.

    def whole_reason(self, file: Campaigns, campaign: Campaign, occasion: EntryCause) -> str | None:
        """The first reason that keeps a fitting campaign back as a whole."""
        at, customer_id = occasion.at, occasion.customer_id
        earlier = [moment for name, moment in self.begins if name == campaign.name]
        early = file.starts_at is not None and at < file.starts_at
        checks = (
            ("backfill", occasion.backfill or early),
            ("silenced", self.silenced_by is not None),
            ("control", is_in_share(file.name, customer_id, file.control)),
            ("once", campaign.once and bool(earlier)),
            ("cooldown", any(at - moment < campaign.cooldown_ms for moment in earlier) or self.is_open(campaign)),
            ("holdout", is_in_share(campaign.name, customer_id, campaign.holdout)),
        )
        return next((reason for reason, holds in checks if holds), None)

    def would_begin(self, campaign: Campaign, at: int) -> bool:
        """Whether, but for the control, a campaign would begin: once and cooldown count what would have begun."""
        earlier = [moment for name, moment in self.controls if name == campaign.name]
        return not (campaign.once and earlier) and not any(at - moment < campaign.cooldown_ms for moment in earlier)

    def is_open(self, campaign: Campaign) -> bool:
        """Whether a run of a campaign of that name has an attempt that is not made."""
        return any(run.campaign.name == campaign.name and run.not_made() for run in self.runs)

    # An attempt.

    def attempt_reason(self, file: Campaigns, run: Run, attempt: Attempt, at: int, person: Person) -> str | None:
        """The first reason that keeps an attempt back at its moment."""
        checks = (
            ("silenced", self.silenced_by is not None),
            ("consent", not self.channels_left(run, attempt, person)),
            ("cap", not run.campaign.ignores_cap and self.cap_is_reached(file, at)),
        )
        return next((reason for reason, holds in checks if holds), None)

    def channels_left(self, run: Run, attempt: Attempt, person: Person) -> list[str]:
        """The attempt's channels on which the customer may be written to, in order of preference."""
        accepted = ("granted",) if run.campaign.requires_consent else ("granted", "unknown")
        channels = attempt.rung.channels
        return [each for each in channels if person.consent(each) in accepted and each not in self.dead]

    def cap_is_reached(self, file: Campaigns, at: int) -> bool:
        """Whether as many messages as the cap allows were due less than its days ago, of whatever campaigns."""
        if file.cap is None:
            return False
        return sum(message.due_at > at - file.cap.days_ms for message in self.sent) >= file.cap.messages

    # What comes back.

    def take_contact(self, heard: Contact, occurred_at: int, person: Person, *, permanent: bool) -> bool:
        """Take a contact; whether it is of one of the last messages sent to this customer."""
        message_id, kind = heard.message_id, heard.kind
        if any(message.message_id == message_id for message in self.sent):
            self.heard.append(heard)
        for message in self.sent:
            if message.message_id == message_id and kind in ANSWERS:
                message.run.answered = True
        remembered = [each for each in self.sent[-REMEMBERED_MESSAGES:] if each.message_id == message_id]
        if kind in REFUSALS:
            channel = remembered[0].channel if remembered else "all"
            person.consents.append((occurred_at, channel, False))
        if kind == "bounced" and permanent and remembered:
            self.dead.add(remembered[0].channel)
        return bool(remembered)

    def note_sent(self, run: Run, attempt: Attempt, at: int, channel: str) -> None:
        """Remember a message that was sent."""
        attempt.outcome = SENT
        self.sent.append(SentMessage(run.message_id(attempt), at, channel, run))
