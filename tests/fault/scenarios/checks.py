"""The checks that are applied after every scenario, in one list.

Each takes the scenario and what is on the broker and in Redis, and raises an AssertionError that names the first
difference. `check_all` applies all of them.
"""

import dataclasses
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient

from agents.project.base_totals import BaseTotals, Counted, decode_totals
from agents.project.customer_row import customer_row
from state.config.policy_reader import parse_policy
from state.customer.profile import Profile, decode_profile
from state.customer.segment_forecast import SegmentForecast
from state.records.events import AnonymousSale, CustomerEvent, decode_record
from streams.tables.customers_table import is_chunk
from streams.tables.progress import PROGRESS_KEY, decode_progress
from tests.fault.scenarios.running_scenario import PARTITIONS, RunningYear
from tests.fault.workers.next_version_worker import of_this_version
from tests.oracle import Result, read_json
from tests.records.kafka_records import read
from tests.retail.comparison import assert_daily, assert_published, assert_redis, redis_contents

STAGES: Final = 3


@dataclass(frozen=True)
class Findings:
    """What is on the broker and in Redis at the end.

    Attributes:
        topics: all records by short name of the topic.
        table: the last state of every customer in the changelog.
        redis: hashes and sorted sets by key.
        committed: committed offsets by stage, topic (short name) and partition.
    """

    expected: Result
    topics: dict[str, list[Any]]
    table: dict[str, Profile]
    redis: dict[str, Any]
    committed: dict[tuple[str, str, int], int]


async def find(ended: RunningYear) -> Findings:
    """Read everything; the committed offsets first, since a tick may still arrive in between."""
    kafka, site = ended.kafka.bootstrap, ended.site
    committed: dict[tuple[str, str, int], int] = {}
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        for stage in ("admit", "segment", "project"):
            for tp, position in (await admin.list_consumer_group_offsets(f"{site.prefix}.{stage}")).items():
                short = tp.topic.removeprefix(f"{site.prefix}.").removesuffix(".v1")
                committed[stage, short, tp.partition] = position.offset
    finally:
        await admin.close()
    names = ("progress", "customers", "segment-changes", "journal", "rejected", "events")
    topics = {name: [_old(name, record) for record in await read(kafka, site.topic(name))] for name in names}
    redis = await redis_contents(ended.redis.url, site.prefix)
    return Findings(await ended.oracle, topics, _table(topics["customers"]), redis, committed)


def _old(topic: str, record: Any) -> Any:
    """Return the record as this version would have written it."""
    value = of_this_version(topic, record.value or b"")
    return record if value == record.value or not value else dataclasses.replace(record, value=value)


def _table(changelog: list[Any]) -> dict[str, Profile]:
    """Return the table as a recovery must see it: a state older than the one before it is ignored."""
    table: dict[str, Profile] = {}
    for record in changelog:
        if is_chunk(record.key):
            continue
        customer_id = record.key.decode()
        if record.value is None:
            table.pop(customer_id, None)
            continue
        profile = decode_profile(record.value)
        before = table.get(customer_id)
        if before is None or profile.offset >= before.offset:
            table[customer_id] = profile
    return table


async def published_outputs_equal_the_oracle(ended: RunningYear, found: Findings) -> None:
    """Changes, offers, reactivations and suppressions, field by field, with their headers, keys and partitions."""
    again = await assert_published(ended.kafka.bootstrap, ended.site.prefix, found.expected, PARTITIONS, repeats=True)
    ended.log(f"{len(found.expected.outputs)} records published, {again} of them again")


async def seq_has_no_gap(ended: RunningYear, found: Findings) -> None:
    """By customer, repeats left out; after an erasure the segment starts from null, but `seq` continues."""
    del ended
    last_changes: dict[bytes, tuple[int, str | None, str | None]] = {}
    seen: set[tuple[Any, Any]] = set()
    for record in found.topics["segment-changes"]:
        seq, segment, cell = last_changes.get(record.key, (0, None, None))
        headers = dict(record.headers)
        change_id = headers["ce_id"], headers["ce_time"]  # with the time: a customer erased twice has the same id twice
        if change_id in seen:
            continue
        seen.add(change_id)
        if record.value is None:
            last_changes[record.key] = (seq, None, None)
            continue
        change = read_json(record.value)
        # a cell change within a segment publishes nothing, so only the segment must equal that of the last change
        assert (change["seq"], change["from"]) == (seq + 1, segment), f"after {seq} in {segment} comes {change}"
        assert (cell is None) == (change["from_cell"] is None), f"after {cell} comes {change}"
        last_changes[record.key] = (change["seq"], change["to"], change["to_cell"])


