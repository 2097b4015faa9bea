"""Daily totals: notes of everything that happened, and the totals of a day, counted from all of them.

Nothing is accumulated: a day counts the notes that fall on it, and its state totals are each customer's state after
their last evaluation before the day ended.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, TypeAlias

from tests.oracle import moments, money
from tests.oracle.campaigns.quiet_hours import known_zones, zone
from tests.oracle.customers.history import History
from tests.oracle.outputs import CHANGES, MESSAGE_TYPES, SUPPRESSIONS, JsonObject, Output

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_SOURCES = 100
MAX_SOURCE_LENGTH = 64
NONE = "none"

Lifetime: TypeAlias = object
"""A customer from becoming known to an erasure; one who returns after an erasure is another."""


@dataclass(frozen=True)
class CustomerState:
    """A customer's state after an evaluation; `segment` is None after an erasure."""

    lifetime: Lifetime
    at: int
    segment: str | None
    orders: int = 0
    net: int = 0
    reachable: bool = False
    silenced: bool = False


@dataclass(frozen=True)
class Sale:
    """A purchase, with the buyer's segment just before it; `first` if no earlier order of theirs counts."""

    occurred_at: int
    paid: int
    discount: int
    segment: str | None
    first: bool
    bought_earlier_that_day: bool


@dataclass
class DailyNotes:
    """Everything that happened, in order; moments are milliseconds, amounts base minor units."""

    timezone: str = "UTC"
    currency: str = ""
    sales: list[Sale] = field(default_factory=list)
    refunds: list[tuple[int, int]] = field(default_factory=list)
    """When each refund that took effect occurred, and the amount it refunded."""
    anonymous_sales: list[tuple[int, str, int, int]] = field(default_factory=list)
    """Moment, type, amount and discount."""
    new_customers: list[tuple[int, str, str | None]] = field(default_factory=list)
    """When each customer became known, the type of the event, and its source."""
    states: list[CustomerState] = field(default_factory=list)
    lapses: list[int] = field(default_factory=list)
    """When time moved a customer to a segment that is later in the policy."""

    def day_of(self, at: int) -> date:
        """Return the local date of a moment."""
        local_zone = zone(self.timezone if self.timezone in known_zones() else "UTC")
        return (EPOCH + timedelta(milliseconds=at)).astimezone(local_zone).date()

    def note_event(self, history: History, event: JsonObject, as_of: int, segment: str | None) -> None:
        """Note an event just applied to a customer who was in `segment`; None if the customer was unknown."""
        if segment is None:
            self.new_customers.append((as_of, event["type"], event.get("source")))
        if event["type"] == "purchase":
            self._note_sale(history, as_of, segment)

    def _note_sale(self, history: History, as_of: int, segment: str | None) -> None:
        order, others = history.orders[-1], history.orders[:-1]
        day = self.day_of(order.occurred_at)
        remembered = [other for other in others if as_of < history.remembered_until(other)]
        self.sales.append(
            Sale(
                occurred_at=order.occurred_at,
                paid=order.paid,
                discount=order.discount,
                segment=segment,
                first=not any(other.paid > 0 or not other.fully_refunded for other in others),
                bought_earlier_that_day=any(self.day_of(other.occurred_at) == day for other in remembered),
            )
        )

    def note_anonymous_sale(self, event: JsonObject, rate: Fraction | None) -> None:
        """Note an anonymous sale or refund; an amount that cannot be converted counts as zero."""
        at, currency = moments.parse(event["occurred_at"]), event["currency"]
        sums = [money.minor(event.get(name, 0), currency) for name in ("amount", "discount")]
        amount, discount = (
            0 if rate is None else money.converted(minor, currency, rate, self.currency) for minor in sums
        )
        self.anonymous_sales.append((at, event["type"], amount, discount if event["type"] == "purchase" else 0))


class DailyTotals:
    """The totals of each day."""

    def __init__(self, daily_notes: DailyNotes, outputs: Iterable[Output], watermark: int) -> None:
        """Count from all notes and outputs; `watermark` is the final one."""
        self._notes = daily_notes
        self._flows: dict[date, list[tuple[str, Any]]] = defaultdict(list)
        for kind, at, note in _flows(daily_notes, outputs):
            self._flows[daily_notes.day_of(at)].append((kind, note))
        states_by_day: dict[date, list[CustomerState]] = defaultdict(list)
        for state in daily_notes.states:
            states_by_day[daily_notes.day_of(state.at)].append(state)
        self._states: dict[date, JsonObject] = {date.min: _state_totals(daily_notes, [])}
        """The state totals at the end of each day on which a customer was evaluated."""
        latest_states: dict[Lifetime, CustomerState] = {}
        self.changed_days: list[date] = []
        """The days on which something happened or the state totals changed."""
        for day in sorted({*self._flows, *states_by_day}):
            before = _state_totals(daily_notes, latest_states.values())
            latest_states.update((state.lifetime, state) for state in states_by_day[day])
            self._states[day] = _state_totals(daily_notes, latest_states.values())
            if self._flows.get(day) or self._states[day] != before:
                self.changed_days.append(day)
        self.last_day = max([*self.changed_days, daily_notes.day_of(max(0, watermark))])

    def totals_of_day(self, day: date) -> JsonObject:
        """Return the totals of a day, as `daily` publishes them."""
        evaluated_day = max(each for each in self._states if each <= day)
        return _flow_totals(self._notes, day, self._flows.get(day, [])) | self._states[evaluated_day]


