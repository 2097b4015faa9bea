"""A retailer's year, drawn from a seed: what its shops and tills publish to `events`, in order.

Customers join, buy at their own pace, pause, return, refund, change consents and are erased. Publishers repeat events
and are late: a late event directly follows a newer one of the same customer, so that it is evaluated at that moment,
wherever the ticks are.
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from tests.oracle import moments
from tests.records.kafka_records import Published
from tests.retail.rules import Rules

Event = dict[str, Any]

DAY_MS: Final = 86_400_000
BEGIN_MS: Final = moments.parse("2025-01-01T00:00:00Z")
YEAR_MS: Final = 365 * DAY_MS
HISTORY_ENDS_MS: Final = BEGIN_MS + 40 * DAY_MS
"""Earlier events are published as backfill."""

_CHANNELS: Final = ("email", "sms", "push", "messenger", "call", "all")
_ZONES: Final = ("Asia/Almaty", "Europe/Berlin", "America/Los_Angeles")
_CONTACTS: Final = ("delivered", "opened", "clicked", "redeemed", "bounced", "unsubscribed", "complained")
_WRONG: Final = (
    b"\xff\xfe not text",
    b'{"type": "purchase"',
    b'{"type": "gift", "event_id": "g", "customer_id": "c", "occurred_at": "2025-03-01T00:00:00Z"}',
    b'{"type": "consent", "event_id": "g", "customer_id": "c", "occurred_at": "2025-03-01T00:00:00Z"}',
    b'{"type": "refund", "event_id": "g", "customer_id": "c", "occurred_at": "2025-03-01T00:00:00Z", "amount": 0}',
)


@dataclass
class Year:
    """A year as published.

    Attributes:
        events: the admitted ones in order, anonymous sales among them, as the oracle takes them.
        records: all of them as records of `events`, with the `wrong` ones between.
        ends_at: ten days after the end of the year.
    """

    seed: int
    rules: Rules
    events: list[Event]
    records: list[Published]
    wrong: list[Published]
    ends_at: str

    @property
    def anonymous(self) -> int:
        """Return the number of anonymous sales."""
        return sum(not event.get("customer_id") for event in self.events)

    def waves(self, count: int) -> list[list[Published]]:
        """Return the records in `count` parts of about one size, each starting where a wave may start."""
        starts = self.wave_starts()
        cuts = [starts[len(starts) * part // count] for part in range(count)] + [len(self.records)]
        return [self.records[begin:end] for begin, end in pairwise(cuts)]

    def wave_starts(self) -> list[int]:
        """Return where a wave may start: at the first record, and at every event later than all before it."""
        starts = [0]
        latest = ""
        events = iter(self.events)
        for index, record in enumerate(self.records):
            if record in self.wrong:
                continue
            occurred_at = moments.text(moments.parse(next(events)["occurred_at"]))
            if occurred_at > latest:
                latest = occurred_at
                starts.append(index)
        return starts

    def latest(self, records: Sequence[Published]) -> int:
        """Return the greatest `occurred_at` of these records, the invalid ones left out."""
        right = [json.loads(record.value or b"") for record in records if record not in self.wrong]
        return max(moments.parse(event["occurred_at"]) for event in right)

    def steps(self) -> Iterator[Event]:
        """Yield the oracle's input: the rules, the events, the end."""
        yield {"type": "policy", "text": self.rules.policy}
        yield {"type": "campaigns", "text": self.rules.campaigns}
        yield from self.events
        yield {"type": "tick", "at": self.ends_at}


def draw_year(seed: int, rules: Rules, customers: int) -> Year:
    """Draw a year with this many customers, about eight events each."""
    rng = random.Random(seed)
    happened: list[tuple[int, int, list[Event]]] = []
    for number in range(customers):
        life = _Life(rng, rules, _customer_id(rng, number))
        life.live()
        happened += [(at, len(happened) + index, events) for index, (at, events) in enumerate(life.happened)]
    happened.sort(key=lambda each: each[:2])
    year = Year(seed, rules, [], [], [], moments.text(BEGIN_MS + YEAR_MS + 10 * DAY_MS))
    for _, _, events in happened:
        for event in events:
            year.events.append(event)
            key = event.get("customer_id")
            value = json.dumps(event, ensure_ascii=rng.random() < 0.5).encode()
            year.records.append(Published(value, key.encode() if key else None))
        if rng.random() < 0.005:
            wrong = Published(rng.choice(_WRONG), rng.choice([None, b"c", b"\xff"]))
            year.wrong.append(wrong)
            year.records.append(wrong)
    return year