async def every_record_has_one_outcome(ended: RunningYear, found: Findings) -> None:
    """Each record of `events` is in the journal or in `rejected`, never in both or in neither."""
    journaled, rejected = set(), set()
    anonymous = set()
    for record in found.topics["journal"]:
        event = decode_record(record.value)
        if isinstance(event, CustomerEvent | AnonymousSale):
            journaled.add((event.partition, event.offset))
            if isinstance(event, AnonymousSale):
                anonymous.add((event.partition, event.offset))
    for record in found.topics["rejected"]:
        source = dict(record.headers)["goldstream-source"].decode().split(":")
        rejected.add((int(source[1]), int(source[2])))
    published = {(record.partition, record.offset) for record in found.topics["events"]}
    assert len(published) == len(ended.year.records)
    assert not journaled & rejected, f"both: {sorted(journaled & rejected)[:5]}"
    assert journaled | rejected == published, f"no outcome: {sorted(published - journaled - rejected)[:5]}"
    assert len(rejected) == len(ended.year.wrong)
    assert len(anonymous) == ended.year.anonymous


async def journal_keeps_source_order(ended: RunningYear, found: Findings) -> None:
    """A record that first appears after a newer one of its source would be skipped as a repeat."""
    del ended
    highest: dict[tuple[int, int], int] = {}
    seen: set[tuple[int, int, int]] = set()
    for record in found.topics["journal"]:
        event = decode_record(record.value)
        if isinstance(event, CustomerEvent | AnonymousSale):
            source, place = (record.partition, event.partition), (record.partition, event.partition, event.offset)
            assert place in seen or event.offset > highest.get(source, -1), f"journal:{record.partition}: {event}"
            seen.add(place)
            highest[source] = max(event.offset, highest.get(source, -1))


async def table_equals_the_oracle(ended: RunningYear, found: Findings) -> None:
    """The known customers and their facts in the changelog."""
    del ended
    assert found.table.keys() == found.expected.customers.keys()
    for customer_id, facts in found.expected.customers.items():
        profile = found.table[customer_id]
        is_ = (profile.segment, profile.cell, profile.seq, profile.since, profile.frequency, profile.monetary)
        should = (facts.segment, facts.cell, facts.seq, facts.since, facts.frequency, facts.monetary)
        assert is_ == should, f"{customer_id}: is {is_}, should be {should}"
        lifetime = (
            profile.lifetime_net,
            profile.gross,
            profile.discounts,
            profile.lifetime_orders,
            profile.last_order_at,
        )
        expected = (facts.lifetime_value, facts.gross, facts.discounts, facts.lifetime_orders, facts.last_order_at)
        assert lifetime == expected, f"{customer_id}: is {lifetime}, should be {expected}"


async def daily_totals_equal_the_oracle(ended: RunningYear, found: Findings) -> None:
    """The last published totals of each day, summed over the partitions."""
    await assert_daily(ended.kafka.bootstrap, ended.site.prefix, found.expected, ended.year.ends_at)


