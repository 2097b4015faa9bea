"""Examine the brokers, the topics with their settings, and what this user may do."""

import asyncio
from typing import Final

from aiokafka.errors import KafkaError

from agents.doctor.cluster import Cluster
from agents.doctor.finding import Finding, good, split_remedy, warning, wrong
from state.units.counts import counted
from streams.errors import FatalError
from streams.kafka.needed_rights import working
from streams.kafka.permissions import missing_rights
from streams.kafka.topics import TOPIC_SPECS, check_topics, topic_configs
from streams.kafka.writing.stage_producer import FIRST_EPOCH_SECONDS, next_epoch

_SHORTENED: Final = {
    "journal": "replays, `policy diff` and a rebuilt table would lack its beginning",
    "control": "policies and campaigns would be lost",
}
_LISTED: Final = 5


async def check_brokers(cluster: Cluster) -> list[Finding]:
    """Count the brokers, and look for partitions without a leader or with missing replicas."""
    described = await cluster.admin.describe_cluster()
    brokers, place = len(described["brokers"]), cluster.settings.kafka
    findings = [good("kafka", f"{brokers} broker{'s' if brokers > 1 else ''}, reached at {place}")]
    own = {cluster.topics.full(spec.name) for spec in TOPIC_SPECS}
    leaderless, incomplete, alone = [], [], []
    for topic in await cluster.admin.describe_topics():
        if topic["topic"] not in own:
            continue
        for partition in topic["partitions"]:
            name = f"{topic['topic']}:{partition['partition']}"
            if partition["leader"] < 0:
                leaderless.append(name)
            elif len(partition["isr"]) < len(partition["replicas"]):
                incomplete.append(name)
            if len(partition["replicas"]) == 1:
                alone.append(name)
    if leaderless:
        findings.append(wrong("kafka", f"no leader: {_listed(leaderless)}", "start the brokers that hold them"))
    if incomplete:
        findings.append(
            warning("kafka", f"replicas behind: {_listed(incomplete)}", "look at the brokers that hold them")
        )
    if alone and brokers > 1:
        findings.append(
            warning(
                "kafka",
                f"{counted(len(alone), 'partition has', 'partitions have')} one replica, though there are {brokers} "
                "brokers",
                "raise the replication of the topics, and set GOLDSTREAM_REPLICATION for new ones",
            )
        )
    return findings


async def check_all_topics(cluster: Cluster) -> list[Finding]:
    """Compare the topics with what a worker expects, and their settings with those that it would create them with."""
    reports = await check_topics(cluster.settings)
    missing = [report.name for report in reports if report.missing]
    findings = [split_remedy("topics", report.error) for report in reports if report.error]
    if len(missing) == len(reports):
        message = f"there are none of the prefix {cluster.settings.prefix} yet"
        return [warning("topics", message, "start a worker, which creates them, or run `goldstream topics create`")]
    if missing:
        findings.append(wrong("topics", f"missing: {_listed(missing)}", "run `goldstream topics create`"))
    findings.extend(await _compare_settings(cluster, [report.name for report in reports if not report.missing]))
    if not findings:
        journal = cluster.counts[cluster.topics.journal]
        findings.append(
            good("topics", f"{counted(len(reports), 'topic')}, {counted(journal, 'partition')} of the journal")
        )
    return findings


async def _compare_settings(cluster: Cluster, names: list[str]) -> list[Finding]:
    """Report settings other than those that topics are created with; operators may change them, knowingly."""
    actual = await topic_configs(cluster.admin, names)
    findings = []
    for spec in TOPIC_SPECS:
        found = actual.get(cluster.topics.full(spec.name), {})
        different = {
            key: found[key]
            for key, expected in spec.config.items()
            if key != "cleanup.policy" and found.get(key, expected) != expected
        }
        if not different:
            continue
        message = f"{cluster.topics.full(spec.name)} has " + ", ".join(f"{k}={v}" for k, v in different.items())
        as_created = ", ".join(f"{key}={spec.config[key]}" for key in different)
        if spec.name in _SHORTENED:
            findings.append(warning("topics", f"{message}: {_SHORTENED[spec.name]}", f"alter it to {as_created}"))
        else:
            findings.append(warning("topics", message, f"if that is not meant, alter it to {as_created}"))
    return findings


async def check_permissions(cluster: Cluster) -> list[Finding]:
    """Ask what this user may do, as deploy/README.md lists what a worker needs."""
    findings = [
        wrong(
            "permissions",
            f"this user lacks {', '.join(each.operations)} on {each.kind} {each.name}",
            f"grant it on {each.kind}s that begin with {each.name.partition('.')[0]}.",
        )
        for each in await missing_rights(cluster.admin, *working(cluster.settings))
    ]
    findings.extend(await _check_epochs(cluster))
    return findings or [good("permissions", "this user may do what a worker does")]


async def _check_epochs(cluster: Cluster) -> list[Finding]:
    """Take a producer epoch as a lane does, under a name that no lane has."""
    try:
        epoch = await next_epoch(cluster.consumer._client, f"{cluster.settings.prefix}.doctor")  # noqa: SLF001
    except FatalError as error:
        return [split_remedy("permissions", str(error))]
    except (KafkaError, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and asyncio.current_task().cancelling():  # type: ignore[union-attr]
            raise
        return [warning("permissions", f"no producer epoch ({error})", "look at the brokers' transaction topic")]
    if epoch is not None:
        return []
    message = f"Kafka assigns no producer epochs within {FIRST_EPOCH_SECONDS:.0f} s: late writes are not refused"
    return [
        warning(
            "permissions",
            message,
            "set transaction.state.log.replication.factor and .min.isr to what the number of brokers allows",
        )
    ]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
