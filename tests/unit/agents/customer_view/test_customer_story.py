"""The forecast for a customer, and the text of a story."""

import re
from collections.abc import Iterator

import msgspec
import pytest

from agents.cli.reader import reader_wording
from agents.customer_view.story import Facts, Story, facts_of, forecast_events, silenced_by
from agents.customer_view.story_runs import run_stories
from agents.customer_view.story_text import MAX_SHOWN, story_lines, traits_text
from agents.customer_view.story_traits import NextDown, NextUp, Traits, read_traits
from agents.customer_view.story_wording import StoryReader
from state.config.campaigns import parse_campaigns
from state.config.policy_reader import parse_policy
from state.config.ruleset import Ruleset
from state.customer.profile import Profile, encode_profile
from state.fold.partition import Partition
from state.records.events import CampaignsApplied, CustomerSignedUp, JournalRecord, OrderPlaced, PolicyApplied, Tick
from state.records.outputs import (
    ErasureTombstone,
    Message,
    MessageSent,
    MessageSuppressed,
    OutcomeReported,
    Output,
    SegmentChanged,
    SegmentChangeValue,
    Suppression,
    to_segment_change,
)
from state.units.timestamps import DAY_MS, format_ms, parse_rfc3339
from streams.defaults import campaigns_text, policy_text
from streams.tables.customers_table import CustomersTable

BEGIN_MS = parse_rfc3339("2026-01-01T09:30:00Z")
RULES = Ruleset(parse_policy(policy_text()), parse_campaigns(campaigns_text()))


def _profile_after(*, orders: int, has_consent: bool, until_ms: int) -> tuple[Profile, list[Output]]:
    """Return a customer who signed up, ordered daily and then stopped, with everything that was published."""
    partition = Partition(CustomersTable())
    outputs: list[Output] = []
    signup = CustomerSignedUp(
        *("events", 0, 0, "s", BEGIN_MS - 1, False),
        source="till",
        consent={"email": has_consent},
        birth_date=None,
        city="Казань",
        country=None,
        timezone=None,
        language=None,
        referred_by=None,
    )
    records: list[tuple[str, JournalRecord]] = [
        ("", PolicyApplied("control", 0, 0, policy_text())),
        ("", CampaignsApplied("control", 0, 1, campaigns_text())),
        ("c-1", signup),
    ]
    for number in range(orders):
        head = ("events", 0, number + 1, f"e-{number}", BEGIN_MS + number * DAY_MS, False)
        order = OrderPlaced(*head, f"o-{number}", 500_000, "RUB", 500_000, None, 0, None, None, None)
        records.append(("c-1", order))
    records.append(("", Tick(until_ms, None)))
    for offset, (customer_id, record) in enumerate(records):
        assert partition.apply(offset, customer_id, record, outputs)
    profile = partition.customers.get("c-1")
    assert profile is not None
    return profile, outputs


def _forecast(profile: Profile) -> list[tuple[str, str]]:
    """Return the forecast as moments and short texts."""
    lines: list[tuple[str, str]] = []
    for each in forecast_events("c-1", profile, RULES):
        if isinstance(each, SegmentChangeValue):
            lines.append((each.effective_at, each.to_segment))
        elif isinstance(each, Message):
            lines.append((each.due_at, each.template))
        else:
            lines.append((each.at, f"{each.campaign} {each.reason}"))
    return lines


def test_the_forecast_is_exact_to_the_millisecond() -> None:
    profile, _ = _profile_after(orders=1, has_consent=True, until_ms=BEGIN_MS + 30 * DAY_MS)

    lines = _forecast(profile)

    assert lines[:2] == [
        (format_ms(BEGIN_MS + 60 * DAY_MS), "at_risk"),
        (format_ms(BEGIN_MS + 180 * DAY_MS), "churned"),
    ]
    assert lines[2][1] in {"we-miss-you", "win-back holdout"}


def test_the_forecast_has_suppressions_with_their_reasons() -> None:
    profile, _ = _profile_after(orders=1, has_consent=False, until_ms=BEGIN_MS + 30 * DAY_MS)

    assert "win-back consent" in [words for _, words in _forecast(profile)]


def test_the_forecast_does_not_change_the_profile() -> None:
    profile, _ = _profile_after(orders=3, has_consent=True, until_ms=BEGIN_MS + 30 * DAY_MS)
    before = encode_profile(profile)

    forecast_events("c-1", profile, RULES)

    assert encode_profile(profile) == before


