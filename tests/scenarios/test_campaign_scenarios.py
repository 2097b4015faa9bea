"""Campaigns do what the tables beside this file want, by the product's fold and by the oracle."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from streams.defaults import policy_text
from tests.oracle import Oracle, Output, moments
from tests.property.folding import PREFIX, Lane, journal_of
from tests.property.standing import output_of
from tests.scenarios.reading import Scenario, read_scenarios
from tests.scenarios.wording import wanted

SCENARIOS = [scenario for path in sorted(Path(__file__).parent.glob("*.md")) for scenario in read_scenarios(path)]
NAMED = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.title)


def told(scenario: Scenario, *, ticks: bool = False) -> list[dict[str, Any]]:
    """The steps of a scenario, with time brought to its end; with ticks, to the moment of each step before it too."""
    steps: list[dict[str, Any]] = [{"type": "policy", "text": policy_text()}]
    steps.append({"type": "campaigns", "text": scenario.files[0]})
    for at, step in scenario.steps:
        if ticks or step["type"] == "campaigns":
            steps.append({"type": "tick", "at": moments.text(at)})
        steps.append(step)
    return [*steps, {"type": "tick", "at": moments.text(scenario.end)}]


def said(outputs: Iterable[Output]) -> list[tuple[str, str]]:
    """What was published, in words; outcomes are told elsewhere."""
    return [wanted(output) for output in outputs if output.topic != "outcomes"]


@NAMED
@pytest.mark.parametrize("ticks", [False, True], ids=["without ticks", "with ticks"])
def test_the_fold_publishes_what_the_scenario_wants(scenario: Scenario, *, ticks: bool) -> None:
    lane = Lane(journal_of(told(scenario, ticks=ticks))).run()
    assert said(map(output_of, lane.published)) == scenario.wants


@NAMED
def test_the_oracle_publishes_what_the_scenario_wants(scenario: Scenario) -> None:
    assert said(Oracle(PREFIX).run(told(scenario)).outputs) == scenario.wants


def test_no_scenario_is_told_twice() -> None:
    titles = [scenario.title for scenario in SCENARIOS]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize(("answered", "wants"), [(2, "soon 66 by sms"), (1, "soon 66 kept back: consent")])
def test_the_channels_of_the_last_64_messages_are_remembered_and_for_an_older_one_all_are_refused(
    answered: int, wants: str
) -> None:
    """Of 65 messages by email the second is the oldest that is remembered."""
    rungs = ", ".join(f'{{ after_days = {day}, template = "soon" }}' for day in range(66))
    campaign = 'name = "soon"\ntopic = "offers"\nto = ["at_risk"]\nchannels = ["email", "sms"]'
    file = f'name = "retail"\nversion = 1\n[[campaign]]\n{campaign}\nattempts = [{rungs}]'
    scenario = Scenario("sixty-six messages", [file])
    for at, event in (
        ("2026-01-01 12:00", "signs up email=yes sms=yes"),
        ("2026-01-01 13:00", "buys 1000"),
        ("2026-05-05 14:00", f"unsubscribes from c:3:soon:{answered}"),
        ("2026-05-06 13:00", ""),
    ):
        scenario.add(at, event, "")
    steps = told(scenario)
    for outputs in (map(output_of, Lane(journal_of(steps)).run().published), Oracle(PREFIX).run(steps).outputs):
        *before, last = said(outputs)
        assert before[-1][1] == "soon 65 by email or sms"
        assert last[1] == wants
