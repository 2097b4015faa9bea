"""The part of an import that needs Kafka: what is known, and publishing the rest."""

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from aiokafka.errors import KafkaError

from agents.cli.failures import print_error
from agents.cli.publishing import ensure_topics
from agents.importing.events.examples import Examples
from agents.importing.publication.import_plan import ImportPlan
from agents.importing.publication.known_events import Known, KnownEvents
from agents.importing.publication.ledger_reading import Unfinished, find_known, read_erasures, settle
from agents.importing.publication.publishing import ImportPublisher, Published
from streams.clock import SYSTEM_CLOCK
from streams.kafka.broker import KafkaBroker
from streams.kafka.control import NoControlTopic, read_control, reduce_control
from streams.kafka.topics import Topics
from streams.kafka.writing.stage_producer import StageProducer
from streams.tables.announced_events import wait_for_servers

if TYPE_CHECKING:
    from agents.importing.findings import LeftOut
    from agents.importing.publication.event_spool import EventSpool
    from state.config.policy import Policy
    from state.records.erasure import Erasure
    from streams.settings.settings import Settings

DRY_SECONDS: Final = 5.0
"""How long a dry run, which works without Kafka too, waits for an answer."""


class NotReached(Exception):
    """Kafka does not answer; the message says why."""


async def active_policy(settings: "Settings") -> "Policy | None":
    """Return the active policy; None if none was ever active.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    try:
        return reduce_control(await read_control(settings)).policy
    except NoControlTopic:
        return None


async def active_policy_soon(settings: "Settings") -> "Policy | None":
    """Return the active policy if Kafka answers within seconds.

    Raises:
        NotReached: it does not.
    """
    try:
        async with asyncio.timeout(DRY_SECONDS):
            return await active_policy(settings)
    except TimeoutError as error:
        raise NotReached(f"Kafka at {settings.kafka} did not answer within {DRY_SECONDS:.0f} s") from error
    except (KafkaError, OSError) as error:
        raise NotReached(f"Kafka at {settings.kafka} cannot be reached") from error


@dataclass(frozen=True)
class Publication:
    """What is known of the events of a file.

    Attributes:
        plan: decides about each.
        unfinished: what an earlier import has left.
        erasures: of which the plan knows.
    """

    plan: ImportPlan
    unfinished: Unfinished
    erasures: "Mapping[bytes, Erasure]"

    def count(self, spool: "EventSpool", left_out: "LeftOut") -> "NewEvents":
        """Return what would be published; add the others to `left_out`, of a row once for each reason and customer."""
        new = NewEvents(Counter(each.event.kind for each in self.unfinished.first), Examples())
        row, counted = 0, set[tuple[str, str]]()
        for number, spooled in enumerate(spool):
            event, planned = spooled.event, self.plan.decide(number, spooled)
            if not isinstance(planned, str):
                new.kinds[planned.event.kind] += 1
                new.examples.add(planned.event)
                continue
            if event.line != row:
                row, counted = event.line, set()
            if (planned, event.customer_id) not in counted:
                left_out.add(planned, event.line)
            counted.add((planned, event.customer_id))
        return new


@dataclass(frozen=True)
class NewEvents:
    """What would be published.

    Attributes:
        kinds: how many events of each kind.
        examples: some of them.
    """

    kinds: Counter[str]
    examples: Examples


class ImportTerms(NamedTuple):
    """How an import was called.

    Attributes:
        import_id: its id.
        route: of new entries of the order ledger, such as `import:shopify`.
        allow_anonymous: whether refunds that name nobody may be of unknown orders.
        is_dry: whether it publishes nothing, and so need not wait for servers.
    """

    import_id: str
    route: str
    allow_anonymous: bool
    is_dry: bool

    def plan(self, known: Known, erasures: "Mapping[bytes, Erasure]") -> ImportPlan:
        """Return the plan by what is known."""
        return ImportPlan(known, erasures, self.import_id, self.route, allow_anonymous=self.allow_anonymous)


def nothing_known(spool: "EventSpool", terms: ImportTerms) -> Publication:
    """Return what is known without Kafka: nothing."""
    plan = terms.plan(Known({}, bytearray(spool.count), []), {})
    return Publication(plan, Unfinished([], []), {})


async def look_up(
    settings: "Settings",
    keys: KnownEvents,
    spool: "EventSpool",
    terms: ImportTerms,
    on_progress: Callable[[float], None],
) -> Publication:
    """Return what the ledgers know of the events of a file.

    Raises:
        UnknownFormatVersion: a version of goldstream wrote an entry that this one cannot read.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    broker, topics = KafkaBroker(settings), Topics(settings.prefix)
    erasures = await read_erasures(broker, topics)
    known = await find_known(broker, topics, keys, erasures, on_progress)
    plan = terms.plan(known, erasures)
    if not terms.is_dry:
        await wait_for_servers(known.hooks_announced_ms, SYSTEM_CLOCK)
    return Publication(plan, await settle(broker, topics, plan, spool), erasures)


class Publishing:
    """Publishes a file; Ctrl-C ends it after the chunk that is under way, a second one at once.

    Attributes:
        published: what is published so far.
    """

    def __init__(self, settings: "Settings", source: str, publication: Publication, spool: "EventSpool") -> None:
        """Publish to the source topic with this short name."""
        self.published = Published()
        self._settings = settings
        self._source = source
        self._publication = publication
        self._spool = spool
        self._stopping = False

    async def run(self, on_published: Callable[[int], None]) -> Published:
        """Create missing topics and publish.

        Raises:
            CommandFailed: topics cannot be created.
            aiokafka.errors.KafkaError: some events were not delivered.
            asyncio.CancelledError: it was told to stop at once.
        """
        settings, publication = self._settings, self._publication
        topics = Topics(settings.prefix)
        await ensure_topics(settings, self._source, "order-ledger", "erasure-ledger")
        producer = StageProducer(**settings.kafka_client())
        await producer.start()
        try:
            publisher = ImportPublisher(
                KafkaBroker(settings), producer, topics, self._source, publication.plan, self._spool
            )
            self.published = publisher.published
            with self._stopped_by_signals():
                return await publisher.run(
                    publication.unfinished, publication.erasures, on_published, lambda: self._stopping
                )
        finally:
            await producer.stop()

    @contextlib.contextmanager
    def _stopped_by_signals(self) -> Iterator[None]:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def stop() -> None:
            if self._stopping:
                task.cancel()
                return
            self._stopping = True
            print_error("goldstream: stopping after the events that are under way; Ctrl-C again stops at once")

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
