"""The campaigns: what is said to customers whose segment changes, when, by which channel, and to whom nothing.

The campaigns are one frozen value, read from a TOML file and checked as a whole. Durations are held in milliseconds, a
begun one as a whole one: what is due after a fraction of a millisecond is due at the next moment there is.
"""

from collections.abc import Collection
from decimal import Decimal
from hashlib import sha256
from typing import Final

from msgspec import Struct

from state.config.config_errors import ConfigErrors
from state.config.segments import POTENTIAL
from state.config.sending_limits import FrequencyCap, QuietHours, read_cap, read_quiet_hours, read_timestamp
from state.config.targeting import Targeting, read_targeting
from state.config.toml_reader import MAX_DAYS, Table, TomlNumber, read_toml
from state.units.timestamps import DAY_MS

TOPICS: Final = ("offers", "reactivations")
CHANNELS: Final = ("email", "sms", "push", "messenger", "call")
CAUSES: Final = ("purchase", "refund", "signup", "consent", "time", "policy")
DEFAULT_CAUSES: Final = CAUSES[:-1]
DEFAULT_CHANNELS: Final = ("email",)
TRIGGERS: Final = ("birthday", "overdue")
ATTRIBUTION_DAYS: Final = 14
MAX_OVERDUE: Final = 1_000
NO_SEGMENT: Final = "none"
"""Where a customer's first change comes from, in `from`."""


class Step(Struct, frozen=True):
    """One message of a campaign, due `after_ms` after the change; by its own channels, else the campaign's."""

    after_ms: int
    template: str
    incentive: str | None
    channels: tuple[str, ...]


