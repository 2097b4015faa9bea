"""Extreme but valid input: it neither stops a lane nor lets the state of a customer grow without bound."""

from collections.abc import Iterator

import pytest

from streams.defaults import policy_text
from tests.oracle import moments
from tests.property.folding import Lane, journal_of
from tests.unit.state import steps as brief
from tests.unit.state.steps import Step

NOON = moments.parse("2026-01-01T12:00:00Z")
DAY = 86_400_000


def rules_with(*campaigns: str) -> Iterator[Step]:
    """Yield the steps that activate the built-in policy and these campaigns."""
    yield {"type": "policy", "text": policy_text()}
    yield campaigns_of(1, *campaigns)


def campaigns_of(version: int, *campaigns: str) -> Step:
    """Return the step that activates a campaigns file."""
    text = "\n".join([f'name = "c"\nversion = {version}', *(f"[[campaign]]\n{campaign}" for campaign in campaigns)])
    return {"type": "campaigns", "text": text}


def event(event_type: str, number: int, at: int, customer_id: str = "c", **fields: object) -> Step:
    """Return an event whose id is its number: several events may share a moment."""
    return brief.event(event_type, moments.text(at), customer_id, event_id=f"e{number}", **fields)


def purchase(number: int, at: int, amount: str = "10.00", currency: str = "RUB") -> Step:
    return brief.bought(f"o{number}", moments.text(at), amount, event_id=f"e{number}", currency=currency)


def refund(number: int, order: int, at: int, amount: str = "10.00") -> Step:
    return brief.refunded(f"r{number}", moments.text(at), amount, event_id=f"e{number}", order_id=f"o{order}")


def published_ids(lane: Lane, topic: str) -> list[str]:
    """Return the ids of the messages on a topic."""
    return [dict(headers)["ce_id"].decode() for name, _, _, headers in lane.published if f".{topic}." in name]


OVERDUE = """name = "more"\ntopic = "offers"\ntrigger = "overdue"\noverdue = 2.0\nto = ["new", "active", "loyal"]
requires_consent = false\nattempts = [{ after_days = 0, template = "more" }]"""
BIRTHDAY = """name = "happy"\ntopic = "offers"\ntrigger = "birthday"\nto = ["potential"]
requires_consent = false\nattempts = [{ after_days = 0, template = "happy" }]"""
LONG = """name = "often"\ntopic = "offers"\nto = ["new", "potential"]\nrequires_consent = false\nsilence_after_days = 30
attempts = [{ after_days = 0, template = "often" }]"""


def test_thousands_of_campaign_entries_do_not_grow_a_profile() -> None:
    steps: list[Step] = [*rules_with(LONG), event("signup", 0, NOON)]
    for number in range(1, 1500):
        steps += [purchase(2 * number, NOON), refund(2 * number + 1, 2 * number, NOON)]
    lane = Lane(journal_of(steps)).run()
    assert len(published_ids(lane, "offers")) > 1000
    assert len(lane.written.profiles()["c"].runs) <= 300


def test_orders_beyond_the_maximum_sum_are_counted_as_dropped() -> None:
    steps: list[Step] = [{"type": "policy", "text": policy_text()}, campaigns_of(1)]
    steps += [purchase(number, NOON + number, "9999999999999.99") for number in range(5000)]
    lane = Lane(journal_of(steps)).run()
    profile = lane.written.profiles()["c"]
    assert lane.dropped["beyond_sums"] == 5000 - profile.lifetime_orders > 0
    assert profile.gross < 1 << 63


def test_refunds_beyond_the_maximum_sum_are_counted_as_excess() -> None:
    steps: list[Step] = [*rules_with(), purchase(1, NOON, "100.00")]
    steps += [refund(number, 1, NOON + number, "9999999999999.99") for number in range(2, 5_000)]
    lane = Lane(journal_of(steps)).run()
    assert lane.dropped["excess_refund"] == 4_998
    assert lane.written.profiles()["c"].orders[0].refunded == 1 << 62


