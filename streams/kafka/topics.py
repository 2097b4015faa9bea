"""The topics: their names, the shape each must have, and how they are made and checked."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from streams.kafka.cluster import wait_for_topics
from streams.settings.settings import Settings

log = logging.getLogger(__name__)

DAY_MS: Final = 86_400_000
MONTH_MS: Final = 30 * DAY_MS

SOURCE_NAMES: Final = ("purchases", "signups", "refunds", "consents", "contacts", "erasures", "events")

_KEPT: Final = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
_MONTH: Final = {"cleanup.policy": "delete", "retention.ms": str(MONTH_MS)}
_YEAR: Final = {"cleanup.policy": "delete", "retention.ms": str(400 * DAY_MS)}  # a year's campaigns beside each other
_COMPACT: Final = {"cleanup.policy": "compact"}
_COMPACT_LATER: Final = {"cleanup.policy": "compact", "min.compaction.lag.ms": str(MONTH_MS)}


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """What a topic must be like.

    Attributes:
        name: short name.
        config: settings that it is made with; `cleanup.policy` must stay as it is, the rest is the operator's.
        partitions: how many it must have; None for any number, 0 for as many as the journal has.
    """

    name: str
    config: dict[str, str]
    partitions: int | None = 0


TOPIC_SPECS: Final = (
    *(TopicSpec(name, _MONTH, None) for name in SOURCE_NAMES),
    TopicSpec(
        "rejected", {**_MONTH, "max.message.bytes": str(4 << 20)}
    ),  # what came as large as may be, and its reason
    TopicSpec("control", _KEPT, 1),
    TopicSpec("source-times", _COMPACT, 1),
    TopicSpec("journal", _KEPT),
    TopicSpec("segment-changes", _COMPACT_LATER),
    TopicSpec("offers", _MONTH),
    TopicSpec("reactivations", _MONTH),
    TopicSpec("suppressions", _MONTH),
    TopicSpec("outcomes", _YEAR),
    TopicSpec(
        "daily", {**_COMPACT, "segment.ms": str(DAY_MS)}
    ),  # told anew every 5 s: closed soon, to be compacted soon
    TopicSpec("customers", _COMPACT),
    TopicSpec("erasure-ledger", _COMPACT),
    TopicSpec("progress", _COMPACT),
)


class Topics:
    """The full names of the topics of a prefix: `<prefix>.<name>.v1`.

    Source topics of other prefixes may be read besides its own; such a one keeps its prefix in its short name
    (`goldstream.purchases`), so that nothing that is noted of it is ever taken for the prefix's own `purchases`.
    """

    def __init__(self, prefix: str, others: Sequence[str] = ()) -> None:
        """Takes the prefix of all names, and other prefixes whose source topics are read too."""
        self.prefix = prefix
        self._others = {f"{other}.{name}.v1" for other in others for name in SOURCE_NAMES}
        self.sources = (*(self.full(name) for name in SOURCE_NAMES), *sorted(self._others))
        self.rejected = self.full("rejected")
        self.control = self.full("control")
        self.source_times = self.full("source-times")
        self.journal = self.full("journal")
        self.segment_changes = self.full("segment-changes")
        self.offers = self.full("offers")
        self.reactivations = self.full("reactivations")
        self.suppressions = self.full("suppressions")
        self.outcomes = self.full("outcomes")
        self.daily = self.full("daily")
        self.customers = self.full("customers")
        self.erasure_ledger = self.full("erasure-ledger")
        self.progress = self.full("progress")

    def full(self, name: str) -> str:
        """The topic's name on the broker."""
        return f"{name}.v1" if "." in name else f"{self.prefix}.{name}.v1"

    def short(self, topic: str) -> str:
        """The name without prefix and version; of another prefix's source topic without its version alone."""
        own = topic if topic in self._others else topic.removeprefix(f"{self.prefix}.")
        return own.removesuffix(".v1")


@dataclass(frozen=True, slots=True)
class TopicReport:
    """What was found of a topic; `fault` says what is wrong with it and what to do, `missing` that there is none."""

    name: str
    partitions: int
    missing: bool = False
    created: bool = False
    fault: str | None = None


