"""The benchmark's purchases, and the changes that every program must publish."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.peers.customer import fold
from bench.peers.purchase import decode_checked
from bench.testbed.purchase_publisher import purchase_value
from bench.throughput.expected import AFTER_LAST_PURCHASE, DAY_MS, Order, changes_of, read_order
from bench.throughput.verification import ExpectedChanges, fingerprint
from bench.workload import HISTORY_DAYS, Workload, purchases
from state.intake.admission import AdmissionRules, Admitted, admit
from state.records.events import OrderPlaced
from streams.defaults import policy_text
from tests.oracle import Oracle, read_json

SMALL = Workload(events=600, customers=60, seed=7)


@dataclass
class Record:
    """A record read from a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


@dataclass
class Customer:
    """A customer's state in a peer."""

    seq: int = 0
    segment: str = ""
    cell: str = ""
    as_of: int = 0
    last: int = 0
    lifetime: int = 0
    monetary: int = 0
    times: list[int] = field(default_factory=list)
    amounts: list[int] = field(default_factory=list)


async def stream(records: Iterable[Record]) -> AsyncIterator[Record]:
    for record in records:
        yield record


def topic(scale: Workload = SMALL) -> list[Record]:
    """Return the source topic; a customer's partition is their id's last digit modulo 4."""
    ends: Counter[int] = Counter()
    records = []
    for key, value in purchases(scale):
        partition = int(key[-1:]) % 4
        records.append(Record(partition, ends[partition], key, value))
        ends[partition] += 1
    return records


def peer_changes(records: Iterable[Record]) -> list[Record]:
    """Return the changes that a peer publishes for these records."""
    customers: defaultdict[str, Customer] = defaultdict(Customer)
    changes: list[Record] = []
    for record in records:
        assert record.value is not None
        customer_id, order = read_order(record.value, record.offset)
        for change in fold(customer_id, customers[customer_id], order.at_ms, order.minor, order.event_id):
            changes.append(Record(record.partition, len(changes), customer_id.encode(), orjson.dumps(change)))
    return changes


# The purchases.


def test_the_same_scale_gives_the_same_purchases() -> None:
    assert list(purchases(SMALL)) == list(purchases(SMALL))


def test_another_seed_gives_other_purchases() -> None:
    assert list(purchases(SMALL)) != list(purchases(Workload(SMALL.events, SMALL.customers, seed=8)))


def test_the_purchases_of_a_seed_do_not_change_between_versions() -> None:
    """Results of two versions are comparable only for the same purchases."""
    assert fingerprint({"all": [value.decode() for _, value in purchases(SMALL)]}).hex() == "48cc0c5e61aa12c5"


def test_purchases_span_the_history_at_strictly_rising_moments() -> None:
    moments = [read_order(value, 0)[1].at_ms for _, value in purchases(SMALL)]
    assert all(earlier < later for earlier, later in pairwise(moments))
    assert HISTORY_DAYS - 1 < (moments[-1] - moments[0]) / DAY_MS < HISTORY_DAYS


def test_a_value_has_about_three_hundred_bytes() -> None:
    sizes = [len(value) for _, value in purchases(SMALL)]
    assert 280 < sum(sizes) / len(sizes) < 320


def test_a_few_customers_make_many_of_the_purchases() -> None:
    """Purchases follow a root law: a tenth of the customers make a third of them."""
    counts = Counter(key for key, _ in purchases(Workload(20_000, 2_000, 7)))
    best = sum(count for _, count in counts.most_common(200))
    assert 0.29 < best / 20_000 < 0.36


def test_the_key_is_the_customer_and_every_id_is_unique() -> None:
    values = [(key, orjson.loads(value)) for key, value in purchases(SMALL)]
    assert all(key.decode() == value["customer_id"] for key, value in values)
    assert len({value["event_id"] for _, value in values}) == len({value["order_id"] for _, value in values}) == 600


# The expected changes.


def test_the_expected_changes_are_those_of_the_oracle() -> None:
    orders: defaultdict[str, list[Order]] = defaultdict(list)
    steps: list[dict[str, Any]] = [{"type": "policy", "text": policy_text()}]
    for number, (_, value) in enumerate(purchases(SMALL)):
        customer_id, order = read_order(value, number)
        orders[customer_id].append(order)
        steps.append({"type": "purchase", **read_json(value)})
    last = steps[-1]["occurred_at"]
    oracle = Oracle().run([*steps, {"type": "tick", "at": last}])
    horizon = max(order.at_ms for each in orders.values() for order in each)
    for customer_id, each in orders.items():
        expected = [read_json(orjson.dumps(change.value)) for change in changes_of(customer_id, each, horizon)]
        assert expected == [output.value for output in oracle.of(customer_id)]


@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(1, 60 * DAY_MS), st.sampled_from([n * DAY_MS for n in (30, 60, 120, 180, 365)])),
            st.one_of(st.integers(0, 30_000_00), st.sampled_from([5000_00, 20_000_00])),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_a_peer_publishes_the_expected_changes_up_to_the_last_purchase(history: list[tuple[int, int]]) -> None:
    at, orders = 1_700_000_000_000, []
    for number, (gap, minor) in enumerate(history):
        at += gap
        orders.append(Order(at, minor, f"e-{number}", number))
    customer = Customer()
    peers = [change for each in orders for change in fold("c-1", customer, each.at_ms, each.minor, each.event_id)]
    expected = list(changes_of("c-1", orders, at + 1000 * DAY_MS))
    assert peers == [each.value for each in expected if each.offset < AFTER_LAST_PURCHASE]
    assert all(each.value["cause"] == {"kind": "time"} for each in expected[len(peers) :])


