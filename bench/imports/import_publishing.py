"""Publish what a file holds as `goldstream import` does, to an Apache Kafka that runs for nothing else."""

import time
from pathlib import Path
from typing import NamedTuple

from agents.cli.importing.publication import ImportTerms, Publishing, look_up
from agents.importing.events.imported_event import ImportedEvent
from agents.importing.mapping.mapping import Mapping
from agents.importing.publication.event_spool import EventSpool
from agents.importing.publication.known_events import KnownEvents
from agents.importing.reading.opening import open_source
from agents.importing.staging.stage import stage
from agents.importing.understanding import PolicyInfo, UnderstandOptions, understand
from bench.imports.order_lines import CURRENCY
from bench.testbed.broker import BenchFailed
from bench.testbed.testbed import LogProgress, Testbed, run_on_testbed

_IMPORT_ID = "bench"
_SOURCE = "purchases"


class PublishedFile(NamedTuple):
    """What publishing took, by the wall clock.

    Attributes:
        events: all of them acknowledged, and entered in the order ledger.
        look_up_s: until it is known that the ledger has none of them.
        publish_s: from then on.
    """

    events: int
    look_up_s: float
    publish_s: float


def publish_file(path: Path, orders: int, log: LogProgress) -> PublishedFile:
    """Publish the orders of a file.

    Raises:
        Missing: Java or Maven is not available.
        BenchFailed: not all of them were published.
    """

    async def measure(testbed: Testbed) -> PublishedFile:
        with stage([open_source(path)], lambda _: None) as staging, EventSpool() as spool:
            keys = KnownEvents(staging.con.cursor())

            def add(event: ImportedEvent) -> None:
                keys.add_event(spool.add(event))

            options = UnderstandOptions(topic=_SOURCE, import_id=_IMPORT_ID, on_event=add)
            understand(staging, Mapping(), PolicyInfo(CURRENCY), options)
            terms = ImportTerms(_IMPORT_ID, "import:generic", allow_anonymous=False, is_dry=False)
            log("publishing")
            started_s = time.perf_counter()
            publication = await look_up(testbed.settings, keys, spool, terms, lambda _: None)
            known_s = time.perf_counter()
            published = await Publishing(testbed.settings, _SOURCE, publication, spool).run(lambda _: None)
            ended_s = time.perf_counter()
        if not published.is_complete or published.count != orders:
            message = f"{published.count:,} of {orders:,} events were published"
            raise BenchFailed(message)
        return PublishedFile(published.count, known_s - started_s, ended_s - known_s)

    return run_on_testbed("wall", log, measure)
