"""Suggest a policy from the journal, or from a shop's own files: `goldstream policy suggest`."""

from array import array
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

from agents.analysis.history_builder import HistoryBuilder
from agents.analysis.journal_ends import journal_ends
from agents.importing.events.imported_event import ImportedEvent
from state.config.active_rules import ActiveRules
from state.config.policy import Policy
from state.intake.admission import AdmissionRules, Admitted, admit
from state.records.events import OrderPlaced, decode_record
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


class FilesHistory:
    """The orders of a shop's own files, event by event.

    Attributes:
        order_minor: the amount of every order, in minor units.
    """

    def __init__(self, currency: str, rates: dict[str, Decimal]) -> None:
        """Take orders in `currency`, and in those that `rates` convert to it."""
        self.order_minor = array("q")
        self._rules = AdmissionRules(currency, DIGITS[currency], rates, zone_names())
        self._history = HistoryBuilder(currency)
        self._count = 0

    def add(self, event: ImportedEvent) -> None:
        """Add the next event, in the order of their moments."""
        admitted = admit("events", 0, self._count, event.value, self._rules, None)
        if isinstance(admitted, Admitted):
            self._history.add(self._count, admitted.customer_id, admitted.event)
            if isinstance(admitted.event, OrderPlaced) and admitted.event.base:
                self.order_minor.append(admitted.event.base)
        self._count += 1

    def median_order(self) -> str:
        """Return what half of the orders exceed, in major units with two significant digits; there are some."""
        median = Decimal(sorted(self.order_minor)[len(self.order_minor) // 2]).scaleb(-self._rules.digits)
        return format(round(median, 1 - median.adjusted()).normalize(), "f")

    def suggest(self, source: str, timezone: str, notes: Sequence[str]) -> str:
        """Return the text of a policy with a window of at most a year.

        Args:
            source: where the history is from, for the comments.
            timezone: of the shop's days.
            notes: remarks on the history, for the comments.

        Raises:
            InsufficientHistory: the history is too short or too small for thresholds.
        """
        evidence = _evidence([self._history], lambda days: min(YEAR_DAYS, days) * DAY_MS)
        window_days = evidence.window_ms // DAY_MS
        why = "A year: seasons come round once in it."
        if window_days < YEAR_DAYS:
            why = (
                f"The history is only {window_days} days long, so the window is too: with more, make it a year. Under "
                "a prefix the window never changes; another one takes a replay."
            )
        details = PolicyDetails(
            source=source,
            name=NAME,
            version=1,
            currency=self._rules.currency,
            digits=self._rules.digits,
            window=str(window_days),
            window_why=why,
            timezone=timezone,
            rates=self._rules.rates,
            notes=notes,
        )
        return policy_text(evidence.suggest(), evidence, details)


def _evidence(histories: Sequence[HistoryBuilder], window_ms: Callable[[int], int]) -> Evidence:
    """Return the evidence of all histories; `window_ms` gives the window for a number of days of history."""
    first = min((history.first_order_ms for history in histories if history.first_order_ms is not None), default=0)
    end = max((history.last_event_ms for history in histories if history.last_event_ms is not None), default=first)
    evidence = Evidence(first, end, window_ms((end - first) // DAY_MS))
    for history in histories:
        for profile in history.profiles():
            evidence.add(profile)
    return evidence
