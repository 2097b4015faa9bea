"""Traits and forecasts agree with the oracle, and with what happens afterwards."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from state.config.policy import Policy
from state.config.ruleset import Ruleset
from state.customer.order_chunks import copy_profile
from state.customer.packed_orders import pack_orders
from state.customer.profile import Profile
from state.customer.segment_forecast import NextRise, SegmentForecast
from state.customer.traits import (
    is_difficult,
    is_discount_seeker,
    most_frequent,
    overdue_at,
    overdue_ratio,
    referrals,
    usual_gap,
)
from state.fold.transitions import FoldCounters, advance_time, apply_event, evaluate
from state.records.events import OrderPlaced
from state.records.outputs import SegmentChanged
from tests.oracle import moments
from tests.oracle.customers.traits import TraitsOracle
from tests.property.folding import PREFIX, Lane, journal_of
from tests.property.histories.crash_strategies import Way, histories_on_their_way
from tests.property.histories.draws import between, one_in, pick
from tests.property.histories.history_builder import Step
from tests.property.histories.random_histories import CUSTOMERS, History
from tests.property.profile_comparison import differences
from tests.property.test_fold_against_oracle import chunks_of

_STORES: Final = ("s-1", "s-1", "s-2", "ы", "", None, "x" * 129)
_FOREVER: Final = 1 << 60


@st.composite
def told_of_more(draw: st.DrawFn) -> tuple[History, Way]:
    """Draw a history whose purchases name stores and channels, and whose signups name referrers."""
    history, way = draw(histories_on_their_way())
    steps = []
    for step in history.steps:
        more: dict[str, Any] = {}
        if step["type"] == "purchase":
            more = {"store_id": pick(draw, _STORES), "channel": pick(draw, _STORES)}
        elif step["type"] == "signup":
            more = {"referred_by": pick(draw, (*CUSTOMERS, "nobody", "x" * 129))}
        steps.append(step | more)
    return replace(history, steps=tuple(steps)), way


@given(told_of_more())
def test_incremental_traits_agree_with_the_oracle(drawn: tuple[History, Way]) -> None:
    history, way = drawn
    oracle = TraitsOracle(PREFIX)
    result = oracle.run(history.steps)
    with chunks_of(way.chunk_orders):
        lane = Lane(journal_of(history.steps, one_topic=way.one_topic, repeats=way.repeats), way.slice_size)
        lane.run(way.writes, way.recoveries)
    assert differences(lane, result) == []
    profiles = lane.written.profiles()
    policy = _policy(lane)
    assert {each: _traits(profile, policy) for each, profile in profiles.items()} == {
        each: oracle.traits(each, profile.evaluated_at) for each, profile in profiles.items()
    }


def _policy(lane: Lane) -> Policy:
    assert lane.partition.rules is not None
    return lane.partition.rules.policy


def _traits(profile: Profile, policy: Policy) -> dict[str, Any]:
    gap = usual_gap(profile, policy.window_ms)
    return {
        "discount_seeker": is_discount_seeker(profile, policy),
        "difficult": is_difficult(profile),
        "favourite_store": most_frequent(profile.stores),
        "favourite_channel": most_frequent(profile.channels),
        "referrals": referrals(profile),
        "gap": gap,
        "overdue": overdue_ratio(gap, profile.last_order_at, profile.evaluated_at),
        "next_down": SegmentForecast(policy).next_drop(profile),
    }


_WHENS: Final = (
    "r = [3], f = [3], m = [3]",
    "f = [3]",
    "m = [3]",
    "f = [2, 3], m = [2]",
    "r = [2, 3], orders_max = 2",
    "r = [3], f = [1, 2]",
    "orders_max = 5",
)


@st.composite
def shops(draw: st.DrawFn) -> list[Step]:
    """Draw a policy with demanding segments, and a customer with a few purchases and refunds."""
    whens = draw(st.permutations(_WHENS))[: between(draw, 1, 4)]
    segments = [f'[[segment]]\nname = "s{number}"\nwhen = {{ {when} }}' for number, when in enumerate(whens)]
    thresholds = pick(draw, ("[2, 5]", "[1, 3]", "[3, 4]")), pick(draw, ("[5, 20]", "[0.01, 10.5]"))
    head = f"recency_days.edges = [60, 180]\nfrequency.edges = {thresholds[0]}\nmonetary.edges = {thresholds[1]}"
    text = "\n".join(['name = "shop"\nversion = 1\ncurrency = "RUB"', head, *segments, '[[segment]]\nname = "rest"'])
    steps: list[Step] = [{"type": "policy", "text": text}]
    for number in range(between(draw, 1, 9)):
        kind = pick(draw, ("purchase", "purchase", "purchase", "refund"))
        event: Step = {"type": kind, "event_id": f"e{number}", "customer_id": "c", "currency": "RUB"}
        event["occurred_at"] = moments.text(moments.DAY_MS * between(draw, 0, 400))
        event["amount"] = pick(draw, ("5", "0.01", "1", "4.99", "20"))
        event["order_id" if kind == "purchase" else "refund_id"] = f"{number}"
        purchases = [step for step in steps if step["type"] == "purchase"]
        if kind == "refund" and purchases and one_in(draw, 2):
            order = pick(draw, purchases)
            event |= {name: order[name] for name in ("order_id", "amount", "occurred_at")}
        steps.append(event)
    return steps


of_shops = shops() | histories_on_their_way().map(lambda drawn: list(drawn[0].steps))


@given(of_shops)
def test_the_next_drop_happens_as_forecast(steps: list[Step]) -> None:
    """At every point of the history, with the orders as objects and packed."""
    lane = Lane(journal_of(steps))
    for offset in range(len(lane.journal)):
        lane.fold(offset)
        for customer_id in lane.table.ids():
            profile = lane.table.get(customer_id)
            assert profile is not None
            packed = copy_profile(profile)
            pack_orders(packed)
            forecast = SegmentForecast(_policy(lane)).next_drop(profile)
            assert (
                forecast
                == SegmentForecast(_policy(lane)).next_drop(packed)
                == _first_change_by_time(profile, _policy(lane))
            )


def _first_change_by_time(profile: Profile, policy: Policy) -> tuple[int, str] | None:
    """Advance time on a copy, and return the first change of segment."""
    out: list[Any] = []
    then = copy_profile(profile)
    while then.due < _FOREVER and not out:
        advance_time("c", then, then.due, Ruleset(policy, None), out, FoldCounters())
    changes = [each for each in out if isinstance(each, SegmentChanged)]
    return (changes[0].at, changes[0].move.to_segment) if changes else None


@given(of_shops, st.integers(0, 60))
def test_the_next_rise_is_reached_by_nothing_less(steps: list[Step], later: int) -> None:
    """Shown by placing the orders, at a later moment before anything is due."""
    lane = Lane(journal_of(steps)).run()
    policy = _policy(lane)
    for profile in lane.written.profiles().values():
        moment = min(profile.evaluated_at + later, profile.due - 1)
        rise = SegmentForecast(policy).next_rise(profile)
        if rise is None:
            tried = [
                (count, total) for count in _order_counts(profile, policy) for total in _order_totals(profile, policy)
            ]
            assert not any(_better_segment_after(profile, policy, moment, *orders) for orders in tried)
        else:
            _expect_minimal(profile, policy, moment, rise)


def _expect_minimal(profile: Profile, policy: Policy, moment: int, rise: NextRise) -> None:
    count, spend = rise.orders or 1, rise.spend or 0
    assert _better_segment_after(profile, policy, moment, count, spend) == rise.to
    totals = (0, *_order_totals(profile, policy))
    if count > 1:
        assert not any(_better_segment_after(profile, policy, moment, 1, total) for total in totals), (
            "one order of any amount"
        )
        fewer = totals if rise.spend is not None else (0,)
        assert not any(_better_segment_after(profile, policy, moment, count - 1, total) for total in fewer), (
            "one order fewer"
        )
    if rise.spend is not None:
        assert _better_segment_after(profile, policy, moment, count, spend - 1) is None
    if rise.orders is not None and rise.spend is not None:
        assert not any(
            _better_segment_after(profile, policy, moment, each, 0) for each in _order_counts(profile, policy)
        )


def _order_counts(profile: Profile, policy: Policy) -> list[int]:
    """Return numbers of further orders that reach a threshold, or exceed a segment's maximum."""
    limits = (rule.orders_max + 1 - profile.lifetime_orders for rule in policy.rules if rule.orders_max)
    thresholds = (threshold - profile.frequency for threshold in policy.frequency_edges)
    return sorted({1, *(count for count in (*limits, *thresholds) if count > 0)})


