"""A suggested policy as a TOML file, with the reasons for each threshold as comments."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from msgspec import Struct

from state.config.policy import Policy
from state.config.policy_reader import parse_policy
from state.config.ruleset import Ruleset
from state.suggestion.suggest import CHURN_CHANCE, RETURNED_SHARE, Evidence, Suggestion, Threshold
from state.suggestion.survival import MIN_AT_RISK
from state.units.counts import counted
from state.units.money import format_minor
from state.units.timestamps import DAY_MS, format_ms

NEAR_REACH: Final = 0.75
"""A churn threshold beyond this share of the reach may come from the history's end rather than from the customers."""
_WIDTH: Final = 110
_SHOWN_DAYS: Final = (7, 14, 30, 60, 90, 120, 180, 270, 365, 540, 730)
_SEGMENTS: Final = (
    ("golden", "Golden", "Золотой", "r = [3], f = [3], m = [3]", "Bought recently, often and for much."),
    ("loyal", "Loyal", "Лояльный", "r = [3], f = [3]", "Bought recently and often."),
    ("new", "New", "Новый", "r = [3], f = [1], orders_max = 1", "Bought recently, for the first time ever."),
    ("active", "Active", "Активный", "r = [3]", "Bought recently."),
    ("at_risk", "At risk", "В зоне риска", "r = [2]", "Away longer than most of those who return."),
    ("churned", "Churned", "Ушедший", "r = [1]", "Hardly anybody returns after so long."),
)


