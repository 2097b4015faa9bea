"""The fold and the oracle publish what the tables in the Markdown files want."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from streams.defaults import policy_text
from tests.oracle import Oracle, Output, moments
from tests.property.folding import PREFIX, Lane, journal_of
from tests.property.profile_comparison import output_of
from tests.unit.scenarios.reading import Scenario, read_scenarios
from tests.unit.scenarios.wording import wanted

SCENARIOS = [scenario for path in sorted(Path(__file__).parent.glob("*.md")) for scenario in read_scenarios(path)]
NAMED = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.title)


def steps_of(scenario: Scenario, *, ticks: bool = False) -> list[dict[str, Any]]:
    """Return the steps of a scenario and a tick at its end; with `ticks`, also one before each step.

    There is always one before what is late and before a campaigns file: it decides at which moment that is applied.
    """
    steps: list[dict[str, Any]] = [{"type": "policy", "text": policy_text()}]
    steps.append({"type": "campaigns", "text": scenario.files[0]})
    for at, step in scenario.steps:
        is_late = step["type"] == "campaigns" or moments.parse(step["occurred_at"]) < at
        if ticks or is_late:
            steps.append({"type": "tick", "at": moments.text(at)})
        steps.append(step)
    return [*steps, {"type": "tick", "at": moments.text(scenario.end)}]


def words_of(outputs: Iterable[Output]) -> list[tuple[str, str]]:
    """Return the outputs in words, without outcomes, which other tests cover."""
    return [wanted(output) for output in outputs if output.topic != "outcomes"]


@NAMED
@pytest.mark.parametrize("ticks", [False, True], ids=["without ticks", "with ticks"])
def test_the_fold_publishes_what_the_scenario_wants(scenario: Scenario, *, ticks: bool) -> None:
    lane = Lane(journal_of(steps_of(scenario, ticks=ticks))).run()
    assert words_of(map(output_of, lane.published)) == scenario.wants


@NAMED
def test_the_oracle_publishes_what_the_scenario_wants(scenario: Scenario) -> None:
    assert words_of(Oracle(PREFIX).run(steps_of(scenario)).outputs) == scenario.wants


def test_every_scenario_has_its_own_title() -> None:
    titles = [scenario.title for scenario in SCENARIOS]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize(("number", "wants"), [(2, "soon 66 by sms"), (1, "soon 66 suppressed: consent")])
def test_unsubscribing_from_a_forgotten_message_refuses_all_channels(number: int, wants: str) -> None:
    """The last 64 messages are remembered: of 65 messages by email, the second is the oldest of them."""
    attempts = ", ".join(f'{{ after_days = {day}, template = "soon" }}' for day in range(66))
    campaign = 'name = "soon"\ntopic = "offers"\nto = ["at_risk"]\nchannels = ["email", "sms"]'
    file = f'name = "retail"\nversion = 1\n[[campaign]]\n{campaign}\nattempts = [{attempts}]'
    scenario = Scenario("sixty-six messages", [file])
    for at, event in (
        ("2026-01-01 12:00", "signs up email=yes sms=yes"),
        ("2026-01-01 13:00", "buys 1000"),
        ("2026-05-05 14:00", f"unsubscribes from c:3:soon:{number}"),
        ("2026-05-06 13:00", ""),
    ):
        scenario.add(at, event, "")
    steps = steps_of(scenario)
    for outputs in (map(output_of, Lane(journal_of(steps)).run().published), Oracle(PREFIX).run(steps).outputs):
        *before, last = words_of(outputs)
        assert before[-1][1] == "soon 65 by email or sms"
        assert last[1] == wants