def test_a_referral_from_a_source_that_is_ahead_evaluates_no_customer() -> None:
    steps = [
        *rules_with(),
        purchase(1, NOON),
        event("signup", 2, NOON + 100 * DAY, customer_id="d", referred_by="c"),
        purchase(3, NOON + 10 * DAY),
    ]
    lane = Lane(journal_of(steps)).run()
    profile = lane.written.profiles()["c"]
    assert profile.contact_profile is not None
    assert profile.contact_profile.referrals == 1
    assert (profile.segment, profile.evaluated_at) == ("active", NOON + 10 * DAY)


@pytest.mark.parametrize("ticks", [False, True])
@pytest.mark.parametrize("referred", [60 * DAY, 60 * DAY + 1, 179 * DAY])
def test_a_campaign_for_referrers_ignores_changes_before_the_referral(
    referred: int,
    ticks: bool,  # noqa: FBT001
) -> None:
    """Nor at the change of the same moment: the customer becomes at_risk after 60 days and churned after 180."""
    campaign = """
    name = "thanks"
    topic = "offers"
    to = ["at_risk", "churned"]
    where = { referrals_min = 1 }
    attribution_days = 0
    requires_consent = false
    attempts = [{ after_days = 0, template = "t" }]
    """
    steps: list[Step] = [*rules_with(campaign), purchase(1, NOON)]
    if ticks:
        steps.append({"type": "tick", "at": moments.text(NOON + referred)})
    steps.append(event("signup", 2, NOON + referred, customer_id="d", referred_by="c"))
    steps.append({"type": "tick", "at": moments.text(NOON + 300 * DAY)})
    lane = Lane(journal_of(steps)).run()
    sent = [topic for topic, key, *_ in lane.published if key == b"c"]
    changes = "shop.segment-changes.v1"
    assert sent == [changes, changes, changes, "shop.offers.v1"], "at_risk, then the referral, then churned"


def test_a_new_campaign_has_no_entries_for_past_birthdays() -> None:
    steps = [
        *rules_with(),
        event("signup", 1, NOON, birth_date="1990-03-01"),
        {"type": "tick", "at": moments.text(NOON + 150 * DAY)},
        campaigns_of(2, BIRTHDAY),
        {"type": "tick", "at": moments.text(NOON + 600 * DAY)},
    ]
    assert published_ids(Lane(journal_of(steps)).run(), "offers") == ["c:b2027:happy:1"]


def test_an_order_count_that_recurs_after_a_refund_is_overdue_once() -> None:
    steps = [*rules_with(OVERDUE), purchase(1, NOON), purchase(2, NOON + DAY)]
    steps += [{"type": "tick", "at": moments.text(NOON + 4 * DAY)}, purchase(3, NOON + 5 * DAY)]
    steps += [refund(4, 3, NOON + 6 * DAY), purchase(5, NOON + 7 * DAY)]
    steps += [{"type": "tick", "at": moments.text(NOON + 50 * DAY)}]
    message_ids = published_ids(Lane(journal_of(steps)).run(), "offers")
    assert message_ids[0] == "c:o2:more:1"
    assert len(set(message_ids)) == len(message_ids)


def test_the_cost_of_a_run_is_capped_at_the_largest_storable_sum() -> None:
    policy_with_kwd = policy_text() + 'KWD = "1000000000"\n'
    steps: list[Step] = [{"type": "policy", "text": policy_with_kwd}, campaigns_of(1, LONG), event("signup", 0, NOON)]
    for number in range(1, 20):
        cost = {"message_id": "c:1:often:1", "kind": "delivered", "cost": "999999999999", "currency": "KWD"}
        steps.append(event("contact", number, NOON + number, **cost))
    lane = Lane(journal_of(steps)).run()
    assert lane.written.profiles()["c"].runs[0].cost == 1 << 62
