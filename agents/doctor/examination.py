"""Run all checks, in the order in which one explains the next."""

from collections.abc import Awaitable, Callable
from typing import Final

from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaConnectionError,
    KafkaError,
    NodeNotReadyError,
    NotCoordinatorForGroupError,
)

from agents.doctor.cluster import Cluster, connect
from agents.doctor.finding import Finding, split_remedy, warning, wrong
from agents.doctor.kafka_checks import check_all_topics, check_brokers, check_permissions
from agents.doctor.redis_checks import check_redis
from agents.doctor.rules_checks import check_rules
from agents.doctor.stage_checks import check_clock, check_dead_letters, check_stages, check_watermark
from streams.clock import Clock
from streams.errors import describe_error
from streams.kafka.connection_diagnosis import diagnose_connection
from streams.settings.settings import Settings

_KAFKA_CHECKS: Final[tuple[tuple[str, Callable[[Cluster], Awaitable[list[Finding]]]], ...]] = (
    ("kafka", check_brokers),
    ("topics", check_all_topics),
    ("permissions", check_permissions),
    ("rules", check_rules),
    ("stages", check_stages),
    ("watermark", check_watermark),
    ("dead letters", check_dead_letters),
    ("clock", check_clock),
)


_STARTING: Final = (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
    NodeNotReadyError,
)


async def examine(settings: Settings, clock: Clock) -> list[Finding]:
    """Return everything that the checks find; a check that fails is a finding, too."""
    findings: list[Finding] = []
    try:
        async with connect(settings, clock) as cluster:
            for name, check in _KAFKA_CHECKS:
                try:
                    findings.extend(await check(cluster))
                except _STARTING:
                    message = "could not be examined: the brokers have just started"
                    findings.append(warning(name, message, "run doctor again in a minute"))
                except KafkaError as error:
                    message = f"could not be examined: {describe_error(error)}"
                    findings.append(wrong(name, message, "correct what is wrong above, or the broker"))
    except (KafkaError, OSError) as error:
        findings.append(await _unreachable(settings, error))
    findings.extend(await check_redis(settings, clock))
    return findings


async def _unreachable(settings: Settings, error: Exception) -> Finding:
    diagnosis = await diagnose_connection(settings)
    if diagnosis is not None:
        return split_remedy("kafka", diagnosis.message)
    if isinstance(error, KafkaConnectionError):
        remedy = "start it, or correct GOLDSTREAM_KAFKA or GOLDSTREAM_KAFKA_SECURITY"
        return wrong("kafka", f"Kafka cannot be reached at {settings.kafka}", remedy)
    message = f"Kafka at {settings.kafka} does not answer as it should ({describe_error(error)})"
    return wrong("kafka", message, "start it, or correct GOLDSTREAM_KAFKA")