class PolicyDetails(Struct, frozen=True):
    """What a suggested policy has besides its thresholds, and where its history is from.

    Attributes:
        source: where the history is from, in words: the journal of a prefix, or files.
        window: in days, as written.
        window_why: a line that gives the reason for the window.
        timezone: of the shop's days.
        rates: of other currencies.
        notes: further remarks on the history, a line each.
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


def policy_text(suggestion: Suggestion, evidence: Evidence, details: PolicyDetails) -> str:
    """Return the file. The shares of its segments are computed by the policy that it contains.

    Raises:
        ConfigErrors: the file is not a valid policy, which is a bug.
    """
    plain = "\n".join(_lines(suggestion, details, {}))
    return "\n".join(_lines(suggestion, details, _segment_shares(parse_policy(plain), evidence.measures))) + "\n"


def _lines(suggestion: Suggestion, details: PolicyDetails, shares: Mapping[str, str]) -> Iterator[str]:
    orders, customers = counted(suggestion.orders, "order"), counted(suggestion.customers, "customer")
    yield f"# Suggested by `goldstream policy suggest` from {details.source}:"
    yield f"# {orders} of {customers}, {_day(suggestion.begin)} to {_day(suggestion.end)}."
    for note in details.notes:
        yield from _comment(note)
    yield "# Review it, then run `goldstream policy check`, `goldstream policy diff` and `goldstream policy apply`."
    yield ""
    yield f'name = "{details.name}"'
    yield f"version = {details.version}"
    yield f'currency = "{details.currency}"'
    yield from _comment(details.window_why)
    yield f"window_days = {details.window}"
    if details.timezone != "UTC":
        yield f'timezone = "{details.timezone}"'
    yield ""
    yield from _recency(suggestion)
    yield ""
    yield from _frequency(suggestion)
    yield ""
    yield from _monetary(suggestion, details)
    for name, english, russian, when, meaning in _SEGMENTS:
        yield ""
        yield f"# {meaning}{shares.get(name, '')}"
        yield "[[segment]]"
        yield f'name = "{name}"'
        yield f'title.en = "{english}"'
        yield f'title.ru = "{russian}"'
        yield f"when = {{ {when} }}"
    if details.rates:
        yield ""
        yield "[rates]"
        for currency, rate in details.rates.items():
            yield f'{currency} = "{rate:f}"'


def _recency(suggestion: Suggestion) -> Iterator[str]:
    survival, (first, second) = suggestion.survival, suggestion.recency
    reach, returned = survival.reach, counted(survival.returned, "absence")
    yield from _comment(
        "How long customers stay away. Orders less than a day apart are one purchase. An absence begins with a "
        f"purchase and ends with the next one: {returned} did, {survival.censored:,} were still open at the end of "
        "the history. These count for as long as they were observed, not as if they never ended: S(t), the share "
        "still away after t days, is the Kaplan-Meier estimate with right-censoring at the end of the history. The "
        f"chance of returning after t days away is 1 - S({reach})/S(t). The estimate ends at {reach} days (at least "
        f"{MIN_AT_RISK} absences lasted so long); a later return does not count as a return."
    )
    yield "#"
    yield "#   days away    still away    chance of returning"
    days = {day for day in _SHOWN_DAYS if day <= reach} | {0, first.written, min(second.written, reach)}
    for day in sorted(days):
        away, chance = survival.still_away(day), survival.chance_of_returning(day)
        yield f"#   {day:>9}    {away:>10.1%}    {chance:>19.1%}"
    yield "#"
    share = (1 - survival.still_away(first.written)) / (1 - survival.away[-1])
    text = f"{first.written} days: by then {share:.0%} of those who return have returned{_exactly(first, 'day')}."
    if survival.days_until_returned(RETURNED_SHARE) >= second.exact:
        text += f" {RETURNED_SHARE:.0%} have only by the churn threshold, so this is half of it."
    yield from _comment(text)
    yield from _comment(_churn_reason(suggestion, second))
    yield "[recency_days]"
    yield f"edges = [{first.written}, {second.written}]"


def _churn_reason(suggestion: Suggestion, second: Threshold) -> str:
    survival = suggestion.survival
    if not suggestion.by_returns:
        return (
            f"{second.written} days: nineteen of twenty of those who return have returned{_exactly(second, 'day')}. "
            f"The chance of returning is below {CHURN_CHANCE:.0%} from the beginning, so it gives no threshold here."
        )
    text = (
        f"{second.written} days, the churn threshold: the chance of returning falls below {CHURN_CHANCE:.0%} on day "
        f"{second.exact} ({survival.chance_of_returning(second.exact):.1%})."
    )
    if second.exact > NEAR_REACH * survival.reach:
        text += (
            f" That is near the end of the estimate, {survival.reach} days, so the true threshold may be later: "
            "suggest again when there is more history."
        )
    return text


def _frequency(suggestion: Suggestion) -> Iterator[str]:
    (first, second), below = suggestion.frequency, suggestion.below
    yield from _comment(
        f"Of the {counted(suggestion.buyers, 'customer')} with an order in the window at the end of the history, "
        f"{below[0]:.0%} have fewer than {counted(first.written, 'order')}{_exactly(first, 'order')}, {below[1]:.0%} "
        f"fewer than {counted(second.written, 'order')}{_exactly(second, 'order')}. The aim: half, and four of five."
    )
    yield "[frequency]"
    yield f"edges = [{first.written}, {second.written}]"


def _monetary(suggestion: Suggestion, details: PolicyDetails) -> Iterator[str]:
    (first, second), below = suggestion.monetary, suggestion.below
    written = [_major(threshold.written, details.digits) for threshold in (first, second)]
    half, four_of_five = (_major(threshold.exact, details.digits) for threshold in (first, second))
    yield from _comment(
        f"Revenue from these customers in the window, net of refunds: half of them at most {half} {details.currency}, "
        f"four of five at most {four_of_five}. {below[2]:.0%} and {below[3]:.0%} are below the thresholds as written."
    )
    yield "[monetary]"
    yield f"edges = [{', '.join(written)}]"


def _comment(text: str) -> Iterator[str]:
    """Yield a text as comment lines."""
    line = "#"
    for word in text.split(" "):
        if len(line) + len(word) >= _WIDTH:
            yield line
            line = "#"
        line += f" {word}"
    yield line


def _segment_shares(policy: Policy, measures: Sequence[int]) -> dict[str, str]:
    """Return by segment, in words, its shares of customers and of the window's revenue at the end of the history."""
    rules = Ruleset(policy, None)
    customers: Counter[str] = Counter()
    revenue: Counter[str] = Counter()
    for at in range(0, len(measures), 4):
        age, frequency, monetary, lifetime = measures[at : at + 4]
        segment = rules.cell_and_segment(age, frequency, monetary, lifetime)[1]
        customers[segment] += 1
        revenue[segment] += monetary
    customer_total, revenue_total = customers.total(), revenue.total()
    shares = {}
    for name, *_ in _SEGMENTS:
        money = f", {revenue[name] / revenue_total:.1%} of the window's net revenue" if revenue_total > 0 else ""
        shares[name] = f" At the end of the history {customers[name] / customer_total:.1%} of customers{money}."
    return shares


def _exactly(threshold: Threshold, noun: str) -> str:
    return "" if threshold.exact == threshold.written else f" (exactly: {counted(threshold.exact, noun)})"


def _major(minor: int, digits: int) -> str:
    """Return a sum as a policy writes it, without trailing zeros."""
    text = format_minor(minor, digits)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _day(moment: int) -> str:
    return format_ms(moment // DAY_MS * DAY_MS)[:10]
