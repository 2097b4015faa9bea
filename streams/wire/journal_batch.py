"""Admit the records of a batch: each becomes a record of the journal, or is rejected."""

from collections.abc import Sequence
from typing import Final

import msgspec
from aiokafka import ConsumerRecord

from state.customer.referrals import referral_of
from state.intake.admission import AdmissionRules, Rejected, admit
from state.records.events import AnonymousSale, CustomerSignedUp, encode_record
from streams.kafka.writing.batch_writer import RecordSink
from streams.kafka.writing.publisher import partition_of

MAX_AHEAD_MS: Final = 5 * 60_000
"""How far ahead of the wall clock an event may be, in wall mode."""

_replace: Final = msgspec.structs.replace


class JournalBatch:
    """Admits records of one source partition and adds what is admitted to the journal.

    Attributes:
        rejects: the records that are no event, in their order, with the reason.
        anonymous_count: how many of the admitted records are anonymous sales.
        max_occurred_at: the greatest `occurred_at` admitted, in milliseconds; at least what it was at the start.
    """

    def __init__(self, topic: str, kind: str, partition: int, max_occurred_at: int, journal: list[RecordSink]) -> None:
        """Start with nothing.

        Args:
            topic: short name of the source topic, for the journal.
            kind: the same without the prefix, if the topic is another prefix's.
            partition: of the source topic.
            max_occurred_at: the greatest `occurred_at` so far; -1 before the first event.
            journal: where to add records, by partition of the journal.
        """
        self.rejects: list[tuple[ConsumerRecord, Rejected]] = []
        self.anonymous_count = 0
        self.max_occurred_at = max_occurred_at
        self._topic = topic
        self._kind = kind
        self._partition = partition
        self._journal = journal

    def admit_all(self, records: Sequence[ConsumerRecord], rules: AdmissionRules, now_ms: int | None) -> None:
        """Admit or reject each record.

        Args:
            records: those that follow in the partition.
            rules: the rules of the active policy.
            now_ms: the wall time: no event may be more than 5 minutes ahead, and it is the horizon of backfill events;
                None in event mode, where their own moments are.
        """
        latest_ms = None if now_ms is None else now_ms + MAX_AHEAD_MS
        topic, kind, partition = self._topic, self._kind, self._partition
        journal, is_own = self._journal, self._topic == self._kind
        partitions = len(journal)
        for record in records:
            result = admit(kind, partition, record.offset, record.value, rules, latest_ms)
            if isinstance(result, Rejected):
                self.rejects.append((record, result))
                continue
            event = result.event
            occurred_at = event.occurred_at
            if event.backfill:
                event = _replace(event, topic=topic, horizon=occurred_at if now_ms is None else now_ms)
            elif not is_own:
                event = _replace(event, topic=topic)
            self.max_occurred_at = max(self.max_occurred_at, occurred_at)
            timestamp: int = record.timestamp
            if isinstance(event, AnonymousSale):
                self.anonymous_count += 1
                spread = event.event_id.encode()
                journal[partition_of(spread, partitions)].add(None, encode_record(event), None, timestamp)
                continue
            key = result.customer_id.encode()
            journal[partition_of(key, partitions)].add(key, encode_record(event), None, timestamp)
            if isinstance(event, CustomerSignedUp):
                referral = referral_of(result.customer_id, event)
                if referral is not None:
                    referrer = referral[0].encode()
                    journal[partition_of(referrer, partitions)].add(
                        referrer, encode_record(referral[1]), None, timestamp
                    )