@pytest.mark.parametrize("orders", [1, 5, 300])
def test_the_forecast_is_what_a_worker_publishes_as_time_passes(orders: int) -> None:
    start_ms = BEGIN_MS + (orders + 1) * DAY_MS
    profile, before = _profile_after(orders=orders, has_consent=True, until_ms=start_ms)
    _, after = _profile_after(orders=orders, has_consent=True, until_ms=start_ms + 3 * 365 * DAY_MS)

    published = [
        to_segment_change(output) if isinstance(output, SegmentChanged) else output.value
        for output in after[len(before) :]
        if not isinstance(output, ErasureTombstone | OutcomeReported)
    ]
    assert forecast_events("c-1", profile, RULES) == published


def test_a_profile_becomes_facts_in_major_units() -> None:
    profile, _ = _profile_after(orders=2, has_consent=True, until_ms=BEGIN_MS + 10 * DAY_MS)

    assert facts_of(profile, RULES.policy) == Facts(
        currency="RUB",
        first_order_at=format_ms(BEGIN_MS),
        last_order_at=format_ms(BEGIN_MS + DAY_MS),
        frequency=2,
        monetary="10000.00",
        lifetime_orders=2,
        lifetime_value="10000.00",
        average_check="5000.00",
        discount_share=0.0,
        refunded="0.00",
        refunds=0,
    )


def test_a_profile_becomes_traits_with_the_next_segments_down_and_up() -> None:
    profile, _ = _profile_after(orders=2, has_consent=True, until_ms=BEGIN_MS + 10 * DAY_MS)
    profile.stores, profile.channels = {"s-1": 1, "s-2": 1}, {"web": 2}

    traits = read_traits(profile, RULES.policy, BEGIN_MS + 3 * DAY_MS)

    assert traits == Traits(
        next_down=NextDown(format_ms(BEGIN_MS + 61 * DAY_MS), "at_risk"),
        next_up=NextUp("loyal", orders=3),
        discount_seeker=False,
        difficult=False,
        favourite_store="s-1",
        favourite_channel="web",
        referrals=0,
        order_gap_days="1",
        overdue="2.00",
    )
    assert list(traits_text(traits, "RUB")) == [
        ("next up", "loyal after 3 more orders of any size"),
        ("order gap", "usually 1 day; 2.00 times that since the last order"),
        ("prefers", "store s-1, channel web"),
    ]
    bad = msgspec.structs.replace(
        traits, discount_seeker=True, difficult=True, referrals=2, next_up=NextUp("golden", spend="12.00")
    )
    assert [words for _, words in traits_text(bad, "RUB")][-2:] == [
        "discount seeker; difficult: refunds a lot",
        "2",
    ]
    assert ("next up", "golden after one more order of 12.00 RUB") in list(traits_text(bad, "RUB"))
    assert msgspec.json.encode(bad.next_up) == b'{"to":"golden","spend":"12.00"}'


def _story(profile: Profile, outputs: list[Output], **fields: object) -> Story:
    changes = [to_segment_change(output) for output in outputs if isinstance(output, SegmentChanged)]
    story = Story(
        customer_id="c-1",
        partition=2,
        as_of=format_ms(profile.evaluated_at),
        policy=profile.policy,
        window_days=365,
        segment=profile.segment,
        cell=profile.cell,
        since=format_ms(profile.since),
        seq=profile.seq,
        facts=facts_of(profile, RULES.policy),
        signup={"city": "Казань"},
        consents={"email": True, "sms": False},
        contacts={"opened": 2},
        traits=read_traits(profile, RULES.policy, profile.evaluated_at),
        orders=[],
        runs=run_stories("c-1", profile, RULES.campaigns),
        silenced_by=silenced_by(profile),
        dead_channels=[],
        changes=changes,
        messages=[output.value for output in outputs if isinstance(output, MessageSent)],
        suppressions=[output.value for output in outputs if isinstance(output, MessageSuppressed)],
        next=forecast_events("c-1", profile, RULES),
    )
    return msgspec.structs.replace(story, **fields)


def test_a_story_has_titles_and_times_of_the_shop() -> None:
    profile, outputs = _profile_after(orders=5, has_consent=True, until_ms=BEGIN_MS + 70 * DAY_MS)

    reader = StoryReader({"at_risk": "В зоне риска", "loyal": "Лояльный"}, "Europe/Moscow")
    lines = list(story_lines(_story(profile, outputs), reader))

    assert lines[0] == "c-1: at_risk (В зоне риска) since 2026-03-06 12:30, as of 2026-03-06 12:30 (Europe/Moscow)"
    assert any(line.endswith(" -> В зоне риска: 60 days without a purchase") for line in lines)