def _order_totals(profile: Profile, policy: Policy) -> list[int]:
    """Return the amounts by which monetary reaches a threshold."""
    return [
        threshold - profile.monetary for threshold in policy.monetary_edges_minor if threshold > profile.monetary
    ] or [0]


def _better_segment_after(profile: Profile, policy: Policy, moment: int, count: int, total: int) -> str | None:
    """Return the segment after `count` orders with this `total`, or None if it is no better one."""
    after = copy_profile(profile)
    for number in range(count):
        head = ("events", 0, 1 << 40, f"e-{number}", moment, False)
        amount = total if number == 0 else 0
        order = OrderPlaced(*head, f"new {number}", amount, policy.currency, amount, None, 0, None, None, None)
        apply_event("c", after, order, max(moment, after.evaluated_at), Ruleset(policy, None), [], FoldCounters())
    ranks = policy.segment_names
    return after.segment if ranks.index(after.segment) < ranks.index(profile.segment) else None


@given(told_of_more(), st.sampled_from(["0.5", "1", "2.0", "3.75"]))
def test_an_order_is_overdue_exactly_at_the_forecast_moment(drawn: tuple[History, Way], multiple: str) -> None:
    """At that moment the forecast is the same, and the time since the last order has reached the multiple."""
    lane = Lane(journal_of(drawn[0].steps)).run()
    rules = Ruleset(_policy(lane), None)
    for profile in lane.written.profiles().values():
        at = overdue_at(profile, Decimal(multiple), rules)
        if at is None:
            continue
        then = copy_profile(profile)
        then.due = min(then.due, at)
        advance_time("c", then, at, rules, [], FoldCounters())
        evaluate("c", then, at, rules, "time", None, [])
        assert overdue_at(then, Decimal(multiple), rules) == at
        gap = usual_gap(then, rules.window_ms)
        assert gap is not None
        if gap == 0:  # half a millisecond, rounded down
            continue
        reached = overdue_ratio(gap, then.last_order_at, at)
        # The median of an even number of gaps may be rounded down by half.
        before = overdue_ratio(gap + Fraction(1, 2), then.last_order_at, at - 1)
        assert reached is not None
        assert before is not None
        assert before < Fraction(multiple) <= reached
