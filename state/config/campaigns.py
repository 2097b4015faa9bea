"""The campaigns: which messages customers get after a segment change or a trigger, when, and by which channel.

The campaigns of a shop are one value, read from a TOML file and validated as a whole. Durations are in milliseconds,
rounded up.
"""

from collections.abc import Collection
from decimal import Decimal
from hashlib import sha256
from typing import Final

from msgspec import Struct

from state.config.config_errors import ConfigErrors
from state.config.segments import POTENTIAL
from state.config.sending_limits import FrequencyCap, QuietHours, read_cap, read_quiet_hours, read_start
from state.config.targeting import Targeting, read_targeting
from state.config.toml_reader import MAX_DAYS, Table, TomlNumber, read_toml
from state.records.events import CHANNELS
from state.units.timestamps import DAY_MS

TOPICS: Final = ("offers", "reactivations")
CAUSES: Final = ("purchase", "refund", "signup", "consent", "time", "policy")
DEFAULT_CAUSES: Final = CAUSES[:-1]
DEFAULT_CHANNELS: Final = ("email",)
TRIGGERS: Final = ("birthday", "overdue")
ATTRIBUTION_DAYS: Final = 14
MAX_OVERDUE: Final = 1_000
ALWAYS: Final = "always"
"""In `starts_at`: changes start campaigns whenever they are effective, also before the campaigns' beginning."""
NO_SEGMENT: Final = "none"
"""In `from`, what a customer's first change comes from."""


class Step(Struct, frozen=True):
    """One message of a campaign, due `after_ms` after the entry.

    Attributes:
        channels: In order of preference: the step's own, otherwise the campaign's.
    """

    after_ms: int
    template: str
    incentive: str | None
    channels: tuple[str, ...]


class Campaign(Struct, frozen=True):
    """A campaign: who enters it, and the messages that they get.

    Attributes:
        topic: `offers` or `reactivations`.
        from_segments: Segments before the change, `none` for a first change; empty for any.
        to: Segments after the change, or the segments in which the trigger applies.
        channels: In order of preference.
        cooldown_ms: Minimum time between two entries of a customer.
        once: Whether a customer can enter only once.
        holdout: Share of customers in the holdout group, 0 to 1.
        expires_ms: Until a message expires, from its due moment; None for never.
        silence_after_ms: From the due moment of the last step until a customer without a response is silenced; None
            for never.
        attribution_ms: From the entry, the time that counts for the outcome; 0 if no outcome is published.
        trigger: What starts a run instead of a segment change: `birthday` or `overdue`; None for a segment change.
        overdue: The multiple of a customer's usual gap between orders at which an order is overdue.
        where: Further conditions that a customer must meet; None for none.
    """

    name: str
    topic: str
    from_segments: tuple[str, ...]
    to: tuple[str, ...]
    causes: tuple[str, ...]
    channels: tuple[str, ...]
    requires_consent: bool
    steps: tuple[Step, ...]
    cooldown_ms: int
    once: bool
    ignores_cap: bool
    holdout: float
    expires_ms: int | None
    silence_after_ms: int | None
    attribution_ms: int = ATTRIBUTION_DAYS * DAY_MS
    trigger: str | None = None
    overdue: Decimal = Decimal(0)
    where: Targeting | None = None


class Campaigns(Struct, frozen=True):
    """A valid campaigns file.

    Attributes:
        ref: Name and version, as in messages: `retail@1`.
        timezone: The zone of customers without one.
        control: Share of customers in the control group, 0 to 1.
        starts_at: Changes that are effective earlier start nothing; None if the file does not say.
        starts_always: Whether the file says that there is no such limit.
        campaigns: In the order of the file.
        by_name: The same campaigns by name.
        triggered: Those that a trigger starts.
        text: The file.
    """

    name: str
    version: int
    ref: str
    timezone: str
    quiet_hours: QuietHours | None
    cap: FrequencyCap | None
    control: float
    starts_at: int | None
    starts_always: bool
    campaigns: tuple[Campaign, ...]
    by_name: dict[str, Campaign]
    triggered: tuple[Campaign, ...]
    text: str

    def contents(self) -> dict[str, object]:
        """Return what the file sets besides name and version, by its keys; layout and comments make no difference."""
        return {
            "timezone": self.timezone,
            "quiet_hours": self.quiet_hours,
            "cap": self.cap,
            "control": self.control,
            "starts_at": ALWAYS if self.starts_always else self.starts_at,
            "campaign": self.campaigns,
        }

    def start(self, begins_at: int | None) -> int | None:
        """Return the moment before which changes start nothing, None if there is none.

        Args:
            begins_at: The beginning of the record that activated the file, which counts if the file itself is silent.
        """
        if self.starts_always:
            return None
        return begins_at if self.starts_at is None else self.starts_at


def is_in_share(name: str, customer_id: str, share: float) -> bool:
    """Whether a customer is in the control group or a holdout group.

    They are if the first 64 bits of SHA-256 of `name:customer_id`, divided by 2**64, are below the share.

    Args:
        name: The file's name for the control group, the campaign's name for its holdout group.
        customer_id: The customer.
        share: Share of customers in the group, 0 to 1.
    """
    if not share:
        return False
    return int.from_bytes(sha256(f"{name}:{customer_id}".encode()).digest()[:8], "big") / 2**64 < share


def outdated_campaigns(current: Campaigns | None, new: Campaigns) -> frozenset[str]:
    """Return the names of the campaigns that the new file changes or removes. Their runs end."""
    if current is None:
        return frozenset()
    return frozenset(name for name, campaign in current.by_name.items() if new.by_name.get(name) != campaign)


