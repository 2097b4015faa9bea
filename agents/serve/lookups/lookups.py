"""The look-ups that routes and pages ask for, as typed answers."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from redis.asyncio import Redis

from agents.control.control_follower import ControlFollower
from agents.customer_view.story import Story
from agents.customer_view.story_reader import CustomerErased, NoCustomers, read_story
from agents.health.ratios import GOLDEN
from agents.project.projection_keys import MOVE_DAYS, ProjectionKeys
from agents.project.redis_connection import connect_redis
from agents.project.redis_link import pack
from agents.rejected.dead_letters import newest_letters
from agents.serve.lookups.answers import (
    Cells,
    Customer,
    CustomerPage,
    Daily,
    FlowCustomers,
    Flows,
    RedisState,
    Rejected,
    RejectedEvent,
    RulesInForce,
    Segments,
    Status,
)
from agents.serve.lookups.campaign_reports import CampaignReports
from agents.serve.lookups.days import EPOCH_ORDINAL, DayRange, day_range
from agents.serve.lookups.erasure_follower import ErasureFollower
from agents.serve.lookups.projections.base_lookup import BaseLookup
from agents.serve.lookups.projections.customer_lists import CustomerLists
from agents.serve.lookups.projections.day_lookup import DayLookup
from agents.serve.lookups.projections.flow_counts import Period, period_of
from agents.serve.lookups.projections.flow_lookup import Counting, FlowLookup
from agents.serve.lookups.projections.flow_reach import FlowReach, ReachKey
from agents.serve.lookups.projections.ranked_lists import ListPart, decode_cursor
from agents.serve.lookups.projections.redis_reader import RedisReader
from agents.serve.lookups.refusals import LookupRefused, RedisAway, erased_customer, unknown_customer
from agents.serve.lookups.watermark_follower import WatermarkFollower
from state.config.campaigns import Campaigns
from state.config.policy import Policy
from state.units.local_days import LocalDays
from state.units.timestamps import format_ms
from streams.clock import Clock
from streams.settings.settings import Settings

if TYPE_CHECKING:
    from agents.reporting.report import UpliftReport  # needs scipy, which only the report does

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 1_000
MAX_IDS: Final = 100
MAX_REJECTED: Final = 1_000
MAX_FLOW_DAYS: Final = 3_660
"""Days that may be asked for; only the last 90 are known."""


class FlowsAsked(NamedTuple):
    """Which moves are asked for.

    Attributes:
        first_day: such as `2026-05-12`; by default as for `Lookups.flows`.
        last_day: inclusive.
        before: only from this segment, or from several with commas between them; `none` for customers who were not
            known before, `!none` for all others.
        after: only to this segment.
        cause: only by this cause.
    """

    first_day: str | None = None
    last_day: str | None = None
    before: str | None = None
    after: str | None = None
    cause: str | None = None


class Lookups:
    """Reads what `project` maintains in Redis; the story, the report and dead letters are read from Kafka.

    Every method raises `RedisAway` while Redis is away (except `status`, and those that read from Kafka), and
    `LookupRefused` for what does not exist.

    Attributes:
        follower: knows the active rules.
        time: knows how far time has come.
        erasures: knows who was erased.
    """

    def __init__(
        self, settings: Settings, redis: Redis | None, follower: ControlFollower, time: WatermarkFollower, clock: Clock
    ) -> None:
        self.follower = follower
        self.time = time
        self._settings = settings
        self._clock = clock
        keys = ProjectionKeys(settings.prefix)
        self._redis = RedisReader(redis)
        self._lists = RedisReader(redis)  # so that long answers do not delay short ones
        self._short = CustomerLists(self._redis, keys)
        lists = CustomerLists(self._lists, keys)
        self._base = BaseLookup(self._lists, keys, lists)
        self._days = DayLookup(self._lists, keys)
        self._flows = FlowLookup(self._lists, keys, lists, clock)
        self._reports = CampaignReports(settings, clock)
        self.erasures = ErasureFollower(settings, clock)

    @property
    def policy(self) -> Policy | None:
        """The active policy; None before the first one."""
        return self.follower.rules.policy

    @property
    def campaigns(self) -> Campaigns | None:
        """The active campaigns; None before the first ones."""
        return self.follower.rules.campaigns

    @property
    def zone(self) -> LocalDays:
        """The time zone of the policy's days."""
        return LocalDays(self.policy.timezone if self.policy else "UTC")

    async def close(self) -> None:
        """Close the connections."""
        await self._flows.close()
        await self._redis.close()
        await self._lists.close()

    async def status(self) -> Status:
        """Return how current everything is; also while Redis is away."""
        try:
            await self._redis.read([pack("PING")])
            redis = RedisState(up=True, detail=None)
        except RedisAway as away:
            redis = RedisState(up=False, detail=str(away))
        time, rules, policy = self.time, self.follower.rules, self.policy
        held_back, lag_ms = time.held_back, time.lag_ms
        return Status(
            prefix=self._settings.prefix,
            time="event" if self._settings.time == "event" else "wall",
            as_of=None if time.as_of_ms is None else format_ms(time.as_of_ms),
            lag_seconds=None if lag_ms is None else lag_ms / 1000,
            held_back_by=held_back.source if held_back else None,
            held_back_detail=held_back.detail if held_back else None,
            redis=redis,
            policy=_in_force(policy),
            campaigns=_in_force(rules.campaigns),
            currency=policy.currency if policy else None,
            timezone=policy.timezone if policy else None,
        )

    async def customer(self, customer_id: str) -> Customer | None:
        """Return a customer; None if they are not known, or were erased."""
        return (await self._short.customers([customer_id]))[0]

    async def customers(self, ids: Sequence[str]) -> dict[str, Customer | None]:
        """Return customers by id; None for those that are not known."""
        return dict(zip(ids, await self._short.customers(ids), strict=True))

    async def story(self, customer_id: str) -> Story:
        """Return the story of a customer, as `goldstream customer ID --json`; it is read from Kafka, in seconds.

        Raises:
            LookupRefused: the customer is not known, or was erased, and when.
            aiokafka.errors.KafkaError: the cluster cannot be reached.
        """
        try:
            story = await read_story(self._settings, customer_id)
        except CustomerErased as error:
            raise erased_customer(customer_id, format_ms(error.erased_at_ms)) from error
        except NoCustomers as error:
            raise LookupRefused(404, "unknown-customer", str(error)) from error
        if story is None:
            raise self.missing(customer_id)
        return story

    def missing(self, customer_id: str) -> LookupRefused:
        """Return the refusal of a customer who is not known, which says whether and when they were erased."""
        erased_at = self.erased_at(customer_id)
        if erased_at is not None:
            return erased_customer(customer_id, erased_at)
        return unknown_customer(customer_id, may_be_erased=not self.erasures.is_caught_up)

    def erased_at(self, customer_id: str) -> str | None:
        """Return when a customer was erased who is not known now; None if they were not, or that cannot be read."""
        erased_at_ms = self.erasures.erased_at_ms(customer_id)
        return None if erased_at_ms is None else format_ms(erased_at_ms)

    async def segments(self) -> Segments:
        """Return all segments with their customers, reachable customers, and shares."""
        return await self._base.segments(self.policy)

    async def cells(self) -> Cells:
        """Return all cells with their customers, reachable customers, and shares."""
        return await self._base.cells(self.policy)

    async def all_customers(self, part: ListPart) -> CustomerPage:
        """Return a part of all customers, by monetary, highest first."""
        return await self._base.all_customers(part)

    async def segment_customers(self, name: str, part: ListPart) -> CustomerPage:
        """Return a part of the customers of a segment, by monetary, highest first."""
        return await self._base.segment_customers(name, self.policy, part)

    async def cell_customers(self, cells: Sequence[str], part: ListPart) -> CustomerPage:
        """Return a part of the customers of one or several cells, by monetary, highest first."""
        return await self._base.cell_customers(cells, self.policy, part)

    async def daily(self, first_day: str | None = None, last_day: str | None = None) -> Daily:
        """Return the figures of these days (`2026-05-12`), by default of the last 30."""
        golden = self.policy.golden if self.policy else GOLDEN
        return await self._days.daily(first_day, last_day, golden)

    async def flows(self, first_day: str | None = None, last_day: str | None = None, cause: str | None = None) -> Flows:
        """Return who moved from where to where on these days, by default the last 30, of the last 90 days."""
        days = await self._flow_days(first_day, last_day)
        found = [] if days is None else await self._flows.flows(ReachKey(self._period(days), cause=cause or ""))
        return Flows(*_names(days), self.zone.name, cause, found)

    async def flow_reach(self, asked: FlowsAsked, counting: Counting = Counting.AT_HAND) -> FlowReach | None:
        """Return how many of the customers who moved can be reached now; None while that is not counted.

        Of many customers, counting takes a second for every hundred thousand.
        """
        days = await self._flow_days(asked.first_day, asked.last_day)
        return None if days is None else await self._flows.reach(self._reach_key(asked, days), counting)

    async def flow_customers(
        self, asked: FlowsAsked, part: ListPart, counting: Counting = Counting.AT_HAND
    ) -> FlowCustomers:
        """Return a part of the customers who moved, the latest first."""
        days = await self._flow_days(asked.first_day, asked.last_day)
        if days is None:
            decode_cursor(part.cursor)
            return FlowCustomers(None, None, self.zone.name, 0, 0, [], None)
        found = await self._flows.customers(self._reach_key(asked, days), part, counting)
        following = None if found.following is None else found.following.encode()
        return FlowCustomers(*_names(days), self.zone.name, found.total, found.reachable, found.customers, following)

    async def campaign_report(self, first_day: str | None = None, last_day: str | None = None) -> "UpliftReport | None":
        """Return the report of `goldstream campaigns report --json`; None while there are no outcomes.

        Raises:
            LookupRefused: a day is none.
            aiokafka.errors.KafkaError: the cluster cannot be reached.
        """
        return await self._reports.report(first_day, last_day)

    def stored_campaign_report(self, max_age_s: float) -> "tuple[bool, UpliftReport | None]":
        """Return whether the report of all entries was read in the last seconds, and that report; read nothing."""
        return self._reports.stored(max_age_s)

    async def rejected(self, limit: int = MAX_REJECTED) -> Rejected:
        """Return the last rejected records, newest first.

        Raises:
            aiokafka.errors.KafkaError: the cluster cannot be reached.
        """
        letters = await newest_letters(self._settings, limit)
        return Rejected(
            [
                RejectedEvent(
                    f"{each.partition}:{each.offset}", format_ms(each.at_ms), each.reason, each.detail, each.source
                )
                for each in letters
            ]
        )

    async def latest_day(self) -> date | None:
        """Return the day that time has come to, in the policy's time zone; None before time has begun."""
        newest_ms = self.time.newest_ms
        if newest_ms is None:
            newest = await self._days.latest()
            if newest is not None or self._settings.time == "event":
                return newest
            newest_ms = self._clock.wall_ms()
        return date.fromordinal(self.zone.bounds_and_day(newest_ms)[2] + EPOCH_ORDINAL)

    async def _flow_days(self, first_day: str | None, last_day: str | None) -> DayRange | None:
        latest = await self.latest_day()
        days = day_range(first_day, last_day, latest or datetime.fromtimestamp(0, UTC).date(), MAX_FLOW_DAYS)
        if latest is None:
            return None
        return DayRange(max(days.first, latest - timedelta(days=MOVE_DAYS - 1)), days.last)

    def _reach_key(self, asked: FlowsAsked, days: DayRange) -> ReachKey:
        return ReachKey(self._period(days), asked.before or "", asked.after or "", asked.cause or "")

    def _period(self, days: DayRange) -> Period:
        zone = self.zone
        begin_ms, _ = zone.bounds(days.first.toordinal() - EPOCH_ORDINAL)
        _, end_ms = zone.bounds(days.last.toordinal() - EPOCH_ORDINAL)
        return period_of(begin_ms, max(begin_ms, end_ms))


def create_lookups(settings: Settings, clock: Clock) -> Lookups:
    """Return the look-ups of a process; nothing is connected yet."""
    follower = ControlFollower(settings, is_quiet=True)
    redis = connect_redis(settings) if settings.redis else None
    return Lookups(settings, redis, follower, WatermarkFollower(settings, follower, clock), clock)


def _names(days: DayRange | None) -> tuple[str | None, str | None]:
    return (None, None) if days is None else (days.first.isoformat(), days.last.isoformat())


def _in_force(rules: Policy | Campaigns | None) -> RulesInForce | None:
    return None if rules is None else RulesInForce(rules.name, rules.version, rules.ref)
