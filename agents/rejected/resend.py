"""Send dead letters again, each once, to the topic that they came from.

The topic `resent` remembers what was sent, by the position in the source topic, for longer than `rejected` keeps it.
It is written after the records are acknowledged: if the command dies in between, some are sent again, with the same
ids, and count once. A record carries the header `goldstream-resent`; one that is rejected again keeps it, and is not
sent a second time.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Callable
from typing import Final, NamedTuple, Self

import msgspec
from aiokafka import AIOKafkaProducer

from agents.rejected.dead_letters import DeadLetter, Ranges, read_letters
from state.intake.event_decoders import SCHEMAS
from state.records.reasons import RejectionReason
from streams.kafka.cluster import partitions_by_topic
from streams.kafka.reader import read_range
from streams.kafka.topics import SOURCE_NAMES, Topics
from streams.kafka.writing.publisher import Publisher
from streams.settings.settings import Settings

RESENT: Final = "goldstream-resent"
_CHUNK: Final = 1_000
_AGAIN: Final = "sent before"


class Selection(NamedTuple):
    """Which dead letters to send again.

    Attributes:
        reasons: only those rejected for one of these; empty for all.
        source: only those of this topic, partition, record, platform or hook; None for all.
    """

    reasons: tuple[str, ...] = ()
    source: str | None = None

    @classmethod
    def create(cls, settings: Settings, reasons: tuple[str, ...], source: str | None) -> Self:
        """Return a selection; a topic may be given by its short name."""
        return cls(reasons, Topics(settings.prefix).full(source) if source in SOURCE_NAMES else source)

    def has(self, letter: DeadLetter) -> bool:
        """Return whether the letter is selected."""
        if self.reasons and letter.reason not in self.reasons:
            return False
        return self.source in (None, letter.source) or letter.source.startswith((f"{self.source}:", f"{self.source}/"))


class ResendPlan(NamedTuple):
    """What would be sent.

    Attributes:
        topics: how many letters go to each topic.
        skipped: how many selected letters do not, by the reason.
    """

    topics: Counter[str]
    skipped: Counter[str]


class _Sendable(NamedTuple):
    letter: DeadLetter
    topic: str


async def plan_resend(settings: Settings, ranges: Ranges, selection: Selection) -> ResendPlan:
    """Return what sending the selected letters of these ranges again would do.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    plan = ResendPlan(Counter(), Counter())
    async for each in _select(settings, ranges, selection, plan.skipped):
        plan.topics[each.topic] += 1
    return plan


async def resend(settings: Settings, ranges: Ranges, selection: Selection, on_sent: Callable[[int], None]) -> int:
    """Send the selected letters of these ranges again, and return how many those were.

    Args:
        settings: of the prefix; its topic `resent` exists.
        ranges: what to read of the topic `rejected`.
        selection: which of them.
        on_sent: called with the number of acknowledged records so far.

    Raises:
        aiokafka.errors.KafkaError: a record could not be delivered; the command can be repeated.
    """
    sent = 0
    chunk: list[_Sendable] = []
    async for each in _select(settings, ranges, selection, Counter()):
        chunk.append(each)
        if len(chunk) == _CHUNK:
            sent += await _send(settings, chunk)
            on_sent(sent)
            chunk = []
    if chunk:
        sent += await _send(settings, chunk)
        on_sent(sent)
    return sent


async def _select(
    settings: Settings, ranges: Ranges, selection: Selection, skipped: Counter[str]
) -> AsyncGenerator[_Sendable]:
    sources = frozenset(Topics(settings.prefix, settings.sources).sources)
    seen = await _read_markers(settings)
    async for letter in read_letters(settings, ranges):
        if not selection.has(letter):
            continue
        if letter.identity in seen or any(name == RESENT for name, _ in letter.headers):
            skipped[_AGAIN] += 1
            continue
        seen.add(letter.identity)
        topic, obstacle = _target(settings, sources, letter)
        if obstacle:
            skipped[obstacle] += 1
        else:
            yield _Sendable(letter, topic)


def _target(settings: Settings, sources: frozenset[str], letter: DeadLetter) -> tuple[str, str]:
    """Return the topic that a letter goes to and "", or "" and why it goes nowhere."""
    if letter.value is None:
        return "", "without a value"
    if letter.reason == RejectionReason.OVERSIZE:
        return "", "over 64 KiB"
    origin = letter.origin
    if origin is None:
        return (Topics(settings.prefix).full("events"), "") if _is_event(letter.value) else ("", "no event, by a hook")
    return (origin, "") if origin in sources else ("", f"of {origin}, which is no source topic here")


def _is_event(value: bytes) -> bool:
    """Return whether a value has the shape of a record of `events`."""
    try:
        found = msgspec.json.decode(value)
    except (ValueError, RecursionError):
        return False
    kind = found.get("type") if isinstance(found, dict) else None
    return isinstance(kind, str) and kind in SCHEMAS


async def _send(settings: Settings, chunk: list[_Sendable]) -> int:
    for topic in sorted({each.topic for each in chunk}):
        async with Publisher(settings, topic) as publisher:
            for letter in (each.letter for each in chunk if each.topic == topic):
                assert letter.value is not None
                headers = [*letter.headers, (RESENT, letter.identity.encode())]
                await publisher.publish(letter.key, letter.value, headers)
    producer = AIOKafkaProducer(**settings.kafka_client(), enable_idempotence=True)
    await producer.start()
    try:
        marker = msgspec.json.encode([each.letter.identity for each in chunk])
        await producer.send_and_wait(Topics(settings.prefix).resent, marker, key=None)
    finally:
        await producer.stop()
    return len(chunk)


async def _read_markers(settings: Settings) -> set[str]:
    """Return the identities of what was sent again before."""
    topic = Topics(settings.prefix).resent
    if topic not in await partitions_by_topic(settings):
        return set()
    seen: set[str] = set()
    async for batch in read_range(settings.kafka_client(), topic, 0):
        for record in batch:
            seen.update(msgspec.json.decode(record.value, type=list[str]))
    return seen
