"""A signup that names who brought the customer counts for that one, once."""

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


class Lane:
    """A partition with nobody in it but what is put there."""

    def __init__(self) -> None:
        """Begins with a policy."""
        self.partition = Partition(CustomersTable())
        self.offset = 0
        self.put("", PolicyApplied("control", 0, 0, policy_text()))

    def put(self, customer_id: str, record: JournalRecord) -> None:
        """Folds one record."""
        assert self.partition.apply(self.offset, customer_id, record, [])
        self.offset += 1

    def refer(self, customer_id: str, event: CustomerSignedUp) -> None:
        """Both records, as `admit` journals them."""
        self.put(customer_id, event)
        brought = referral_of(customer_id, event)
        assert brought is not None
        self.put(*brought)

    @property
    def anns(self) -> int:
        """How many Ann has brought."""
        ann = self.partition.customers.get("ann")
        assert ann is not None
        return referrals(ann)


def test_it_is_the_signups_but_for_its_place_and_says_nothing_of_who_came() -> None:
    event = signup(7, "secret-of-bob")
    brought = referral_of("bob", event)
    assert brought is not None
    assert brought[0] == "ann"
    assert (brought[1].topic, brought[1].partition, brought[1].offset) == ("signups+referrer", 3, 7)
    assert (brought[1].occurred_at, brought[1].backfill) == (1000, False)
    assert "bob" not in repr(brought[1])
    again = referral_of("bob", signup(8, "secret-of-bob"))
    assert again is not None
    assert again[1].event_id == brought[1].event_id, "a retry is known by its id"
    other = referral_of("eve", event)
    assert other is not None
    assert other[1].event_id != brought[1].event_id, "the same id of another customer is another signup"


@pytest.mark.parametrize("by", [None, "bob", "x" * 129])
def test_nobody_is_brought_by_nobody_by_themselves_or_by_what_is_no_id(by: str | None) -> None:
    assert referral_of("bob", signup(7, by=by)) is None


def test_it_counts_once_for_each_signup_however_often_it_is_journaled_or_published() -> None:
    lane = Lane()
    lane.put("ann", signup(0, by=None))
    lane.refer("bob", signup(1))
    lane.refer("eve", signup(2))
    lane.refer("bob", signup(1))  # journaled twice by an `admit` that was killed
    lane.refer("bob", signup(3, "e-1"))  # published twice
    assert lane.anns == 2
    assert lane.partition.counters.fenced[Fence.SOURCE] == 2
    assert lane.partition.counters.duplicates == {"signup": 1, "referral": 1}
    lane.refer("bob", signup(4))
    assert lane.anns == 3, "another signup"


def test_who_was_written_down_before_the_moments_of_referrals_were_is_read() -> None:
    person = msgspec.msgpack.decode(msgspec.msgpack.encode([{}, {}, {}, [], 2, ["f00", "f01"]]), type=ContactProfile)
    assert (person.referrals, person.referral_times) == (2, [])


def test_it_leaves_the_ids_of_the_referrers_own_events_alone() -> None:
    lane = Lane()
    lane.put("ann", signup(0, by=None))
    for offset in range(1, REMEMBERED_REFERRALS + 2):
        lane.refer("bob", signup(offset))
    lane.put("ann", signup(200, "e-0", by=None))
    assert lane.partition.counters.duplicates == {"signup": 1}
    lane.refer("bob", signup(201, "e-2"))
    assert lane.anns == REMEMBERED_REFERRALS + 1, "the second is remembered"
    lane.refer("bob", signup(202, "e-1"))
    assert lane.anns == REMEMBERED_REFERRALS + 2, "the first is not"


def test_a_referrer_who_is_not_known_is_not_made_known_by_it() -> None:
    lane = Lane()
    lane.refer("bob", signup(0))
    assert lane.partition.counters.dropped == {"referral_of_unknown": 1}
    lane.put("ann", OrderPlaced("purchases", 0, 0, "e", 5, False, "o", 5, "RUB", 5, None, 0, None, None, None))
    lane.refer("eve", signup(1))
    assert lane.anns == 1
    lane.put("ann", CustomerErased("erasures", 0, 0, "x", 2000, False))
    lane.refer("kim", signup(2, at=3000))
    assert lane.partition.customers.get("ann") is None
    assert lane.partition.counters.dropped == {"referral_of_unknown": 1, "after_erasure": 1}


@pytest.mark.parametrize(("here", "there"), [("old", "shop"), ("old", "old.shop"), ("shop.old", "shop")])
def test_a_replay_notes_how_far_referrals_of_each_source_are_under_the_name_that_admit_gives_them(
    here: str, there: str
) -> None:
    """What was committed, and what all the old partitions have; other sources bring none."""
    old, new = Topics(here, ["older"]), Topics(there, [here, "older"])
    positions = {
        TopicPartition(topic, 0): position
        for topic, position in ((f"{here}.signups.v1", 5), ("older.events.v1", 9), (f"{here}.purchases.v1", 7))
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