def _customer_id(rng: random.Random, number: int) -> str:
    return rng.choice(["c-{}", "клиент {}", "{}:7", "карта/{}", "x{}\U0001f600"]).format(number)


@dataclass
class _Life:
    """One customer's year. Each moment has a list: the event, then late or repeated ones."""

    rng: random.Random
    rules: Rules
    customer_id: str
    happened: list[tuple[int, list[Event]]] = field(default_factory=list)
    again: list[tuple[int, list[Event]]] = field(default_factory=list)
    """What publishers repeat later; of one who was erased nothing, since it would count as new, and late."""
    orders: int = 0

    def live(self) -> None:
        rng = self.rng
        at = BEGIN_MS + int(rng.random() * 330 * DAY_MS)
        if rng.random() < 0.5:
            self.put(at, self.signup(at))
        pace_days = rng.choice([5, 15, 30, 60])
        until = at + int(rng.expovariate(1 / 90) * DAY_MS)
        while at < BEGIN_MS + YEAR_MS:
            at += 1 + int(rng.expovariate(1 / pace_days) * DAY_MS)
            if at > until:
                if rng.random() < 0.6:
                    break
                at += int(rng.uniform(20, 200) * DAY_MS)
                until = at + int(rng.expovariate(1 / 60) * DAY_MS)
            self.something(at)
        if not any(event["type"] == "erasure" for _, events in self.happened for event in events):
            self.happened += self.again
        self.happened = [(at, events) for at, events in self.happened if at < BEGIN_MS + YEAR_MS]

    def something(self, at: int) -> None:
        rng, drawn = self.rng, self.rng.random()
        if drawn < 0.70:
            self.buy(at)
        elif drawn < 0.76:
            self.put(at, self.event("consent", at, channel=rng.choice(_CHANNELS), granted=rng.random() < 0.6))
        elif drawn < 0.86:
            more: Event = {"permanent": True} if rng.random() < 0.2 else {}
            self.put(at, self.event("contact", at, message_id="m-1", kind=rng.choice(_CONTACTS), **more))
        elif drawn < 0.90:
            self.put(at, self.signup(at))
        elif drawn < 0.93:
            self.put(at, self.refund(at, None, *self.sum()))
        elif drawn < 0.97:
            sale = self.purchase(at) if rng.random() < 0.8 else self.refund(at, None, *self.sum())
            sale["customer_id"] = rng.choice(["", None])
            self.happened.append((at, [sale]))
        elif drawn < 0.985:
            self.put(at, self.event("erasure", at))

    def buy(self, at: int) -> None:
        rng = self.rng
        order = self.purchase(at)
        behind: list[Event] = []
        if rng.random() < 0.05:
            behind.append(self.purchase(at - int(rng.uniform(0, 30) * DAY_MS)))
        if rng.random() < 0.02:
            behind.append(self.signup(at - int(rng.uniform(0, 200) * DAY_MS)))
        self.put(at, order, *behind)
        if rng.random() < 0.04:
            self.again.append((at + int(rng.uniform(0, 20) * DAY_MS), [dict(order)]))
        if rng.random() < 0.15:
            self.refund_order(at, order)

    def refund_order(self, at: int, order: Event) -> None:
        """Refund an order: fully, partly, twice, too much, in another currency, or before the order arrives."""
        rng = self.rng
        paid, currency = _minor(order), order["currency"]
        own = [(paid, currency)]
        parts = rng.choice([own, own, [(paid // 3, currency)], [(paid // 3, currency), (paid - paid // 3, currency)]])
        parts = rng.choice([parts, parts, parts, [(paid + 100, currency)], [self.sum(foreign=True)], own + own])
        days = rng.choice([-2.0, 0.0, 1.0, 10.0, 60.0, 150.0])
        for minor, other in parts:
            days += rng.random() * 3
            if minor > 0:
                moment = at + int(days * DAY_MS)
                refund = self.refund(moment, order["order_id"], minor, other)
                self.put(moment, refund)
                if rng.random() < 0.1:
                    self.again.append((moment + int(rng.random() * DAY_MS), [dict(refund)]))

    def put(self, at: int, *events: Event) -> None:
        self.happened.append((at, list(events)))

    # Events.

    def event(self, kind: str, at: int, /, **fields: Any) -> Event:
        rng = self.rng
        event = {
            "type": kind,
            "event_id": f"e{rng.getrandbits(48):x}",
            "customer_id": self.customer_id,
            "occurred_at": _written(rng, at),
            **fields,
        }
        if at < HISTORY_ENDS_MS:
            event["backfill"] = True
        if rng.random() < 0.1:
            event["note"] = {"till": [4, None]}
        return event

    def signup(self, at: int) -> Event:
        rng = self.rng
        consent = {channel: rng.random() < 0.7 for channel in _CHANNELS if rng.random() < 0.3}
        fields = {"source": "till", "city": rng.choice(["Алматы", "Berlin"]), "language": "kk", "country": None}
        zone = {"timezone": rng.choice(_ZONES)} if rng.random() < 0.5 else {}
        return self.event(
            "signup", at, consent=consent, **zone, **{k: v for k, v in fields.items() if rng.random() < 0.7}
        )

    def purchase(self, at: int) -> Event:
        rng = self.rng
        self.orders += 1
        minor, currency = self.sum() if rng.random() < 0.98 else (0, self.rules.currency)
        fields = self.money(minor, currency, needs_rate=True)
        if rng.random() < 0.25:
            fields["discount"] = self.text(rng.choice([0, minor // 10, minor // 3]), currency)
        return self.event("purchase", at, order_id=f"{self.customer_id}/{self.orders}", **fields)

    def refund(self, at: int, order_id: str | None, minor: int, currency: str) -> Event:
        named = {} if order_id is None else {"order_id": order_id}
        money = self.money(minor, currency, needs_rate=order_id is None)
        return self.event("refund", at, refund_id=f"r{self.rng.getrandbits(48):x}", **named, **money)

    # Money.

    def sum(self, *, foreign: bool = False) -> tuple[int, str]:
        """Return an amount in minor units and its currency, mostly the retailer's own."""
        rng, rules = self.rng, self.rules
        worth = rng.lognormvariate(0, 0.9) * rules.typical
        if not foreign and rng.random() < 0.88:
            return max(1, int(worth * 10**rules.digits)), rules.currency
        currency = rng.choice(list(rules.foreign))
        digits, rate, _ = rules.foreign[currency]
        return max(1, int(worth / float(rate) * 10**digits)), currency

    def money(self, minor: int, currency: str, *, needs_rate: bool) -> Event:
        """Return amount, currency, and a rate where it is required or where the publisher has its own."""
        rng, rules = self.rng, self.rules
        fields: Event = {"amount": self.text(minor, currency), "currency": currency}
        if currency in rules.foreign:
            _, rate, listed = rules.foreign[currency]
            if (needs_rate and not listed) or rng.random() < 0.3:
                fields["rate"] = rng.choice([rate, f"{rate}1", float(rate)])
        return fields

    def text(self, minor: int, currency: str) -> str | float:
        """Return an amount as JSON may write it."""
        digits = self.rules.digits if currency == self.rules.currency else self.rules.foreign[currency][0]
        whole, rest = divmod(minor, 10**digits)
        text = f"{whole}.{rest:0{digits}}" if digits else f"{whole}"
        choices: list[str | float] = [text, text, text + "0" if digits else text + ".0", float(text)]
        return self.rng.choice(choices)


def _minor(order: Event) -> int:
    """Return the amount of an order in minor units of its own currency."""
    from tests.oracle import money

    return money.minor(order["amount"], order["currency"])


def _written(rng: random.Random, at: int) -> str:
    """Return a moment as publishers may write it."""
    match rng.randrange(4):
        case 0:
            return moments.text(at).replace("Z", "999Z")
        case 1:
            return moments.text(at + 5 * 3_600_000).replace("Z", "+05:00")
    return moments.text(at)
