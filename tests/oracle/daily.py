"""The health of the base per local day: a diary of all that happened, and what a day says, counted from all of it.

Nothing is added up as it comes: each day is counted from the notes that fall on it, and how the base stood at its end
is how each customer stood after their last judgement before it ended.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, TypeAlias

from tests.oracle import moments, money
from tests.oracle.history import History
from tests.oracle.outputs import CHANGES, MESSAGE_TYPES, SUPPRESSIONS, JsonObject, Output
from tests.oracle.quiet_hours import known_zones, zone

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SOURCES_AT_MOST = 100
SOURCE_LENGTH = 64
NONE = "none"

Life: TypeAlias = object
"""A customer from becoming known to an erasure: who comes back is another."""


@dataclass(frozen=True)
class CustomerState:
    """How a customer stood after a judgement; `segment` is None once they were erased."""

    life: Life
    at: int
    segment: str | None
    orders: int = 0
    net: int = 0
    reachable: bool = False
    silenced: bool = False


@dataclass(frozen=True)
class Sale:
    """A purchase, with the segment that the buyer had just before; `again` if they had bought on that day before."""

    occurred_at: int
    paid: int
    discount: int
    segment: str | None
    first: bool
    again: bool


@dataclass
class DailyNotes:
    """All that happened, in its order; moments are milliseconds, sums base minor units."""

    timezone: str = "UTC"
    currency: str = ""
    sales: list[Sale] = field(default_factory=list)
    refunds: list[tuple[int, int]] = field(default_factory=list)
    """When those that took effect occurred, and what went back by each."""
    anonymous: list[tuple[int, str, int, int]] = field(default_factory=list)
    """Moment, type, sum and discount."""
    welcomed: list[tuple[int, str, str | None]] = field(default_factory=list)
    """When somebody became known, by what type of event and which source."""
    stood: list[CustomerState] = field(default_factory=list)
    lapses: list[int] = field(default_factory=list)
    """When time moved somebody to a segment that stands later in the policy."""

    def day_of(self, at: int) -> date:
        """The date that the clock on the wall shows."""
        there = zone(self.timezone if self.timezone in known_zones() else "UTC")
        return (EPOCH + timedelta(milliseconds=at)).astimezone(there).date()

    def meet(self, history: History, event: JsonObject, as_of: int, segment: str | None) -> None:
        """Note an event that was just applied to somebody of this segment; None for nobody known."""
        if segment is None:
            self.welcomed.append((as_of, event["type"], event.get("source")))
        if event["type"] == "purchase":
            self._sell(history, as_of, segment)

    def _sell(self, history: History, as_of: int, segment: str | None) -> None:
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
                again=any(self.day_of(other.occurred_at) == day for other in remembered),
            )
        )

    def sell_to_nobody(self, event: JsonObject, rate: Fraction | None) -> None:
        """Note an anonymous sale or refund; what cannot be converted counts as nothing."""
        at, currency = moments.parse(event["occurred_at"]), event["currency"]
        sums = [money.minor(event.get(name, 0), currency) for name in ("amount", "discount")]
        amount, discount = (
            0 if rate is None else money.converted(minor, currency, rate, self.currency) for minor in sums
        )
        self.anonymous.append((at, event["type"], amount, discount if event["type"] == "purchase" else 0))


class Calendar:
    """The days of a diary."""

    def __init__(self, diary: DailyNotes, outputs: Iterable[Output], time: int) -> None:
        """Takes all that was noted and published, and to where time has come."""
        self._diary = diary
        self._flows: dict[date, list[tuple[str, Any]]] = defaultdict(list)
        for kind, at, note in _flows(diary, outputs):
            self._flows[diary.day_of(at)].append((kind, note))
        judged: dict[date, list[CustomerState]] = defaultdict(list)
        for stood in diary.stood:
            judged[diary.day_of(stood.at)].append(stood)
        self._standing: dict[date, JsonObject] = {date.min: _standing(diary, [])}
        """How the base stood at the end of each day on which anybody was judged."""
        lives: dict[Life, CustomerState] = {}
        self.turns: list[date] = []
        """The days on which anything happened, or the base became another."""
        for day in sorted({*self._flows, *judged}):
            before = _standing(diary, lives.values())
            lives.update((stood.life, stood) for stood in judged[day])
            self._standing[day] = _standing(diary, lives.values())
            if self._flows.get(day) or self._standing[day] != before:
                self.turns.append(day)
        self.last = max([*self.turns, diary.day_of(max(0, time))])

    def told(self, day: date) -> JsonObject:
        """What is told of a day."""
        judged = max(each for each in self._standing if each <= day)
        return _happened(self._diary, day, self._flows.get(day, [])) | self._standing[judged]


def _flows(diary: DailyNotes, outputs: Iterable[Output]) -> Iterator[tuple[str, int, Any]]:
    yield from (("sale", sale.occurred_at, sale) for sale in diary.sales)
    yield from (("refund", at, amount) for at, amount in diary.refunds if amount)
    yield from (("anonymous", note[0], note) for note in diary.anonymous)
    yield from (("new", note[0], note) for note in diary.welcomed)
    yield from (("lapse", at, None) for at in diary.lapses)
    yield from (("erased", stood.at, stood) for stood in diary.stood if stood.segment is None)
    for output in outputs:
        value = output.value
        if value is None:
            continue
        if output.topic == CHANGES:
            yield "change", moments.parse(value["effective_at"]), value
        elif output.topic in MESSAGE_TYPES:
            yield "message", moments.parse(value["due_at"]), (value["campaign"], "sent")
        elif output.topic == SUPPRESSIONS:
            yield "message", moments.parse(value["at"]), (value["campaign"], value["reason"])


def _happened(diary: DailyNotes, day: date, notes: list[tuple[str, Any]]) -> JsonObject:
    def of(kind: str) -> list[Any]:
        return [note for each, note in notes if each == kind]

    def text(minor: int) -> str:
        return money.major_text(minor, diary.currency)

    def part(sales: list[Sale]) -> JsonObject:
        return {"orders": len(sales), "gross": text(sum(sale.paid for sale in sales))}

    def parts(sales: list[Sale]) -> JsonObject:
        return {"first": part([s for s in sales if s.first]), "repeat": part([s for s in sales if not s.first])}

    sales: list[Sale] = of("sale")
    gross, refunds = sum(sale.paid for sale in sales), sum(of("refund"))
    bought = [note for note in of("anonymous") if note[1] == "purchase"]
    back = [note for note in of("anonymous") if note[1] == "refund"]
    changes: list[JsonObject] = of("change")
    return {
        "day": day.isoformat(),
        "timezone": diary.timezone,
        "currency": diary.currency,
        "new": _new(of("new")),
        "erased": len(of("erased")),
        "orders": len(sales),
        "gross": text(gross),
        "discounts": text(sum(sale.discount for sale in sales)),
        "refund_count": len(of("refund")),
        "refunds": text(refunds),
        "net": text(gross - refunds),
        "anonymous": {
            "orders": len(bought),
            "gross": text(sum(note[2] for note in bought)),
            "discounts": text(sum(note[3] for note in bought)),
            "refund_count": len(back),
            "refunds": text(sum(note[2] for note in back)),
            "net": text(sum(note[2] for note in bought) - sum(note[2] for note in back)),
        },
        **parts(sales),
        "by_segment_before": {
            segment or NONE: parts([sale for sale in sales if sale.segment == segment])
            for segment in {sale.segment for sale in sales}
        },
        "buyers": sum(not sale.again for sale in sales),
        "changes": _nested((change["from"] or NONE, change["to"]) for change in changes),
        "lapses": len(of("lapse")),
        "returns": sum(change["cause"]["kind"] == "purchase" and _rises(change) for change in changes),
        "messages": _nested(of("message")),
    }


def _new(notes: list[tuple[int, str, str | None]]) -> JsonObject:
    by_source: Counter[str] = Counter()
    for _, kind, source in notes:
        if kind == "signup":
            name = source or NONE
            told_apart = name in by_source or (len(by_source) < SOURCES_AT_MOST and len(name) <= SOURCE_LENGTH)
            by_source[name if told_apart else "other"] += 1
    kinds = Counter(kind for _, kind, _ in notes)
    others = len(notes) - kinds["signup"] - kinds["purchase"]
    return {"signup": dict(by_source), "order": kinds["purchase"], "other": others}


def _rises(change: JsonObject) -> bool:
    """Whether the score of recency has risen."""
    return any(why["measure"] == "recency_days" and why["is"] > why["was"] for why in change["why"])


def _nested(pairs: Iterable[tuple[str, str]]) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = defaultdict(dict)
    for (outer, inner), count in Counter(pairs).items():
        nested[outer][inner] = count
    return dict(nested)


def _standing(diary: DailyNotes, lives: Iterable[CustomerState]) -> JsonObject:
    """How the base stands, everyone by their last judgement."""
    there = [stood for stood in lives if stood.segment is not None]
    segments = {}
    for segment in {stood.segment for stood in there}:
        of = [stood for stood in there if stood.segment == segment]
        net = money.major_text(sum(stood.net for stood in of), diary.currency)
        segments[segment] = {"customers": len(of), "orders": sum(stood.orders for stood in of), "net": net}
    return {
        "customers": len(there),
        "segments": segments,
        "reachable": sum(stood.reachable for stood in there),
        "silenced": sum(stood.silenced for stood in there),
    }
