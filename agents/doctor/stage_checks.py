"""Examine what runs: workers of each stage, their lag, the watermark, dead letters, and the clock."""

import asyncio
from collections import Counter
from typing import Final

from aiokafka import TopicPartition
from aiokafka.errors import for_code

from agents.admit.watermark_stall import diagnose_stall, explain_stall
from agents.doctor.cluster import Cluster
from agents.doctor.finding import Finding, good, warning, wrong
from agents.replay.cutover import read_watermarks
from state.records.progress import NO_WATERMARK
from state.units.counts import counted
from state.units.timestamps import format_ms
from streams.kafka.reader import read_range
from streams.settings.settings import Settings
from streams.tables.progress import read_progress
from streams.wire.watermarks import FOLDED, event_watermark, wall_watermark

_HOUR_MS: Final = 3_600_000
_MANY_UNREAD: Final = 10_000
_STALLED_MS: Final = 30_000
_CLOCK_DIFFERS_MS: Final = 2_000
_MAX_READ: Final = 1_000
_AT_ONCE: Final = 8


async def check_stages(cluster: Cluster) -> list[Finding]:
    """Count the members of each stage's group, and the records that it has not processed."""
    if cluster.topics.journal not in cluster.counts:
        return []
    topics, settings = cluster.topics, cluster.settings
    read_by = {"admit": [*topics.sources, topics.control], "segment": [topics.journal]}
    if settings.redis:
        read_by["project"] = [topics.customers, topics.daily, topics.segment_changes]
    findings = []
    for stage, names in read_by.items():
        group = f"{settings.prefix}.{stage}"
        (answer,) = await cluster.admin.describe_consumer_groups([group])
        ((error, _, state, _, _, members, *_),) = answer.groups
        if error:
            raise for_code(error)(f"about group {group}")
        if not members:
            remedy = "start one: `goldstream worker`"
            if not await cluster.admin.list_consumer_group_offsets(group):
                findings.append(warning(stage, "no worker has run this stage yet", remedy))
            else:
                findings.append(wrong(stage, "no worker runs this stage", remedy))
            continue
        unread = await _unread(cluster, group, cluster.partitions(names))
        running = f"{counted(len(members), 'worker')}, {counted(unread, 'record')} unread"
        if state != "Stable":
            findings.append(warning(stage, f"{running}; the group is rebalancing", "run doctor again in a minute"))
        elif unread > _MANY_UNREAD:
            remedy = "wait if it falls (an import); else add workers, or look at goldstream_consumer_lag"
            findings.append(warning(stage, running, remedy))
        else:
            findings.append(good(stage, running))
    return findings


async def _unread(cluster: Cluster, group: str, partitions: list[TopicPartition]) -> int:
    committed = await cluster.admin.list_consumer_group_offsets(group)
    ends = await cluster.ends(partitions)
    begins = await cluster.consumer.beginning_offsets(partitions) if partitions else {}
    unread = 0
    for tp, end in ends.items():
        known = committed.get(tp)
        unread += max(0, end - (known.offset if known is not None and known.offset >= 0 else begins[tp]))
    return unread


async def check_watermark(cluster: Cluster) -> list[Finding]:
    """Compare the watermark of the journal with the clock, and find the source partition that holds it back."""
    settings, topics = cluster.settings, cluster.topics
    lanes = cluster.partitions([topics.progress])
    watermarks = await _watermarks(settings, topics.progress, len(lanes))
    if not watermarks or min(watermarks) == NO_WATERMARK:
        return [warning("watermark", "no watermark yet", "start a worker")]
    lowest = min(watermarks)
    if settings.time == "event":
        return [good("watermark", f"{format_ms(lowest)} (event mode: by the events alone)")]
    now_ms = cluster.clock.wall_ms()
    behind_ms = now_ms - lowest
    if behind_ms <= settings.lateness_ms + _STALLED_MS:
        return [good("watermark", f"{behind_ms / 1000:.0f} s behind the clock")]
    message = f"{behind_ms / 1000:,.0f} s behind the clock, at {format_ms(lowest)}"
    return [wrong("watermark", f"{message}: {await _who_holds(cluster, now_ms)}", "see deploy/runbook.md")]


async def _watermarks(settings: Settings, topic: str, count: int) -> list[int]:
    """Return the watermark of each journal partition."""
    limit = asyncio.Semaphore(_AT_ONCE)

    async def read(number: int) -> int:
        async with limit:
            progress, *_ = await read_progress(read_range(settings.kafka_client(), topic, number))
        return NO_WATERMARK if progress is None else progress.watermark

    return await asyncio.gather(*map(read, range(count)))


async def _who_holds(cluster: Cluster, now_ms: int) -> str:
    reports = await read_watermarks(cluster.settings)
    sources = {f"{cluster.topics.short(tp.topic)}:{tp.partition}" for tp in cluster.partitions(cluster.topics.sources)}
    combine = wall_watermark if cluster.settings.time == "wall" else event_watermark
    _, slowest = combine(reports, sources, cluster.settings.lateness_ms)
    if slowest is None:
        return "no worker writes ticks"
    short, _, number = slowest.rpartition(":")
    tp = TopicPartition(cluster.topics.full(short), int(number))
    await cluster.ends([tp])  # makes the leader known
    stall = await diagnose_stall(cluster.consumer, tp, reports.get(slowest), now_ms)
    return explain_stall(slowest, stall)


async def check_dead_letters(cluster: Cluster) -> list[Finding]:
    """Count the dead letters of the last hour by reason."""
    partitions = cluster.partitions([cluster.topics.rejected])
    if not partitions:
        return []
    ends = await cluster.ends(partitions)
    since_ms = cluster.clock.wall_ms() - _HOUR_MS
    first = await cluster.consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))
    reasons: Counter[str] = Counter()
    total = 0
    for tp in partitions:
        found = first.get(tp)
        if found is None:
            continue
        total += ends[tp] - found.offset
        begin = max(found.offset, ends[tp] - _MAX_READ)
        async for batch in read_range(cluster.settings.kafka_client(), tp.topic, tp.partition, begin, ends[tp]):
            for record in batch:
                headers = dict(record.headers)
                reasons[headers.get("goldstream-reason", b"unknown").decode("utf-8", "replace")] += 1
    if not total:
        return [good("dead letters", "none in the last hour")]
    by_reason = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    message = f"{total:,} in the last hour: {by_reason}"
    remedy = "`goldstream rejected show` lists them; correct the publisher, then `goldstream rejected resend`"
    return [warning("dead letters", message, remedy)]


async def check_clock(cluster: Cluster) -> list[Finding]:
    """Compare this machine's clock with those of the workers, which report the time several times a second."""
    if cluster.settings.time == "event":
        return [good("clock", "not used in event mode")]
    if cluster.topics.source_times not in cluster.counts:
        return []
    reports = await read_watermarks(cluster.settings)
    times = [
        report.time
        for source, report in reports.items()
        if report.time is not None and not source.startswith(f"{FOLDED}:")
    ]
    if not times:
        return [warning("clock", "no worker has reported its time yet", "start a worker, and run doctor again")]
    ahead_ms = max(times) - cluster.clock.wall_ms()
    if ahead_ms > _CLOCK_DIFFERS_MS:
        message = f"this machine is {ahead_ms / 1000:.1f} s behind a worker"
        return [wrong("clock", message, "synchronize the clocks (NTP): events are compared with them")]
    return [good("clock", "not behind that of any worker")]
