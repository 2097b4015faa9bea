"""Journal records are encoded without loss, and bytes of another format version are refused."""

from typing import Final, get_args

import msgspec
import pytest

from state.records.events import (
    FORMAT_VERSION,
    AnonymousSale,
    CampaignsApplied,
    ConsentChanged,
    CustomerErased,
    CustomerEvent,
    CustomerReferred,
    CustomerSignedUp,
    JournalRecord,
    MessageContacted,
    OrderPlaced,
    OrderRefunded,
    PolicyApplied,
    Tick,
    UnknownFormatVersion,
    decode_record,
    encode_record,
)

RECORDS: dict[str, JournalRecord] = {
    "purchase": OrderPlaced(
        "purchases", 3, 2**62, "e-1", 1, False, "o-1", 124050, "RUB", 124050, None, 10000, "SPRING", "web", "s-4"
    ),
    "purchase in another currency": OrderPlaced(
        "events", 0, 0, "e\x00", 0, True, "заказ", 10**15, "JPY", 10**15, "0.61", 0, None, None, None
    ),
    "refund": OrderRefunded("refunds", 0, 1, "e-2", 2, False, "r-1", 4050, "RUB", 4050, None, "o-1"),
    "refund without a rate": OrderRefunded("refunds", 0, 2, "e-3", 3, False, "r-2", 4050, "EUR", None, None, "o-1"),
    "signup": CustomerSignedUp(
        "signups", 1, 1, "e-4", 4, False, "till", {"email": True, "all": False}, "1990-12-31", "Казань", "RU", "UTC",
        "ru", "c-3",
    ),
    "bare signup": CustomerSignedUp("signups", 1, 2, "e-5", 5, False, None, None, None, None, None, None, None, None),
    "consent": ConsentChanged("consents", 0, 1, "e-6", 6, False, "messenger", True),
    "contact": MessageContacted("contacts", 0, 1, "e-7", 7, False, "c-17:4:win-decoded:1", "bounced", True, 12, "EUR"),
    "bare contact": MessageContacted("contacts", 0, 2, "e-8", 8, False, "m", "opened", None, None, None),
    "referral": CustomerReferred("signups+referrer", 0, 1, "f00", 8, False),
    "erasure": CustomerErased("erasures", 0, 1, "e-9", 9, False),
    "erasure of an import": CustomerErased("erasures", 0, 1, "e-9", 9, True, horizon=2**41, import_id="2026-11-29/7"),
    "erasure of an earlier format": CustomerErased("erasures", 0, 1, "e-9", 9, True, format_version=2),
    "anonymous sale": AnonymousSale("purchases", 0, 4, "e-10", 10, False, "purchase", 124050, 0),
    "anonymous refund": AnonymousSale("refunds", 0, 4, "e-11", 11, False, "refund", None, 0),
    "tick": Tick(1_778_580_000_000, None),
    "tick of an advance": Tick(1_778_580_000_000, 7),
    "policy": PolicyApplied("control", 0, 1, 'name = "retail-27"'),
    "campaigns": CampaignsApplied("control", 0, 2, 'name = "retail"'),
    "campaigns with a beginning": CampaignsApplied("control", 0, 2, 'name = "retail"', 1_778_580_000_000),
}  # fmt: skip

_NOON: Final = 1_767_225_600_000
_HEAD: Final = ("events", 3, 40, "e-1", _NOON, True)
FORMAT_2: Final[dict[str, JournalRecord]] = {
    "02dc0010a87075726368617365a66576656e74730328a3652d31cf0000019b76daa800c3a36f2d31cd04e2a3455552ce0001de84a539382e3030"
    "32a6535052494e47a3776562aad09ed0bcd181d0ba2d31": OrderPlaced(
        *_HEAD, "o-1", 1250, "EUR", 122500, "98.00", 50, "SPRING", "web", "Омск-1", format_version=2
    ),
    "029da6726566756e64a66576656e74730328a3652d31cf0000019b76daa800c3a3722d31ccfaa3455552c0c0a36f2d31": OrderRefunded(
        *_HEAD, "r-1", 250, "EUR", None, None, "o-1", format_version=2
    ),
    "029fa67369676e7570a66576656e74730328a3652d31cf0000019b76daa800c3a474696c6c82a5656d61696cc3a3736d73c2aa313939302d3132"
    "2d3331a8d09ed0bcd181d0baa25255a9417369612f4f6d736ba27275a3632d32": CustomerSignedUp(
        *_HEAD, "till", {"email": True, "sms": False}, "1990-12-31", "Омск", "RU", "Asia/Omsk", "ru", "c-2",
        format_version=2,
    ),
    "0299a7636f6e73656e74a66576656e74730328a3652d31cf0000019b76daa800c3a3616c6cc3": ConsentChanged(
        *_HEAD, "all", True, format_version=2
    ),
    "029ca7636f6e74616374a66576656e74730328a3652d31cf0000019b76daa800c3b0632d313a343a77696e2d6261636b3a31a7626f756e636564"
    "c3ccfaa3525542": MessageContacted(*_HEAD, "c-1:4:win-back:1", "bounced", True, 250, "RUB", format_version=2),
    "0297a8726566657272616caf6576656e74732b72656665727265720328a3652d31cf0000019b76daa800c3": CustomerReferred(
        "events+referrer", *_HEAD[1:], format_version=2
    ),
    "0297a765726173757265a66576656e74730328a3652d31cf0000019b76daa800c3": CustomerErased(*_HEAD, format_version=2),
    "029aa9616e6f6e796d6f7573a66576656e74730328a3652d31cf0000019b76daa800c3a6726566756e64c000": AnonymousSale(
        *_HEAD, "refund", None, 0, format_version=2
    ),
    "0293a47469636bcf0000019b76daa80007": Tick(_NOON, 7),
    "0295a6706f6c696379a7636f6e74726f6c0000a86e616d65203d2031": PolicyApplied("control", 0, 0, "name = 1"),
    "0295a963616d706169676e73a7636f6e74726f6c0001a86e616d65203d2032": CampaignsApplied("control", 0, 1, "name = 2"),
}  # fmt: skip
"""What commit faf5608, the last one to write format 2, wrote: the bytes and what they mean."""


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_an_encoded_record_is_decoded_as_it_was(record: JournalRecord) -> None:
    """With its type, although several types have equal fields."""
    decoded = decode_record(encode_record(record))
    assert decoded == record
    assert type(decoded) is type(record)


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_record_is_a_version_byte_and_an_array_starting_with_its_kind(record: JournalRecord) -> None:
    """Other tools that read the journal can recognize its records."""
    data = encode_record(record)
    assert data[0] == FORMAT_VERSION
    assert msgspec.msgpack.decode(data[1:])[0] == record.kind


