"""Warm tables: a table continued from its position equals one restored from the whole changelog."""

import random
from collections.abc import Sequence
from typing import Final

import pytest

from state.customer.order_chunks import LONG_HISTORY
from state.customer.profile import Profile, encode_profile, new_profile
from streams.tables import warm_tables
from streams.tables.customers_table import CustomersTable
from streams.tables.warm_tables import FRESH_SECONDS, WarmTable, WarmTables
from tests.lanes.clock import ManualClock
from tests.oracle import moments
from tests.property.folding import TOPICS, Lane, journal_of
from tests.retail.rules import STEPPE
from tests.retail.year import Event
from tests.running.workers import until

BEGIN_MS: Final = moments.parse("2025-01-01T00:00:00Z")
HOUR_MS: Final = 3_600_000


def history(rng: random.Random) -> list[Event]:
    """Return the history of a reseller with many orders and of a few others, some of them erased and returning."""
    steps: list[Event] = [{"type": "policy", "text": STEPPE.policy}, {"type": "campaigns", "text": STEPPE.campaigns}]
    length = 6 * LONG_HISTORY
    erased_at = rng.randrange(length // 2, length)
    for number in range(length):
        customer = rng.choice(["reseller", "reseller", "reseller", f"c-{rng.randrange(12)}"])
        event = {
            "event_id": f"e-{number}",
            "customer_id": customer,
            "occurred_at": moments.text(BEGIN_MS + number * HOUR_MS),
        }
        draw = rng.random()
        if number == erased_at or (draw < 0.02 and customer != "reseller"):
            event["customer_id"] = "reseller" if number == erased_at else customer
            steps.append(event | {"type": "erasure"})
        elif draw < 0.2:
            refund = {"type": "refund", "refund_id": f"r-{number}", "amount": "1.00", "currency": "KZT"}
            steps.append(event | refund | {"order_id": f"o-{max(0, number - rng.randrange(1, 300))}"})
        else:
            order = {"type": "purchase", "order_id": f"o-{number}", "amount": "900.00", "currency": "KZT"}
            steps.append(event | order)
    return steps


def contents(table: CustomersTable) -> dict[str, tuple[bytes, Sequence[object]]]:
    """Return the full state of every customer in a table."""
    profiles = {customer: table.get(customer) for customer in table.ids()}
    return {customer: (encode_profile(each), _orders(each)) for customer, each in profiles.items() if each is not None}


def _orders(profile: Profile) -> list[object]:
    return [] if profile.order_index is None else [*profile.orders, profile.refunds]


@pytest.mark.parametrize("seed", range(8))
def test_a_continued_table_equals_one_restored_from_the_changelog(seed: int) -> None:
    rng = random.Random(seed)
    lane = Lane(journal_of(history(rng)))
    log = lane.written.broker.log(TOPICS.customers)
    ends = sorted(rng.sample(range(3, len(lane.journal)), 6))
    for end in ends:
        lane.run(writes=range(0, end, 25), end=end)
        kept = lane.warm
        assert kept.table.is_flushed
        assert kept.position == log.end
        lane.recover()  # another worker continues from the changelog
        if rng.random() < 0.3:  # the table may also read records again
            kept.position = rng.randrange(log.end)
        lane.run(writes=range(0, end + 40, 25), end=min(len(lane.journal), end + 40))
        lane.recover(kept)
        assert lane.warm is kept
        fresh = CustomersTable()
        for record in log.records:
            fresh.restore(record.key or b"", record.value)
        fresh.finish_restore()
        assert contents(kept.table) == contents(fresh)
        assert sorted(kept.table._stale) == sorted(fresh._stale)


async def test_tables_with_unwritten_changes_or_too_old_are_not_reused() -> None:
    clock = ManualClock()
    tables = WarmTables(clock, standby=True)
    changed = CustomersTable()
    changed.put("c-1", new_profile(offset=7, seq=0, evaluated_at=5))
    assert not changed.is_flushed
    tables.give_back(0, WarmTable(clock.boot_seconds(), changed, 12))
    assert tables.take(0) is None

    warm_table = WarmTable(clock.boot_seconds(), CustomersTable(), 12)
    tables.give_back(0, warm_table)
    taken = tables.take(0)
    assert taken is not None
    assert (taken.table, taken.position, taken.as_of) == (warm_table.table, warm_table.position, warm_table.as_of)
    assert tables.take(0) is None
    tables.give_back(0, warm_table)
    clock.advance(FRESH_SECONDS + 1)
    assert tables.take(0) is None


async def test_without_a_standby_a_table_is_kept_only_for_a_rebalance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_tables, "GRACE_SECONDS", 0.0)
    clock = ManualClock()
    tables = WarmTables(clock)
    tables.give_back(3, WarmTable(clock.boot_seconds()))
    assert tables.take(3) is not None
    tables.give_back(3, WarmTable(clock.boot_seconds()))

    async def is_dropped() -> bool:
        return 3 not in tables.all()

    await until(is_dropped, "the table to be dropped")
    assert tables.take(3) is None
