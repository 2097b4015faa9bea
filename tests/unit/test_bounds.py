"""What nobody would do and anybody may publish: nothing of it stops a lane, or lets a customer grow without bound."""

from collections.abc import Iterator

import pytest

from streams.defaults import policy_text
from tests.oracle import moments
from tests.property.folding import Lane, journal_of
from tests.unit import steps as brief
from tests.unit.steps import Step

NOON = moments.parse("2026-01-01T12:00:00Z")
DAY = 86_400_000


def file(*campaigns: str) -> Iterator[Step]:
    """The built-in policy, and campaigns."""
    yield {"type": "policy", "text": policy_text()}
    yield campaigns_of(1, *campaigns)


def campaigns_of(version: int, *campaigns: str) -> Step:
    """A campaigns file."""
    text = "\n".join([f'name = "c"\nversion = {version}', *(f"[[campaign]]\n{campaign}" for campaign in campaigns)])
    return {"type": "campaigns", "text": text}


def event(what: str, number: int, at: int, customer_id: str = "c", **fields: object) -> Step:
    """An event of a customer, of which many have one moment."""
    return brief.event(what, moments.text(at), customer_id, event_id=f"e{number}", **fields)


def purchase(number: int, at: int, amount: str = "10.00", currency: str = "RUB") -> Step:
    """A purchase."""
    return brief.bought(f"o{number}", moments.text(at), amount, event_id=f"e{number}", currency=currency)


def refund(number: int, order: int, at: int, amount: str = "10.00") -> Step:
    """A refund of an order."""
    return brief.refunded(f"r{number}", moments.text(at), amount, event_id=f"e{number}", order_id=f"o{order}")


def said(lane: Lane, topic: str) -> list[str]:
    """The ids of what was published on a topic."""
    return [dict(headers)["ce_id"].decode() for at, _, _, headers in lane.published if f".{topic}." in at]


OVERDUE = """name = "more"\ntopic = "offers"\ntrigger = "overdue"\noverdue = 2.0\nto = ["new", "active", "loyal"]
requires_consent = false\nattempts = [{ after_days = 0, template = "more" }]"""
BIRTHDAY = """name = "happy"\ntopic = "offers"\ntrigger = "birthday"\nto = ["potential"]
requires_consent = false\nattempts = [{ after_days = 0, template = "happy" }]"""
LONG = """name = "often"\ntopic = "offers"\nto = ["new", "potential"]\nrequires_consent = false\nsilence_after_days = 30
attempts = [{ after_days = 0, template = "often" }]"""


def test_a_customer_for_whom_thousands_of_campaigns_begin_stays_small() -> None:
    steps: list[Step] = [*file(LONG), event("signup", 0, NOON)]
    for number in range(1, 1500):
        steps += [purchase(2 * number, NOON), refund(2 * number + 1, 2 * number, NOON)]
    lane = Lane(journal_of(steps)).run()
    assert len(said(lane, "offers")) > 1000
    assert len(lane.written.profiles()["c"].runs) <= 300


def test_sums_beyond_any_shop_are_counted_and_stop_nobody() -> None:
    steps: list[Step] = [{"type": "policy", "text": policy_text()}, campaigns_of(1)]
    steps += [purchase(number, NOON + number, "9999999999999.99") for number in range(5000)]
    lane = Lane(journal_of(steps)).run()
    profile = lane.written.profiles()["c"]
    assert lane.dropped["beyond_sums"] == 5000 - profile.lifetime_orders > 0
    assert profile.gross < 1 << 63


def test_refunds_of_one_order_beyond_any_sum_are_excess_and_stop_nobody() -> None:
    steps: list[Step] = [*file(), purchase(1, NOON, "100.00")]
    steps += [refund(number, 1, NOON + number, "9999999999999.99") for number in range(2, 5_000)]
    lane = Lane(journal_of(steps)).run()
    assert lane.dropped["excess_refund"] == 4_998
    assert lane.written.profiles()["c"].orders[0].refunded == 1 << 62


def test_a_referral_from_a_source_that_is_ahead_judges_nobody() -> None:
    steps = [
        *file(),
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
def test_a_campaign_for_those_who_brought_somebody_begins_for_no_change_before_they_did(
    referred: int,
    ticks: bool,  # noqa: FBT001
) -> None:
    """Nor for one at the same moment: they become at_risk after 60 days, and churned after 180."""
    campaign = """
    name = "thanks"
    topic = "offers"
    to = ["at_risk", "churned"]
    where = { referrals_min = 1 }
    attribution_days = 0
    requires_consent = false
    attempts = [{ after_days = 0, template = "t" }]
    """
    steps: list[Step] = [*file(campaign), purchase(1, NOON)]
    if ticks:
        steps.append({"type": "tick", "at": moments.text(NOON + referred)})
    steps.append(event("signup", 2, NOON + referred, customer_id="d", referred_by="c"))
    steps.append({"type": "tick", "at": moments.text(NOON + 300 * DAY)})
    lane = Lane(journal_of(steps)).run()
    sent = [topic for topic, key, *_ in lane.published if key == b"c"]
    changes = "shop.segment-changes.v1"
    assert sent == [changes, changes, changes, "shop.offers.v1"], "at_risk, then the referral, then churned"


def test_a_new_file_begins_nothing_for_birthdays_gone_by() -> None:
    steps = [
        *file(),
        event("signup", 1, NOON, birth_date="1990-03-01"),
        {"type": "tick", "at": moments.text(NOON + 150 * DAY)},
        campaigns_of(2, BIRTHDAY),
        {"type": "tick", "at": moments.text(NOON + 600 * DAY)},
    ]
    assert said(Lane(journal_of(steps)).run(), "offers") == ["c:b2027:happy:1"]


def test_a_number_of_orders_is_overdue_once_though_refunds_bring_it_back() -> None:
    steps = [*file(OVERDUE), purchase(1, NOON), purchase(2, NOON + DAY)]
    steps += [{"type": "tick", "at": moments.text(NOON + 4 * DAY)}, purchase(3, NOON + 5 * DAY)]
    steps += [refund(4, 3, NOON + 6 * DAY), purchase(5, NOON + 7 * DAY)]
    steps += [{"type": "tick", "at": moments.text(NOON + 50 * DAY)}]
    told = said(Lane(journal_of(steps)).run(), "offers")
    assert told[0] == "c:o2:more:1"
    assert len(set(told)) == len(told)


def test_the_costs_of_a_message_add_up_to_no_more_than_can_be_kept() -> None:
    rated = policy_text() + 'KWD = "1000000000"\n'
    steps: list[Step] = [{"type": "policy", "text": rated}, campaigns_of(1, LONG), event("signup", 0, NOON)]
    for number in range(1, 20):
        cost = {"message_id": "c:1:often:1", "kind": "delivered", "cost": "999999999999", "currency": "KWD"}
        steps.append(event("contact", number, NOON + number, **cost))
    lane = Lane(journal_of(steps)).run()
    assert lane.written.profiles()["c"].runs[0].cost == 1 << 62