def test_a_story_is_written_in_lines() -> None:
    profile, outputs = _profile_after(orders=5, has_consent=True, until_ms=BEGIN_MS + 70 * DAY_MS)

    text = "\n".join(story_lines(_story(profile, outputs)))

    assert text.startswith(
        "c-1: at_risk since 2026-03-06 09:30, as of 2026-03-06 09:30 (UTC)\nwhy          60 days without"
    )
    assert "orders       5, 2026-01-01 09:30 to 2026-01-05 09:30; 5 in the last 365 days" in text
    assert "revenue      25000.00 RUB in total" in text
    assert "next up      golden after one more order of any size" in text
    assert "order gap    usually 1 day; 60.00 times that since the last order" in text
    assert "signed up    city Казань" in text
    assert "consents     email granted, sms refused" in text
    assert "contacts     2 opened" in text
    assert "  2026-01-01 09:30  potential -> new: first purchase" in text
    assert "  2026-01-05 09:30  active -> golden: bought again: 5 orders or more" in text
    assert (
        "2026-01-05 09:30  golden-welcome: golden-welcome with golden-card, by email (step 1 of 1, entered by c-1:"
        in text
    )
    assert "open campaigns\n  2026-03-06 09:30  come-back-soon, entered by c-1:" in text
    assert ": step 1 sent; step 2 due 2026-03-13 09:30; outcome on 2026-03-20 09:30" in text
    assert (
        "next, if nothing happens\n  2026-03-13 09:30  come-back-soon: come-back-soon-gift with 10%, by email" in text
    )
    assert "  2026-07-04 09:30  at_risk -> churned: 180 days without a purchase" in text


def test_a_story_is_written_in_russian() -> None:
    profile, outputs = _profile_after(orders=5, has_consent=True, until_ms=BEGIN_MS + 70 * DAY_MS)

    reader = StoryReader({"at_risk": "В зоне риска"}, "Europe/Moscow", reader_wording("ru"))
    text = "\n".join(story_lines(_story(profile, outputs, dead_channels=["sms"], silenced_by="win-back"), reader))

    assert text.startswith("c-1: at_risk (В зоне риска) с 2026-03-06 12:30, по состоянию на 2026-03-06 12:30 (Europe")
    assert "почему       60 дней без покупок" in text
    assert "выручка      25 000 ₽ всего, 25 000 ₽ за последние 365 дней; средний чек 5 000 ₽, доля скидок 0" in text
    assert "интервал     обычно 1 день; с последнего заказа прошло 60,00 обычного интервала" in text
    assert "согласия     email есть, sms отказ" in text
    assert "отклики      открыто: 2" in text
    assert "golden-welcome: golden-welcome, предложение golden-card, канал email (шаг 1 из 1, причина c-1:" in text
    assert "что дальше, если ничего не произойдёт\n" in text
    english = set(re.findall("[a-z]{3,}", text)) - set(re.findall("[a-z]{3,}", " ".join(_names(profile, outputs))))
    assert not english, "all words are translated; the rest are names"


def _names(profile: Profile, outputs: list[Output]) -> Iterator[str]:
    """Yield what no language changes: names in files and on topics, and the time zone."""
    yield f"{RULES.policy.ref} Europe/Moscow email sms {' '.join(RULES.policy.segment_names)}"
    yield campaigns_text()
    yield " ".join(output.value.reason for output in outputs if isinstance(output, MessageSuppressed))
    yield " ".join(each.reason for each in forecast_events("c-1", profile, RULES) if isinstance(each, Suppression))


def test_a_story_counts_changes_that_the_topics_no_longer_have() -> None:
    profile, outputs = _profile_after(orders=5, has_consent=True, until_ms=BEGIN_MS + 70 * DAY_MS)
    story = _story(profile, outputs)

    compacted = "\n".join(story_lines(msgspec.structs.replace(story, changes=story.changes[-1:])))
    assert f"changes\n  ({story.seq - 1} earlier)\n  2026-03-06" in compacted

    long = msgspec.structs.replace(story, changes=story.changes * 20, seq=len(story.changes) * 20, messages=[])
    lines = list(story_lines(long))
    assert f"  ({len(story.changes) * 20 - MAX_SHOWN} earlier)" in lines


def test_a_customer_without_orders_and_without_forecast() -> None:
    profile, outputs = _profile_after(orders=0, has_consent=False, until_ms=BEGIN_MS)
    story = _story(profile, outputs, next=[], signup={}, consents={}, contacts={})

    lines = list(story_lines(story))

    assert lines[0].startswith("c-1: potential since")
    assert "orders       none" in lines
    assert lines[-1] == "  nothing: stays potential"
    assert not [line for line in lines if line.startswith(("revenue", "signed up", "consents", "contacts"))]


def test_control_characters_are_escaped() -> None:
    profile, outputs = _profile_after(orders=0, has_consent=False, until_ms=BEGIN_MS)

    text = "".join(story_lines(_story(profile, outputs, customer_id="\x1b[2J", signup={"city": "a\nb"})))

    assert text.startswith(r"\x1b[2J: potential")
    assert r"city a\nb" in text
    assert text.isprintable()
