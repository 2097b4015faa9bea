"""The topics: their names, their expected partitions and settings, and how they are created and checked."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from state.units.counts import counted
from streams.kafka.cluster import has_records, wait_for_coordinator, wait_for_topics
from streams.settings.settings import Settings

log = logging.getLogger(__name__)

DAY_MS: Final = 86_400_000
MONTH_MS: Final = 30 * DAY_MS

SOURCE_NAMES: Final = ("purchases", "signups", "refunds", "consents", "contacts", "erasures", "events")

_KEPT: Final = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
_MONTH: Final = {"cleanup.policy": "delete", "retention.ms": str(MONTH_MS)}
_YEAR: Final = {"cleanup.policy": "delete", "retention.ms": str(400 * DAY_MS)}  # to compare the campaigns of a year
_COMPACT: Final = {"cleanup.policy": "compact"}
_COMPACT_LATER: Final = {"cleanup.policy": "compact", "min.compaction.lag.ms": str(MONTH_MS)}


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """The expected partitions and settings of a topic.

    Attributes:
        name: short name.
        config: the settings that it is created with; operators may change all but `cleanup.policy`.
        partitions: how many it must have; None for any number, 0 for as many as the journal.
    """

    name: str
    config: dict[str, str]
    partitions: int | None = 0


TOPIC_SPECS: Final = (
    *(TopicSpec(name, _MONTH, None) for name in SOURCE_NAMES),
    TopicSpec("rejected", {**_MONTH, "max.message.bytes": str(4 << 20)}),  # a record of the largest size and its reason
    TopicSpec("resent", _YEAR, 1),  # which dead letters were sent again: for longer than there are dead letters
    TopicSpec("control", _KEPT, 1),
    TopicSpec("source-times", _COMPACT, 1),
    TopicSpec("journal", _KEPT),
    TopicSpec("segment-changes", _COMPACT_LATER),
    TopicSpec("offers", _MONTH),
    TopicSpec("reactivations", _MONTH),
    TopicSpec("suppressions", _MONTH),
    TopicSpec("outcomes", _YEAR),
    TopicSpec("daily", {**_COMPACT, "segment.ms": str(DAY_MS)}),  # rewritten every 5 s, so compact it soon
    TopicSpec("customers", _COMPACT),
    TopicSpec("erasure-ledger", _COMPACT),
    TopicSpec("order-ledger", _COMPACT),
    TopicSpec("progress", _COMPACT),
)


class Topics:
    """The full names of the topics of a prefix: `<prefix>.<name>.v1`.

    Source topics of other prefixes may be read too. Their short names include the prefix (`goldstream.purchases`), so
    that they differ from the prefix's own `purchases`.
    """

    def __init__(self, prefix: str, others: Sequence[str] = ()) -> None:
        """Take the prefix of all names, and other prefixes whose source topics are read too."""
        self.prefix = prefix
        self._others = {f"{other}.{name}.v1" for other in others for name in SOURCE_NAMES}
        self.sources = (*(self.full(name) for name in SOURCE_NAMES), *sorted(self._others))
        self.rejected = self.full("rejected")
        self.resent = self.full("resent")
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
        self.order_ledger = self.full("order-ledger")
        self.progress = self.full("progress")

    def full(self, name: str) -> str:
        """Return the name on the broker of a topic with this short name."""
        return f"{name}.v1" if "." in name else f"{self.prefix}.{name}.v1"

    def short(self, topic: str) -> str:
        """Return the name without prefix and version; for a source topic of another prefix, only without version."""
        own = topic if topic in self._others else topic.removeprefix(f"{self.prefix}.")
        return own.removesuffix(".v1")


@dataclass(frozen=True, slots=True)
class TopicReport:
    """The state of a topic.

    Attributes:
        name: full name.
        partitions: how many it has, or would be created with.
        missing: whether it did not exist.
        created: whether it was created now.
        error: what is wrong with it, and the remedy.
    """

    name: str
    partitions: int
    missing: bool = False
    created: bool = False
    error: str | None = None


class TopicsError(Exception):
    """A worker cannot use the topics; each of `errors` names a topic, what it has and what it must have."""

    def __init__(self, errors: tuple[str, ...]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


async def check_topics(settings: Settings) -> list[TopicReport]:
    """Report the state of each topic.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    admin = AIOKafkaAdminClient(**settings.kafka_client())
    try:
        await admin.start()
        return await _inspect(admin, settings)
    finally:
        await admin.close()


