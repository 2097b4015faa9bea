"""Campaigns files for random histories: steps that collide with quiet hours, caps, cooldowns and silence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from hypothesis import strategies as st

from tests.oracle import moments
from tests.property.histories.draws import between, one_in, pick

NAMES: Final = ("one", "two", "three", "four")
"""The first has a short sequence of steps, the second a long one, the third conditions, the fourth a trigger."""
ZONES: Final = ("Europe/Berlin", "Asia/Tokyo", "America/New_York", "Australia/Lord_Howe", "Europe/Moscow")

_SHORT_SEQUENCES: Final = (("0",), ("0", "0.001"), ("0", "0.03", "0.04"))
_LONG_SEQUENCES: Final = (
    ("0", "1"),
    ("0.04", "0.5", "1"),  # hours apart: one in quiet hours, the next one after them, or both at their end
    ("1", "7", "30.5"),
    ("0", "60"),
)
_SPANS: Final = ("0.001", "0.5", "1", "7", "60")
_CAPS: Final = ("7", "60", "1", "0.001")
_SILENCES: Final = ("0.001", "0.5", "0.001", "1", "7")
_ATTRIBUTIONS: Final = ("", *(f"attribution_days = {days}" for days in ("0.5", "1", "0.02", "1", "0")))
_CHANNELS: Final = (["email"], ["sms", "push", "email"], ["email", "call"], ["sms", "email"])
_CONTROLS: Final = ("", "", "control = 0.5")
_STARTS_AT: Final = (*7 * ("",), "starts_at = 2020-02-15T00:00:00Z", 'starts_at = "always"')
_QUIET: Final = (
    None,
    ("21:00", "09:00"),
    ("02:00", "02:30"),  # ends in the skipped hour in spring and in the repeated hour in autumn
    ("23:30", "01:15"),
    ("00:00", "23:59"),
    ("09:00", "00:00"),
)
_TRIGGERS: Final[Sequence[list[str]]] = (
    ['trigger = "birthday"'],
    ['trigger = "birthday"'],
    ['trigger = "overdue"', "overdue = 2.0"],
    ['trigger = "overdue"', "overdue = 0.5"],
)
_COMMON_CONDITIONS: Final = (
    ("discount_seeker", "false"),
    ("difficult", "false"),
    ("lifetime_orders_max", "2"),
    ("lifetime_orders_min", "1"),
)
_RARE_CONDITIONS: Final = (
    ("discount_seeker", "true"),
    ("difficult", "true"),
    ("lifetime_orders_min", "2"),
    ("lifetime_orders_max", "1"),
    ("referrals_min", "1"),
    ("city", '["Z", "z", "Ж"]'),
    ("country", '["RU"]'),
    ("language", '["ru"]'),
    ("source", '["web", "till"]'),
    ("favourite_store", '["s-1"]'),
    ("favourite_channel", '["s-1", "s-2"]'),
)
_HOUR_MS: Final = 3_600_000
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True)
class CampaignFiles:
    """Texts of campaigns files, and the spans after which something may be due by them."""

    texts: tuple[str, ...]
    spans_ms: frozenset[int]


def campaign_files(draw: st.DrawFn, segments: Sequence[str]) -> CampaignFiles:
    """Draw up to three files; a later one keeps, changes and drops campaigns of the earlier one."""
    count = pick(draw, (1, 4, 4, 5, 3, 4, 4, 5, 4, 0))
    pool = [_campaign(draw, NAMES[index % len(NAMES)], segments) for index in range(count)]
    texts = []
    for version in range(1, pick(draw, (1, 2, 3, 2)) + 1 if pool else 1):
        first = between(draw, 0, count - 1)
        chosen = {name: text for name, text, _ in (*pool[first:], *pool[:first])[: pick(draw, (4, 3, 4, 5))]}
        texts.append("\n".join([*_head(draw, version), *chosen.values()]))
    days = {span for _, _, spans in pool for span in spans}
    spans = {moments.days(Decimal(span)) for span in days}
    return CampaignFiles(tuple(texts), frozenset(spans | {_HOUR_MS, 12 * _HOUR_MS, 30 * _MINUTE_MS} if pool else spans))


def _head(draw: st.DrawFn, version: int) -> list[str]:
    quiet = pick(draw, _QUIET)
    lines = [f'name = "{pick(draw, ("retail", "outlet"))}"', f"version = {version}"]
    lines += [pick(draw, _CONTROLS), pick(draw, _STARTS_AT)]
    if quiet is not None:
        lines.append(f"timezone = '{pick(draw, ZONES)}'")
        lines.append(f"quiet_hours = {list(quiet)}")
    if not one_in(draw, 3):
        lines.append(f"cap = {{ messages = {pick(draw, (1, 1, 2))}, days = {pick(draw, _CAPS)} }}")
    return lines


def _campaign(draw: st.DrawFn, name: str, segments: Sequence[str]) -> tuple[str, str, set[str]]:
    """Draw a campaign of this name; return its name, its table, and the spans of days in it."""
    is_short, is_long, has_conditions, by_trigger = (name == each for each in NAMES)
    days_after = pick(draw, _SHORT_SEQUENCES if is_short or (not is_long and not one_in(draw, 3)) else _LONG_SEQUENCES)
    where = dict(_conditions(draw)) if has_conditions or one_in(draw, 5) else {}
    all_segments = sorted(segments)[-90:]
    to = all_segments
    cooldown, silence = (
        pick(draw, ("0", "0", *_SPANS)),
        pick(draw, ("", *(("0.001", "0.001") if is_short else ()), *_SILENCES)),
    )
    entry_lines: list[str] = []
    if by_trigger:
        entry_lines = pick(draw, _TRIGGERS)
    elif one_in(draw, 3):
        half = len(segments) // 2
        from_segments = pick(draw, ([], [], [], ["none", *segments[:half]], segments[half:]))
        to = pick(draw, (all_segments, all_segments, sorted({pick(draw, segments) for _ in range(4)})))
        entry_lines = [f"from = {list(from_segments[-60:])}"] if from_segments else []
        entry_lines += pick(draw, ([], [], [], ['causes = ["time", "policy", "refund"]']))
    lines = [
        "[[campaign]]",
        f'name = "{name}"',
        f'topic = "{pick(draw, ("offers", "reactivations"))}"',
        f"to = {to}",
        f"channels = {pick(draw, _CHANNELS)}",
        f"attempts = [{', '.join(_steps(draw, days_after))}]",
        f"cooldown_days = {cooldown}",
        f"where = {{ {', '.join(f'{name} = {wanted}' for name, wanted in where.items())} }}",
        pick(draw, (*3 * ("requires_consent = false",), "")),
        *entry_lines,
        *([f"silence_after_days = {silence}"] if silence else []),
        *pick(draw, ([], [], ["once = true"], ["ignores_cap = true"])),
        pick(draw, (*_ATTRIBUTIONS, "")),
        *pick(draw, ([], ["expires_days = 14"], ["expires_days = 0.001"])),
        *pick(draw, (*5 * ([],), ["holdout = 0.5"])),
    ]
    return name, "\n".join(lines), {*days_after, cooldown, silence} - {""}


def _conditions(draw: st.DrawFn) -> Iterator[tuple[str, str]]:
    """Yield conditions on the customer: none, some that most customers meet, some that few meet, or both."""
    if one_in(draw, 3):
        yield pick(draw, _COMMON_CONDITIONS)
    for _ in range(pick(draw, (1, 2, 3))):
        yield pick(draw, _RARE_CONDITIONS)


def _steps(draw: st.DrawFn, days_after: Sequence[str]) -> list[str]:
    """Return a step for each number of days, some with channels or an incentive of their own."""
    own = pick(draw, ("", ', incentive = "10%"', ', channels = ["sms", "email"]'))
    return [f'{{ after_days = {after}, template = "t{number}"{own} }}' for number, after in enumerate(days_after)]
