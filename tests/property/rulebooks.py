"""Policies and campaigns files to fold histories by, with the moments and the sums that are edges to them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from hypothesis import strategies as st

from tests.oracle import money, moments

CURRENCIES: Final = ("RUB", "JPY", "KWD", "EUR", "USD")
RATES: Final = ("0.5", "98.40", "1", "0.0001", "1.005", "0.333333333333333333", "3e-1")
CHANNELS: Final = ("email", "sms", "push", "messenger", "call")

_WINDOWS: Final = ("365", "30", "10", "1.5", "0.01")
_RECENCY: Final = (
    *("60", "180", "30", "1", "7", "0.001", "0.5", "30.5", "60.0", "365", "400", "1e1"),
    *("0.0000000001", "1.00000000578703703703"),  # below and just above a whole number of milliseconds
)
_FREQUENCY: Final = tuple(range(1, 11))
_MONETARY: Final = ("5", "20", "0.01", "0.001", "0.005", "1", "1.5", "9.99", "10", "10.005", "100.0", "1e2", "5000")
_AFTER: Final = ("0", "1", "0.001", "7", "60", "30.5")


@dataclass(frozen=True)
class Rulebook:
    """Everything that may come into force in one history.

    Attributes:
        currency: the base currency of all policies; `window_ms` is theirs too.
        policies: texts, the first of which comes first.
        rates: of each policy, the currencies for which it lists a rate.
        campaigns: texts, any number of them.
        spans_ms: how long after something that happened something else may fall due.
        sums_minor: minor units of the base currency at and about the edges.
    """

    currency: str
    window_ms: int
    policies: tuple[str, ...]
    rates: tuple[frozenset[str], ...]
    campaigns: tuple[str, ...]
    spans_ms: tuple[int, ...]
    sums_minor: tuple[int, ...]


@st.composite
def rulebooks(draw: st.DrawFn) -> Rulebook:
    """One to three policies that may follow each other, and up to three campaigns files for their segments."""
    currency = draw(st.sampled_from(CURRENCIES[:3]))
    window = draw(st.sampled_from(_WINDOWS))
    drawn = [draw(_policies(number, currency, window)) for number in range(1, draw(st.integers(1, 3)) + 1)]
    segments = sorted({segment for policy in drawn for segment in policy.segments} | {"potential"})
    campaigns, afters = draw(_campaign_files(segments))
    window_ms = moments.days(Decimal(window))
    edges = {moments.days(Decimal(edge)) for policy in drawn for edge in policy.recency}
    spans = {0, 1000, window_ms, 2 * window_ms, moments.DAY_MS} | edges | {window_ms + edge for edge in edges}
    scale = money.scale(currency)
    sums = {math.ceil(Fraction(edge) * scale) for policy in drawn for edge in policy.monetary}
    return Rulebook(
        currency=currency,
        window_ms=window_ms,
        policies=tuple(policy.text for policy in drawn),
        rates=tuple(policy.rates for policy in drawn),
        campaigns=tuple(campaigns),
        spans_ms=tuple(sorted(spans | {moments.days(Decimal(after)) for after in afters})),
        sums_minor=tuple(sorted({edge + near for edge in sums for near in (-1, 0, 1) if edge + near > 0} | {1, 100})),
    )


@dataclass(frozen=True)
class _Drawn:
    text: str
    segments: frozenset[str]
    recency: tuple[str, ...]
    monetary: tuple[str, ...]
    rates: frozenset[str]


@st.composite
def _policies(draw: st.DrawFn, version: int, currency: str, window: str) -> _Drawn:
    recency = draw(_edges(_RECENCY))
    frequency = draw(_edges([str(edge) for edge in _FREQUENCY]))
    monetary = draw(_edges(_MONETARY))
    rules = draw(_rules((len(recency) + 1, len(frequency) + 1, len(monetary) + 1)))
    others = [other for other in CURRENCIES if other != currency]
    rates = draw(st.dictionaries(st.sampled_from(others), st.sampled_from(RATES[:-1]), max_size=3))
    lines = [
        f'name = "{draw(st.sampled_from(["shop", "other"]))}"',
        f"version = {version}",
        f'currency = "{currency}"',
        f"window_days = {window}",
        f"recency_days.edges = [{', '.join(recency)}]",
        f"frequency.edges = [{', '.join(frequency)}]",
        f"monetary.edges = [{', '.join(monetary)}]",
        *(f"[[segment]]\nname = {name!r}\nwhen = {{ {when} }}" for name, when in rules),
        "[rates]",
        *(f'{other} = "{rate}"' for other, rate in rates.items()),
    ]
    return _Drawn("\n".join(lines), frozenset(name for name, _ in rules), recency, monetary, frozenset(rates))


def _edges(choices: Sequence[str]) -> st.SearchStrategy[tuple[str, ...]]:
    """Two to nine edges that rise, mostly few."""
    some = st.lists(st.sampled_from(choices), min_size=2, max_size=3, unique_by=Decimal)
    many = st.lists(st.sampled_from(choices), min_size=4, max_size=9, unique_by=Decimal)
    return st.one_of(some, some, many).map(lambda edges: tuple(sorted(edges, key=Decimal)))


@st.composite
def _rules(draw: st.DrawFn, widths: tuple[int, int, int]) -> list[tuple[str, str]]:
    """Segments by name and `when`: the more cells have a name of their own, the more a change tells."""
    named = draw(st.sampled_from(["few", "r", "rfm", "rm", "rf"]))
    rules = []
    if draw(st.booleans()):
        rules.append(("new", f"f = [1, 2], orders_max = {draw(st.integers(1, 3))}"))
    if named == "few":
        for name in draw(st.lists(st.sampled_from(["golden", "loyal", "active"]), max_size=3)):
            scores = [draw(st.sets(st.integers(1, width), min_size=1)) for width in widths]
            rules.append((name, ", ".join(f"{key} = {sorted(of)}" for key, of in zip("rfm", scores, strict=True))))
    else:
        cells = [("", "")]
        for key, width in zip("rfm", widths, strict=True):
            if key in named and len(cells) * width <= 30:
                scores = range(1, width + 1)
                cells = [(f"{name}{key}{s}", f"{when}, {key} = [{s}]") for name, when in cells for s in scores]
        rules += [(name, when.lstrip(", ")) for name, when in cells if name]
    return [*rules, ("rest", "")]


@st.composite
def _campaign_files(draw: st.DrawFn, segments: Sequence[str]) -> tuple[list[str], set[str]]:
    """Files of which a later one has some campaigns as before, some changed, some not at all; and their delays."""
    pool = draw(st.lists(_campaigns(segments), min_size=1, max_size=5)) if draw(st.booleans()) else []
    files = []
    for version in range(1, draw(st.integers(1, 3)) + 1 if pool else 1):
        chosen = draw(st.lists(st.sampled_from(pool), max_size=3, unique_by=lambda campaign: campaign[0]))
        head = [f'name = "{draw(st.sampled_from(["retail", "other"]))}"', f"version = {version}"]
        head += draw(st.sampled_from([[], ["control = 0.5"], ["timezone = 'Europe/Moscow'"]]))
        head += draw(st.sampled_from([[], [], ["starts_at = 2020-02-15T00:00:00Z"]]))
        files.append("\n".join([*head, *(text for _, text, _ in chosen)]))
    return files, {after for _, _, after in pool}


@st.composite
def _campaigns(draw: st.DrawFn, segments: Sequence[str]) -> tuple[str, str, str]:
    """A campaign: its name, its table, and when its first attempt is due.

    What would begin while a run of the same campaign is open is kept back by `cooldown`, of which the oracle knows
    nothing yet. So a campaign has one segment in `to`, which a customer must leave before they come to it again, or
    none of its `to` in `from`.
    """
    name = draw(st.sampled_from(["one", "two", "three"]))
    to = draw(st.lists(st.sampled_from(segments), min_size=1, max_size=8, unique=True))
    others = [each for each in (*segments, "none") if each not in to]
    begins = draw(st.sampled_from([others, others[: len(others) // 2], others[len(others) // 2 :], []]))
    if not begins:
        to = to[:1]
    after = draw(st.sampled_from(_AFTER))
    channels = draw(st.lists(st.sampled_from(CHANNELS), min_size=1, unique=True))
    attempt = [f"after_days = {after}", 'template = "first"']
    attempt += draw(st.sampled_from([[], ['incentive = "10%"'], ['channels = ["sms", "email"]']]))
    lines = [
        "[[campaign]]",
        f'name = "{name}"',
        f'topic = "{draw(st.sampled_from(["offers", "reactivations"]))}"',
        f"to = {to}",
        f"channels = {channels}",
        f"requires_consent = {draw(st.sampled_from(['false', 'true']))}",
        f"attempts = [{{ {', '.join(attempt)} }}]",
    ]
    lines += [f"from = {begins}"] if begins else []
    lines += draw(st.sampled_from([[], ['causes = ["time", "policy", "refund"]']]))
    lines += draw(st.sampled_from([[], ["holdout = 0.5"], ["expires_days = 14"], ["expires_days = 0.001"]]))
    return name, "\n".join(lines), after
