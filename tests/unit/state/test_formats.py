"""Formats of stored records: the bytes change only with the format version.

The compiled build (`make test-compiled`) writes the same bytes, and each build reads those of the other.
"""

import pytest

from state.customer.packed_orders import append_order
from state.customer.profile import FORMAT, Profile, decode_head, decode_profile, encode_profile, new_profile, peek_due
from state.customer.profile_format_3 import FORMAT_3
from state.customer.profile_schema import (
    Consent,
    ContactProfile,
    Engagement,
    Order,
    RefundId,
    Refunds,
    Run,
    SentMessage,
    SignupFact,
    Silence,
    UnlinkedRefund,
)
from state.engagement.change_snapshot import snapshot_change
from state.records.erasure import Erasure, decode_erasure, encode_erasure
from state.records.events import OrderPlaced, UnknownFormatVersion
from state.records.outputs import ScoreChange, SegmentChanged, SegmentMove
from state.records.progress import Progress
from state.records.reasons import Group
from streams.tables.order_ledger import (
    EVENT,
    NO_ERASURE,
    ORDER,
    REFUNDS,
    Announcement,
    LedgerEntry,
    PlatformDetails,
    decode_entry,
    encode_entry,
)
from streams.tables.progress import decode_orders_erased, decode_progress, encode_orders_erased, encode_progress
from tests.generated.native_classes import NATIVE_CLASSES, NativeClass

