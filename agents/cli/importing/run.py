"""One run of `goldstream import`: read, understand, ask, look up, report, publish."""

import asyncio
import secrets
import tomllib
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import typer

from agents.cli.failures import CommandFailed, UsageFailure, kafka_named, print_error
from agents.cli.importing.file_reading import FilesGiven, read_files, report_unreadable, understand_files
from agents.cli.importing.publication import (
    ImportTerms,
    NotReached,
    Publication,
    Publishing,
    active_policy,
    active_policy_soon,
    look_up,
    nothing_known,
)
from agents.cli.terminal.asking import check_can_ask, confirm
from agents.cli.terminal.progress import progress_of
from agents.importing.event_sorter import EventSorter
from agents.importing.findings import UNREADABLE, Assumption, FileError, ImportRefused
from agents.importing.import_report import ImportReport
from agents.importing.publication.event_spool import EventSpool
from agents.importing.publication.known_events import KnownEvents
from agents.importing.publication.known_refusals import check_known, known_with_others
from agents.importing.understanding import PolicyInfo, Understanding, UnderstandOptions
from state.config.policy import Policy
from state.records.events import MAX_IMPORT_ID
from state.units.counts import counted
from state.units.timestamps import format_ms
from streams.clock import SYSTEM_CLOCK
from streams.defaults import policy_text
from streams.kafka.needed_rights import NO_RIGHTS, importing
from streams.kafka.topics import Topics
from streams.settings.rules_files import configured_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agents.importing.events.imported_event import ImportedEvent
    from streams.settings.settings import Settings

BUILT_IN: Final = frozenset({policy_text("en"), policy_text("ru")})
_FUTURE_MS: Final = 5 * 60_000
_EVENTS_PER_UPDATE: Final = 1_000


@dataclass(frozen=True, kw_only=True)
class ImportSettings:
    """What to do with the files; the attributes are options of the command."""

    allow_anonymous: bool
    dry_run: bool
    as_json: bool
    strict: bool
    errors: Path | None
    live: bool
    sort: bool
    import_id: str | None
    yes: bool