def parse_campaigns(
    text: str, segments: Collection[str] | None = None, zones: Collection[str] | None = None
) -> Campaigns:
    """Return the campaigns of a TOML file.

    Args:
        text: The file's contents.
        segments: Segments of the policy. By default, any name is valid.
        zones: Valid time zones. By default, any name that looks like one is valid.

    Raises:
        ConfigErrors: All errors of the file.
    """
    errors: list[str] = []
    file = Table(read_toml(text), errors)
    name = file.name()
    version = file.integer("version", required=True) or 0
    timezone = file.time_zone(zones)
    quiet_hours = read_quiet_hours(file)
    cap = read_cap(file)
    control = _read_share(file, "control")
    starts_always = file.get("starts_at") == ALWAYS
    starts_at = None if starts_always else read_start(file, "starts_at")
    valid = None if segments is None else tuple(dict.fromkeys((*segments, POTENTIAL)))
    campaigns = tuple(_read_campaign(table, valid) for table in _campaign_tables(file))
    file.reject_unknown_keys()
    if errors:
        raise ConfigErrors(errors)
    return Campaigns(
        name=name,
        version=version,
        ref=f"{name}@{version}",
        timezone=timezone,
        quiet_hours=quiet_hours,
        cap=cap,
        control=control,
        starts_at=starts_at,
        starts_always=starts_always,
        campaigns=campaigns,
        by_name={campaign.name: campaign for campaign in campaigns},
        triggered=tuple(campaign for campaign in campaigns if campaign.trigger is not None),
        text=text,
    )


def _campaign_tables(file: Table) -> list[Table]:
    """Return the tables of the campaigns, and report duplicate names."""
    tables = file.tables("campaign")
    first: dict[object, int] = {}
    for number, table in enumerate(tables, 1):
        name = table.content.get("name")
        if isinstance(name, str) and first.setdefault(name, number) != number:
            table.add_error("name", f"is already used by campaign {first[name]}; choose another one")
    return tables


def _read_campaign(table: Table, segments: Collection[str] | None) -> Campaign:
    name = table.name()
    topic = table.choice("topic", TOPICS)
    from_segments = table.names("from", None if segments is None else (*segments, NO_SEGMENT)) or ()
    to = _not_empty(table, "to", table.names("to", segments, required=True))
    if NO_SEGMENT in to and segments is None:
        table.add_error("to", f"must not contain {NO_SEGMENT}: no change leads there")
    causes = _not_empty(table, "causes", table.names("causes", CAUSES)) or DEFAULT_CAUSES
    channels = _not_empty(table, "channels", table.names("channels", CHANNELS)) or DEFAULT_CHANNELS
    cooldown = table.number("cooldown_days", MAX_DAYS, zero=True)
    expires = table.number("expires_days", MAX_DAYS)
    silence_after = table.number("silence_after_days", MAX_DAYS)
    attribution = table.number("attribution_days", MAX_DAYS, zero=True)
    trigger = table.choice("trigger", TRIGGERS) if "trigger" in table.content else None
    overdue = table.number("overdue", MAX_OVERDUE, required=trigger == "overdue")
    if overdue is not None and trigger != "overdue":
        table.add_error("overdue", 'requires trigger = "overdue"; remove it or set the trigger')
    for key in ("from", "causes"):
        if trigger is not None and key in table.content:
            table.add_error(key, "cannot be combined with a trigger, which is not a segment change; remove it")
    campaign = Campaign(
        name=name,
        topic=topic,
        from_segments=from_segments,
        to=to,
        causes=causes,
        channels=channels,
        requires_consent=table.boolean("requires_consent", default=True),
        steps=_read_steps(table, channels),
        cooldown_ms=0 if cooldown is None else cooldown.to_units(DAY_MS),
        once=table.boolean("once"),
        ignores_cap=table.boolean("ignores_cap"),
        holdout=_read_share(table, "holdout"),
        expires_ms=None if expires is None else expires.to_units(DAY_MS),
        silence_after_ms=None if silence_after is None else silence_after.to_units(DAY_MS),
        attribution_ms=ATTRIBUTION_DAYS * DAY_MS if attribution is None else attribution.to_units(DAY_MS),
        trigger=trigger,
        overdue=Decimal(0) if overdue is None else overdue.value,
        where=read_targeting(table),
    )
    table.reject_unknown_keys()
    return campaign


def _read_steps(campaign: Table, channels: tuple[str, ...]) -> tuple[Step, ...]:
    steps: list[Step] = []
    previous: TomlNumber | None = None
    for table in campaign.tables("attempts", required=True):
        after = table.number("after_days", MAX_DAYS, zero=True, required=True)
        if after is not None and previous is not None and after.value <= previous.value:
            table.add_error(
                "after_days", f"must be greater than in the preceding step: got {previous.text}, then {after.text}"
            )
        previous = after or previous
        template = table.text("template", required=True) or ""
        incentive = table.text("incentive")
        own_channels = _not_empty(table, "channels", table.names("channels", CHANNELS))
        steps.append(Step(after.to_units(DAY_MS) if after else 0, template, incentive, own_channels or channels))
        table.reject_unknown_keys()
    return tuple(steps)


def _not_empty(table: Table, key: str, names: tuple[str, ...] | None) -> tuple[str, ...]:
    if names == ():
        table.add_error(key, "must contain at least one name: got []")
    return names or ()


def _read_share(table: Table, key: str) -> float:
    share = table.number(key, 1, zero=True)
    return 0.0 if share is None else float(share.value)
