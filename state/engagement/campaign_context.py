"""One customer at one moment, as campaigns see it: what they decide by, and how they publish what they decide."""

from zoneinfo import ZoneInfo

from state.config.campaigns import Campaign, Campaigns
from state.config.ruleset import Ruleset
from state.customer.contact_profile import signup_fact
from state.customer.profile import Profile
from state.customer.profile_schema import Run, Silence
from state.customer.traits import average_check, discount_share
from state.engagement.change_snapshot import restore_change
from state.engagement.triggers import trigger_of
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


class CampaignContext:
    """A customer at one moment.

    Attributes:
        at: the moment.
        outputs: what is published, in this order.
        change: the change of segment at this moment, if there is one.
        by_time: whether time alone has reached this moment.
        supersedes_through: a purchase was just applied that supersedes the reactivations entered at or before this
            moment; -1 if none was.
        ended_silence: the silence that an event has just ended, if one has.
        has_finished_runs: whether a run is over at this moment, so that it is removed.
    """

    def __init__(
        self, customer_id: str, profile: Profile, at: int, rules: Ruleset, campaigns: Campaigns, outputs: list[Output]
    ) -> None:
        self.customer_id = customer_id
        self.profile = profile
        self.at = at
        self.rules = rules
        self.campaigns = campaigns
        self.outputs = outputs
        self.change: SegmentChanged | None = None
        self.by_time = False
        self.supersedes_through = -1
        self.ended_silence: Silence | None = None
        self.has_finished_runs = False

    def after_quiet_hours(self, moment: int) -> int:
        """Return when a step of that moment is due: then, or at the end of the quiet hours that contain it."""
        quiet = self.campaigns.quiet_hours
        if quiet is None:
            return moment
        end = quiet_hours_end(self._zone, moment, quiet.from_minute, quiet.to_minute)
        return moment if end is None else end

    @property
    def _zone(self) -> ZoneInfo:
        """The customer's time zone as it is known now, by default that of the campaigns."""
        return load_zone(signup_fact(self.profile, "timezone"), self.campaigns.timezone)

    def send(self, run: Run, campaign: Campaign, number: int, channels: list[str]) -> None:
        """Send the message of a step by the first of the usable channels."""
        if self._is_counted(campaign.name, SENT):
            return
        profile, step, digits = self.profile, campaign.steps[number - 1], self.rules.policy.digits
        message = Message(
            message_id=f"{self.customer_id}:{run.tag}:{campaign.name}:{number}",
            customer_id=self.customer_id,
            campaign=campaign.name,
            template=step.template,
            incentive=step.incentive,
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
        self.outputs.append(MessageSent(campaign.topic, message, self.at))

    def suppress_step(self, run: Run | Silence, number: int | None, reason: SuppressionReason) -> None:
        """Publish why a step of a run is suppressed, or a reason that concerns the whole run (`number` None)."""
        if self._is_counted(run.campaign, reason):
            return
        change = restore_change(self.customer_id, run, self.rules.policy)
        self._suppress(run.campaign, run.tag, change, number, reason)

    def suppress_campaign(
        self, campaign: str, tag: str, change: SegmentChanged | None, reason: SuppressionReason
    ) -> None:
        """Publish why a campaign is not entered."""
        if self._is_counted(campaign, reason):
            return
        self._suppress(campaign, tag, None if change is None else to_message_change(change), None, reason)

    def _is_counted(self, campaign: str, outcome: str) -> bool:
        """Count a message or suppression if the rules ask only for counts; return whether they do."""
        counts = self.rules.message_counts
        if counts is None:
            return False
        counts[campaign, outcome] = counts.get((campaign, outcome), 0) + 1
        return True

    def _suppress(
        self, campaign: str, tag: str, change: MessageChange | None, number: int | None, reason: SuppressionReason
    ) -> None:
        value = Suppression(
            customer_id=self.customer_id,
            campaign=campaign,
            attempt=number,
            reason=reason,
            at=format_ms(self.at),
            change=change,
            campaigns=self.campaigns.ref,
            trigger=trigger_of(tag),
        )
        self.outputs.append(MessageSuppressed(tag, value, self.at))


def is_open(run: Run) -> bool:
    """Return whether the run has steps that have not been made."""
    return run.next_step > 0 or bool(run.deferred)
