"""Campaigns: which begin on a change, what keeps them back, and what a message says.

Only the first attempt of a campaign is computed. Ladders, cooldown, once, the cap, quiet hours, silence and dead
channels are left out: their checks belong into `whole_reason` and `attempt_reason`, in the contract's order.
"""

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256

from tests.oracle import moments, money
from tests.oracle.consents import Person
from tests.oracle.history import History
from tests.oracle.outputs import JsonObject, change_block, change_id

DEFAULT_CAUSES = ("purchase", "refund", "signup", "consent", "time")


@dataclass(frozen=True)
class Campaign:
    """One ``[[campaign]]``; ``table`` is it as written, to see whether a new file changes it."""

    name: str
    topic: str
    begins_from: tuple[str, ...]
    begins_to: tuple[str, ...]
    causes: tuple[str, ...]
    channels: tuple[str, ...]
    requires_consent: bool
    attempts: tuple[JsonObject, ...]
    holdout: Fraction
    expires_ms: int | None
    table: JsonObject

    def fits(self, change: JsonObject) -> bool:
        """By from, to and causes; an empty ``from`` is any, ``none`` is the first change."""
        return (
            (not self.begins_from or (change["from"] or "none") in self.begins_from)
            and change["to"] in self.begins_to
            and change["cause"]["kind"] in self.causes
        )


@dataclass(frozen=True)
class Campaigns:
    """A campaigns file as the journal has it."""

    name: str
    version: int
    timezone: str
    control: Fraction
    starts_at: int | None
    campaigns: tuple[Campaign, ...]

    @property
    def reference(self) -> str:
        """How outputs name the file: ``retail@1``."""
        return f"{self.name}@{self.version}"

    def keeps(self, campaign: Campaign) -> bool:
        """Whether this file has the campaign, unchanged."""
        return any(own.table == campaign.table for own in self.campaigns)


@dataclass(eq=False)
class Run:
    """A campaign begun for a customer whose first attempt is still to be made."""

    campaign: Campaign
    change: JsonObject
    due_at: int

    attempt: int = 1

    def message_id(self) -> str:
        """Customer, the change's seq, campaign, attempt."""
        return f"{change_id(self.change)}:{self.campaign.name}:{self.attempt}"

    def channels(self) -> tuple[str, ...]:
        """The channels of the attempt, in order of preference."""
        own = self.campaign.attempts[self.attempt - 1].get("channels")
        return self.campaign.channels if own is None else tuple(own)


def run_of(campaign: Campaign, change: JsonObject) -> Run:
    """The run that a change would begin."""
    after = moments.days(campaign.attempts[0]["after_days"])
    return Run(campaign, change, moments.parse(change["effective_at"]) + after)


def drawn(name: str, customer_id: str, share: Fraction) -> bool:
    """Whether a control or a holdout of that name holds the customer."""
    draw = int(sha256(f"{name}:{customer_id}".encode()).hexdigest()[:16], 16)
    return Fraction(draw, 2**64) < share


def whole_reason(file: Campaigns, run: Run) -> str | None:
    """The first reason that keeps a fitting campaign back as a whole."""
    campaign, change = run.campaign, run.change
    early = file.starts_at is not None and moments.parse(change["effective_at"]) < file.starts_at
    checks = (
        ("backfill", change["backfill"] or early),
        ("control", drawn(file.name, change["customer_id"], file.control)),
        ("holdout", drawn(campaign.name, change["customer_id"], campaign.holdout)),
    )
    return next((reason for reason, holds in checks if holds), None)


def attempt_reason(run: Run, person: Person) -> str | None:
    """The first reason that keeps an attempt back at its moment."""
    return None if channels_left(run, person) else "consent"


def channels_left(run: Run, person: Person) -> list[str]:
    """The attempt's channels on which the customer may be written to, in order of preference."""
    accepted = ("granted",) if run.campaign.requires_consent else ("granted", "unknown")
    return [channel for channel in run.channels() if person.consent(channel) in accepted]


def message(file: Campaigns, run: Run, history: History) -> JsonObject:
    """The message of an attempt that is sent at its due moment; the customer's figures are those of that moment."""
    campaign, attempt = run.campaign, run.campaign.attempts[run.attempt - 1]
    channel, *other_channels = channels_left(run, history.person)
    expires = None if campaign.expires_ms is None else moments.text(run.due_at + campaign.expires_ms)
    return {
        "message_id": run.message_id(),
        "customer_id": run.change["customer_id"],
        "campaign": campaign.name,
        "template": attempt.get("template"),
        "incentive": attempt.get("incentive"),
        "channel": channel,
        "other_channels": other_channels,
        "attempt": run.attempt,
        "attempts": len(campaign.attempts),
        "due_at": moments.text(run.due_at),
        "expires_at": expires,
        "timezone": history.person.fact("timezone") or file.timezone,
        "language": history.person.fact("language"),
        "change": change_block(run.change),
        "customer": {
            "average_check": money.major_text(history.average_check(), history.base),
            "lifetime_orders": history.lifetime_orders(),
            "lifetime_value": money.major_text(history.lifetime_value(), history.base),
            "discount_share": history.discount_share(),
        },
        "campaigns": file.reference,
    }


def suppression(file: Campaigns, run: Run, attempt: int | None, reason: str, at: int) -> JsonObject:
    """What is written instead of a message, or of a whole run (attempt None)."""
    return {
        "customer_id": run.change["customer_id"],
        "campaign": run.campaign.name,
        "attempt": attempt,
        "reason": reason,
        "at": moments.text(at),
        "change": change_block(run.change),
        "campaigns": file.reference,
    }


def read_campaigns(text: str) -> Campaigns:
    """A campaigns file from its TOML, which is taken to be checked already."""
    table = tomllib.loads(text, parse_float=Decimal)
    starts_at = table.get("starts_at")
    return Campaigns(
        name=table["name"],
        version=table["version"],
        timezone=table.get("timezone", "UTC"),
        control=Fraction(table.get("control", 0)),
        starts_at=None if starts_at is None else moments.from_datetime(starts_at),
        campaigns=tuple(_campaign(entry) for entry in table.get("campaign", [])),
    )


def _campaign(entry: JsonObject) -> Campaign:
    expires = entry.get("expires_days")
    return Campaign(
        name=entry["name"],
        topic=entry["topic"],
        begins_from=tuple(entry.get("from", ())),
        begins_to=tuple(entry["to"]),
        causes=tuple(entry.get("causes", DEFAULT_CAUSES)),
        channels=tuple(entry.get("channels", ("email",))),
        requires_consent=entry.get("requires_consent", True),
        attempts=tuple(entry["attempts"]),
        holdout=Fraction(entry.get("holdout", 0)),
        expires_ms=None if expires is None else moments.days(expires),
        table=entry,
    )
