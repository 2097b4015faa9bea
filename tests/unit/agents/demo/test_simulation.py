"""The simulated shop: reproducible from its seed, valid and plausible."""

import json
from collections import Counter, defaultdict
from itertools import islice, pairwise

import pytest

from agents.simulation.shop import Plan, SimulatedEvent, simulate
from state.intake.admission import AdmissionRules, Admitted, admit
from state.units.timestamps import DAY_MS, parse_rfc3339

UNTIL_MS = parse_rfc3339("2026-01-01T00:00:00Z")
YEAR = Plan.create(seed=1, customers=600, days=365, until_ms=UNTIL_MS, currency="RUB")


@pytest.fixture(scope="module")
def year() -> list[SimulatedEvent]:
    """Return the events of a year."""
    return list(simulate(YEAR))


def values(plan: Plan) -> list[bytes]:
    """Return the values of the published events of a plan."""
    return [event.value() for event in simulate(plan)]


def test_the_same_seed_gives_the_same_events_byte_for_byte(year: list[SimulatedEvent]) -> None:
    assert values(YEAR) == [event.value() for event in year]


def test_another_seed_gives_other_events_with_other_ids(year: list[SimulatedEvent]) -> None:
    other = list(simulate(Plan.create(2, 600, 365, UNTIL_MS, "RUB")))
    assert not {event.fields["event_id"] for event in other} & {event.fields["event_id"] for event in year}


def test_events_do_not_depend_on_how_many_are_read(year: list[SimulatedEvent]) -> None:
    assert [event.value() for event in islice(simulate(YEAR), 50)] == [event.value() for event in year[:50]]


def test_the_first_bytes_are_known() -> None:
    """A change here changes the events of every seed from one version to the next."""
    first = next(simulate(Plan.create(1, 10, 30, UNTIL_MS, "RUB")))
    assert first.customer_id == "c-1"
    assert json.loads(first.value())["event_id"].endswith("-e-1-0")


def test_events_are_in_chronological_order_and_within_the_period(year: list[SimulatedEvent]) -> None:
    assert all(one.at_ms <= other.at_ms for one, other in pairwise(year))
    assert year[0].at_ms >= UNTIL_MS - 365 * DAY_MS
    assert year[-1].at_ms < UNTIL_MS


@pytest.mark.parametrize("currency", ["RUB", "JPY", "KWD", "EUR"])
def test_every_event_is_admitted(currency: str) -> None:
    digits = {"RUB": 2, "JPY": 0, "KWD": 3, "EUR": 2}[currency]
    for event in simulate(Plan.create(3, 150, 200, UNTIL_MS, currency)):
        result = admit("events", 0, 0, event.value(), AdmissionRules(currency, digits, {}), None)
        assert isinstance(result, Admitted), result
        assert result.customer_id == event.customer_id
        assert result.event.occurred_at == event.at_ms


def test_a_shop_has_all_kinds_of_events_and_fields(year: list[SimulatedEvent]) -> None:
    kinds = Counter(event.fields["type"] for event in year)
    assert set(kinds) == {"purchase", "refund", "signup", "consent"}
    purchases = [event.fields for event in year if event.fields["type"] == "purchase"]
    assert {"discount", "coupon", "store_id", "channel"} <= {name for fields in purchases for name in fields}
    anonymous = sum("customer_id" not in fields for fields in purchases)
    assert 0.05 < anonymous / len(purchases) < 0.25
    refunds = [event.fields for event in year if event.fields["type"] == "refund"]
    assert 0.02 < len(refunds) / len(purchases) < 0.1
    amounts = {fields["order_id"]: fields["amount"] for fields in purchases}
    is_full = [refund["amount"] == amounts[refund["order_id"]] for refund in refunds if "order_id" in refund]
    assert 0 < sum(is_full) < len(is_full)
    assert any("order_id" not in refund for refund in refunds)


def test_customers_buy_unequally_lapse_and_return(year: list[SimulatedEvent]) -> None:
    moments = defaultdict(list)
    for event in year:
        if event.fields["type"] == "purchase" and event.customer_id:
            moments[event.customer_id].append(event.at_ms)
    counts = sorted(map(len, moments.values()), reverse=True)
    assert sum(counts[: len(counts) // 5]) > 0.5 * sum(counts)
    assert sum(UNTIL_MS - each[-1] > 60 * DAY_MS for each in moments.values()) > len(moments) / 10
    gaps = [later - earlier for each in moments.values() for earlier, later in pairwise(each)]
    assert any(gap > 90 * DAY_MS for gap in gaps)
    joined = sorted(each[0] for each in moments.values())
    assert joined[len(joined) // 2] > UNTIL_MS - 365 * DAY_MS / 2  # the shop grows


def test_a_live_event_has_the_moment_of_its_publication(year: list[SimulatedEvent]) -> None:
    assert json.loads(year[0].value(UNTIL_MS))["occurred_at"] == "2026-01-01T00:00:00.000Z"
