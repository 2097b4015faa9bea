"""Referrals: a signup that names a referrer counts once for that customer."""

import msgspec
import pytest
from aiokafka import TopicPartition

from agents.replay.cutover import SourcePositions, copied_source_offsets
from state.customer.profile_schema import ContactProfile
from state.customer.referrals import REMEMBERED_REFERRALS, referral_of
from state.customer.traits import referrals
from state.fold.partition import Partition
from state.records.events import CustomerErased, CustomerSignedUp, JournalRecord, OrderPlaced, PolicyApplied
from state.records.reasons import Fence
from streams.defaults import policy_text
from streams.kafka.topics import Topics
from streams.tables.customers_table import CustomersTable


def signup(offset: int, event_id: str | None = None, by: str | None = "ann", at: int = 1000) -> CustomerSignedUp:
    head = ("signups", 3, offset, event_id or f"e-{offset}", at, False)
    return CustomerSignedUp(*head, None, None, None, None, None, None, None, by)


class ReferralFold:
    """A partition that folds the records put into it."""

    def __init__(self) -> None:
        self.partition = Partition(CustomersTable())
        self.offset = 0
        self.put("", PolicyApplied("control", 0, 0, policy_text()))

    def put(self, customer_id: str, record: JournalRecord) -> None:
        """Fold one record."""
        assert self.partition.apply(self.offset, customer_id, record, [])
        self.offset += 1

    def refer(self, customer_id: str, event: CustomerSignedUp) -> None:
        """Fold a signup and its referral, as `admit` journals them."""
        self.put(customer_id, event)
        referral = referral_of(customer_id, event)
        assert referral is not None
        self.put(*referral)

    @property
    def referrals_of_ann(self) -> int:
        """Return the number of Ann's referrals."""
        ann = self.partition.customers.get("ann")
        assert ann is not None
        return referrals(ann)


def test_a_referral_belongs_to_the_import_of_the_signup_but_is_not_the_referrer_s_history() -> None:
    referral = referral_of("bob", msgspec.structs.replace(signup(7, "s"), backfill=True, horizon=2000, import_id="i"))
    assert referral is not None
    assert (referral[1].import_id, referral[1].backfill, referral[1].horizon) == ("i", True, None)


def test_a_referral_does_not_identify_the_referred_customer() -> None:
    event = signup(7, "secret-of-bob")
    referral = referral_of("bob", event)
    assert referral is not None
    assert referral[0] == "ann"
    assert (referral[1].topic, referral[1].partition, referral[1].offset) == ("signups+referrer", 3, 7)
    assert (referral[1].occurred_at, referral[1].backfill) == (1000, False)
    assert "bob" not in repr(referral[1])
    again = referral_of("bob", signup(8, "secret-of-bob"))
    assert again is not None
    assert again[1].event_id == referral[1].event_id, "a retry has the same id"
    other = referral_of("eve", event)
    assert other is not None
    assert other[1].event_id != referral[1].event_id, "the same id of another customer is another signup"


@pytest.mark.parametrize("by", [None, "bob", "x" * 129])
def test_a_signup_without_a_valid_other_referrer_has_no_referral(by: str | None) -> None:
    assert referral_of("bob", signup(7, by=by)) is None


def test_a_referral_counts_once_per_signup() -> None:
    fold = ReferralFold()
    fold.put("ann", signup(0, by=None))
    fold.refer("bob", signup(1))
    fold.refer("eve", signup(2))
    fold.refer("bob", signup(1))  # journaled again by a restarted `admit`
    fold.refer("bob", signup(3, "e-1"))  # published twice
    assert fold.referrals_of_ann == 2
    assert fold.partition.counters.fenced[Fence.SOURCE] == 2
    assert fold.partition.counters.duplicates == {"signup": 1, "referral": 1}
    fold.refer("bob", signup(4))
    assert fold.referrals_of_ann == 3, "another signup"


def test_a_contact_profile_without_referral_times_is_read() -> None:
    contact_profile = msgspec.msgpack.decode(
        msgspec.msgpack.encode([{}, {}, {}, [], 2, ["f00", "f01"]]), type=ContactProfile
    )
    assert (contact_profile.referrals, contact_profile.referral_times) == (2, [])


def test_referrals_do_not_displace_the_ids_of_the_referrers_own_events() -> None:
    fold = ReferralFold()
    fold.put("ann", signup(0, by=None))
    for offset in range(1, REMEMBERED_REFERRALS + 2):
        fold.refer("bob", signup(offset))
    fold.put("ann", signup(200, "e-0", by=None))
    assert fold.partition.counters.duplicates == {"signup": 1}
    fold.refer("bob", signup(201, "e-2"))
    assert fold.referrals_of_ann == REMEMBERED_REFERRALS + 1, "the second is remembered"
    fold.refer("bob", signup(202, "e-1"))
    assert fold.referrals_of_ann == REMEMBERED_REFERRALS + 2, "the first is not"


def test_a_referral_does_not_create_an_unknown_referrer() -> None:
    fold = ReferralFold()
    fold.refer("bob", signup(0))
    assert fold.partition.counters.dropped == {"referral_of_unknown": 1}
    fold.put("ann", OrderPlaced("purchases", 0, 0, "e", 5, False, "o", 5, "RUB", 5, None, 0, None, None, None))
    fold.refer("eve", signup(1))
    assert fold.referrals_of_ann == 1
    fold.put("ann", CustomerErased("erasures", 0, 0, "x", 2000, False))
    fold.refer("kim", signup(2, at=3000))
    assert fold.partition.customers.get("ann") is None
    assert fold.partition.counters.dropped == {"referral_of_unknown": 1, "after_erasure": 1}


@pytest.mark.parametrize(("old_prefix", "new_prefix"), [("old", "shop"), ("old", "old.shop"), ("shop.old", "shop")])
def test_a_replay_fences_referrals_by_source(old_prefix: str, new_prefix: str) -> None:
    """Up to the committed offset, or as far as all old partitions have it; other sources have no referrals."""
    old, new = Topics(old_prefix, ["older"]), Topics(new_prefix, [old_prefix, "older"])
    positions = {
        TopicPartition(topic, 0): position
        for topic, position in (
            (f"{old_prefix}.signups.v1", 5),
            ("older.events.v1", 9),
            (f"{old_prefix}.purchases.v1", 7),
        )
    }
    partitions = [
        {("signups", 0): 20, ("signups+referrer", 0): 12},
        {("signups", 0): 30, ("signups+referrer", 0): 11, ("older.events+referrer", 0): 3},
    ]
    fences = copied_source_offsets(SourcePositions(positions, {}), old, new, partitions)
    signups, events, purchases = (new.short(tp.topic) for tp in positions)
    assert fences == {
        (signups, 0): 20,
        (signups + "+referrer", 0): 11,
        (events, 0): 8,
        (events + "+referrer", 0): 8,
        (purchases, 0): 6,
    }
