"""Simulate the whole shop as one stream of events in order of time: all customers, and anonymous sales."""

import heapq
from collections.abc import Iterator
from hashlib import blake2b
from random import Random
from typing import Any, Final, NamedTuple, Self

import orjson

from agents.simulation.life import Life, LifeEvent, customer_id
from state.units.timestamps import DAY_MS, format_ms

ANONYMOUS_SHARE: Final = 0.14  # anonymous sales for each sale to a customer
RETRIED_SHARE: Final = 0.001  # events that a publisher sends twice
# Above 1, more customers join over time: half of those of a year join in its last five months.
GROWTH: Final = 1.25


class Plan(NamedTuple):
    """The parameters of a simulation.

    Attributes:
        seed: of all random draws.
        customers: how many join between start and end.
        days: from start to end.
        until_ms: the end, in milliseconds.
        currency: of all prices.
        run: prefix of the ids of events and orders; different streams need different ones.
    """

    seed: int
    customers: int
    days: int
    until_ms: int
    currency: str
    run: str

    @classmethod
    def create(cls, seed: int, customers: int, days: int, until_ms: int, currency: str) -> Self:
        """Return a plan whose `run` is derived from the other parameters, so that different plans share no ids."""
        parameters = f"{seed}:{customers}:{days}:{until_ms}:{currency}"
        return cls(
            seed, customers, days, until_ms, currency, f"{blake2b(parameters.encode(), digest_size=4).hexdigest()}-"
        )

    @property
    def start_ms(self) -> int:
        """The start, in milliseconds."""
        return self.until_ms - self.days * DAY_MS


class SimulatedEvent(NamedTuple):
    """An event of the topic `events`; `customer_id`, the record's key, is empty for an anonymous sale."""

    at_ms: int
    customer_id: str
    fields: dict[str, Any]

    def value(self, at_ms: int | None = None) -> bytes:
        """Return the event as JSON, at its own moment or at `at_ms`."""
        return orjson.dumps(self.fields | {"occurred_at": format_ms(self.at_ms if at_ms is None else at_ms)})


def simulate(plan: Plan) -> Iterator[SimulatedEvent]:
    """Yield the events of the shop in order of time; the same plan yields the same events."""
    draw = Random(f"{plan.seed}:shop")
    upcoming: list[LifeEvent] = []
    anonymous_count = 0
    for number, joined_ms in _joining_customers(plan, draw):
        while upcoming and upcoming[0].at_ms < joined_ms:
            life_event = heapq.heappop(upcoming)
            yield from _published(plan, life_event, draw)
            if life_event.fields["type"] == "purchase" and draw.random() < ANONYMOUS_SHARE:
                anonymous_count += 1
                yield _anonymous(plan, life_event, anonymous_count)
        if number:
            life = Life(str(plan.seed), number, joined_ms, plan.until_ms, plan.currency)
            for life_event in life.events():
                heapq.heappush(upcoming, life_event)


def _joining_customers(plan: Plan, draw: Random) -> Iterator[tuple[int, int]]:
    """Yield the numbers of customers, from 1, with the day they join; at the end 0 with the end of the simulation."""
    for number in range(1, plan.customers + 1):
        share = (number - 1 + draw.random()) / plan.customers
        day = int(plan.days * share ** (1 / GROWTH))
        yield number, plan.start_ms + day * DAY_MS
    yield 0, plan.until_ms


def _published(plan: Plan, life_event: LifeEvent, draw: Random) -> Iterator[SimulatedEvent]:
    owner = customer_id(life_event.customer)
    fields = {
        "event_id": f"{plan.run}e-{life_event.customer}-{life_event.number}",
        "customer_id": owner,
    } | life_event.fields
    for name in ("order_id", "refund_id"):
        if name in fields:
            fields[name] = f"{plan.run}{fields[name]}"
    event = SimulatedEvent(life_event.at_ms, owner, fields)
    yield event
    if draw.random() < RETRIED_SHARE:
        yield event


def _anonymous(plan: Plan, life_event: LifeEvent, number: int) -> SimulatedEvent:
    """Return an anonymous sale like a given purchase."""
    fields = {"event_id": f"{plan.run}e-0-{number}"} | life_event.fields | {"order_id": f"{plan.run}o-0-{number}"}
    return SimulatedEvent(life_event.at_ms, "", fields)
