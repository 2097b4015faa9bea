"""Campaigns files to fold histories by: ladders of spans that collide with quiet hours, caps, cooldowns and silence."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from hypothesis import strategies as st

from tests.oracle import moments
from tests.property.picking import one_in, pick

NAMES: Final = ("one", "two", "three")
ZONES: Final = ("Europe/Berlin", "Asia/Tokyo", "America/New_York", "Australia/Lord_Howe", "Europe/Moscow")

_LADDERS: Final = (
    ("0",),
    ("1",),
    ("0", "0.001"),
    ("0.04", "0.5", "1"),  # hours apart: one in quiet hours, the next one after them, or both at their end
    ("0.02", "0.03", "0.04"),
    ("1", "7", "30.5"),
    ("0", "60"),
)
_SPANS: Final = ("0.001", "0.5", "1", "7", "60")
_CONTROLS: Final = ("", "", "", "control = 0.5")
_STARTS: Final = ("", "", "", "starts_at = 2020-02-15T00:00:00Z")
_QUIET: Final = (
    None,
    ("21:00", "09:00"),
    ("02:00", "02:30"),  # ends in the gap of a spring and in the doubled hour of an autumn
    ("23:30", "01:15"),
    ("00:00", "23:59"),
    ("09:00", "00:00"),
)
_TRIGGERS: Final[Sequence[list[str]]] = (
    *9 * ([],),
    ['trigger = "birthday"'],
    ['trigger = "overdue"', "overdue = 2.0"],
    ['trigger = "overdue"', "overdue = 0.5"],
)
_WHERE: Final = (
    *12 * ("",),
    "lifetime_orders_min = 2",
    "lifetime_orders_max = 1, discount_seeker = false",
    "difficult = true",
    'city = ["Z", "z"]',
)
_HOUR_MS: Final = 3_600_000
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True)
class Drawn:
    """Texts of campaigns files, and how long after a change something may fall due by them."""

    texts: tuple[str, ...]
    spans_ms: frozenset[int]


def campaign_files(draw: st.DrawFn, segments: Sequence[str]) -> Drawn:
    """Up to three files, of which a later one has some campaigns as before, some changed, some not at all."""
    pool = [_campaign(draw, segments) for _ in range(pick(draw, (3, 2, 4, 1, 0)))]
    texts = []
    for version in range(1, draw(st.integers(1, 3)) + 1 if pool else 1):
        chosen = {name: text for name, text, _ in (pick(draw, pool) for _ in range(3))}
        texts.append("\n".join([*_head(draw, version), *chosen.values()]))
    days = {span for _, _, spans in pool for span in spans}
    spans = {moments.days(Decimal(span)) for span in days}
    return Drawn(tuple(texts), frozenset(spans | {_HOUR_MS, 12 * _HOUR_MS, 30 * _MINUTE_MS} if pool else spans))


def _head(draw: st.DrawFn, version: int) -> list[str]:
    quiet = pick(draw, _QUIET)
    lines = [f'name = "{pick(draw, ("retail", "other"))}"', f"version = {version}"]
    lines += [pick(draw, _CONTROLS), pick(draw, _STARTS)]
    if quiet is not None:
        lines.append(f"timezone = '{pick(draw, ZONES)}'")
        lines.append(f"quiet_hours = {list(quiet)}")
    if one_in(draw, 2):
        lines.append(f"cap = {{ messages = {draw(st.integers(1, 3))}, days = {pick(draw, _SPANS)} }}")
    return lines


def _campaign(draw: st.DrawFn, segments: Sequence[str]) -> tuple[str, str, set[str]]:
    """A campaign: its name, its table, and the spans in it."""
    name, ladder, where = pick(draw, NAMES), pick(draw, _LADDERS), pick(draw, _WHERE)
    to = pick(draw, (sorted(segments)[-90:], sorted({pick(draw, segments) for _ in range(4)})))
    cooldown, silence = pick(draw, ("0", "0", *_SPANS)), pick(draw, ("", *_SPANS[:-1]))
    half = len(segments) // 2
    begins = pick(draw, ([], ["none", *segments[:half]], segments[half:]))
    occasion = pick(draw, _TRIGGERS)
    if occasion:
        to = sorted(segments)[-90:]
    else:
        occasion = [f"from = {list(begins[-60:])}"] if begins else []
        occasion += pick(draw, ([], [], ['causes = ["time", "policy", "refund"]']))
    lines = [
        "[[campaign]]",
        f'name = "{name}"',
        f'topic = "{pick(draw, ("offers", "reactivations"))}"',
        f"to = {to}",
        f"channels = {pick(draw, (['email'], ['sms', 'push', 'email'], ['call', 'email']))}",
        f"attempts = [{', '.join(_attempts(draw, ladder))}]",
        f"cooldown_days = {cooldown}",
        f"where = {{ {where} }}",
        pick(draw, (*3 * ("requires_consent = false",), "")),
        *occasion,
        *([f"silence_after_days = {silence}"] if silence else []),
        *pick(draw, ([], [], ["once = true"], ["ignores_cap = true"])),
        *pick(draw, ([], [], ["attribution_days = 0.5"], ["attribution_days = 1"], ["attribution_days = 0"])),
        *pick(draw, ([], [], ["holdout = 0.5"], ["expires_days = 14"], ["expires_days = 0.001"])),
    ]
    return name, "\n".join(lines), {*ladder, cooldown, silence} - {""}


def _attempts(draw: st.DrawFn, ladder: Sequence[str]) -> list[str]:
    """The rungs of a ladder, some with channels or an incentive of their own."""
    own = pick(draw, ("", ', incentive = "10%"', ', channels = ["sms", "email"]'))
    return [f'{{ after_days = {after}, template = "t{number}"{own} }}' for number, after in enumerate(ladder)]