async def redis_equals_the_table(ended: RunningYear, found: Findings) -> None:
    """Every hash, every sorted set and the totals, and no other key: each customer is counted exactly once."""
    await assert_redis(ended.redis.url, ended.site.prefix, found.expected, ended.year.ends_at)
    prospects, prefix = SegmentForecast(parse_policy(ended.year.rules.policy)), ended.site.prefix
    shown = dict(found.redis)
    counted_in = [decode_totals(text) for text in shown.pop(f"{prefix}:totals").values()]
    generations = {f"{totals.generation}" for totals in counted_in}
    wanted: dict[str, Any] = {}
    totals = BaseTotals({}, {})
    for customer_id, profile in found.table.items():
        key, row = f"{prefix}:customer:{customer_id}", customer_row(profile, prospects)
        counted = Counted(0, profile.cell, int(row["reachable"]), profile.monetary, profile.segment)
        totals.add(counted)
        wanted[key] = {name: str(value) for name, value in row.items()}
        wanted.setdefault(f"{prefix}:segment:{profile.segment}", {})[customer_id] = float(profile.monetary)
        wanted.setdefault(f"{prefix}:cell:{profile.cell}", {})[customer_id] = float(profile.monetary)
        generation, _, rest = shown[key]["counted"].partition(" ")
        assert generation in generations
        assert rest == counted.encode().partition(" ")[2], f"{key} is counted as {rest}"
        shown[key] = {name: value for name, value in shown[key].items() if name != "counted"}
    assert shown.keys() == wanted.keys()
    for key, value in wanted.items():
        assert shown[key] == value, f"{key}: is {shown[key]}, should be {value}"
    merged = BaseTotals({}, {})
    for each in counted_in:
        merged.merge(each)
    assert (merged.segments, merged.cells) == (totals.segments, totals.cells)


async def only_durable_offsets_are_committed(ended: RunningYear, found: Findings) -> None:
    """No group has committed beyond what is durable."""
    del ended
    progress: Counter[int] = Counter()
    for record in found.topics["progress"]:
        if (
            record.key == PROGRESS_KEY
        ):  # a worker that the group gave up may have written an older one after a newer one
            progress[record.partition] = max(progress[record.partition], decode_progress(record.value).offset)
    ends = {
        name: Counter({record.partition: record.offset + 1 for record in records})
        for name, records in found.topics.items()
    }
    for (stage, topic, partition), offset in found.committed.items():
        if stage == "segment":
            assert offset <= progress[partition], f"{stage}:{partition} is at {offset}, has {progress}"
        elif topic in ends:
            assert offset <= ends[topic][partition], f"{stage} of {topic}:{partition} is at {offset}"
    for partition, offset in progress.items():
        assert offset <= ends["journal"][partition], f"segment:{partition} has come to {offset}, beyond the journal"


async def counters_add_up(ended: RunningYear, found: Findings) -> None:
    """Each rejection has a reason; in a worker that did all the work once, the outcomes add up."""
    for worker in ended.workers:
        samples = await worker.metrics()
        counted = samples.by("goldstream_records_total", "outcome", topic=ended.site.topic("events"))
        assert counted.get(("rejected",), 0) == samples.total("goldstream_rejected_total")
        again = (
            samples.total("goldstream_stage_restarts_total") or samples.total("goldstream_rebalances_total") > STAGES
        )
        if len(ended.site.workers) == 1 and worker._log_begins_at == 0 and not again:
            outcomes = {"anonymous": ended.year.anonymous, "rejected": len(ended.year.wrong)}
            outcomes["admitted"] = len(found.topics["events"]) - sum(outcomes.values())
            assert counted == {(name,): float(count) for name, count in outcomes.items() if count}
            assert not samples.total("goldstream_fenced_total"), "nothing happened to it, and it journaled twice"


Check = Callable[[RunningYear, Findings], Awaitable[None]]

CHECKS: Final[tuple[Check, ...]] = (
    published_outputs_equal_the_oracle,
    seq_has_no_gap,
    every_record_has_one_outcome,
    journal_keeps_source_order,
    table_equals_the_oracle,
    daily_totals_equal_the_oracle,
    redis_equals_the_table,
    only_durable_offsets_are_committed,
    counters_add_up,
)


async def check_all(ended: RunningYear) -> None:
    """Apply every check.

    Raises:
        AssertionError: names every check that failed, with what it found.
    """
    found = await find(ended)
    failed = []
    for check in CHECKS:
        try:
            await check(ended, found)
        except AssertionError as error:
            failed.append(f"{check.__name__}: {error}")
    assert not failed, "\n\n".join([*failed, f"what happened: {', '.join(ended.history)}"])
