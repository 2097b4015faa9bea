"""One moment of one customer at which campaigns may speak: what there is to decide by, and where their words go."""

from zoneinfo import ZoneInfo

from msgspec import UNSET, UnsetType

from state.config.campaigns import Campaign, Campaigns
from state.config.ruleset import Ruleset
from state.customer.averages import average_check, discount_share
from state.customer.contact_profile import signup_fact
from state.customer.profile import Profile
from state.customer.profile_schema import Run, Silence
from state.engagement.change_snapshot import restore_change
from state.records.outputs import (
    SENT,
    Message,
    MessageChange,
    MessageCustomer,
    MessageSent,
    MessageSuppressed,
    Output,
    SegmentChanged,
    Suppression,
    to_message_change,
)
from state.records.reasons import SuppressionReason
from state.units.money import format_minor
from state.units.time_zones import load_zone, quiet_hours_end
from state.units.timestamps import format_ms

TRIGGERS = {"b": "birthday", "o": "overdue"}
"""The first letter of a run's tag to what began it; the tag of a run that a change began is a number."""


class CampaignContext:
    """A moment of a customer.

    Attributes:
        at: the moment; whatever is said at it is said in the order in which it is added to `out`.
    """

    def __init__(
        self, customer_id: str, profile: Profile, at: int, rules: Ruleset, campaigns: Campaigns, out: list[Output]
    ) -> None:
        """Takes the customer, the moment, the rules and the campaigns in force, and where words go."""
        self.customer_id = customer_id
        self.profile = profile
        self.at = at
        self.rules = rules
        self.campaigns = campaigns
        self.out = out

    def after_quiet_hours(self, moment: int) -> int:
        """When an attempt of that moment is due: the same, or the end of the quiet hours in which it lies."""
        quiet = self.campaigns.quiet_hours
        if quiet is None:
            return moment
        until = quiet_hours_end(self._zone, moment, quiet.from_minute, quiet.to_minute)
        return moment if until is None else until

    @property
    def _zone(self) -> ZoneInfo:
        """The customer's time zone, as far as it is known now."""
        return load_zone(signup_fact(self.profile, "timezone"), self.campaigns.timezone)

    def send(self, run: Run, campaign: Campaign, number: int, channels: list[str]) -> None:
        """Sends an attempt's message by the first of the channels."""
        if self._is_counted(campaign.name, SENT):
            return
        profile, attempt, digits = self.profile, campaign.steps[number - 1], self.rules.policy.digits
        message = Message(
            message_id=f"{self.customer_id}:{run.tag}:{campaign.name}:{number}",
            customer_id=self.customer_id,
            campaign=campaign.name,
            template=attempt.template,
            incentive=attempt.incentive,
            channel=channels[0],
            other_channels=channels[1:],
            attempt=number,
            attempts=run.step_count,
            due_at=format_ms(self.at),
            expires_at=None if campaign.expires_ms is None else format_ms(self.at + campaign.expires_ms),
            timezone=self._zone.key,
            language=signup_fact(profile, "language"),
            change=restore_change(self.customer_id, run, self.rules.policy),
            customer=MessageCustomer(
                average_check=format_minor(average_check(profile), digits),
                lifetime_orders=profile.lifetime_orders,
                lifetime_value=format_minor(profile.lifetime_net, digits),
                discount_share=discount_share(profile),
            ),
            campaigns=self.campaigns.ref,
            trigger=trigger_of(run.tag),
        )
        self.out.append(MessageSent(campaign.topic, message, self.at))

    def suppress_step(self, run: Run | Silence, attempt: int | None, reason: SuppressionReason) -> None:
        """Says why an attempt of a run is not made, or what has become of the whole run (attempt None)."""
        if self._is_counted(run.campaign, reason):
            return
        change = restore_change(self.customer_id, run, self.rules.policy)
        self._keep_back(run.campaign, run.tag, change, attempt, reason)

    def suppress_campaign(
        self, campaign: str, tag: str, change: SegmentChanged | None, reason: SuppressionReason
    ) -> None:
        """Says why a campaign does not begin."""
        if self._is_counted(campaign, reason):
            return
        self._keep_back(campaign, tag, None if change is None else to_message_change(change), None, reason)

    def _is_counted(self, campaign: str, outcome: str) -> bool:
        """Counts what would be said, where it is only counted; whether it is."""
        counted = self.rules.message_counts
        if counted is None:
            return False
        counted[campaign, outcome] = counted.get((campaign, outcome), 0) + 1
        return True

    def _keep_back(
        self, campaign: str, tag: str, change: MessageChange | None, attempt: int | None, reason: SuppressionReason
    ) -> None:
        value = Suppression(
            customer_id=self.customer_id,
            campaign=campaign,
            attempt=attempt,
            reason=reason,
            at=format_ms(self.at),
            change=change,
            campaigns=self.campaigns.ref,
            trigger=trigger_of(tag),
        )
        self.out.append(MessageSuppressed(tag, value, self.at))


def trigger_of(tag: str) -> str | UnsetType:
    """What began a run beside a change; unset for a change."""
    return TRIGGERS.get(tag[0], UNSET)