def _flows(daily_notes: DailyNotes, outputs: Iterable[Output]) -> Iterator[tuple[str, int, Any]]:
    yield from (("sale", sale.occurred_at, sale) for sale in daily_notes.sales)
    yield from (("refund", at, amount) for at, amount in daily_notes.refunds if amount)
    yield from (("anonymous", note[0], note) for note in daily_notes.anonymous_sales)
    yield from (("new", note[0], note) for note in daily_notes.new_customers)
    yield from (("lapse", at, None) for at in daily_notes.lapses)
    yield from (("erased", state.at, state) for state in daily_notes.states if state.segment is None)
    for output in outputs:
        value = output.value
        if value is None:
            continue
        if output.topic == CHANGES:
            yield "change", moments.parse(value["effective_at"]), value
        elif output.topic in MESSAGE_TYPES:
            yield "message", moments.parse(value["due_at"]), (value["campaign"], value["attempt"], "sent")
        elif output.topic == SUPPRESSIONS:
            yield "message", moments.parse(value["at"]), (value["campaign"], value["attempt"], value["reason"])


def _flow_totals(daily_notes: DailyNotes, day: date, notes: list[tuple[str, Any]]) -> JsonObject:
    def of_kind(kind: str) -> list[Any]:
        return [note for each, note in notes if each == kind]

    def text(minor: int) -> str:
        return money.major_text(minor, daily_notes.currency)

    def orders_and_gross(sales: list[Sale]) -> JsonObject:
        return {"orders": len(sales), "gross": text(sum(sale.paid for sale in sales))}

    def first_and_repeat(sales: list[Sale]) -> JsonObject:
        return {
            "first": orders_and_gross([s for s in sales if s.first]),
            "repeat": orders_and_gross([s for s in sales if not s.first]),
        }

    sales: list[Sale] = of_kind("sale")
    gross, refunds = sum(sale.paid for sale in sales), sum(of_kind("refund"))
    purchases = [note for note in of_kind("anonymous") if note[1] == "purchase"]
    refunds_back = [note for note in of_kind("anonymous") if note[1] == "refund"]
    changes: list[JsonObject] = of_kind("change")
    return {
        "day": day.isoformat(),
        "timezone": daily_notes.timezone,
        "currency": daily_notes.currency,
        "new": _new(of_kind("new")),
        "erased": len(of_kind("erased")),
        "orders": len(sales),
        "gross": text(gross),
        "discounts": text(sum(sale.discount for sale in sales)),
        "refund_count": len(of_kind("refund")),
        "refunds": text(refunds),
        "net": text(gross - refunds),
        "anonymous": {
            "orders": len(purchases),
            "gross": text(sum(note[2] for note in purchases)),
            "discounts": text(sum(note[3] for note in purchases)),
            "refund_count": len(refunds_back),
            "refunds": text(sum(note[2] for note in refunds_back)),
            "net": text(sum(note[2] for note in purchases) - sum(note[2] for note in refunds_back)),
        },
        **first_and_repeat(sales),
        "by_segment_before": {
            segment or NONE: first_and_repeat([sale for sale in sales if sale.segment == segment])
            for segment in {sale.segment for sale in sales}
        },
        "buyers": sum(not sale.bought_earlier_that_day for sale in sales),
        "changes": _nested((change["from"] or NONE, change["to"]) for change in changes),
        "lapses": len(of_kind("lapse")),
        "returns": sum(change["cause"]["kind"] == "purchase" and _recency_score_rises(change) for change in changes),
        "messages": _nested((campaign, outcome) for campaign, _, outcome in of_kind("message")),
        "steps": _steps(of_kind("message")),
    }


def _new(notes: list[tuple[int, str, str | None]]) -> JsonObject:
    by_source: Counter[str] = Counter()
    for _, kind, source in notes:
        if kind == "signup":
            name = source or NONE
            is_named = name in by_source or (len(by_source) < MAX_SOURCES and len(name) <= MAX_SOURCE_LENGTH)
            by_source[name if is_named else "other"] += 1
    kinds = Counter(kind for _, kind, _ in notes)
    others = len(notes) - kinds["signup"] - kinds["purchase"]
    return {"signup": dict(by_source), "order": kinds["purchase"], "other": others}


def _recency_score_rises(change: JsonObject) -> bool:
    """Return whether the recency score rises."""
    return any(why["measure"] == "recency_days" and why["is"] > why["was"] for why in change["why"])


def _steps(messages: Iterable[tuple[str, int | None, str]]) -> dict[str, dict[str, dict[str, int]]]:
    steps: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for campaign, attempt, outcome in messages:
        if attempt is not None:
            steps[campaign][str(attempt)].append(outcome)
    return {name: {step: dict(Counter(each)) for step, each in by_step.items()} for name, by_step in steps.items()}


def _nested(pairs: Iterable[tuple[str, str]]) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = defaultdict(dict)
    for (outer, inner), count in Counter(pairs).items():
        nested[outer][inner] = count
    return dict(nested)


def _state_totals(daily_notes: DailyNotes, latest_states: Iterable[CustomerState]) -> JsonObject:
    """Return the totals of all customers by their last evaluation."""
    known = [state for state in latest_states if state.segment is not None]
    segments = {}
    for segment in {state.segment for state in known}:
        customers = [state for state in known if state.segment == segment]
        net = money.major_text(sum(state.net for state in customers), daily_notes.currency)
        segments[segment] = {
            "customers": len(customers),
            "orders": sum(state.orders for state in customers),
            "net": net,
        }
    return {
        "customers": len(known),
        "segments": segments,
        "reachable": sum(state.reachable for state in known),
        "silenced": sum(state.silenced for state in known),
    }
