"""The look-ups that routes and pages ask for, as typed answers."""

from typing import Final

from redis.asyncio import Redis

from agents.control.control_follower import ControlFollower
from agents.customer_view.story import Story
from agents.reporting.report import UpliftReport
from agents.serve.lookups.answers import (
    Cells,
    Customer,
    CustomerPage,
    Daily,
    FlowCustomers,
    Flows,
    Rejected,
    Segments,
    Status,
)
from streams.clock import Clock
from streams.settings.settings import Settings

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 1_000
MAX_IDS: Final = 100
MAX_REJECTED: Final = 1_000


class LookupRefused(Exception):
    """A look-up cannot be answered: 404 for what does not exist, 422 for what cannot be asked; the message says why."""

    def __init__(self, status: int, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind


class RedisAway(Exception):
    """Redis does not answer, so there are no look-ups; the message says why and what to do."""


class Lookups:
    """Reads what `project` maintains in Redis; the story, the report and dead letters are read from Kafka.

    Every method raises `RedisAway` while Redis is away (except `status`), and `LookupRefused` for what does not exist.
    """

    def __init__(self, settings: Settings, redis: Redis | None, follower: ControlFollower, clock: Clock) -> None:
        self._settings = settings
        self._redis = redis
        self._follower = follower
        self._clock = clock

    async def status(self) -> Status:
        """Return how current everything is; also while Redis is away."""
        raise NotImplementedError

    async def customer(self, customer_id: str) -> Customer | None:
        """Return a customer; None if they are not known, or were erased."""
        raise NotImplementedError

    async def customers(self, ids: list[str]) -> dict[str, Customer | None]:
        """Return up to 100 customers by id."""
        raise NotImplementedError

    async def story(self, customer_id: str) -> Story:
        """Return the story of a customer, as `goldstream customer ID --json`; it is read from Kafka, in seconds."""
        raise NotImplementedError

    async def segments(self) -> Segments:
        """Return all segments with their customers, reachable customers, and shares."""
        raise NotImplementedError

    async def segment_customers(self, name: str, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> CustomerPage:
        """Return a part of the customers of a segment, by monetary, highest first."""
        raise NotImplementedError

    async def cells(self) -> Cells:
        """Return all cells with their customers, reachable customers, and shares."""
        raise NotImplementedError

    async def cell_customers(self, cell: str, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> CustomerPage:
        """Return a part of the customers of a cell, by monetary, highest first."""
        raise NotImplementedError

    async def daily(self, first_day: str | None = None, last_day: str | None = None) -> Daily:
        """Return the figures of these days (`2026-05-12`), by default of the last 30."""
        raise NotImplementedError

    async def flows(self, first_day: str | None = None, last_day: str | None = None, cause: str | None = None) -> Flows:
        """Return who moved from where to where on these days, by default the last 30, of the last 90 days."""
        raise NotImplementedError

    async def flow_customers(
        self,
        first_day: str | None = None,
        last_day: str | None = None,
        before: str | None = None,
        after: str | None = None,
        cause: str | None = None,
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
    ) -> FlowCustomers:
        """Return a part of the customers who moved, the latest first.

        Args:
            first_day: such as `2026-05-12`; by default as for `flows`.
            last_day: inclusive.
            before: only from this segment; `none` for customers who were not known before.
            after: only to this segment.
            cause: only by this cause.
            limit: of customers.
            cursor: of the preceding part.
        """
        raise NotImplementedError

    async def campaign_report(self, first_day: str | None = None, last_day: str | None = None) -> UpliftReport | None:
        """Return the report of `goldstream campaigns report --json`; None while there are no outcomes."""
        raise NotImplementedError

    async def rejected(self, limit: int = MAX_REJECTED) -> Rejected:
        """Return the last rejected records, newest first."""
        raise NotImplementedError
