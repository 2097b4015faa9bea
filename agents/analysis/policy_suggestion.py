"""Suggest a policy from the journal, or from a shop's own files: `goldstream policy suggest`."""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from agents.analysis.history_builder import HistoryBuilder
from agents.analysis.journal_ends import journal_ends
from agents.importing.event_builder import EventBuilder
from agents.importing.parquet_reader import ParquetReader
from agents.importing.report import ImportReport, build_events
from agents.importing.row_mapping import Mapping
from agents.importing.row_reader import FileError, RowReader, format_of
from state.config.active_rules import ActiveRules
from state.config.policy import Policy
from state.intake.admission import AdmissionRules, Admitted, admit
from state.records.events import decode_record
from state.suggestion.policy_text import PolicyDetails, policy_text
from state.suggestion.suggest import Evidence
from state.units.money import DIGITS
from state.units.time_zones import zone_names
from state.units.timestamps import DAY_MS
from streams.kafka.control import read_control, reduce_control
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics
from streams.settings.settings import Settings
from streams.tables.erasure_ledger import read_ledger

NAME: Final = "suggested"
YEAR_DAYS: Final = 365
_SAMPLED_ROWS: Final = 1_000
"""From so many rows at the start of a file its currency is guessed."""
_PROGRESS_ROWS: Final = 1_000

ReportProgress: TypeAlias = Callable[[float], None]
"""Called with the part that has been read, 0 to 1."""


