"""Changes, messages and suppressions as records: CloudEvents 1.0 in Kafka's binary mode."""

from typing import Final

import msgspec

from state.changes import Erased, KeptBack, Output, SegmentChanged, Sent
from state.moments import format_ms
from streams.change_json import ChangeJson
from streams.record_batch import Headers, header_name, header_value, varint
from streams.topics import Topics

_encode: Final = msgspec.json.Encoder().encode
_SPEC: Final = ("ce_specversion", b"1.0")
_JSON: Final = ("content-type", b"application/json")
_MESSAGE_TYPE: Final = {
    "offers": ("ce_type", b"goldstream.offer.v1"),
    "reactivations": ("ce_type", b"goldstream.reactivation.v1"),
}
_CHANGE_TYPE: Final = ("ce_type", b"goldstream.segment-changed.v1")
_SUPPRESSION_TYPE: Final = ("ce_type", b"goldstream.suppression.v1")


def _written(header: tuple[str, bytes]) -> bytes:
    return header_name(header[0]) + header_value(header[1])


_BEFORE_TIME: Final = header_name("ce_time")
_AFTER_TIME: Final = _written(_JSON)

PublishedRecord = tuple[str, bytes, bytes | None, Headers]
"""Topic, key, value and headers."""


class CloudEvents:
    """Makes records of what the fold puts out; nothing in them comes from the clock."""

    def __init__(self, topics: Topics, source: str) -> None:
        """Takes the topics and the prefix that stands in `ce_source` (of a replay, the journal's own)."""
        self.changes_topic = topics.segment_changes
        self._topics = topics
        self._change_json = ChangeJson()
        self._source = ("ce_source", f"/goldstream/{source}".encode())
        self._messages = {"offers": topics.offers, "reactivations": topics.reactivations}
        self._before_id = varint(7) + _written(_SPEC) + header_name("ce_id")
        self._before_subject = _written(_CHANGE_TYPE) + _written(self._source) + header_name("ce_subject")

    def change(self, change: SegmentChanged) -> tuple[bytes, bytes, bytes]:
        """Key, value and encoded headers of a change: what `record` and `encode_headers` say, in a fraction of time."""
        key, value, at = self._change(change)
        change_id = b"%b:%d" % (key, change.seq)
        headers = (
            self._before_id,
            header_value(change_id),
            self._before_subject,
            header_value(key),
            _BEFORE_TIME,
            header_value(at),
            _AFTER_TIME,
        )
        return key, value, b"".join(headers)

    def _change(self, change: SegmentChanged) -> tuple[bytes, bytes, bytes]:
        """Key, value and the moment in writing."""
        at = format_ms(change.at)
        return change.customer_id.encode(), self._change_json.encode(change, at), at.encode()

    def record(self, output: Output) -> PublishedRecord:
        """The record of an output."""
        if isinstance(output, SegmentChanged):
            key, value, at = self._change(output)
            return self._topics.segment_changes, key, value, self._headers(_CHANGE_TYPE, output.change_id, key, at)
        if isinstance(output, Sent):
            message = output.value
            kind = _MESSAGE_TYPE[output.topic]
            headers = self._headers(kind, message.message_id, message.customer_id.encode(), message.due_at.encode())
            return self._messages[output.topic], message.customer_id.encode(), _encode(message), headers
        if isinstance(output, KeptBack):
            kept = output.value
            ce_id = f"{kept.customer_id}:{output.seq}:{kept.campaign}:{kept.attempt or 0}:{kept.reason}"
            headers = self._headers(_SUPPRESSION_TYPE, ce_id, kept.customer_id.encode(), kept.at.encode())
            return self._topics.suppressions, kept.customer_id.encode(), _encode(kept), headers
        return self._tombstone(output)

    def _tombstone(self, erased: Erased) -> PublishedRecord:
        ce_id = f"{erased.customer_id}:{erased.seq}:erased"
        headers = self._headers(_CHANGE_TYPE, ce_id, erased.customer_id.encode(), erased.at.encode())
        return self._topics.segment_changes, erased.customer_id.encode(), None, headers

    def _headers(self, kind: tuple[str, bytes], ce_id: str, subject: bytes, at: bytes) -> Headers:
        return [_SPEC, ("ce_id", ce_id.encode()), kind, self._source, ("ce_subject", subject), ("ce_time", at), _JSON]