async def create_topics(settings: Settings) -> list[TopicReport]:
    """Create missing topics, then report the state of each topic.

    Raises:
        TopicsError: the broker refuses to create a topic.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    admin = AIOKafkaAdminClient(**settings.kafka_client())
    try:
        await admin.start()
        missing = [report for report in await _inspect(admin, settings) if report.missing]
        if missing:
            await _create(admin, settings, missing)
            await wait_for_topics(settings, [report.name for report in missing])
            await wait_for_coordinator(admin, f"{settings.prefix}.admit")
        created = {report.name for report in missing}
        return [
            TopicReport(report.name, report.partitions, report.missing, report.name in created, report.error)
            for report in await _inspect(admin, settings)
        ]
    finally:
        await admin.close()


async def ready_topics(settings: Settings, on_new: Callable[[int], None] | None = None) -> int:
    """Create missing topics, check all of them, and return the number of journal partitions.

    Args:
        settings: valid ones.
        on_new: called before anything is created if nothing was ever written to `control`, with the number of journal
            partitions that there are or will be.

    Raises:
        TopicsError: with all errors.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    if on_new is not None and (partitions := await _partitions_if_new(settings)):
        on_new(partitions)
    reports = await create_topics(settings)
    if created := [report.name for report in reports if report.created]:
        log.info("created %d topics: %s", len(created), ", ".join(created))
    errors = tuple(report.error for report in reports if report.error)
    if errors:
        raise TopicsError(errors)
    return next(report.partitions for report in reports if report.name == Topics(settings.prefix).journal)


async def _partitions_if_new(settings: Settings) -> int | None:
    """Return how many partitions the journal has or will get, if nothing was ever written to `control`; else None."""
    admin = AIOKafkaAdminClient(**settings.kafka_client())
    topics = Topics(settings.prefix)
    try:
        await admin.start()
        existing = {each["topic"]: each["partitions"] for each in await admin.describe_topics()}
        if topics.control in existing and await has_records(admin, topics.control, existing[topics.control]):
            return None
        return len(existing.get(topics.journal, ())) or settings.partitions
    finally:
        await admin.close()


async def _inspect(admin: AIOKafkaAdminClient, settings: Settings) -> list[TopicReport]:
    topics = Topics(settings.prefix)
    existing = {each["topic"]: len(each["partitions"]) for each in await admin.describe_topics()}
    names = [topics.full(spec.name) for spec in TOPIC_SPECS]
    configs = await topic_configs(admin, [name for name in names if name in existing])
    journal = existing.get(topics.journal, settings.partitions)
    reports = []
    for name, spec in zip(names, TOPIC_SPECS, strict=True):
        expected = {None: settings.partitions, 0: journal}.get(spec.partitions, spec.partitions)
        if name not in existing:
            reports.append(TopicReport(name, expected or 1, missing=True))
            continue
        error, count, expected_policy = None, existing[name], spec.config["cleanup.policy"]
        policy = configs.get(name, {}).get("cleanup.policy", expected_policy)
        if spec.partitions is not None and count != expected:
            wanted = counted(expected or 1, "partition")
            error = f"topic {name} must have {wanted}: it has {count}; delete it or use another prefix"
        elif policy != expected_policy:
            error = f"topic {name} must have cleanup.policy={expected_policy}: it has {policy}; alter it"
        reports.append(TopicReport(name, count, error=error))
    return reports


async def topic_configs(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the settings of topics by their names, those that are the broker's included.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    configs: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(resources):
        for resource in response.resources:
            configs[resource[3]] = {entry[0]: entry[1] for entry in resource[4]}
    return configs


async def _create(admin: AIOKafkaAdminClient, settings: Settings, missing: list[TopicReport]) -> None:
    configs = {Topics(settings.prefix).full(spec.name): spec.config for spec in TOPIC_SPECS}
    new_topics = [
        NewTopic(report.name, report.partitions, settings.replication, topic_configs=configs[report.name])
        for report in missing
    ]
    try:
        response = await admin.create_topics(new_topics)
    except KafkaError as error:
        raise TopicsError((f"topics cannot be created: {error}; create them by `goldstream topics create`",)) from error
    errors = []
    for name, code, message in ((error[0], error[1], error[2]) for error in response.topic_errors):
        if code not in (0, TopicAlreadyExistsError.errno):
            reason = message or for_code(code).__name__
            errors.append(f"topic {name} cannot be created: {reason}; create it, or let this user create topics")
    if errors:
        raise TopicsError(tuple(errors))