async def suggest_from_journal(settings: Settings, on_progress: ReportProgress) -> str:
    """Return the text of a policy that may replace the active one: it has its currency, window, time zone and rates.

    Raises:
        NoControlTopic, EmptyJournal: there is no journal, or no policy was ever active.
        UnknownFormatVersion: the journal was written by a newer version.
        InsufficientHistory: the history is too short or too small for a policy.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    rules = reduce_control(await read_control(settings))
    ends = await journal_ends(settings, rules)
    policy = rules.policy
    assert policy is not None
    topics, kafka = Topics(settings.prefix), settings.kafka_client()
    histories, read_count, total = [], 0, max(1, sum(ends.values()))
    for number, end in ends.items():
        history = HistoryBuilder(policy.currency, await read_ledger(read_range(kafka, topics.erasure_ledger, number)))
        async for batch in read_range(kafka, topics.journal, number, end=end):
            for message in batch:
                key = message.key.decode() if message.key else ""
                history.add(message.offset, key, decode_record(message.value))
            read_count += len(batch)
            on_progress(read_count / total)
        histories.append(history)
    evidence = _evidence(histories, lambda _: policy.window_ms)
    return policy_text(evidence.suggest(), evidence, _journal_details(settings, rules, policy))


def _journal_details(settings: Settings, rules: ActiveRules, policy: Policy) -> PolicyDetails:
    versions = [earlier.version for earlier in rules.policies.values() if earlier.name == NAME]
    return PolicyDetails(
        source=f"the journal of {settings.prefix}",
        name=NAME,
        version=max(versions, default=0) + 1,
        currency=policy.currency,
        digits=policy.digits,
        window=policy.window_days,
        window_why=f"As in {policy.ref}, which is active: under a prefix the window never changes.",
        timezone=policy.timezone,
        rates=policy.rates,
        notes=(),
    )


def suggest_from_files(
    files: Sequence[Path],
    mapping: Mapping,
    configured: Policy,
    on_progress: ReportProgress,
    on_remark: Callable[[str], None],
) -> str:
    """Return the text of a policy in the currency of most rows at the start, with a window of at most a year.

    Args:
        files: CSV, JSON Lines or Parquet.
        mapping: how to read them.
        configured: the policy whose time zone is used, and whose rates if it has the same currency.
        on_progress: is called as the files are read.
        on_remark: is called with each remark on what could not be read.

    Raises:
        FileError: a file cannot be read, or none of its rows.
        InsufficientHistory: the history is too short or too small for a policy.
    """
    currency = _likely_currency(files[0], mapping, configured)
    rates = configured.rates if currency == configured.currency else {}
    admission_rules = AdmissionRules(currency, DIGITS[currency], rates, zone_names())
    history, event_count, unreadable = HistoryBuilder(currency), 0, 0
    for number, file in enumerate(files):
        reader = _open(file, mapping)
        with ImportReport(file, None, on_remark) as report:
            for event in build_events(reader.rows(), _event_builder(reader, mapping, admission_rules), report, None):
                admitted = admit("events", 0, event_count, event.value, admission_rules, None)
                if isinstance(admitted, Admitted):
                    history.add(event_count, admitted.customer_id, admitted.event)
                if event_count % _PROGRESS_ROWS == 0:
                    on_progress((number + reader.position() / max(1, reader.size)) / len(files))
                event_count += 1
            report.print_remarks()
            if not report.events:
                raise FileError(f"{file}: {report.summary()}; name the columns in a mapping file (--map)")
            unreadable += report.unreadable
    evidence = _evidence([history], lambda days: min(YEAR_DAYS, days) * DAY_MS)
    return policy_text(
        evidence.suggest(), evidence, _files_details(files, configured, admission_rules, evidence, unreadable)
    )


def _files_details(
    files: Sequence[Path], configured: Policy, admission_rules: AdmissionRules, evidence: Evidence, unreadable: int
) -> PolicyDetails:
    window_days = evidence.window_ms // DAY_MS
    why = "A year: seasons come round once in it."
    if window_days < YEAR_DAYS:
        why = (
            f"The history is only {window_days} days long, so the window is too: with more, make it a year. Under a "
            "prefix the window never changes; another one takes a replay."
        )
    return PolicyDetails(
        source=", ".join(file.name for file in files),
        name=NAME,
        version=1,
        currency=admission_rules.currency,
        digits=admission_rules.digits,
        window=str(window_days),
        window_why=why,
        timezone=configured.timezone,
        rates=admission_rules.rates,
        notes=[_unreadable_note(unreadable)] if unreadable else [],
    )


def _unreadable_note(rows: int) -> str:
    return (
        "1 row could not be read and does not count."
        if rows == 1
        else f"{rows:,} rows could not be read and do not count."
    )


def _evidence(histories: Sequence[HistoryBuilder], window_ms: Callable[[int], int]) -> Evidence:
    """Return the evidence of all histories; `window_ms` gives the window for a number of days of history."""
    first = min((history.first_order_ms for history in histories if history.first_order_ms is not None), default=0)
    end = max((history.last_event_ms for history in histories if history.last_event_ms is not None), default=first)
    evidence = Evidence(first, end, window_ms((end - first) // DAY_MS))
    for history in histories:
        for profile in history.profiles():
            evidence.add(profile)
    return evidence


def _open(file: Path, mapping: Mapping) -> RowReader | ParquetReader:
    file_format = format_of(file)
    if file_format is None:
        raise FileError(f"{file} must end in .csv, .jsonl or .parquet, or .csv.gz or .jsonl.gz; rename it")
    return ParquetReader(file) if file_format == "parquet" else RowReader(file, file_format, mapping)


def _event_builder(reader: RowReader | ParquetReader, mapping: Mapping, rules: AdmissionRules) -> EventBuilder:
    may_vary = reader.file_format == "jsonl"
    return EventBuilder(reader.path, mapping, rules, "events", backfill=False, may_vary=may_vary)


def _likely_currency(file: Path, mapping: Mapping, configured: Policy) -> str:
    """Return the currency of most rows at the start of a file, or that of the configured policy if rows have none."""
    any_currency = AdmissionRules(
        configured.currency, configured.digits, dict.fromkeys(DIGITS, Decimal(1)), zone_names()
    )
    reader = _open(file, mapping)
    with ImportReport(file, None, lambda _: None) as report:
        events = build_events(reader.rows(), _event_builder(reader, mapping, any_currency), report, None)
        values = (msgspec.json.decode(event.value) for event in itertools.islice(events, _SAMPLED_ROWS))
        currencies = Counter(currency for value in values if (currency := value.get("currency")))
    return currencies.most_common(1)[0][0] if currencies else configured.currency
