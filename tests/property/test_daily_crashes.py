"""A lane that dies at any step of writing: every day is counted once.

Random histories seldom die within a tick between the totals of the days and the customers; here everything is tried.
"""

from collections.abc import Iterator
from typing import Final

import pytest

from agents.segment.write_plan import WriteStep
from tests.oracle import moments
from tests.property.folding import Crash, Lane, journal_of
from tests.property.history_builder import Step
from tests.property.profile_comparison import state_of, unlike

DAY_MS: Final = moments.DAY_MS
START: Final = moments.parse("2026-01-10T12:00:00Z")
POLICY: Final = """
name = "shop"
version = {version}
currency = "RUB"
window_days = 30
timezone = "Europe/Moscow"
recency_days.edges = [{edge}, 20]
frequency.edges = [2, 5]
monetary.edges = [5, 20]
segment = [
  {{ name = "r3", when = {{ r = [3] }} }}, {{ name = "r2", when = {{ r = [2] }} }}, {{ name = "r1", when = {{}} }},
]
"""
CAMPAIGNS: Final = """
name = "retail"
version = {version}
[[campaign]]
name = "hello"
topic = "offers"
to = ["r3", "r2"]
requires_consent = false
attempts = [{{ after_days = {after}, template = "t" }}]
"""
SLICES: Final = 1
_STEPS: Final = (
    WriteStep.DAY_TOTALS,
    WriteStep.ERASURE_LEDGER,
    WriteStep.CHUNKS,
    WriteStep.PROFILES,
    WriteStep.OLD_CHUNKS,
)


def steps() -> list[Step]:
    """Three customers who buy, lapse, are judged anew and are forgotten; in every way that touches a day."""
    told: list[Step] = [
        {"type": "policy", "text": POLICY.format(version=1, edge=10)},
        {"type": "campaigns", "text": CAMPAIGNS.format(version=1, after=15)},
    ]

    def tell(kind: str, day: int, customer: str, **fields: object) -> None:
        at = moments.text(START + day * DAY_MS)
        step = {"type": kind, "event_id": f"e{len(told)}", "customer_id": customer, "occurred_at": at, **fields}
        told.append(step if kind not in ("tick", "policy", "campaigns") else {"type": kind, "at": at, **fields})

    for place, customer in enumerate(("c", "a", "b")):
        tell("purchase", place, customer, order_id="o", amount="7.00", currency="RUB")
    tell("purchase", 3, "c", order_id="q", amount="7.00", currency="RUB")  # it is due later than its entry says
    tell("consent", 2, "a", channel="email", granted=True)
    tell("purchase", 2, "", order_id="o", amount="1.00", currency="RUB")
    tell("refund", 1, "b", refund_id="r", order_id="o", amount="2.00", currency="RUB")
    tell("tick", 13, "")
    told.append({"type": "policy", "text": POLICY.format(version=2, edge=15)})
    tell("purchase", 14, "b", order_id="p", amount="30.00", currency="RUB")
    tell("erasure", 14, "b")
    tell("signup", 15, "b", source="web")
    told.append({"type": "campaigns", "text": CAMPAIGNS.format(version=2, after=16)})
    tell("tick", 40, "")
    return told


def crashes(at: int) -> Iterator[Crash]:
    """Every way to die at a record: while it is published, while days are written, or while the rest is."""
    some: tuple[frozenset[int], ...] = (frozenset(), frozenset({0}), frozenset({1}))
    touches_many = steps()[at]["type"] in ("tick", "policy", "campaigns")
    for since, slices in ((max(0, at - 3), 0), *((at, number) for number in range(4 if touches_many else 0))):
        yield Crash(since, at, slices, WriteStep.OUTPUTS)
        yield from (Crash(since, at, slices, step, each) for step in _STEPS for each in some)
        yield from (Crash(since, at, slices, WriteStep.PROGRESS, range(count)) for count in (0, 1))


@pytest.mark.parametrize("at", range(len(steps())))
def test_a_lane_that_dies_twice_at_a_record_counts_every_day_once(at: int) -> None:
    journal = journal_of(steps())
    uncut = state_of(Lane(journal).run())
    assert len(uncut["days"]) > len("abc")
    for crash in crashes(at):
        for again in (crash, Crash(at, at, max(0, crash.slices - 1), WriteStep.DAY_TOTALS, range(4))):
            lane = Lane(journal, SLICES)
            lane.crash(crash)
            lane.crash(again)
            lane.slice_size = 2
            assert unlike(f"after {crash}, then {again}", state_of(lane.run()), uncut) == []
