"""A suggested policy as a TOML file, with the reasons for each edge in comments."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from msgspec import Struct

from state.config.policy import Policy, parse_policy
from state.config.ruleset import Ruleset
from state.suggestion.suggest import LITTLE_CHANCE, RETURNED, Edge, Evidence, Suggestion
from state.suggestion.survival import AT_LEAST
from state.units.money import format_minor
from state.units.timestamps import DAY_MS, format_ms

SHORT_OF_REACH: Final = 0.75
"""A churn edge beyond this share of the reach is as much the history's end as the customers'."""
_WIDTH: Final = 110
_SHOWN_DAYS: Final = (7, 14, 30, 60, 90, 120, 180, 270, 365, 540, 730)
_SEGMENTS: Final = (
    ("golden", "Golden", "Золотой", "r = [3], f = [3], m = [3]", "Bought lately, often and for much."),
    ("loyal", "Loyal", "Лояльный", "r = [3], f = [3]", "Bought lately and often."),
    ("new", "New", "Новый", "r = [3], f = [1], orders_max = 1", "Bought lately, for the first time ever."),
    ("active", "Active", "Активный", "r = [3]", "Bought lately."),
    ("at_risk", "At risk", "В зоне риска", "r = [2]", "Away longer than most of those who return."),
    ("churned", "Churned", "Ушедший", "r = [1]", "Hardly anybody returns after so long."),
)


class Basis(Struct, frozen=True):
    """What a policy has besides its edges, and where its history comes from.

    Attributes:
        source: in words: the journal of a prefix, or files.
        window: in days; `window_why` says in a line why it is that.
        timezone: of the shop's days.
        rates: of other currencies.
        notes: what else is to be said of the history, a line each.
    """

    source: str
    name: str
    version: int
    currency: str
    digits: int
    window: str
    window_why: str
    timezone: str
    rates: Mapping[str, Decimal]
    notes: Sequence[str]


def policy_text(suggestion: Suggestion, evidence: Evidence, basis: Basis) -> str:
    """The file; it has been read back, and the shares of its segments are counted by it.

    Raises:
        Faults: it is not a policy, which is a bug.
    """
    plain = "\n".join(_lines(suggestion, basis, {}))
    return "\n".join(_lines(suggestion, basis, _shares(parse_policy(plain), evidence.standings))) + "\n"


def _lines(suggestion: Suggestion, basis: Basis, shares: Mapping[str, str]) -> Iterator[str]:
    orders, customers = _counted(suggestion.orders, "order"), _counted(suggestion.customers, "customer")
    yield f"# Suggested by `goldstream policy suggest` from {basis.source}:"
    yield f"# {orders} of {customers}, {_day(suggestion.begin)} to {_day(suggestion.end)}."
    for note in basis.notes:
        yield from _comment(note)
    yield "# Look it through, then `goldstream policy check`, `goldstream policy diff` and `goldstream policy apply`."
    yield ""
    yield f'name = "{basis.name}"'
    yield f"version = {basis.version}"
    yield f'currency = "{basis.currency}"'
    yield from _comment(basis.window_why)
    yield f"window_days = {basis.window}"
    if basis.timezone != "UTC":
        yield f'timezone = "{basis.timezone}"'
    yield ""
    yield from _recency(suggestion)
    yield ""
    yield from _frequency(suggestion)
    yield ""
    yield from _monetary(suggestion, basis)
    for name, english, russian, when, meaning in _SEGMENTS:
        yield ""
        yield f"# {meaning}{shares.get(name, '')}"
        yield "[[segment]]"
        yield f'name = "{name}"'
        yield f'title.en = "{english}"'
        yield f'title.ru = "{russian}"'
        yield f"when = {{ {when} }}"
    if basis.rates:
        yield ""
        yield "[rates]"
        for currency, rate in basis.rates.items():
            yield f'{currency} = "{rate:f}"'


def _recency(suggestion: Suggestion) -> Iterator[str]:
    survival, (first, second) = suggestion.survival, suggestion.recency
    reach, returned = survival.reach, _counted(survival.returned, "absence")
    yield from _comment(
        "How long customers stay away. Orders less than a day apart are one purchase. An absence begins with a "
        f"purchase and ends with the next one: {returned} did, {survival.going_on:,} were still going on at the end of "
        "the history. Those count as lasting for as long as they have been seen, not as lasting for ever: S(t), the "
        "share still away after t days, is the Kaplan-Meier estimate with right-censoring at the end of the history. "
        f"The chance of returning after t days away is 1 - S({reach})/S(t). The history tells of absences up to "
        f"{reach} days (at least {AT_LEAST} lasted so long); who returns later still does not count as returning."
    )
    yield "#"
    yield "#   days away    still away    chance of returning"
    days = {day for day in _SHOWN_DAYS if day <= reach} | {0, first.written, min(second.written, reach)}
    for day in sorted(days):
        away, chance = survival.still_away(day), survival.chance_of_returning(day)
        yield f"#   {day:>9}    {away:>10.1%}    {chance:>19.1%}"
    yield "#"
    share = (1 - survival.still_away(first.written)) / (1 - survival.away[-1])
    said = f"{first.written} days: by then {share:.0%} of those who return have returned{_exactly(first, 'day')}."
    if survival.days_until_returned(RETURNED) >= second.exact:
        said += f" {RETURNED:.0%} have only at the churn edge, so this is half of the way there."
    yield from _comment(said)
    yield from _comment(_churn(suggestion, second))
    yield "[recency_days]"
    yield f"edges = [{first.written}, {second.written}]"


def _churn(suggestion: Suggestion, second: Edge) -> str:
    survival = suggestion.survival
    if not suggestion.by_returns:
        return (
            f"{second.written} days: nineteen of twenty of those who return have returned{_exactly(second, 'day')}. "
            f"The chance of returning is below {LITTLE_CHANCE:.0%} from the beginning, so it draws no edge here."
        )
    said = (
        f"{second.written} days, the churn edge: the chance of returning falls below {LITTLE_CHANCE:.0%} on day "
        f"{second.exact} ({survival.chance_of_returning(second.exact):.1%})."
    )
    if second.exact > SHORT_OF_REACH * survival.reach:
        said += (
            f" That is near the {survival.reach} days of which the history can tell, so the true edge may lie later: "
            "suggest again when there is more history."
        )
    return said


def _frequency(suggestion: Suggestion) -> Iterator[str]:
    (first, second), below = suggestion.frequency, suggestion.below
    yield from _comment(
        f"Of the {_counted(suggestion.buyers, 'customer')} with an order in the window at the end of the history, "
        f"{below[0]:.0%} have fewer than {_counted(first.written, 'order')}{_exactly(first, 'order')}, {below[1]:.0%} "
        f"fewer than {_counted(second.written, 'order')}{_exactly(second, 'order')}. Wanted: half, and four of five."
    )
    yield "[frequency]"
    yield f"edges = [{first.written}, {second.written}]"


def _monetary(suggestion: Suggestion, basis: Basis) -> Iterator[str]:
    (first, second), below = suggestion.monetary, suggestion.below
    one, other = (_major(edge.written, basis.digits) for edge in (first, second))
    half, four_of_five = (_major(edge.exact, basis.digits) for edge in (first, second))
    yield from _comment(
        f"What these customers brought in within the window, net of refunds: half of them at most {half} "
        f"{basis.currency}, four of five at most {four_of_five}. Below the edges as they are written lie "
        f"{below[2]:.0%} and {below[3]:.0%}."
    )
    yield "[monetary]"
    yield f"edges = [{one}, {other}]"


def _comment(text: str) -> Iterator[str]:
    """A text as comment lines."""
    line = "#"
    for word in text.split(" "):
        if len(line) + len(word) >= _WIDTH:
            yield line
            line = "#"
        line += f" {word}"
    yield line


def _shares(policy: Policy, standings: Sequence[int]) -> dict[str, str]:
    """What part of the customers and of the window's net revenue each segment has at the end of the history."""
    rules = Ruleset(policy, None)
    customers: Counter[str] = Counter()
    revenue: Counter[str] = Counter()
    for at in range(0, len(standings), 4):
        age, frequency, monetary, lifetime = standings[at : at + 4]
        segment = rules.cell_and_segment(age, frequency, monetary, lifetime)[1]
        customers[segment] += 1
        revenue[segment] += monetary
    everyone, everything = customers.total(), revenue.total()
    said = {}
    for name, *_ in _SEGMENTS:
        money = f", {revenue[name] / everything:.1%} of the window's net revenue" if everything > 0 else ""
        said[name] = f" At the end of the history {customers[name] / everyone:.1%} of customers{money}."
    return said


def _exactly(edge: Edge, noun: str) -> str:
    return "" if edge.exact == edge.written else f" (exactly: {_counted(edge.exact, noun)})"


def _major(minor: int, digits: int) -> str:
    """A sum as a policy writes it: no zeros that say nothing."""
    text = format_minor(minor, digits)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _day(moment: int) -> str:
    return format_ms(moment // DAY_MS * DAY_MS)[:10]


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
