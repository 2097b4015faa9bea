"""Encode outputs as records: CloudEvents 1.0 in Kafka's binary mode."""

from typing import Final

import msgspec

from state.records.outputs import (
    ErasureTombstone,
    MessageSent,
    MessageSuppressed,
    OutcomeReported,
    Output,
    SegmentChanged,
)
from state.units.timestamps import format_ms
from streams.kafka.topics import Topics
from streams.kafka.writing.batch_writer import Headers
from streams.wire.change_json import ChangeJson

_encode: Final = msgspec.json.Encoder().encode
_SPEC: Final = ("ce_specversion", b"1.0")
_JSON: Final = ("content-type", b"application/json")
_MESSAGE_TYPE: Final = {
    "offers": ("ce_type", b"goldstream.offer.v1"),
    "reactivations": ("ce_type", b"goldstream.reactivation.v1"),
}
_CHANGE_TYPE: Final = ("ce_type", b"goldstream.segment-changed.v1")
_OUTCOME_TYPE: Final = ("ce_type", b"goldstream.outcome.v1")
_SUPPRESSION_TYPE: Final = ("ce_type", b"goldstream.suppression.v1")

PublishedRecord = tuple[str, bytes, bytes | None, Headers]
"""Topic, key, value and headers."""


class CloudEvents:
    """Encodes outputs of the fold; nothing in the records depends on the clock."""

    def __init__(self, topics: Topics, source: str) -> None:
        """Encode for these topics; `source` is the prefix in `ce_source`, after a replay that of the first journal."""
        self._topics = topics
        self._change_json = ChangeJson()
        self._source = ("ce_source", f"/goldstream/{source}".encode())
        self._messages = {"offers": topics.offers, "reactivations": topics.reactivations}

    def record(self, output: Output) -> PublishedRecord:
        """Return the record of an output."""
        if isinstance(output, SegmentChanged):
            customer_id, at = output.customer_id, format_ms(output.at)
            key = customer_id.encode()
            # `output.change_id`, which compiled code would call in the interpreter
            headers = self._headers(_CHANGE_TYPE, f"{customer_id}:{output.seq}", key, at.encode())
            return self._topics.segment_changes, key, self._change_json.encode(output, at), headers
        if isinstance(output, MessageSent):
            message = output.value
            kind = _MESSAGE_TYPE[output.topic]
            headers = self._headers(kind, message.message_id, message.customer_id.encode(), message.due_at.encode())
            return self._messages[output.topic], message.customer_id.encode(), _encode(message), headers
        if isinstance(output, MessageSuppressed):
            suppression = output.value
            key, at = suppression.customer_id.encode(), suppression.at
            step = suppression.attempt or 0
            ce_id = f"{suppression.customer_id}:{output.tag}:{suppression.campaign}:{step}:{suppression.reason}"
            headers = self._headers(_SUPPRESSION_TYPE, ce_id, key, at.encode())
            return self._topics.suppressions, key, _encode(suppression), headers
        if isinstance(output, OutcomeReported):
            outcome = output.value
            ce_id = f"{outcome.customer_id}:{output.tag}:{outcome.campaign}:outcome"
            headers = self._headers(_OUTCOME_TYPE, ce_id, outcome.customer_id.encode(), outcome.to_at.encode())
            return self._topics.outcomes, outcome.customer_id.encode(), _encode(outcome), headers
        return self._tombstone(output)

    def _tombstone(self, erased: ErasureTombstone) -> PublishedRecord:
        ce_id = f"{erased.customer_id}:{erased.seq}:erased"
        headers = self._headers(_CHANGE_TYPE, ce_id, erased.customer_id.encode(), erased.at.encode())
        return self._topics.segment_changes, erased.customer_id.encode(), None, headers

    def _headers(self, kind: tuple[str, bytes], ce_id: str, subject: bytes, at: bytes) -> Headers:
        return [_SPEC, ("ce_id", ce_id.encode()), kind, self._source, ("ce_subject", subject), ("ce_time", at), _JSON]