NOON = 1_767_225_600_000
PROGRESS_1 = "019607cf0000019b76daa800028192a970757263686173657303280001"
PROGRESS = "029707cf0000019b76daa800028192a970757263686173657303280001cf0000019b76daa803"
LEDGER = "019304cf0000019b76daa80009"
ORDER_ENTRY = "0298a16fa3632d31a36f2d31b1686f6f6b3a73686f706966792f6d61696e9192a000c0fec0"
REFUNDS_ENTRY = (
    "0298a172a3632d31a36f2d31ae696d706f72743a73686f706966799292a36d6179ccfa92a46a756e653297a46a756e65cd0190a0ff009000"
    "09c0"
)
ANNOUNCED_ENTRY = "0298a165a0a3652d31ae696d706f72743a67656e657269639097a36d617900a66576656e747302469000fec0"
REFUND_ENTRY = (
    "0298a165a0a3722d31b1686f6f6b3a73686f706966792f6d61696e9097a000a66576656e747302469000fe98a0a0a000c4027b7da36f2d31cc"
    "fac2"
)
ENTRIES_1 = (  # as written by 0c4c2c1
    "0198a16fa3632d31a36f2d31b1686f6f6b3a73686f706966792f6d61696e9192a000c0fec0",
    "0198a172a3632d31a36f2d31ae696d706f72743a73686f706966799292a36d6179ccfa92a46a756e653296a46a756e65cd0190a0ff009009c0",
    "0198a165a0a3652d31ae696d706f72743a67656e657269639096a36d617900a66576656e7473024690fec0",
)
ONE_BY_ONE_1 = "0198a172a3632d31a36f2d31ae696d706f72743a73686f706966799292a36d6179ccfa92a032c00995a0a0a0cc96c400"
"""As written by 0c4c2c1, with the refunds that had come one by one in the total."""
EARLIER_ENTRIES = (  # as written by d1ec65e, without what platforms say and without steps
    "0197a16fa3632d31a36f2d31b1686f6f6b3a73686f706966792f6d61696e9192a000c0fe",
    "0197a172a3632d31a36f2d31ae696d706f72743a73686f706966799292a36d6179ccfa92a46a756e653295a46a756e65cd0190a0ff0009",
    "0197a165a0a3652d31ae696d706f72743a67656e657269639095a36d617900a66576656e74730246fe",
)
BUYER_3 = (
    "03dc0026cf000001a2ce8bd4001100a6616374697665a333323200cf0000019b76daa800ab72657461696c2d32374031cf00"
    "00019b76daa800cf0000019b76daa80102cd09c402cd09c4cd09c4640200000000c42800a8da769b010000e2040000320000"
    "000000000001a8da769b010000e20400003200000000000000c40a00036f2d3000036f2d319000cf000001aa263d0000c0c0"
    "c0c090c0c0c0c0909000"
)
COMPLETE_3 = (
    "03dc0026cf000001a2ce8bd4001100a6616374697665a333323200cf0000019b76daa800ab72657461696c2d32374031cf00"
    "00019b76daa800cf0000019b76daa80102cd09c402cd09c4cd09c4640200000000c400c4009198cf0000019b76daa800a36f"
    "2d30cd04e232cd04e2cf0000019b76daa800c00000cf000001aa263d0000c0c0939192a3722d31cf0000019b76daa8019192"
    "cf0000019b76daa80005909781a46369747992cf0000019b76daa800a8d09ed0bcd181d0ba81a5656d61696c92cf0000019b"
    "76daa800c381a66f70656e65640291a3652d390391a366303091cf0000019b76daa80291dc0010a877696e2d6261636ba131"
    "9ba0a6616374697665a0a3333232919401020102ab72657461696c2d32374031a87075726368617365a3652d3102cd09c4cf"
    "0000019b76daa800cf0000019b76daa800a7747265617465640303cf0000019b76daa809919202cf0000019b76daa808c091"
    "0191019090ccfacf0000019b76daa8009681a877696e2d6261636bcf0000019b76daa80081a161cf0000019b76daa80081a1"
    "6291a562323032369195a131a877696e2d6261636b01a5656d61696ccf0000019b76daa80091a3736d7394a877696e2d6261"
    "636ba1319ba0a6616374697665a0a3333232919401020102ab72657461696c2d32374031a87075726368617365a3652d3102"
    "cd09c4cf0000019b76daa800cf0000019b76daa80081aad09ed0bcd181d0ba2d310281a377656201c0909000"
)
BUYER = (
    "04dc0027cf000001a2ce8bd4001100a6616374697665a333323200cf0000019b76daa800ab72657461696c2d32374031cf00"
    "00019b76daa800cf0000019b76daa80102cd09c402cd09c4cd09c4640200000000c42800a8da769b010000e2040000320000"
    "000000000001a8da769b010000e20400003200000000000000c40a00036f2d3000036f2d319000cf000001aa263d0000c0c0"
    "c0c090c0c0c0c090900000"
)
COMPLETE = (
    "04dc0027cf000001a2ce8bd4001100a6616374697665a333323200cf0000019b76daa800ab72657461696c2d32374031cf00"
    "00019b76daa800cf0000019b76daa80102cd09c402cd09c4cd09c4640200000000c400c4009198cf0000019b76daa800a36f"
    "2d30cd04e232cd04e2cf0000019b76daa800c00000cf000001aa263d0000c0c0939192a3722d31cf0000019b76daa8019192"
    "cf0000019b76daa80005909781a46369747992cf0000019b76daa800a8d09ed0bcd181d0ba81a5656d61696c92cf0000019b"
    "76daa800c381a66f70656e65640291a3652d390391a366303091cf0000019b76daa80291dc0010a877696e2d6261636ba131"
    "9ba0a6616374697665a0a3333232919401020102ab72657461696c2d32374031a87075726368617365a3652d3102cd09c4cf"
    "0000019b76daa800cf0000019b76daa800a7747265617465640303cf0000019b76daa809919202cf0000019b76daa808c091"
    "0191019090ccfacf0000019b76daa8009681a877696e2d6261636bcf0000019b76daa80081a161cf0000019b76daa80081a1"
    "6291a562323032369195a131a877696e2d6261636b01a5656d61696ccf0000019b76daa80082a3736d73cf0000019b76daa8"
    "04a463616c6cc095a877696e2d6261636ba1319ba0a6616374697665a0a3333232919401020102ab72657461696c2d323740"
    "31a87075726368617365a3652d3102cd09c4cf0000019b76daa800cf0000019b76daa800cf0000019b76daa80581aad09ed0"
    "bcd181d0ba2d310281a377656201c0909000cf0000019b76daa803"
)
WINDOW = 365 * 86_400_000