def test_the_bytes_of_a_format_do_not_change() -> None:
    """Journals are stored for years: reordered fields need a new version."""
    erasure = CustomerErased("erasures", 2, 300, "e-9", 1_778_580_000_000, True)
    assert encode_record(erasure).hex(" ", -4) == (
        "039aa765 72617375 7265a865 72617375 72657302 cd012ca3 652d39cf 0000019e 1ba10d00 c3c0c003"
    )
    purchase = [f.name for f in msgspec.structs.fields(OrderPlaced)]
    assert purchase == [
        *("topic", "partition", "offset", "event_id", "occurred_at", "backfill"),
        *("order_id", "amount", "currency", "base", "rate", "discount", "coupon", "channel", "store_id"),
        *("horizon", "import_id", "format_version"),
    ]


@pytest.mark.parametrize("written", FORMAT_2, ids=lambda written: FORMAT_2[written].kind)
def test_a_journal_of_format_2_is_still_read(written: str) -> None:
    """Its events have no horizon, and say which rules they are too old for."""
    assert decode_record(bytes.fromhex(written)) == FORMAT_2[written]
    assert {type(record) for record in FORMAT_2.values()} == set(get_args(JournalRecord))


@pytest.mark.parametrize("written", FORMAT_2, ids=lambda written: FORMAT_2[written].kind)
def test_a_record_of_an_earlier_format_that_is_copied_keeps_its_format_version(written: str) -> None:
    """As by a replay, which writes in the current format."""
    assert decode_record(encode_record(decode_record(bytes.fromhex(written)))) == FORMAT_2[written]


def test_a_journal_of_format_1_is_still_read() -> None:
    """The records that it can contain are encoded as in format 2."""
    for written, record in FORMAT_2.items():
        as_written = record if isinstance(record, Tick | PolicyApplied | CampaignsApplied) else None
        expected = as_written or msgspec.structs.replace(record, format_version=1)
        assert decode_record(b"\x01" + bytes.fromhex(written)[1:]) == expected


def test_every_kind_of_record_is_tested_here() -> None:
    """A new kind must be added to `RECORDS`."""
    kinds = {kind for union in (CustomerEvent, JournalRecord) for kind in get_args(union)}
    assert {type(record) for record in RECORDS.values()} == kinds


def test_every_kind_has_a_unique_name() -> None:
    """The name is the tag in its bytes."""
    assert len({kind.kind for kind in get_args(JournalRecord)}) == len(get_args(JournalRecord)) == 11


@pytest.mark.parametrize(("data", "version"), [(b"", None), (b"\x00\x91", 0), (b"\x04\x93", 4), (b"\xff", 255)])
def test_a_record_of_another_format_version_is_refused(data: bytes, version: int | None) -> None:
    """The error states the version and the remedy."""
    with pytest.raises(
        UnknownFormatVersion, match=f"format version {version}.*run the version of goldstream"
    ) as caught:
        decode_record(data)
    assert caught.value.version == version


@pytest.mark.parametrize(
    "data",
    [
        b"\x01",
        b"\x01\xc1",
        b"\x01\x91\xa7unknown",
        encode_record(RECORDS["purchase"])[:-1],
        b"\x01" + msgspec.msgpack.encode(["erasure", "erasures", "zero", 1, "e", 9, False]),
    ],
)
def test_a_record_that_does_not_match_its_version_is_an_error(data: bytes) -> None:
    """Only Goldstream writes the journal, so this is a bug or a broken disk rather than invalid input."""
    with pytest.raises(msgspec.DecodeError):
        decode_record(data)


def test_a_record_cannot_be_changed() -> None:
    """A record that is folded twice must be the same both times."""
    for record in RECORDS.values():
        with pytest.raises(AttributeError):
            setattr(record, record.__struct_fields__[0], "another")
