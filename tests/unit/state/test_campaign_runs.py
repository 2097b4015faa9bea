"""A run changes its state only by the table of transitions."""

from itertools import product

import msgspec
import pytest

from state.config.campaigns import parse_campaigns
from state.config.policy_reader import parse_policy
from state.config.ruleset import Ruleset
from state.customer.profile import new_profile
from state.customer.profile_schema import Engagement, Run
from state.engagement.campaign_context import CampaignContext
from state.engagement.run import (
    FIRST_STATES,
    TRANSITIONS,
    RunState,
    RunTrigger,
    fire,
    next_moment,
    run_state,
    start_run,
)
from state.records.outputs import MessageSent, MessageSuppressed, OutcomeReported, Output
from state.records.reasons import Group
from state.units.timestamps import DAY_MS, NEVER, parse_rfc3339
from streams.defaults import policy_text

NOON = parse_rfc3339("2026-01-01T12:00:00Z")
CAMPAIGNS = parse_campaigns("""
name = "c"
version = 1
[[campaign]]
name = "hello"
topic = "offers"
to = ["potential"]
requires_consent = false
silence_after_days = 30
attribution_days = 60
attempts = [{ after_days = 0, template = "a" }, { after_days = 1, template = "b" }]
""")
CAMPAIGN = CAMPAIGNS.by_name["hello"]
STEPS = {RunState.OPEN: (2, NOON + DAY_MS, [1]), RunState.SPENT: (0, None, [1, 2]), RunState.WATCHED: (0, None, [1])}


def context_at(moment: int) -> CampaignContext:
    profile = new_profile(0, 0, NOON)
    profile.segment, profile.engagement = "potential", Engagement({}, {}, {}, [], {}, None)
    rules = Ruleset(parse_policy(policy_text()), CAMPAIGNS)
    return CampaignContext("ann", profile, moment, rules, CAMPAIGNS, [])


def run_in(state: RunState) -> Run:
    """Return Ann's run in a state; in `OVER` it has reported its outcome."""
    context = context_at(NOON)
    start_run(context, CAMPAIGN, "b2026", None, Group.TREATED)
    (run,) = context.profile.runs
    run.next_step, run.next_at, run.sent = STEPS.get(state, (0, None, [1]))
    run.silence_at = NOON + 31 * DAY_MS if state is RunState.SPENT else None
    if state is RunState.OVER:
        run.attribution_ends_at = None
    assert run_state(run) is state
    return run


def published(outputs: list[Output]) -> list[str]:
    """Return a short text for each message, suppression and outcome."""
    texts = []
    for output in outputs:
        if isinstance(output, MessageSent):
            texts.append(f"message {output.value.attempt}")
        elif isinstance(output, MessageSuppressed):
            texts.append(f"{output.value.reason} {output.value.attempt}")
        elif isinstance(output, OutcomeReported):
            texts.append("outcome")
    return texts


@pytest.mark.parametrize(
    ("state", "trigger", "next_state", "outputs"),
    [
        (RunState.OPEN, RunTrigger.STEP_DUE, RunState.SPENT, ["message 2"]),
        (RunState.OPEN, RunTrigger.SUPERSEDED, RunState.WATCHED, ["superseded 2"]),
        (RunState.OPEN, RunTrigger.SILENCE_DUE, RunState.OPEN, ["silence-began None"]),
        (RunState.OPEN, RunTrigger.ATTRIBUTION_ENDED, RunState.OPEN, ["outcome"]),
        (RunState.SPENT, RunTrigger.SUPERSEDED, RunState.WATCHED, []),
        (RunState.SPENT, RunTrigger.SILENCE_DUE, RunState.WATCHED, ["silence-began None"]),
        (RunState.SPENT, RunTrigger.ATTRIBUTION_ENDED, RunState.SPENT, ["outcome"]),
        (RunState.WATCHED, RunTrigger.ATTRIBUTION_ENDED, RunState.OVER, ["outcome"]),
    ],
)
def test_a_trigger_changes_the_state_by_its_row(
    state: RunState, trigger: RunTrigger, next_state: RunState, outputs: list[str]
) -> None:
    run, context = run_in(state), context_at(NOON + DAY_MS)
    context.profile.runs.append(run)
    fire(run, trigger, context)
    assert (run_state(run), published(context.outputs)) == (next_state, outputs)
    assert next_state in TRANSITIONS[state, trigger].to


@pytest.mark.parametrize(
    ("state", "trigger"), [pair for pair in product(RunState, RunTrigger) if pair not in TRANSITIONS]
)
def test_a_trigger_without_a_row_changes_nothing(state: RunState, trigger: RunTrigger) -> None:
    run, context = run_in(state), context_at(NOON + DAY_MS)
    before = msgspec.msgpack.encode(run)
    fire(run, trigger, context)
    assert (msgspec.msgpack.encode(run), context.outputs) == (before, [])


def test_every_state_is_reachable_from_the_first_ones() -> None:
    reached = set(FIRST_STATES.values())
    for (state, _), transition in 2 * list(TRANSITIONS.items()):
        if state in reached:
            reached |= set(transition.to)
    assert reached == set(RunState)


@pytest.mark.parametrize("group", Group)
def test_a_run_starts_in_the_first_state_of_its_group(group: Group) -> None:
    context = context_at(NOON)
    start_run(context, CAMPAIGN, "b2026", None, group)
    assert [run_state(run) for run in context.profile.runs] == [FIRST_STATES[group]]


@pytest.mark.parametrize("group", [Group.HOLDOUT, Group.CONTROL])
def test_a_group_without_messages_has_no_run_where_no_outcome_is_reported(group: Group) -> None:
    context = context_at(NOON)
    start_run(context, msgspec.structs.replace(CAMPAIGN, attribution_ms=0), "b2026", None, group)
    assert context.profile.runs == []


def test_the_next_moment_of_a_run_is_its_earliest_trigger() -> None:
    moments = [next_moment(run_in(state)) - NOON for state in (RunState.OPEN, RunState.SPENT, RunState.WATCHED)]
    assert moments == [DAY_MS, 31 * DAY_MS, 60 * DAY_MS + 1]
    assert next_moment(run_in(RunState.OVER)) == NEVER
