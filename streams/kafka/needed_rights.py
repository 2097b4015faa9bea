"""Which rights on topics and groups the worker, the server and each command need, and which of them this user lacks.

deploy/README.md lists the same for operators; a test runs everything as users that have exactly those.
"""

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.errors import FatalError
from streams.kafka.permissions import MissingRight, missing_rights
from streams.kafka.topics import TOPIC_SPECS, Topics
from streams.settings.settings import Settings

STAGES: Final = ("admit", "segment", "project")
_NAMED: Final = 3


class NeededRights(NamedTuple):
    """Operations that are needed on topics and groups, by their full names."""

    topics: dict[str, tuple[str, ...]]
    groups: dict[str, tuple[str, ...]]


NO_RIGHTS: Final = NeededRights({}, {})
"""For steps that need no check: the rights were checked before, or the brokers name what they refuse."""


def reading(settings: Settings, *names: str) -> NeededRights:
    """Return what reading topics with these short names needs; without a name, all of the prefix."""
    topics = Topics(settings.prefix)
    return NeededRights(_on(map(topics.full, names or _all_names()), "Read"), {})


def describing(settings: Settings) -> NeededRights:
    """Return what looking at the topics and their settings needs."""
    return NeededRights(_on(map(Topics(settings.prefix).full, _all_names()), "Describe", "DescribeConfigs"), {})


def writing(settings: Settings, *names: str, asks_workers: bool = False) -> NeededRights:
    """Return what writing to these topics and reading all others needs; perhaps also whether workers run."""
    topics = Topics(settings.prefix)
    needed = reading(settings).topics | _on(map(topics.full, names), "Read", "Write")
    return NeededRights(needed, {f"{settings.prefix}.segment": ("Describe",)} if asks_workers else {})


def importing(settings: Settings, topic: str | None) -> NeededRights:
    """Return what an import into a source topic (short name) needs; None: a dry run.

    It reads the source topic to look for what was interrupted.
    """
    topics, needed = Topics(settings.prefix), reading(settings, "control", "erasure-ledger", "order-ledger").topics
    if topic is not None:
        needed |= _on([topics.order_ledger, topics.full(topic)], "Read", "Write")
    return NeededRights(needed, {})


def publishing(settings: Settings, *names: str) -> NeededRights:
    """Return what publishing to topics (short names) needs, and seeing whether there are topics."""
    written = _on(map(Topics(settings.prefix).full, names), "Write")
    return NeededRights(reading(settings, "control").topics | written, {})


def resending(settings: Settings) -> NeededRights:
    """Return what sending dead letters again needs besides Write on the topics that they came from."""
    resent = _on([Topics(settings.prefix).resent], "Read", "Write")
    return NeededRights(reading(settings, "control", "rejected").topics | resent, {})


def serving(settings: Settings) -> NeededRights:
    """Return what the server needs; a policy by HTTP needs Write on `control` too."""
    written = ("events", *(("order-ledger", "rejected") if settings.hooks is not None else ()))
    return writing(settings, *written)


def replaying(settings: Settings) -> NeededRights:
    """Return what a replay needs under the prefix that it reads."""
    return NeededRights(reading(settings).topics, {f"{settings.prefix}.admit": ("Describe",)})


def receiving_replay(settings: Settings) -> NeededRights:
    """Return what a replay needs under the prefix that it writes."""
    return working(settings)._replace(groups={f"{settings.prefix}.admit": ("Read",)})


def working(settings: Settings) -> NeededRights:
    """Return what a worker needs, apart from transactional ids."""
    topics = Topics(settings.prefix, settings.sources)
    own = _on(map(topics.full, _all_names()), "Read", "Write", "Describe", "DescribeConfigs")
    groups = _on((f"{settings.prefix}.{stage}" for stage in STAGES), "Read")
    return NeededRights(_on(topics.sources, "Read", "Describe") | own, groups)


async def find_missing_rights(settings: Settings, needed: NeededRights) -> list[MissingRight]:
    """Return which of the needed rights this user lacks; none where clients need no password and no certificate.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    security = settings.kafka_security
    if needed == NO_RIGHTS or not (security.uses_sasl or security.uses_tls):
        return []
    admin = AIOKafkaAdminClient(**settings.kafka_client())
    try:
        await admin.start()
        return await missing_rights(admin, needed.topics, needed.groups)
    finally:
        await admin.close()


async def check_rights(settings: Settings, needed: NeededRights) -> None:
    """Check that this user has the rights, where the brokers say it.

    Raises:
        FatalError: some are missing.
    """
    try:
        missing = await find_missing_rights(settings, needed)
    except KafkaError:  # the program itself reports it
        return
    if missing:
        raise FatalError(describe_missing(missing))


def describe_missing(missing: Collection[MissingRight]) -> str:
    """Return in one line what this user lacks, and the remedy; of many topics with the same rights, a few are named."""
    by_rights: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for kind, name, operations in missing:
        by_rights.setdefault((kind, operations), []).append(name)
    parts = [f"{', '.join(rights)} on {_named(kind, names)}" for (kind, rights), names in by_rights.items()]
    return f"the Kafka user lacks {'; '.join(parts)}; grant it (deploy/README.md lists what is needed)"


def _named(kind: str, names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{kind}{'s' if len(names) > 1 else ''} {', '.join(names[:_NAMED])}{more}"


def _on(names: Iterable[str], *rights: str) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(names, rights)


def _all_names() -> tuple[str, ...]:
    return tuple(spec.name for spec in TOPIC_SPECS)
