"""The whole shop as one stream of events in the order of time: every customer's life, and sales to nobody known."""

import heapq
from collections.abc import Iterator
from hashlib import blake2b
from random import Random
from typing import Any, Final, NamedTuple, Self

import msgspec

from agents.simulation.life import Life, LifeEvent, customer_id
from state.units.timestamps import DAY_MS, format_ms

ANONYMOUS_SHARE: Final = 0.14  # sales to nobody known, for each to a customer
RETRIED_SHARE: Final = 0.001  # a publisher's retry
# Joining speeds up: half of the customers of a year come in its last five months.
GROWTH: Final = 1.25

_encode: Final = msgspec.json.Encoder().encode


class Plan(NamedTuple):
    """What shop to simulate.

    Attributes:
        seed: from which everything follows.
        customers: who join between the beginning and the end.
        days: from the beginning to the end.
        until_ms: the end, in milliseconds.
        currency: of all prices.
        run: put before the ids of events and orders; two streams with the same one must be the same stream.
    """

    seed: int
    customers: int
    days: int
    until_ms: int
    currency: str
    run: str

    @classmethod
    def create(cls, seed: int, customers: int, days: int, until_ms: int, currency: str) -> Self:
        """Make a plan whose `run` follows from all the rest, so that no two plans share ids."""
        rest = f"{seed}:{customers}:{days}:{until_ms}:{currency}"
        return cls(seed, customers, days, until_ms, currency, f"{blake2b(rest.encode(), digest_size=4).hexdigest()}-")

    @property
    def start_ms(self) -> int:
        """The beginning, in milliseconds."""
        return self.until_ms - self.days * DAY_MS


class SimulatedEvent(NamedTuple):
    """An event of the topic `events`: when it happens, its key (empty for a sale to nobody known), and its fields."""

    at_ms: int
    customer_id: str
    fields: dict[str, Any]

    def value(self, at_ms: int | None = None) -> bytes:
        """The event as JSON, at its own moment or at another one."""
        return _encode(self.fields | {"occurred_at": format_ms(self.at_ms if at_ms is None else at_ms)})


def simulate(plan: Plan) -> Iterator[SimulatedEvent]:
    """Tell the shop's story in the order of time; the same plan tells the same story."""
    chance = Random(f"{plan.seed}:shop")
    waiting: list[LifeEvent] = []
    nobody = 0
    for number, joined_ms in _joinings(plan, chance):
        while waiting and waiting[0].at_ms < joined_ms:
            happening = heapq.heappop(waiting)
            yield from _told(plan, happening, chance)
            if happening.fields["type"] == "purchase" and chance.random() < ANONYMOUS_SHARE:
                nobody += 1
                yield _anonymous(plan, happening, nobody)
        if number:
            life = Life(str(plan.seed), number, joined_ms, plan.until_ms, plan.currency)
            for happening in life.events():
                heapq.heappush(waiting, happening)


def _joinings(plan: Plan, chance: Random) -> Iterator[tuple[int, int]]:
    """Customers, counted from 1, with the day on which they join; last of all nobody, at the end of time."""
    for number in range(1, plan.customers + 1):
        share = (number - 1 + chance.random()) / plan.customers
        day = int(plan.days * share ** (1 / GROWTH))
        yield number, plan.start_ms + day * DAY_MS
    yield 0, plan.until_ms


def _told(plan: Plan, happening: LifeEvent, chance: Random) -> Iterator[SimulatedEvent]:
    said = happening.fields
    whose = customer_id(happening.customer)
    fields = {"event_id": f"{plan.run}e-{happening.customer}-{happening.number}", "customer_id": whose} | said
    for name in ("order_id", "refund_id"):
        if name in fields:
            fields[name] = f"{plan.run}{fields[name]}"
    event = SimulatedEvent(happening.at_ms, whose, fields)
    yield event
    if chance.random() < RETRIED_SHARE:
        yield event


def _anonymous(plan: Plan, happening: LifeEvent, number: int) -> SimulatedEvent:
    """A sale like one just told, to nobody known."""
    fields = {"event_id": f"{plan.run}e-0-{number}"} | happening.fields | {"order_id": f"{plan.run}o-0-{number}"}
    return SimulatedEvent(happening.at_ms, "", fields)