class ImportRun:
    """Runs the command once.

    Attributes:
        import_id: the id of this import.
    """

    def __init__(self, settings: "Settings", files: FilesGiven, given: ImportSettings) -> None:
        """Take the options.

        Raises:
            UsageFailure: the import id cannot be one.
        """
        self.import_id = given.import_id if given.import_id is not None else _new_import_id()
        if not 1 <= len(self.import_id) <= MAX_IMPORT_ID or not self.import_id.isprintable():
            raise UsageFailure(f"--import-id must have 1 to {MAX_IMPORT_ID} characters: got {self.import_id!r}")
        self._settings = settings
        self._files = files
        self._given = given
        self._topic = Topics(settings.prefix).full(files.topic)
        self._policy_assumption: Assumption | None = None
        self._is_reached = True

    def run(self) -> None:
        """Report about the files and publish what is new.

        Raises:
            CommandFailed: a file cannot be read, the import is refused, or it was interrupted.
            UsageFailure, ConfigErrors: an option or a mapping file has errors.
        """
        files = self._files
        mapping = files.mapping()
        self._say(f"import {self.import_id}")
        try:
            with ExitStack() as resources:
                policy = self._policy()
                staging = resources.enter_context(read_files(files, mapping))
                spool = resources.enter_context(EventSpool())
                keys = KnownEvents(staging.con.cursor())
                with _Collector(spool, keys, sort=self._given.sort) as collector:
                    options = self._understand_options(collector)
                    understanding = understand_files(files, mapping, staging, policy_info(policy), options)
                unreadable = report_unreadable(files, understanding, self._given.errors)
                if not (unreadable and self._given.strict):
                    self._publish(understanding, keys, spool)
        except (FileError, ImportRefused) as error:
            raise CommandFailed(*str(error).splitlines()) from error
        if unreadable and self._given.strict:
            raise CommandFailed("nothing published, because of --strict")

    def _say(self, line: str) -> None:
        """Write a line for people: with `--json`, standard output is for the report alone."""
        if self._given.as_json:
            print_error(line)
        else:
            typer.echo(line)

    def _policy(self) -> Policy:
        """Return the active policy, otherwise the configured one; a dry run works without Kafka too."""
        settings, policy, origin = self._settings, None, "active"
        if self._given.dry_run:
            try:
                policy = asyncio.run(active_policy_soon(settings))
            except NotReached as error:
                self._is_reached = False
                origin = f"configured: {error}, so everything counts as new"
        else:
            with kafka_named(settings, importing(settings, self._files.topic)):
                policy = asyncio.run(active_policy(settings))
        if policy is None:
            policy = configured_policy(settings)
            origin = "configured; none is active yet" if self._is_reached else origin
        self._policy_assumption = Assumption("policy", policy.ref, origin)
        return policy

    def _understand_options(self, collector: "_Collector") -> UnderstandOptions:
        return UnderstandOptions(
            allow_anonymous=self._given.allow_anonymous,
            latest_ms=SYSTEM_CLOCK.wall_ms() + _FUTURE_MS if self._settings.time == "wall" else None,
            topic=self._files.topic,
            import_id=self.import_id,
            live=self._given.live,
            on_event=collector.add,
        )

    def _publish(self, understanding: Understanding, keys: KnownEvents, spool: EventSpool) -> None:
        """Look up what is known, report, and publish the rest."""
        given = self._given
        publication = self._look_up(understanding, keys, spool)
        new = publication.count(spool, understanding.left_out)
        events = new.kinds
        if self._is_reached:
            check_known(
                ", ".join(map(str, self._files.files)), publication.plan.known.others, understanding.left_out, events
            )
        report = self._report(understanding, events, new.examples.samples() or understanding.samples)
        if given.as_json:
            typer.echo(report.to_json())
        else:
            for line in report.to_lines():
                typer.echo(line)
        if others := len(publication.plan.known.others.numbers):
            print_error(f"goldstream: {known_with_others(others)} and left out: no order counts for two customers")
        if events["erasure"]:
            check_can_ask(yes=given.yes)
        unread = _unread(understanding)
        if given.dry_run:
            self._say(f"import {self.import_id}: nothing published, a dry run{unread}")
        elif not events:
            self._say(f"import {self.import_id}: nothing is new, and nothing was published{unread}")
        else:
            if events["erasure"]:
                confirm(f"Erase {counted(events['erasure'], 'customer')}, for good?", yes=given.yes)
            self._publish_all(publication, spool, events.total(), unread)

    def _look_up(self, understanding: Understanding, keys: KnownEvents, spool: EventSpool) -> Publication:
        settings, given = self._settings, self._given
        route = f"import:{understanding.platform}"
        terms = ImportTerms(self.import_id, route, given.allow_anonymous, given.dry_run)
        if not self._is_reached:
            return nothing_known(spool, terms)
        needed = importing(settings, None) if given.dry_run else NO_RIGHTS  # otherwise they are checked by now
        with kafka_named(settings, needed), progress_of("reading the order ledger", 1.0) as show:
            return asyncio.run(look_up(settings, keys, spool, terms, show))

    def _report(
        self, understanding: Understanding, events: Counter[str], samples: "Sequence[ImportedEvent]"
    ) -> ImportReport:
        totals = understanding.totals
        assert self._policy_assumption is not None
        return ImportReport(
            platform=understanding.platform,
            import_id=self.import_id,
            rows=totals.rows,
            events=events,
            orders=totals.orders,
            anonymous=totals.anonymous,
            refunds=totals.refunds,
            signups=totals.events["signup"],
            customers=totals.customers,
            gross_minor=totals.gross_minor,
            refunds_minor=totals.refunds_minor,
            currency=understanding.currency,
            first_ms=totals.first_ms,
            last_ms=totals.last_ms,
            reachable=totals.reachable,
            assumptions=[*understanding.assumptions, self._policy_assumption],
            left_out=understanding.left_out.rows(),
            samples=[sample.value for sample in samples],
        )

    def _publish_all(self, publication: Publication, spool: EventSpool, total: int, unread: str) -> None:
        settings = self._settings
        publishing = Publishing(settings, self._files.topic, publication, spool)
        try:
            with kafka_named(settings, NO_RIGHTS), progress_of(f"publishing to {self._topic}", total) as show:
                published = asyncio.run(publishing.run(show))
        except BaseException as error:
            print_error(f"goldstream: {self._continuation(publishing.published.count, total)}")
            if isinstance(error, asyncio.CancelledError):
                raise KeyboardInterrupt from error
            raise
        if not published.is_complete:
            raise CommandFailed(f"interrupted: {self._continuation(published.count, total)}")
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(published.kinds.items()))
        self._say(
            f"import {self.import_id}: published {counted(published.count, 'event')} ({kinds}) to {self._topic}{unread}"
        )

    def _continuation(self, count: int, total: int) -> str:
        return (
            f"{self._topic} has {count:,} of {counted(total, 'event')}; the same command with --import-id "
            f"{self.import_id} adds the rest"
        )


def _unread(understanding: Understanding) -> str:
    """Return what the last line says of rows that are missing from an import that succeeds."""
    count = understanding.left_out.count(UNREADABLE)
    return f"; WITHOUT {count:,} of {counted(understanding.totals.rows, 'row')}, which cannot be read" if count else ""


class _Collector:
    """Spools events while they are counted; a context manager, at whose end all of them are spooled.

    With `sort`, they are in the order of their moments, in which they come; otherwise in that of the file.
    """

    def __init__(self, spool: EventSpool, keys: KnownEvents, *, sort: bool) -> None:
        self._resources = ExitStack()
        self._spool = spool
        self._keys = keys
        self._sorter = None if sort else self._resources.enter_context(EventSorter())
        self._count = 0
        self._show: Callable[[float], None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._resources:
            if error is None and self._sorter is not None:
                for event in self._sorter:
                    self._keys.add_event(self._spool.add(event))

    def add(self, event: "ImportedEvent") -> None:
        """Add the next event."""
        if self._show is None:  # now that nothing is asked any more
            self._show = self._resources.enter_context(progress_of("checking events", None))
        if self._sorter is not None:
            self._sorter.add(event.line, event)
        else:
            self._keys.add_event(self._spool.add(event))
        self._count += 1
        if self._count % _EVENTS_PER_UPDATE == 0:
            self._show(self._count)


def policy_info(policy: Policy) -> PolicyInfo:
    """Return what of a policy matters to a file: its time zone only if the shop's own file names one."""
    names_zone = policy.text not in BUILT_IN and "timezone" in tomllib.loads(policy.text)
    return PolicyInfo(policy.currency, policy.rates, policy.timezone if names_zone else None)


def _new_import_id() -> str:
    """Return an id that tells when the import was: `20260514-093012-6f3a`."""
    moment = format_ms(SYSTEM_CLOCK.wall_ms())
    digits = "".join(letter for letter in moment[:19] if letter.isdigit())
    return f"{digits[:8]}-{digits[8:]}-{secrets.token_hex(2)}"
