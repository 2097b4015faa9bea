"""What was active when, from the records of `control`."""

from agents.control.activations import read_activations
from streams.defaults import campaigns_text, policy_text
from streams.kafka.control import ControlRecord

FIRST = policy_text()
SECOND = FIRST.replace("version = 1 ", "version = 2 ").replace("[60, 180]", "[30, 180]").replace("[2, 5]", "[2, 6]")
CONFLICTING = FIRST.replace("[60, 180]", "[31, 180]")


def policy(text: str, at: int) -> ControlRecord:
    return ControlRecord("policy", text=text, offset=at, written_ms=1_000 * at)


def test_each_period_ends_where_the_next_one_begins_and_names_what_changed() -> None:
    records = [policy(FIRST, 0), policy(FIRST, 1), policy(CONFLICTING, 2), policy(SECOND, 3), policy(FIRST, 4)]
    periods = read_activations(records).policies
    assert [(each.file.ref, each.offset, each.since_ms, each.until_ms, each.changed) for each in periods] == [
        ("retail-27@1", 0, 0, 3_000, ()),
        ("retail-27@2", 3, 3_000, 4_000, ("recency_days", "frequency")),
        ("retail-27@1", 4, 4_000, None, ("recency_days", "frequency")),
    ]


def test_campaigns_have_periods_of_their_own() -> None:
    text = campaigns_text()
    records = [
        policy(FIRST, 0),
        ControlRecord("campaigns", text=text, offset=1, written_ms=1_000),
        ControlRecord("advance", to=5, ends={}, offset=2, written_ms=2_000),
        policy(SECOND, 3),
        ControlRecord("campaigns", text=text.replace('name = "retail"', 'name = "mine"'), offset=4, written_ms=-1),
    ]
    found = read_activations(records)
    assert [(each.file.name, each.since_ms, each.until_ms, each.changed) for each in found.campaigns] == [
        ("retail", 1_000, -1, ()),
        ("mine", -1, None, ()),
    ]
    assert len(found.policies) == 2


def test_campaigns_that_were_changed_added_or_dropped_are_named() -> None:
    text = campaigns_text()
    changed = text.replace('name = "win-back"', 'name = "come-home"').replace("holdout = 0.05", "holdout = 0.1", 1)
    records = [
        policy(FIRST, 0),
        ControlRecord("campaigns", text=text, offset=1, written_ms=1),
        ControlRecord("campaigns", text=changed.replace("version = 2", "version = 3"), offset=2, written_ms=2),
    ]
    first, second = read_activations(records).campaigns
    names = [each.name for each in first.file.campaigns]
    assert second.changed == (f"campaign {names[0]}", "campaign win-back", "campaign come-home")


def test_nothing_was_active_before_the_first_record() -> None:
    assert read_activations([]) == ([], [])
