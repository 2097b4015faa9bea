"""Encoding of the records of the `control` topic; test_active_rules.py tests their effect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.defaults import campaigns_text, policy_text
from streams.kafka.control import ControlRecord, decode_control, encode_control

POLICY = policy_text()
CAMPAIGNS = campaigns_text()


@pytest.mark.parametrize(
    "record",
    [
        ControlRecord(kind="policy", text=POLICY, offset=3),
        ControlRecord(kind="campaigns", text=CAMPAIGNS, offset=3),
        ControlRecord(kind="advance", to=1_767_225_600_000, ends={"purchases:0": 12, "events:3": 0}, offset=3),
    ],
)
def test_an_encoded_record_is_decoded(record: ControlRecord) -> None:
    assert decode_control(encode_control(record), 3) == record


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"kind": "policy"}',
        b'{"kind": "policy", "text": 1}',
        b'{"kind": "advance", "to": 1}',
        b'{"kind": "advance", "text": "x"}',
        b'{"kind": "other", "text": "x"}',
        b'{"kind": "policy", "text": "\xff"}',
        b"[" * 100_000,
    ],
)
def test_values_that_goldstream_does_not_write_are_ignored(value: bytes | None) -> None:
    assert decode_control(value, 0) is None


@given(st.binary(max_size=200))
def test_decoding_never_raises(value: bytes) -> None:
    decode_control(value, 0)
