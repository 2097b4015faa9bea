"""Encoding of the records of the `control` topic; test_active_rules.py tests their effect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.defaults import campaigns_text, policy_text
from streams.kafka.control import ControlRecord, beginning_of, decode_control, encode_control

POLICY = policy_text()
CAMPAIGNS = campaigns_text()


@pytest.mark.parametrize(
    "record",
    [
        ControlRecord(kind="policy", text=POLICY, offset=3),
        ControlRecord(kind="campaigns", text=CAMPAIGNS, offset=3),
        ControlRecord(kind="campaigns", text=CAMPAIGNS, begins_at=1_767_225_600_000, offset=3),
        ControlRecord(kind="replay", of="shop", source="shop", without=("a.csv", "b.csv"), offset=3),
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
        b'{"kind": "campaigns", "text": "x", "begins_at": "2026-01-01T00:00:00Z"}',
        b'{"kind": "advance", "to": 1}',
        b'{"kind": "advance", "text": "x"}',
        b'{"kind": "other", "text": "x"}',
        b'{"kind": "policy", "text": "\xff"}',
        b"[" * 100_000,
    ],
)
def test_values_that_goldstream_does_not_write_are_ignored(value: bytes | None) -> None:
    assert decode_control(value, 0) is None


def test_records_of_earlier_versions_have_no_beginning_and_leave_no_import_out() -> None:
    """The bytes are those of commit faf5608."""
    campaigns = decode_control(b'{"kind":"campaigns","text":"name = 1"}', 4)
    assert campaigns == ControlRecord("campaigns", "name = 1", begins_at=None, offset=4)
    replay = decode_control(b'{"kind":"replay","of":"shop","source":"shop","done":true}', 5)
    assert replay == ControlRecord("replay", of="shop", source="shop", without=(), done=True, offset=5)


def campaigns_of(name: str, version: int, begins_at: int | None) -> ControlRecord:
    text = CAMPAIGNS.replace('name = "retail"', f'name = "{name}"', 1)
    return ControlRecord("campaigns", text.replace("version = 2", f"version = {version}", 1), begins_at)


@pytest.mark.parametrize(
    ("earlier", "begins_at"),
    [
        ([], 900),
        ([campaigns_of("outlet", 1, 100)], 900),
        ([campaigns_of("retail", 1, 100)], 100),
        ([campaigns_of("retail", 1, None)], None),
        ([campaigns_of("retail", 1, None), campaigns_of("retail", 2, 200), campaigns_of("outlet", 1, 300)], 200),
        ([campaigns_of("retail", 1, 100), ControlRecord("campaigns", "name = 1", 300)], 100),
        ([campaigns_of("retail", 1, 100), ControlRecord("policy", POLICY)], 100),
    ],
)
def test_a_campaigns_record_begins_with_the_preceding_one_of_its_name(
    earlier: list[ControlRecord], begins_at: int | None
) -> None:
    """Without one, it begins now; in event mode it has no beginning."""
    assert beginning_of(earlier, "retail", 900) == begins_at
    assert beginning_of(earlier, "retail", None) is None


@given(st.binary(max_size=200))
def test_decoding_never_raises(value: bytes) -> None:
    decode_control(value, 0)
