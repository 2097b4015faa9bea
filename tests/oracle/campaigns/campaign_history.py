"""Everything that campaigns did for one customer: runs, messages sent, and contacts received.

Nothing is forgotten: what counts at a moment is looked up in the full lists.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.oracle.campaigns.campaigns_file import Campaign, Campaigns, is_in_group
from tests.oracle.campaigns.entry_causes import EntryCause
from tests.oracle.campaigns.runs import SENT, AttributionWatch, Contact, Run, RunStep, SentMessage
from tests.oracle.customers.consents import Person

REMEMBERED_MESSAGES = 64
RESPONSES = ("clicked", "redeemed")
REFUSALS = ("unsubscribed", "complained")


@dataclass(eq=False)
class Bounce:
    """A permanent bounce; `at` is unknown if a record of an old format reported it."""

    channel: str
    at: int | None
    revived: bool = False
    """Whether a consent for the channel was granted after it."""


@dataclass(eq=False)
class CampaignHistory:
    """Every run, entry and message of one customer, oldest first."""

    runs: list[Run] = field(default_factory=list)
    entries: list[tuple[str, int]] = field(default_factory=list)
    """Name and moment of each campaign that the customer entered or was held out of."""
    causes_seen: set[tuple[str, str]] = field(default_factory=set)
    """Campaign and cause of each entry, suppressed or not: a birthday counts once, even if the time zone changes."""
    sent: list[SentMessage] = field(default_factory=list)
    bounces: list[Bounce] = field(default_factory=list)
    silenced_by: Run | None = None
    control_entries: list[tuple[str, int]] = field(default_factory=list)
    """Name and moment of each campaign that the customer would have entered outside the control group."""
    contacts: list[Contact] = field(default_factory=list)
    watches: list[AttributionWatch] = field(default_factory=list)

    def due_moments(self) -> Iterator[int]:
        """Yield every moment at which a run may change or an outcome is due."""
        for run in self.runs:
            if run.superseded:
                continue
            yield from (each.base_at if each.due_at is None else each.due_at for each in run.open_steps())
            silence_at = run.silence_at()
            if silence_at is not None:
                yield silence_at
        yield from (each.report_at for each in self.watches if not each.reported)

    # Entries.

    def entry_suppression_reason(self, file: Campaigns, campaign: Campaign, cause: EntryCause) -> str | None:
        """Return the first reason to suppress the entry into a matching campaign, or None."""
        at, customer_id = cause.at, cause.customer_id
        earlier = [moment for name, moment in self.entries if name == campaign.name]
        early = file.start is not None and at < file.start
        checks = (
            ("backfill", cause.backfill or early),
            ("silenced", self.silenced_by is not None),
            ("control", is_in_group(file.name, customer_id, file.control)),
            ("once", campaign.once and bool(earlier)),
            ("cooldown", any(at - moment < campaign.cooldown_ms for moment in earlier) or self.has_open_run(campaign)),
            ("holdout", is_in_group(campaign.name, customer_id, campaign.holdout)),
        )
        return next((reason for reason, holds in checks if holds), None)

    def would_enter(self, campaign: Campaign, at: int) -> bool:
        """Return whether a customer of the control group would enter; once and cooldown count earlier such cases."""
        earlier = [moment for name, moment in self.control_entries if name == campaign.name]
        return not (campaign.once and earlier) and not any(at - moment < campaign.cooldown_ms for moment in earlier)

    def has_open_run(self, campaign: Campaign) -> bool:
        """Return whether a run of a campaign of that name has an open step."""
        return any(run.campaign.name == campaign.name and run.open_steps() for run in self.runs)

    # Steps.

    def step_suppression_reason(self, file: Campaigns, run: Run, step: RunStep, at: int, person: Person) -> str | None:
        """Return the first reason to suppress a step at its due moment, or None."""
        checks = (
            ("silenced", self.silenced_by is not None),
            ("consent", not self.allowed_channels(run, step, person)),
            ("cap", not run.campaign.ignores_cap and self.is_cap_reached(file, at)),
        )
        return next((reason for reason, holds in checks if holds), None)

    def allowed_channels(self, run: Run, step: RunStep, person: Person) -> list[str]:
        """Return the step's channels on which the customer may be contacted, in order of preference."""
        accepted = ("granted",) if run.campaign.requires_consent else ("granted", "unknown")
        channels = step.definition.channels
        return [each for each in channels if person.consent(each) in accepted and not self.is_dead(each)]

    def is_dead(self, channel: str) -> bool:
        """Return whether a message bounced permanently on the channel, and no consent was granted after that."""
        return any(bounce.channel == channel and not bounce.revived for bounce in self.bounces)

    def is_cap_reached(self, file: Campaigns, at: int) -> bool:
        """Return whether the cap is used up by messages of any campaign that were due less than its days ago."""
        if file.cap is None:
            return False
        return sum(message.due_at > at - file.cap.days_ms for message in self.sent) >= file.cap.messages

    # Contacts.

    def apply_contact(
        self, contact: Contact, occurred_at: int, person: Person, *, permanent: bool, new_rules: bool
    ) -> bool:
        """Apply a contact; return whether it belongs to one of the last messages sent to this customer."""
        message_id, kind = contact.message_id, contact.kind
        if any(message.message_id == message_id for message in self.sent):
            self.contacts.append(contact)
        for message in self.sent:
            if message.message_id == message_id and kind in RESPONSES:
                message.run.responded = True
        remembered = [each for each in self.sent[-REMEMBERED_MESSAGES:] if each.message_id == message_id]
        if kind in REFUSALS:
            channel = remembered[0].channel if remembered else "all"
            person.consents.append((occurred_at, channel, False))
        if kind == "bounced" and permanent and remembered:
            channel = remembered[0].channel
            revived = new_rules and any(at > occurred_at for at in person.granted_at(channel))
            self.bounces.append(Bounce(channel, occurred_at if new_rules else None, revived))
        return bool(remembered)

    def revive(self, channel: str, granted_at: int) -> bool:
        """Revive a channel, or with ``all`` every channel, for which a consent is granted; return whether one is."""
        revived = [
            bounce
            for bounce in self.bounces
            if channel in (bounce.channel, "all") and granted_at > self._died_at(bounce) and not bounce.revived
        ]
        for bounce in revived:
            bounce.revived = True
        return bool(revived)

    def _died_at(self, bounce: Bounce) -> int:
        """Return when a channel died, if that is not known, when the last message by it was due."""
        if bounce.at is not None:
            return bounce.at
        return max(message.due_at for message in self.sent if message.channel == bounce.channel)

    def record_sent(self, run: Run, step: RunStep, at: int, channel: str) -> None:
        """Record a message that was sent."""
        step.result = SENT
        self.sent.append(SentMessage(run.message_id(step), at, channel, run))