class TopicsError(Exception):
    """Topics that a worker cannot work with; each fault names the topic, what it has and what it must have."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        """Takes every fault."""
        super().__init__("; ".join(faults))
        self.errors = faults


async def check_topics(settings: Settings) -> list[TopicReport]:
    """What there is of each topic, and what is wrong with it.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    admin = AIOKafkaAdminClient(**settings.kafka_client())
    try:
        await admin.start()
        return await _look(admin, settings)
    finally:
        await admin.close()


async def create_topics(settings: Settings) -> list[TopicReport]:
    """Makes the topics that are missing, then looks at all of them.

    Raises:
        TopicsError: the broker forbids it, or refuses a topic.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    admin = AIOKafkaAdminClient(**settings.kafka_client())
    try:
        await admin.start()
        missing = [report for report in await _look(admin, settings) if report.missing]
        if missing:
            await _create(admin, settings, missing)
            await wait_for_topics(settings, [report.name for report in missing])
        made = {report.name for report in missing}
        return [
            TopicReport(report.name, report.partitions, report.missing, report.name in made, report.fault)
            for report in await _look(admin, settings)
        ]
    finally:
        await admin.close()


async def ready_topics(settings: Settings) -> int:
    """Makes what is missing and refuses what has the wrong shape; the number of the journal's partitions.

    Raises:
        TopicsError: with everything that is wrong.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    reports = await create_topics(settings)
    if created := [report.name for report in reports if report.created]:
        log.info("created %d topics: %s", len(created), ", ".join(created))
    faults = tuple(report.fault for report in reports if report.fault)
    if faults:
        raise TopicsError(faults)
    return next(report.partitions for report in reports if report.name == Topics(settings.prefix).journal)


async def _look(admin: AIOKafkaAdminClient, settings: Settings) -> list[TopicReport]:
    topics = Topics(settings.prefix)
    there = {each["topic"]: len(each["partitions"]) for each in await admin.describe_topics()}
    policies = await _cleanup_policies(
        admin, [topics.full(s.name) for s in TOPIC_SPECS if topics.full(s.name) in there]
    )
    journal = there.get(topics.journal, settings.partitions)
    reports = []
    for shape in TOPIC_SPECS:
        name = topics.full(shape.name)
        wanted = {None: settings.partitions, 0: journal}.get(shape.partitions, shape.partitions)
        if name not in there:
            reports.append(TopicReport(name, wanted or 1, missing=True))
            continue
        fault = None
        if shape.partitions is not None and there[name] != wanted:
            fault = f"topic {name} must have {wanted} partitions: it has {there[name]}; delete it or use another prefix"
        elif policies.get(name, shape.config["cleanup.policy"]) != shape.config["cleanup.policy"]:
            must = shape.config["cleanup.policy"]
            fault = f"topic {name} must have cleanup.policy={must}: it has {policies[name]}; alter it"
        reports.append(TopicReport(name, there[name], fault=fault))
    return reports


async def _cleanup_policies(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, str]:
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, {"cleanup.policy": ""}) for name in names]
    policies = {}
    for response in await admin.describe_configs(resources):
        for resource in response.resources:
            name, entries = resource[3], resource[4]
            policies[name] = next((entry[1] for entry in entries if entry[0] == "cleanup.policy"), "")
    return policies


async def _create(admin: AIOKafkaAdminClient, settings: Settings, missing: list[TopicReport]) -> None:
    configs = {Topics(settings.prefix).full(shape.name): shape.config for shape in TOPIC_SPECS}
    wanted = [
        NewTopic(report.name, report.partitions, settings.replication, topic_configs=configs[report.name])
        for report in missing
    ]
    try:
        response = await admin.create_topics(wanted)
    except KafkaError as error:
        raise TopicsError((f"topics cannot be created: {error}; create them by `goldstream topics create`",)) from error
    faults = []
    for name, code, message in ((error[0], error[1], error[2]) for error in response.topic_errors):
        if code not in (0, TopicAlreadyExistsError.errno):
            why = message or for_code(code).__name__
            faults.append(f"topic {name} cannot be created: {why}; create it yourself or let this user create topics")
    if faults:
        raise TopicsError(tuple(faults))
