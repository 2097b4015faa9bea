"""A history under two policies: compared by the backtest, and folded by the oracle once for each."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from agents.analysis.backtest.backtest import Backtest
from agents.analysis.backtest.result import BacktestResult, PolicyCounts
from state.records.erasure import Erasure
from tests.oracle import Oracle, Result, moments
from tests.property.folding import PREFIX, journal_of
from tests.property.histories.draws import one_in, pick
from tests.property.histories.history_builder import Step
from tests.property.histories.random_histories import histories

NO_CAMPAIGNS = 'name = "none"\nversion = 1\n'
_RULES = ("policy", "campaigns")


@dataclass(frozen=True)
class Choice:
    """Two policies, and the history to compare them on.

    Attributes:
        steps: the history; every event that needs a rate has its own.
        policies: both texts, without rates: the amounts in a journal are already converted.
        until: when the comparison ends, in milliseconds; None for the end of the history.
    """

    steps: tuple[Step, ...]
    policies: tuple[str, str]
    campaigns: str
    until: int | None


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    """Draw a history and two of its policies; sometimes with another window, sometimes not to its end."""
    history = draw(histories())
    policies = [text.partition("[rates]")[0] for text in history.rulebook.policies]
    steps = tuple(_with_rates(history.steps))
    times = [step.get("occurred_at") or step["at"] for step in steps if step["type"] not in _RULES]
    until = None
    if times and one_in(draw, 3):
        until = moments.parse(pick(draw, times)) + pick(draw, (0, -1, 1))
    campaigns = pick(draw, history.rulebook.campaigns or (NO_CAMPAIGNS,))
    other = policies[-1]
    if one_in(draw, 3):
        other = re.sub(r"window_days = \S+", f"window_days = {pick(draw, ('30', '365', '1.5'))}", other)
    return Choice(steps, (policies[0], other), campaigns, until)


def _with_rates(steps: Iterable[Step]) -> Iterable[Step]:
    """Yield the steps, each event with the rate at which it was admitted."""
    rates: dict[str, str] = {}
    for step in steps:
        if step["type"] == "policy":
            rates = tomllib.loads(step["text"]).get("rates", {})
            yield step | {"text": step["text"].partition("[rates]")[0]}
        elif step["type"] in ("purchase", "refund") and "rate" not in step and step["currency"] in rates:
            yield step | {"rate": rates[step["currency"]]}
        else:
            yield step


def backtest_result(choice: Choice, ledger: dict[bytes, Erasure] | None = None) -> BacktestResult:
    """Return the result of the backtest."""
    backtest = Backtest(choice.policies, choice.campaigns, ledger or {}, choice.until)
    for offset, entry in enumerate(journal_of(choice.steps)):
        if not backtest.add(offset, entry.customer_id, entry.value):
            break
    return backtest.compare()


def oracle_results(choice: Choice) -> tuple[Result, Result]:
    """Return the result of the oracle for each policy."""
    steps = list(_until(choice.steps, choice.until))
    first, other = (
        Oracle(PREFIX).run(
            [{"type": "policy", "text": policy}, {"type": "campaigns", "text": choice.campaigns}, *steps]
        )
        for policy in choice.policies
    )
    return first, other


def _until(steps: Sequence[Step], until: int | None) -> Iterable[Step]:
    """Yield the events and ticks up to a time: no event after it, and none after the first tick beyond it."""
    for step in steps:
        if step["type"] in _RULES:
            continue
        if until is not None and step["type"] == "tick" and moments.parse(step["at"]) > until:
            yield {"type": "tick", "at": moments.text(until)}
            return
        if until is None or step["type"] == "tick" or moments.parse(step["occurred_at"]) <= until:
            yield step


def oracle_counts(result: Result) -> PolicyCounts:
    """Count the messages and changes of the oracle."""
    return PolicyCounts(
        Counter(message["campaign"] for message in result.messages),
        Counter((each["campaign"], each["reason"]) for each in result.suppressions),
        len(result.changes),
    )