class Campaign(Struct, frozen=True):
    """What is said at one kind of change.

    Attributes:
        topic: `offers` or `reactivations`.
        from_segments: where the change comes from, `none` for a first change; empty: anywhere.
        to: where it goes.
        channels: in order of preference.
        cooldown_ms: since it last began for this customer.
        once: ever, for a customer.
        holdout: share of customers kept silent, 0 to 1.
        expires_ms: of a message, from its due moment; None: never.
        silence_after_ms: after its last attempt was due; None: it does not silence.
        attribution_ms: for how long after its beginning an outcome counts; 0: none is told.
        trigger: what begins it in place of a change; `overdue` is the multiple of the usual gap that one is overdue at.
        where: what customers must be like; None: anything.
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
    """A checked campaigns file.

    Attributes:
        ref: name and version, as messages carry it: `retail@1`.
        timezone: of customers who have none.
        control: share of customers whom no campaign reaches, 0 to 1.
        starts_at: changes effective before it begin nothing; milliseconds.
        campaigns: in the file's order; `by_name` has the same ones, `triggered` those that a trigger begins.
        text: the file.
    """

    name: str
    version: int
    ref: str
    timezone: str
    quiet_hours: QuietHours | None
    cap: FrequencyCap | None
    control: float
    starts_at: int | None
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
            "starts_at": self.starts_at,
            "campaign": self.campaigns,
        }


def is_in_share(name: str, customer_id: str, share: float) -> bool:
    """Whether the control group (by the file's name) or a holdout (by the campaign's name) holds a customer.

    The first 64 bits of SHA-256 of `name:customer_id`, as a fraction of 2**64, are below the share.
    """
    if not share:
        return False
    return int.from_bytes(sha256(f"{name}:{customer_id}".encode()).digest()[:8], "big") / 2**64 < share


def outdated_campaigns(current: Campaigns | None, new: Campaigns) -> frozenset[str]:
    """The campaigns of the current file that the new one changes or drops: their runs end."""
    if current is None:
        return frozenset()
    return frozenset(name for name, campaign in current.by_name.items() if new.by_name.get(name) != campaign)


def parse_campaigns(
    text: str, segments: Collection[str] | None = None, zones: Collection[str] | None = None
) -> Campaigns:
    """Read a campaigns file.

    Args:
        text: the TOML file.
        segments: the segments of the policy, `potential` among them; by default any name is taken for one.
        zones: the time zones that are known here; by default any name that looks like one is taken.

    Raises:
        Faults: everything that is wrong with the file.
    """
    faults: list[str] = []
    file = Table(read_toml(text), faults)
    name = file.name()
    version = file.integer("version", required=True) or 0
    timezone = file.time_zone(zones)
    quiet_hours = read_quiet_hours(file)
    cap = read_cap(file)
    control = _read_share(file, "control")
    starts_at = read_timestamp(file, "starts_at")
    known = None if segments is None else tuple(dict.fromkeys((*segments, POTENTIAL)))
    campaigns = tuple(_read_campaign(table, known) for table in _read_different(file))
    file.reject_unknown_keys()
    if faults:
        raise ConfigErrors(faults)
    return Campaigns(
        name=name,
        version=version,
        ref=f"{name}@{version}",
        timezone=timezone,
        quiet_hours=quiet_hours,
        cap=cap,
        control=control,
        starts_at=starts_at,
        campaigns=campaigns,
        by_name={campaign.name: campaign for campaign in campaigns},
        triggered=tuple(campaign for campaign in campaigns if campaign.trigger is not None),
        text=text,
    )


def _read_different(file: Table) -> list[Table]:
    """Take the campaigns, and note the names that are there twice."""
    tables = file.tables("campaign")
    first: dict[object, int] = {}
    for number, table in enumerate(tables, 1):
        name = table.content.get("name")
        if isinstance(name, str) and first.setdefault(name, number) != number:
            table.add_error("name", f"is that of campaign {first[name]} already; give it another one")
    return tables


def _read_campaign(table: Table, segments: Collection[str] | None) -> Campaign:
    name = table.name()
    topic = table.choice("topic", TOPICS)
    from_segments = table.names("from", None if segments is None else (*segments, NO_SEGMENT)) or ()
    to = _not_empty(table, "to", table.names("to", segments, required=True))
    if NO_SEGMENT in to and segments is None:
        table.add_error("to", f"must not have {NO_SEGMENT}: no change goes there")
    causes = _not_empty(table, "causes", table.names("causes", CAUSES)) or DEFAULT_CAUSES
    channels = _not_empty(table, "channels", table.names("channels", CHANNELS)) or DEFAULT_CHANNELS
    cooldown = table.number("cooldown_days", MAX_DAYS, zero=True)
    expires = table.number("expires_days", MAX_DAYS)
    silence_after = table.number("silence_after_days", MAX_DAYS)
    attribution = table.number("attribution_days", MAX_DAYS, zero=True)
    trigger = table.choice("trigger", TRIGGERS) if "trigger" in table.content else None
    overdue = table.number("overdue", MAX_OVERDUE, required=trigger == "overdue")
    if overdue is not None and trigger != "overdue":
        table.add_error("overdue", 'goes with trigger = "overdue" alone; remove it')
    for key in ("from", "causes"):
        if trigger is not None and key in table.content:
            table.add_error(key, "does not go with a trigger, which is no change of segment; remove it")
    campaign = Campaign(
        name=name,
        topic=topic,
        from_segments=from_segments,
        to=to,
        causes=causes,
        channels=channels,
        requires_consent=table.boolean("requires_consent", absent=True),
        steps=_read_attempts(table, channels),
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


def _read_attempts(campaign: Table, channels: tuple[str, ...]) -> tuple[Step, ...]:
    attempts: list[Step] = []
    before: TomlNumber | None = None
    for table in campaign.tables("attempts", required=True):
        after = table.number("after_days", MAX_DAYS, zero=True, required=True)
        if after is not None and before is not None and after.value <= before.value:
            table.add_error(
                "after_days", f"must be above that of the attempt before it: got {before.text}, {after.text}"
            )
        before = after or before
        template = table.text("template", required=True) or ""
        incentive = table.text("incentive")
        own = _not_empty(table, "channels", table.names("channels", CHANNELS))
        attempts.append(Step(after.to_units(DAY_MS) if after else 0, template, incentive, own or channels))
        table.reject_unknown_keys()
    return tuple(attempts)


def _not_empty(table: Table, key: str, names: tuple[str, ...] | None) -> tuple[str, ...]:
    if names == ():
        table.add_error(key, "must have at least one name: got []")
    return names or ()


def _read_share(table: Table, key: str) -> float:
    share = table.number(key, 1, zero=True)
    return 0.0 if share is None else float(share.value)
