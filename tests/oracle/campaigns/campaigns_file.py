"""A campaigns file: what each campaign requires, and who is in its holdout group or in the control group."""

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from hashlib import sha256

from tests.oracle import moments
from tests.oracle.campaigns.entry_causes import EntryCause
from tests.oracle.campaigns.quiet_hours import QuietHours, known_zones, read_quiet_hours
from tests.oracle.outputs import JsonObject

DEFAULT_CAUSES = ("purchase", "refund", "signup", "consent", "time")


@dataclass(frozen=True)
class Step:
    """One of a campaign's ``attempts``; ``after_ms`` counts from the change's ``effective_at``."""

    after_ms: int
    template: str | None
    incentive: str | None
    channels: tuple[str, ...]
    """The step's own channels or the campaign's, in order of preference."""


@dataclass(frozen=True)
class Campaign:
    """One ``[[campaign]]`` with its defaults filled in; two are the same if all fields are equal."""

    name: str
    topic: str
    from_segments: tuple[str, ...]
    to_segments: tuple[str, ...]
    causes: tuple[str, ...]
    requires_consent: bool
    steps: tuple[Step, ...]
    cooldown_ms: int
    once: bool
    ignores_cap: bool
    holdout: Fraction
    expires_ms: int | None
    silence_after_ms: int | None
    attribution_ms: int
    trigger: str | None
    overdue: Fraction | None
    where: JsonObject

    def matches(self, cause: EntryCause, segment: str) -> bool:
        """Return whether the cause starts this campaign in this segment.

        A change must match `from`, `to` and `causes`; an empty `from` matches any segment, ``none`` the first change.
        A trigger must name this campaign, and the segment must be in `to`.
        """
        change = cause.change
        if change is None:
            return cause.campaign == self.name and segment in self.to_segments
        return self.trigger is None and (
            (not self.from_segments or (change["from"] or "none") in self.from_segments)
            and change["to"] in self.to_segments
            and change["cause"]["kind"] in self.causes
        )


@dataclass(frozen=True)
class Cap:
    """At most `messages` messages in `days_ms`."""

    messages: int
    days_ms: int


@dataclass(frozen=True)
class Campaigns:
    """A campaigns file as it is in the journal."""

    name: str
    version: int
    timezone: str
    quiet_hours: QuietHours | None
    cap: Cap | None
    control: Fraction
    starts_at: int | None
    starts_always: bool
    campaigns: tuple[Campaign, ...]
    begins_at: int | None = None
    """That of the record that activated the file."""

    @property
    def reference(self) -> str:
        """Return the name of the file in outputs: ``retail@1``."""
        return f"{self.name}@{self.version}"

    @property
    def start(self) -> int | None:
        """Return the moment before which changes start nothing: the file's own, else that of its record."""
        if self.starts_always:
            return None
        return self.begins_at if self.starts_at is None else self.starts_at

    def zone_of(self, declared: str | None) -> str:
        """Return a customer's time zone: the declared one, if it exists, else the file's."""
        return declared if declared in known_zones() else self.timezone


def is_in_group(name: str, customer_id: str, share: Fraction) -> bool:
    """Return whether the customer is in a control or holdout group of this name and share."""
    draw = int(sha256(f"{name}:{customer_id}".encode()).hexdigest()[:16], 16)
    return Fraction(draw, 2**64) < share


@lru_cache(maxsize=256)
def read_campaigns(text: str) -> Campaigns:
    """Return the campaigns file of a TOML text, which must be valid."""
    table = tomllib.loads(text, parse_float=Decimal)
    starts_at, cap = table.get("starts_at"), table.get("cap")
    return Campaigns(
        name=table["name"],
        version=table["version"],
        timezone=table.get("timezone", "UTC"),
        quiet_hours=read_quiet_hours(table.get("quiet_hours")),
        cap=None if cap is None else Cap(cap["messages"], moments.days(cap["days"])),
        control=Fraction(table.get("control", 0)),
        starts_at=None if starts_at in (None, "always") else moments.from_datetime(starts_at),
        starts_always=starts_at == "always",
        campaigns=tuple(_campaign(entry) for entry in table.get("campaign", [])),
    )


def _campaign(entry: JsonObject) -> Campaign:
    channels = entry.get("channels", ["email"])
    return Campaign(
        name=entry["name"],
        topic=entry["topic"],
        from_segments=tuple(entry.get("from", ())),
        to_segments=tuple(entry["to"]),
        causes=tuple(entry.get("causes", DEFAULT_CAUSES)),
        requires_consent=entry.get("requires_consent", True),
        steps=tuple(_step(attempt, channels) for attempt in entry["attempts"]),
        cooldown_ms=moments.days(entry.get("cooldown_days", 0)),
        once=entry.get("once", False),
        ignores_cap=entry.get("ignores_cap", False),
        holdout=Fraction(entry.get("holdout", 0)),
        expires_ms=_days(entry, "expires_days"),
        silence_after_ms=_days(entry, "silence_after_days"),
        attribution_ms=moments.days(entry.get("attribution_days", 14)),
        trigger=entry.get("trigger"),
        overdue=Fraction(entry["overdue"]) if "overdue" in entry else None,
        where=entry.get("where", {}),
    )


def _step(entry: JsonObject, channels: list[str]) -> Step:
    return Step(
        after_ms=moments.days(entry["after_days"]),
        template=entry.get("template"),
        incentive=entry.get("incentive"),
        channels=tuple(entry.get("channels", channels)),
    )


def _days(entry: JsonObject, name: str) -> int | None:
    return moments.days(entry[name]) if name in entry else None
