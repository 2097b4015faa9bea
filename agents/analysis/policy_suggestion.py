"""`goldstream policy suggest`: a policy made of the journal, or of a shop's own files."""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec

from agents.analysis.history_builder import HistoryBuilder
from agents.analysis.journal_reader import journal_ends, read_ledger
from agents.importing.event_builder import EventBuilder
from agents.importing.mapping import Mapping
from agents.importing.parquet_reader import ParquetReader
from agents.importing.report import ImportReport, build_events
from agents.importing.row_reader import FileError, RowReader, format_of
from state.config.active_rules import ActiveRules
from state.config.policy import Policy
from state.intake.admission import AdmissionRules, Admitted, admit
from state.records.events import decode_record
from state.suggestion.policy_text import Basis, policy_text
from state.suggestion.suggest import Evidence
from state.units.money import DIGITS
from state.units.time_zones import zone_names
from state.units.timestamps import DAY_MS
from streams.kafka.control import read_control, reduce_control
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics
from streams.settings.settings import Settings

NAME: Final = "suggested"
YEAR_DAYS: Final = 365
_LOOKED_THROUGH: Final = 1_000
_SHOWN_EVERY: Final = 1_000

Show = Callable[[float], None]
"""Told which part has been read, 0 to 1."""


async def suggest_from_journal(settings: Settings, show: Show) -> str:
    """A policy that may follow the one in force: of its currency, window, time zone and rates.

    Raises:
        NoControlTopic, NothingJournaled: there is no journal, or no policy has come into force.
        UnknownFormat: the journal was written by a newer version.
        TooLittle: the history does not bear a policy.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    rules = reduce_control(await read_control(settings))
    ends = await journal_ends(settings, rules)
    policy = rules.policy
    assert policy is not None
    topics, kafka = Topics(settings.prefix), settings.kafka_client()
    histories, read, total = [], 0, max(1, sum(ends.values()))
    for number, end in ends.items():
        history = HistoryBuilder(policy.currency, await read_ledger(settings, number))
        async for batch in read_range(kafka, topics.journal, number, end=end):
            for message in batch:
                key = message.key.decode() if message.key else ""
                history.add(message.offset, key, decode_record(message.value))
            read += len(batch)
            show(read / total)
        histories.append(history)
    evidence = _evidence(histories, lambda _: policy.window_ms)
    return policy_text(evidence.suggest(), evidence, _basis_in_force(settings, rules, policy))


def _basis_in_force(settings: Settings, rules: ActiveRules, policy: Policy) -> Basis:
    versions = [known.version for known in rules.policies.values() if known.name == NAME]
    return Basis(
        source=f"the journal of {settings.prefix}",
        name=NAME,
        version=max(versions, default=0) + 1,
        currency=policy.currency,
        digits=policy.digits,
        window=policy.window_days,
        window_why=f"As in {policy.ref}, which is in force: under a prefix the window never changes.",
        timezone=policy.timezone,
        rates=policy.rates,
        notes=(),
    )


def suggest_from_files(
    files: Sequence[Path], mapping: Mapping, configured: Policy, show: Show, say: Callable[[str], None]
) -> str:
    """A policy in the currency in which most of the first rows are, with a window of a year or of what there is.

    Args:
        files: CSV, JSON Lines or Parquet.
        mapping: how to read them.
        configured: whose rates and time zone serve, the rates if the currency is its own.
        show: told which part has been read.
        say: told what could not be read.

    Raises:
        CannotOpen: a file cannot be read, or nothing in it could be.
        TooLittle: the history does not bear a policy.
    """
    currency = _likely_currency(files[0], mapping, configured)
    rates = configured.rates if currency == configured.currency else {}
    exchange = AdmissionRules(currency, DIGITS[currency], rates, zone_names())
    history, taken, unread = HistoryBuilder(currency), 0, 0
    for number, file in enumerate(files):
        source = _opened(file, mapping)
        with ImportReport(file, None, say) as report:
            for event in build_events(source.rows(), _translation(source, mapping, exchange), report, None):
                admitted = admit("events", 0, taken, event.value, exchange, None)
                if isinstance(admitted, Admitted):
                    history.add(taken, admitted.customer_id, admitted.event)
                if taken % _SHOWN_EVERY == 0:
                    show((number + source.position() / max(1, source.size)) / len(files))
                taken += 1
            report.print_remarks()
            if not report.events:
                raise FileError(f"{file}: {report.summary()}; name the columns in a mapping file (--map)")
            unread += report.unreadable
    evidence = _evidence([history], lambda days: min(YEAR_DAYS, days) * DAY_MS)
    return policy_text(evidence.suggest(), evidence, _basis_of_files(files, configured, exchange, evidence, unread))


def _basis_of_files(
    files: Sequence[Path], configured: Policy, exchange: AdmissionRules, evidence: Evidence, unread: int
) -> Basis:
    window = evidence.window_ms // DAY_MS
    why = "A year: seasons come round once in it."
    if window < YEAR_DAYS:
        why = (
            f"The history is only {window} days long, so the window is too: with more, make it a year. Under a prefix "
            "the window never changes; another one takes a replay."
        )
    return Basis(
        source=", ".join(file.name for file in files),
        name=NAME,
        version=1,
        currency=exchange.currency,
        digits=exchange.digits,
        window=str(window),
        window_why=why,
        timezone=configured.timezone,
        rates=exchange.rates,
        notes=[_not_read(unread)] if unread else [],
    )


def _not_read(rows: int) -> str:
    return (
        "1 row could not be read and does not count."
        if rows == 1
        else f"{rows:,} rows could not be read and do not count."
    )


def _evidence(histories: Sequence[HistoryBuilder], window_ms: Callable[[int], int]) -> Evidence:
    """What all histories together say, `window_ms` told how many days there are."""
    first = min((at for history in histories if (at := history.first_order_ms) is not None), default=0)
    end = max((history.last_event_ms for history in histories if history.last_event_ms is not None), default=first)
    evidence = Evidence(first, end, window_ms((end - first) // DAY_MS))
    for history in histories:
        for profile in history.profiles():
            evidence.add(profile)
    return evidence


def _opened(file: Path, mapping: Mapping) -> RowReader | ParquetReader:
    form = format_of(file)
    if form is None:
        raise FileError(f"{file} must end in .csv, .jsonl or .parquet, or .csv.gz or .jsonl.gz; rename it")
    return ParquetReader(file) if form == "parquet" else RowReader(file, form, mapping)


def _translation(source: RowReader | ParquetReader, mapping: Mapping, exchange: AdmissionRules) -> EventBuilder:
    return EventBuilder(
        source.path, mapping, exchange, "events", backfill=False, may_vary=source.file_format == "jsonl"
    )


def _likely_currency(file: Path, mapping: Mapping, configured: Policy) -> str:
    """The currency of most of the first rows; that of the configured policy where rows have none."""
    every = AdmissionRules(configured.currency, configured.digits, dict.fromkeys(DIGITS, Decimal(1)), zone_names())
    source = _opened(file, mapping)
    with ImportReport(file, None, lambda _: None) as report:
        events = build_events(source.rows(), _translation(source, mapping, every), report, None)
        values = (msgspec.json.decode(event.value) for event in itertools.islice(events, _LOOKED_THROUGH))
        met = Counter(currency for value in values if (currency := value.get("currency")))
    return met.most_common(1)[0][0] if met else configured.currency
