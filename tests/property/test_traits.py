"""What is known of a customer beyond the cell: as the whole history says, and as doing it shows."""

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
from tests.oracle.traits import TraitsOracle
from tests.property.crash_strategies import Way, histories_on_their_way
from tests.property.draws import between, one_in, pick
from tests.property.folding import PREFIX, Lane, journal_of
from tests.property.histories import CUSTOMERS, History
from tests.property.history_builder import Step
from tests.property.profile_comparison import differences
from tests.property.test_fold_against_oracle import chunks_of

_STORES: Final = ("s-1", "s-1", "s-2", "ы", "", None, "x" * 129)
_FOREVER: Final = 1 << 60


@st.composite
def told_of_more(draw: st.DrawFn) -> tuple[History, Way]:
    """Histories in which purchases say where they were made, and signups who brought the customer."""
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
def test_the_traits_kept_event_by_event_are_those_of_the_whole_history(drawn: tuple[History, Way]) -> None:
    history, way = drawn
    oracle = TraitsOracle(PREFIX)
    result = oracle.run(history.steps)
    with chunks_of(way.chunk_orders):
        lane = Lane(journal_of(history.steps, one_topic=way.one_topic, again=way.again), way.slice_size)
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
    """A policy whose segments ask for much, and a customer who has bought a few times, or got something back."""
    whens = draw(st.permutations(_WHENS))[: between(draw, 1, 4)]
    segments = [f'[[segment]]\nname = "s{number}"\nwhen = {{ {when} }}' for number, when in enumerate(whens)]
    edges = pick(draw, ("[2, 5]", "[1, 3]", "[3, 4]")), pick(draw, ("[5, 20]", "[0.01, 10.5]"))
    head = f"recency_days.edges = [60, 180]\nfrequency.edges = {edges[0]}\nmonetary.edges = {edges[1]}"
    text = "\n".join(['name = "shop"\nversion = 1\ncurrency = "RUB"', head, *segments, '[[segment]]\nname = "rest"'])
    steps: list[Step] = [{"type": "policy", "text": text}]
    for number in range(between(draw, 1, 9)):
        kind = pick(draw, ("purchase", "purchase", "purchase", "refund"))
        event: Step = {"type": kind, "event_id": f"e{number}", "customer_id": "c", "currency": "RUB"}
        event["occurred_at"] = moments.text(moments.DAY_MS * between(draw, 0, 400))
        event["amount"] = pick(draw, ("5", "0.01", "1", "4.99", "20"))
        event["order_id" if kind == "purchase" else "refund_id"] = f"{number}"
        bought = [step for step in steps if step["type"] == "purchase"]
        if kind == "refund" and bought and one_in(draw, 2):
            order = pick(draw, bought)
            event |= {name: order[name] for name in ("order_id", "amount", "occurred_at")}
        steps.append(event)
    return steps


of_shops = shops() | histories_on_their_way().map(lambda drawn: list(drawn[0].steps))


@given(of_shops)
def test_time_brings_the_segment_and_the_moment_that_were_foreseen(steps: list[Step]) -> None:
    """At every point of the history; the orders as objects, and as a plain history where they make one."""
    lane = Lane(journal_of(steps))
    for offset in range(len(lane.journal)):
        lane.fold(offset)
        for customer_id in lane.table.ids():
            profile = lane.table.get(customer_id)
            assert profile is not None
            plain = copy_profile(profile)
            pack_orders(plain)
            foreseen = SegmentForecast(_policy(lane)).next_drop(profile)
            assert foreseen == SegmentForecast(_policy(lane)).next_drop(plain) == _first_by_time(profile, _policy(lane))


def _first_by_time(profile: Profile, policy: Policy) -> tuple[int, str] | None:
    """Lets time go by over a copy."""
    out: list[Any] = []
    then = copy_profile(profile)
    while then.due < _FOREVER and not out:
        advance_time("c", then, then.due, Ruleset(policy, None), out, FoldCounters())
    changes = [each for each in out if isinstance(each, SegmentChanged)]
    return (changes[0].at, changes[0].move.to_segment) if changes else None


@given(of_shops, st.integers(0, 60))
def test_the_way_up_leads_there_and_nothing_less_does(steps: list[Step], later: int) -> None:
    """By doing it: so many orders of so much, placed at a later moment before anything falls due."""
    lane = Lane(journal_of(steps)).run()
    policy = _policy(lane)
    for profile in lane.written.profiles().values():
        moment = min(profile.evaluated_at + later, profile.due - 1)
        up = SegmentForecast(policy).next_rise(profile)
        if up is None:
            tried = [(count, total) for count in _counts(profile, policy) for total in _totals(profile, policy)]
            assert not any(_better(profile, policy, moment, *way) for way in tried)
        else:
            _expect_least(profile, policy, moment, up)


def _expect_least(profile: Profile, policy: Policy, moment: int, up: NextRise) -> None:
    count, spend = up.orders or 1, up.spend or 0
    assert _better(profile, policy, moment, count, spend) == up.to
    totals = (0, *_totals(profile, policy))
    if count > 1:
        assert not any(_better(profile, policy, moment, 1, total) for total in totals), "one order, of whatever sum"
        fewer = totals if up.spend is not None else (0,)
        assert not any(_better(profile, policy, moment, count - 1, total) for total in fewer), "one order fewer"
    if up.spend is not None:
        assert _better(profile, policy, moment, count, spend - 1) is None
    if up.orders is not None and up.spend is not None:
        assert not any(_better(profile, policy, moment, each, 0) for each in _counts(profile, policy))


def _counts(profile: Profile, policy: Policy) -> list[int]:
    """So many more orders that their number is at an edge, or past what a segment takes at most."""
    limits = (rule.orders_max + 1 - profile.lifetime_orders for rule in policy.rules if rule.orders_max)
    edges = (edge - profile.frequency for edge in policy.frequency_edges)
    return sorted({1, *(count for count in (*limits, *edges) if count > 0)})


def _totals(profile: Profile, policy: Policy) -> list[int]:
    """Sums by which monetary comes to an edge."""
    return [edge - profile.monetary for edge in policy.monetary_edges_minor if edge > profile.monetary] or [0]


def _better(profile: Profile, policy: Policy, moment: int, count: int, total: int) -> str | None:
    """The segment after so many orders at a moment that bring so much together, if it is a better one."""
    after = copy_profile(profile)
    for number in range(count):
        head = ("events", 0, 1 << 40, f"e-{number}", moment, False)
        amount = total if number == 0 else 0
        order = OrderPlaced(*head, f"new {number}", amount, policy.currency, amount, None, 0, None, None, None)
        apply_event("c", after, order, max(moment, after.evaluated_at), Ruleset(policy, None), [], FoldCounters())
    ranks = policy.segment_names
    return after.segment if ranks.index(after.segment) < ranks.index(profile.segment) else None


@given(told_of_more(), st.sampled_from(["0.5", "1", "2.0", "3.75"]))
def test_one_is_overdue_at_the_moment_that_was_told_and_not_before(drawn: tuple[History, Way], multiple: str) -> None:
    """At that moment the same is told again, and the time since the last order has come to the multiple."""
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
        reached = overdue_ratio(gap, then.last_order_at, at)
        before = overdue_ratio(
            gap + Fraction(1, 2), then.last_order_at, at - 1
        )  # that of an even number may be cut by half
        assert reached is not None
        assert before is not None
        assert before < Fraction(multiple) <= reached