async def test_a_program_that_read_a_part_is_verified_against_that_part() -> None:
    records = topic()
    part = records[:400]
    covered = Counter(record.partition for record in part)
    verification = await (await ExpectedChanges.compute(stream(records))).verify(
        lambda: stream(peer_changes(part)), covered
    )
    assert verification.faults == ()
    assert verification.changes == len(peer_changes(part))


async def test_a_program_that_follows_time_must_publish_changes_due_later() -> None:
    expected = await ExpectedChanges.compute(stream(topic()))
    verification = await expected.verify(lambda: stream(peer_changes(topic())))
    assert any("is missing," in fault for fault in verification.faults)


async def test_the_digest_ignores_changes_after_the_last_purchase() -> None:
    records = topic()
    expected = await ExpectedChanges.compute(stream(records))
    orders: defaultdict[str, list[Order]] = defaultdict(list)
    for record in records:
        customer_id, order = read_order(record.value or b"", record.offset)
        orders[customer_id].append(order)
    with_time = [
        Record(0, 0, customer_id.encode(), orjson.dumps(change.value))
        for customer_id, each in orders.items()
        for change in changes_of(customer_id, each, expected.horizon_ms)
    ]
    goldstream = await expected.verify(lambda: stream(with_time))
    peer = await expected.verify(lambda: stream(peer_changes(records)), expected.ends)
    assert goldstream.faults == peer.faults == ()
    assert goldstream.digest == peer.digest
    assert goldstream.changes > peer.changes


async def test_a_repeated_change_counts_once() -> None:
    records = topic()
    expected = await ExpectedChanges.compute(stream(records))
    changes = peer_changes(records)
    assert (await expected.verify(lambda: stream(changes + changes), expected.ends)).faults == ()


def with_fields(record: Record, **fields: Any) -> Record:
    return Record(record.partition, record.offset, record.key, orjson.dumps(orjson.loads(record.value or b"") | fields))


@pytest.mark.parametrize(
    ("tamper", "expected_text"),
    [
        pytest.param(lambda changes: changes[1:], "is missing,", id="a missing change"),
        pytest.param(
            lambda changes: [with_fields(changes[0], to="loyal"), *changes[1:]], '"to":"loyal"', id="another segment"
        ),
        pytest.param(
            lambda changes: [with_fields(changes[0], why=[1]), *changes[1:]], '"why":[1]', id="another reason"
        ),
        pytest.param(
            lambda changes: [*changes, with_fields(changes[0], seq=99)], "must be missing", id="an additional change"
        ),
        pytest.param(
            lambda changes: [*changes, with_fields(changes[0], to="x")], "published twice", id="a different repeat"
        ),
        pytest.param(
            lambda changes: [*changes, Record(0, 0, b"c-x", changes[0].value)], "key", id="the key of another customer"
        ),
        pytest.param(
            lambda changes: [*changes, Record(0, 0, b"c-x", with_fields(changes[0], customer_id="c-x").value)],
            "made no purchase",
            id="an unknown customer",
        ),
    ],
)
async def test_every_kind_of_difference_is_found(tamper: Any, expected_text: str) -> None:
    records = topic()
    expected = await ExpectedChanges.compute(stream(records))
    verification = await expected.verify(lambda: stream(tamper(peer_changes(records))), expected.ends)
    assert len(verification.faults) == 1
    assert expected_text in verification.faults[0]


def test_a_published_purchase_is_admitted_with_its_values() -> None:
    value = purchase_value("c-1", 1_700_000_000_123, 7, 250)
    admitted = admit("purchases", 0, 0, value, AdmissionRules("RUB", 2, {}), None)
    assert isinstance(admitted, Admitted)
    assert isinstance(admitted.event, OrderPlaced)
    assert (admitted.customer_id, admitted.event.occurred_at, admitted.event.amount) == (
        "c-1",
        1_700_000_000_123,
        25_000,
    )


def test_a_peer_parses_every_purchase_correctly() -> None:
    for _, value in purchases(SMALL):
        customer_id, order = read_order(value, 0)
        read = decode_checked(value)
        assert (read.customer_id, read.at, read.kopecks) == (customer_id, order.at_ms, order.minor)


@pytest.mark.parametrize(
    "invalid",
    [
        {"currency": "EUR"},
        {"amount": "1.001"},
        {"amount": "-1.00"},
        {"customer_id": ""},
        {"occurred_at": "2025-01-01T00:00:00"},
    ],
    ids=str,
)
def test_a_peer_refuses_invalid_purchases(invalid: dict[str, str]) -> None:
    value = orjson.loads(purchase_value("c-1", 1_700_000_000_000, 1)) | invalid
    with pytest.raises(ValueError, match=r"id|currency|amount"):
        decode_checked(orjson.dumps(value))
