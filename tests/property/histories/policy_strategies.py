"""Policies and campaigns files for random histories, with the moments and amounts close to their thresholds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from hypothesis import strategies as st

from tests.oracle import moments, money
from tests.property.histories.campaign_strategies import campaign_files
from tests.property.histories.draws import between, one_in, pick

CURRENCIES: Final = ("RUB", "JPY", "KWD", "EUR", "USD")
RATES: Final = ("0.5", "98.40", "1", "0.0001", "1.005", "0.333333333333333333", "3e-1")

_WINDOWS: Final = ("365", "30", "10", "1.5", "0.01")
_RECENCY: Final = (
    ("60", "180"),
    ("0.001", "1", "30"),
    ("10", "20"),  # the window ends at a threshold
    ("0.0000000001", "0.01", "1.00000000578704", "365"),  # less than a millisecond, just more than a day
    ("0.5", "1", "7.25", "30", "30.5", "60.0", "180", "365", "4e2"),
)
_FREQUENCY: Final = (("2", "5"), ("1", "2"), ("1", "2", "3"), ("1", "2", "3", "4", "5", "6", "7", "8", "9"))
_MONETARY: Final = (
    ("5", "20"),
    ("0.001", "0.01", "1.5"),
    ("9.99", "10.005", "1e2"),  # a threshold between two minor units
    ("0.5", "1", "2", "5", "10", "20.0", "50", "100.50", "5000"),
)
_SHARES: Final = ("0.5", "0.0001", "0.3", "0.8667", "1")
_ZONES: Final = (
    "UTC",
    "Europe/Moscow",
    "America/Havana",  # a midnight that occurs twice
    "America/St_Johns",  # one minute of a day, then an hour of the day before again
    "Pacific/Apia",  # a day that did not exist
)


@dataclass(frozen=True)
class Rulebook:
    """All rules that may be activated in one history.

    Attributes:
        currency: the base currency of all policies.
        window_ms: the window of all policies.
        policies: policy texts; the first one is activated first.
        rates: for each policy, the currencies with a rate.
        campaigns: texts of campaigns files, any number of them.
        spans_ms: how long after an event something else may be due; the window more than once.
        amounts_minor: amounts at and near the thresholds, in minor units of the base currency.
    """

    currency: str
    window_ms: int
    policies: tuple[str, ...]
    rates: tuple[frozenset[str], ...]
    campaigns: tuple[str, ...]
    spans_ms: tuple[int, ...]
    amounts_minor: tuple[int, ...]


@st.composite
def rulebooks(draw: st.DrawFn) -> Rulebook:
    """Draw one to three policies that may follow each other, and up to three campaigns files for their segments."""
    currency, window = pick(draw, CURRENCIES[:3]), pick(draw, _WINDOWS)
    zone = pick(draw, _ZONES)
    drawn = [_policy(draw, number, currency, window, zone) for number in range(1, between(draw, 1, 3) + 1)]
    segments = sorted({segment for policy in drawn for segment in policy.segments} | {"potential"})
    files = campaign_files(draw, segments)
    window_ms = moments.days(Decimal(window))
    thresholds = {moments.days(Decimal(threshold)) for policy in drawn for threshold in policy.recency}
    spans = (
        {0, 1000, window_ms, 2 * window_ms, moments.DAY_MS}
        | thresholds
        | {window_ms + threshold for threshold in thresholds}
    )
    scale = money.scale(currency)
    amounts = {math.ceil(Fraction(threshold) * scale) for policy in drawn for threshold in policy.monetary}
    return Rulebook(
        currency=currency,
        window_ms=window_ms,
        policies=tuple(policy.text for policy in drawn),
        rates=tuple(policy.rates for policy in drawn),
        campaigns=files.texts,
        spans_ms=(*sorted(spans | files.spans_ms), window_ms, window_ms),
        amounts_minor=tuple(
            sorted(
                {threshold + near for threshold in amounts for near in (-1, 0, 1) if threshold + near > 0} | {1, 100}
            )
        ),
    )


@dataclass(frozen=True)
class _DrawnPolicy:
    text: str
    segments: frozenset[str]
    recency: tuple[str, ...]
    monetary: tuple[str, ...]
    rates: frozenset[str]


def _policy(draw: st.DrawFn, version: int, currency: str, window: str, zone: str) -> _DrawnPolicy:
    thresholds = pick(draw, _RECENCY), pick(draw, _FREQUENCY), pick(draw, _MONETARY)
    rules = _rules(draw, [len(each) + 1 for each in thresholds])
    others = [other for other in CURRENCIES if other != currency]
    rates = {pick(draw, others): pick(draw, RATES[:-1]) for _ in range(between(draw, 0, 3))}
    recency, frequency, monetary = (f"edges = [{', '.join(each)}]" for each in thresholds)
    lines = [
        f'name = "{pick(draw, ("shop", "other"))}"',
        f"version = {version}",
        f'currency = "{currency}"',
        f"window_days = {window}",
        f'timezone = "{zone}"',
        f"recency_days.{recency}",
        f"frequency.{frequency}",
        f"monetary.{monetary}",
        f"traits.discount_share = {pick(draw, _SHARES)}",
        *(f'[[segment]]\nname = "{name}"\nwhen = {{ {when} }}' for name, when in rules),
        "[rates]",
        *(f'{other} = "{rate}"' for other, rate in rates.items()),
    ]
    return _DrawnPolicy(
        "\n".join(lines), frozenset(name for name, _ in rules), thresholds[0], thresholds[2], frozenset(rates)
    )


def _rules(draw: st.DrawFn, widths: Sequence[int]) -> list[tuple[str, str]]:
    """Draw segments as name and `when`, best first; with a segment for more of the cells, more moves are visible."""
    rules = []
    if one_in(draw, 2):
        rules.append(("new", f"f = [1, 2], orders_max = {between(draw, 1, 3)}"))
    named = pick(draw, ("few", "r", "rfm", "rm", "rf"))
    if named == "few":
        for name in ("golden", "loyal", "active")[: between(draw, 0, 3)]:
            best = [(key, between(draw, 1, width), width) for key, width in zip("rfm", widths, strict=True)]
            rules.append((name, ", ".join(f"{key} = {list(range(low, high + 1))}" for key, low, high in best)))
    else:
        cells = [("", "")]
        for key, width in zip("rfm", widths, strict=True):
            if key in named and len(cells) * width <= 30:
                scores = range(width, 0, -1)
                cells = [(f"{name}{key}{s}", f"{when}, {key} = [{s}]") for name, when in cells for s in scores]
        rules += [(name, when.lstrip(", ")) for name, when in cells if name]
    return [*rules, ("rest", "")]