"""Commit faf5608, the last one to write format 3 of the profile, wrote `BUYER_3` and `COMPLETE_3`."""


def customer_with_orders() -> Profile:
    """Return a customer with two orders."""
    profile = new_profile(17, 0, NOON)
    for number in range(2):
        head = ("purchases", 3, number, f"e-{number}", NOON + number, False)
        order = OrderPlaced(*head, f"o-{number}", 1250, "RUB", 1250, None, 50, None, None, None)
        assert append_order(profile, order, NOON + number, WINDOW)
    profile.due, profile.segment, profile.cell, profile.policy = NOON + WINDOW, "active", "322", "retail-27@1"
    return profile


def complete_customer() -> Profile:
    """Return a customer with a value in every field."""
    profile = customer_with_orders()
    profile.packed_orders = profile.packed_order_ids = b""
    profile.orders = [Order(NOON, "o-0", 1250, 50, 1250, NOON)]
    profile.refunds = Refunds([RefundId("r-1", NOON + 1)], [UnlinkedRefund(NOON, 5)], [])
    profile.contact_profile = ContactProfile(
        {"city": SignupFact(NOON, "Омск")}, {"email": Consent(NOON, True)}, {"opened": 2}, ["e-9"], 3
    )
    profile.contact_profile.referral_ids, profile.contact_profile.referral_times = ["f00"], [NOON + 2]
    move = SegmentMove("", "active", "", "322", (ScoreChange("frequency", 2, 1, 2),), "retail-27@1", "RUB", 2)
    change = SegmentChanged("c-1", 1, move, NOON, "purchase", "e-1", False, 2, 2500, NOON)
    profile.runs = [
        Run(
            "win-back",
            "1",
            snapshot_change(change),
            NOON,
            Group.TREATED,
            3,
            3,
            NOON + 9,
            [(2, NOON + 8)],
            None,
            [1],
            [1],
            [],
            [],
            250,
            NOON,
        )
    ]
    message = SentMessage("1", "win-back", 1, "email", NOON)
    silence = Silence("win-back", "1", snapshot_change(change), NOON, NOON + 5)
    dead_channels: dict[str, int | None] = {"sms": NOON + 4, "call": None}
    profile.engagement = Engagement(
        {"win-back": NOON}, {"a": NOON}, {"b": ["b2026"]}, [message], dead_channels, silence
    )
    profile.stores, profile.channels = {"Омск-1": 2}, {"web": 1}
    profile.horizon = NOON + 3
    return profile


@pytest.mark.parametrize(("profile", "written"), [(customer_with_orders(), BUYER), (complete_customer(), COMPLETE)])
def test_the_format_of_a_profile_does_not_change(profile: Profile, written: str) -> None:
    assert encode_profile(profile).hex() == written
    read = decode_profile(bytes.fromhex(written))
    assert read.fields == profile.fields
    assert peek_due(bytes.fromhex(written)) == profile.due
    assert decode_head(bytes.fromhex(written)).segment == "active"


def complete_customer_of_format_3() -> Profile:
    """Return the customer whose bytes are `COMPLETE_3`: nothing says when the channel died or the silence began."""
    profile = complete_customer()
    profile.horizon = 0
    assert profile.engagement is not None
    assert profile.engagement.silence is not None
    profile.engagement.dead_channels = {"sms": None}
    profile.engagement.silence.began_at = NOON  # the moment of the run's last message
    return profile


