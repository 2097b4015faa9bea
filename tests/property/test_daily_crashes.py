"""Every day is counted once, even if a lane dies at any step of writing.

Random histories rarely crash within a tick between the day totals and the profiles; these tests try every case.
"""

from collections.abc import Iterator
from typing import Final

import pytest

from agents.segment.write_plan import WriteStep
from tests.oracle import moments
from tests.property.folding import Crash, Lane, journal_of
from tests.property.histories.history_builder import Step
from tests.property.profile_comparison import diff_mappings, state_of

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
    """Return a history of three customers who buy, lapse, are evaluated by a new policy and are erased.

    It changes the totals of a day in every possible way.
    """
    history: list[Step] = [
        {"type": "policy", "text": POLICY.format(version=1, edge=10)},
        {"type": "campaigns", "text": CAMPAIGNS.format(version=1, after=15)},
    ]

    def add(kind: str, day: int, customer: str, **fields: object) -> None:
        at = moments.text(START + day * DAY_MS)
        step = {"type": kind, "event_id": f"e{len(history)}", "customer_id": customer, "occurred_at": at, **fields}
        history.append(step if kind not in ("tick", "policy", "campaigns") else {"type": kind, "at": at, **fields})

    for day, customer in enumerate(("c", "a", "b")):
        add("purchase", day, customer, order_id="o", amount="7.00", currency="RUB")
    add("purchase", 3, "c", order_id="q", amount="7.00", currency="RUB")  # due later than its timer entry
    add("consent", 2, "a", channel="email", granted=True)
    add("purchase", 2, "", order_id="o", amount="1.00", currency="RUB")
    add("refund", 1, "b", refund_id="r", order_id="o", amount="2.00", currency="RUB")
    add("tick", 13, "")
    history.append({"type": "policy", "text": POLICY.format(version=2, edge=15)})
    add("purchase", 14, "b", order_id="p", amount="30.00", currency="RUB")
    add("erasure", 14, "b")
    add("signup", 15, "b", source="web")
    history.append({"type": "campaigns", "text": CAMPAIGNS.format(version=2, after=16)})
    add("tick", 40, "")
    return history


def crashes(at: int) -> Iterator[Crash]:
    """Yield every way to die at a record: while outputs, days, or the rest are written."""
    written: tuple[frozenset[int], ...] = (frozenset(), frozenset({0}), frozenset({1}))
    touches_many = steps()[at]["type"] in ("tick", "policy", "campaigns")
    for since, slices in ((max(0, at - 3), 0), *((at, number) for number in range(4 if touches_many else 0))):
        yield Crash(since, at, slices, WriteStep.OUTPUTS)
        yield from (Crash(since, at, slices, step, each) for step in _STEPS for each in written)
        yield from (Crash(since, at, slices, WriteStep.PROGRESS, range(count)) for count in (0, 1))


@pytest.mark.parametrize("at", range(len(steps())))
def test_two_crashes_at_a_record_count_every_day_once(at: int) -> None:
    journal = journal_of(steps())
    uncut = state_of(Lane(journal).run())
    assert len(uncut["days"]) > len("abc")
    for crash in crashes(at):
        for second in (crash, Crash(at, at, max(0, crash.slices - 1), WriteStep.DAY_TOTALS, range(4))):
            lane = Lane(journal, SLICES)
            lane.crash(crash)
            lane.crash(second)
            lane.slice_size = 2
            assert diff_mappings(f"after {crash}, then {second}", state_of(lane.run()), uncut) == []