@pytest.mark.parametrize(
    ("profile", "written"), [(customer_with_orders(), BUYER_3), (complete_customer_of_format_3(), COMPLETE_3)]
)
def test_a_table_of_format_3_is_still_read(profile: Profile, written: str) -> None:
    """What is written next has the current format."""
    value = bytes.fromhex(written)
    read = decode_profile(value)
    assert read.fields == profile.fields
    assert (peek_due(value), decode_head(value).segment) == (profile.due, "active")
    assert decode_profile(encode_profile(read)).fields == read.fields
    assert encode_profile(read)[0] == FORMAT > FORMAT_3 == value[0]


@pytest.mark.parametrize("version", [0, 1, 2, FORMAT + 1, 255])
def test_a_profile_of_an_unknown_format_is_refused(version: int) -> None:
    """The error names the version and the remedy; due moments are only read of profiles that were decoded before."""
    value = bytes([version]) + bytes.fromhex(BUYER)[1:]
    for decode in (decode_profile, decode_head):
        with pytest.raises(UnknownFormatVersion, match=f"format version {version}.*run the version of goldstream"):
            decode(value)


def test_the_format_of_progress_does_not_change() -> None:
    progress = Progress(7, NOON, 2, {("purchases", 3): 40}, 0, 1, NOON + 3)
    assert encode_progress(progress).hex() == PROGRESS
    assert decode_progress(bytes.fromhex(PROGRESS)) == progress


def test_progress_of_format_1_is_still_read() -> None:
    """Commit faf5608 wrote it; its campaigns have no beginning."""
    assert decode_progress(bytes.fromhex(PROGRESS_1)) == Progress(7, NOON, 2, {("purchases", 3): 40}, 0, 1, None)


@pytest.mark.parametrize("value", [b"", b"\x00\x97", b"\x03\x97"])
def test_progress_of_an_unknown_format_is_refused(value: bytes) -> None:
    with pytest.raises(UnknownFormatVersion, match="run the version of goldstream that wrote it"):
        decode_progress(value)


def test_the_format_of_the_erasure_ledger_does_not_change() -> None:
    assert encode_erasure(Erasure(4, NOON, 9)).hex() == LEDGER
    assert decode_erasure(bytes.fromhex(LEDGER)) == Erasure(4, NOON, 9)


def test_the_format_of_the_order_ledger_does_not_change() -> None:
    order = LedgerEntry(ORDER, "c-1", "o-1", "hook:shopify/main", (("", 0),))
    refunds = LedgerEntry(
        REFUNDS, "c-1", "o-1", "import:shopify", (("may", 250), ("june", 50)), Announcement("june", 400), 9
    )
    anonymous = LedgerEntry(EVENT, "", "e-1", "import:generic", (), Announcement("may", 0, "events", 2, 70))
    current = (ORDER_ENTRY, REFUNDS_ENTRY, ANNOUNCED_ENTRY)
    for entry, *written in zip((order, refunds, anonymous), current, ENTRIES_1, EARLIER_ENTRIES, strict=True):
        assert encode_entry(entry).hex() == written[0]
        assert {decode_entry(bytes.fromhex(each)) for each in written} == {entry}
    details = PlatformDetails(event=b"{}", order_id="o-1", minor=250)
    announced = Announcement("", 0, "events", 2, 70)
    refund = LedgerEntry(EVENT, "", "r-1", "hook:shopify/main", (), announced, details=details)
    assert encode_entry(refund).hex() == REFUND_ENTRY
    assert decode_entry(bytes.fromhex(REFUND_ENTRY)) == refund
    counted = decode_entry(bytes.fromhex(ONE_BY_ONE_1))
    assert (counted.refunded, counted.details) == (300, PlatformDetails(one_by_one=150))
    assert order.erasure_offset == NO_ERASURE
    assert (encode_orders_erased(9).hex(), decode_orders_erased(bytes.fromhex("0109"))) == ("0109", 9)


@pytest.mark.parametrize("native", NATIVE_CLASSES, ids=lambda native: native.name)
def test_a_native_class_is_as_generated_from_its_declaration(native: NativeClass) -> None:
    assert native.path.read_text() == native.source(), "run `make generate`"
