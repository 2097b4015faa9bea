"""Replays into another base currency, and the policies and campaigns of a replay."""

import pytest

from agents.replay.currency_conversion import CurrencyConversion, InexactConversion
from agents.replay.replay_rules import ReplayRefused, ReplayRules
from state.config.campaigns import parse_campaigns
from state.config.policy import Policy
from state.config.policy_reader import parse_policy
from state.records.events import (
    AnonymousSale,
    CampaignsApplied,
    CustomerErased,
    OrderPlaced,
    OrderRefunded,
    PolicyApplied,
)
from streams.defaults import campaigns_text, policy_text
from streams.kafka.control import ControlRecord


def policy(currency: str, version: int = 1, **rates: str) -> Policy:
    """Return the built-in policy in another currency."""
    text = policy_text().split("[rates]")[0].replace('"RUB"', f'"{currency}"')
    text = text.replace("version = 1", f"version = {version}")
    return parse_policy(text + "\n[rates]\n" + "".join(f'{code} = "{rate}"\n' for code, rate in rates.items()))


def order(amount: int, currency: str, rate: str | None, discount: int = 0, base: int = 0) -> OrderPlaced:
    """Return a purchase in a journal whose base currency is RUB."""
    return OrderPlaced(
        "events", 0, 1, "e", 5, False, "o", amount, currency, base, rate, discount, None, None, None
    )  # fmt: skip


def refund(amount: int, currency: str, order_id: str | None, base: int | None = 0) -> OrderRefunded:
    """Return a refund in the same journal."""
    return OrderRefunded("events", 0, 1, "e", 5, False, "r", amount, currency, base, None, order_id)


TO_DOLLARS = CurrencyConversion("RUB", policy("USD", RUB="0.0125", JPY="0.0066", KWD="3.25"))


@pytest.mark.parametrize(
    ("case", "event", "base", "rate", "discount"),
    [
        ("the old base currency", order(248_000, "RUB", None, 12_000), 3_100, "0.0125", 150),
        ("the new base currency", order(3_100, "USD", "90.5", 9_050), 3_100, None, 100),
        (
            "a third currency, whose discount is recovered exactly",
            order(1_000, "JPY", "0.61", 6_100),
            660,
            "0.0066",
            66,
        ),
        ("a currency with three digits", order(10_500, "KWD", "295.0", 29_500), 3_412, "3.25", 325),
        ("half to even", order(100_040, "RUB", None), 1_250, "0.0125", 0),
        ("an order of zero", order(0, "JPY", "0.61"), 0, "0.0066", 0),
    ],
)
def test_an_order_is_converted_as_admission_would_convert_it(
    case: str, event: OrderPlaced, base: int, rate: str | None, discount: int
) -> None:
    converted = TO_DOLLARS(event)
    assert isinstance(converted, OrderPlaced), case
    assert (converted.base, converted.rate, converted.discount) == (base, rate, discount), case
    assert (converted.amount, converted.currency, converted.order_id) == (event.amount, event.currency, "o"), case


def test_a_refund_in_a_currency_without_a_rate_uses_that_of_its_order() -> None:
    converted = TO_DOLLARS(refund(500, "EUR", "o", base=45_000))
    assert isinstance(converted, OrderRefunded)
    assert (converted.base, converted.rate) == (None, None)
    with pytest.raises(InexactConversion, match="rates must list EUR"):
        TO_DOLLARS(refund(500, "EUR", None, base=45_000))
    without_order = TO_DOLLARS(refund(80_000, "RUB", None))
    assert isinstance(without_order, OrderRefunded)
    assert (without_order.base, without_order.rate) == (1_000, "0.0125")


def test_inexact_conversions_are_counted_by_reason() -> None:
    conversion = CurrencyConversion("RUB", policy("USD", RUB="0.0125", VND="0.00004"))
    for event in (
        order(500, "EUR", "98.40"),
        order(700, "EUR", "98.40"),
        order(0, "EUR", "98.40"),
        order(10**6, "VND", "0.0035", discount=35),  # 35 kopecks may be any sum from 99 to 101 dong
        order(10**6, "VND", "0.0035"),
        AnonymousSale("events", 0, 2, "e", 5, False, "purchase", 100, 0),
        CustomerErased("events", 0, 3, "e", 5, False),
    ):
        conversion.check(event)
    counts = {error.split(":")[0]: count for error, count in conversion.errors.items()}
    assert counts == {"rates must list EUR": 3, "discounts in VND cannot be recovered exactly from the journal": 1}


SECOND_POLICY = policy("RUB", version=2)
OTHER_CAMPAIGNS = parse_campaigns(campaigns_text().replace("version = 2", "version = 9"))
CONTROL = [
    ControlRecord("policy", policy("RUB").text, offset=0),
    ControlRecord("campaigns", campaigns_text(), offset=1),
    ControlRecord("advance", to=1, ends={}, offset=2),
    ControlRecord("policy", SECOND_POLICY.text, offset=3),
]


def with_offsets(rules: ReplayRules) -> ReplayRules:
    """Give the rules their offsets in a `control` that starts with the record of a replay."""
    rules.new_offsets = list(range(1, 1 + len(rules.rules)))
    return rules


def test_rules_of_the_journal_keep_their_order_and_get_new_offsets() -> None:
    rules = with_offsets(ReplayRules("shop", CONTROL, None, None))
    assert [rule.old_offset for rule in rules.rules] == [0, 1, 3]
    assert rules.initial_records() == []
    (copied,) = rules.translate(PolicyApplied("control", 0, 3, SECOND_POLICY.text))
    assert (copied.offset, copied.text) == (3, SECOND_POLICY.text)
    assert rules.policy.ref == "retail-27@2"


def test_a_given_policy_is_first_and_replaces_those_of_the_journal() -> None:
    rules = with_offsets(ReplayRules("shop", CONTROL, policy("USD"), None))
    assert [(rule.kind, rule.old_offset) for rule in rules.rules] == [("policy", None), ("campaigns", 1)]
    assert [(each.kind, each.offset) for each in rules.initial_records()] == [("policy", 1)]
    assert rules.translate(PolicyApplied("control", 0, 0, policy("RUB").text)) == []
    assert [each.offset for each in rules.translate(CampaignsApplied("control", 0, 1, campaigns_text()))] == [2]


def test_given_campaigns_follow_the_first_policy() -> None:
    rules = with_offsets(ReplayRules("shop", CONTROL, None, OTHER_CAMPAIGNS))
    assert [(rule.kind, rule.old_offset) for rule in rules.rules] == [("policy", 0), ("campaigns", None), ("policy", 3)]
    first = rules.translate(PolicyApplied("control", 0, 0, policy("RUB").text))
    assert [(each.kind, each.offset) for each in first] == [("policy", 1), ("campaigns", 2)]
    assert rules.translate(CampaignsApplied("control", 0, 1, campaigns_text())) == []
    assert [each.offset for each in rules.translate(PolicyApplied("control", 0, 3, SECOND_POLICY.text))] == [3]


def test_given_campaigns_follow_the_first_policy_that_was_activated() -> None:
    invalid = ControlRecord("policy", "name = 1", offset=0)
    first = ControlRecord("policy", policy("RUB").text, offset=1)
    rules = with_offsets(ReplayRules("shop", [invalid, first], None, OTHER_CAMPAIGNS))
    # the journal never contains the invalid policy
    copied = rules.translate(PolicyApplied("control", 0, 1, policy("RUB").text))
    assert [(each.kind, each.offset) for each in copied] == [("policy", 2), ("campaigns", 3)]


def test_campaigns_keep_their_beginning_in_a_replay() -> None:
    begun = [CONTROL[0], ControlRecord("campaigns", campaigns_text(), 700, offset=1)]
    rules = with_offsets(ReplayRules("shop", begun, None, None, now_ms=900))
    assert [rule.begins_at for rule in rules.rules] == [None, 700]
    (copied,) = rules.translate(CampaignsApplied("control", 0, 1, campaigns_text(), 700))
    assert copied == CampaignsApplied("control", 0, 2, campaigns_text(), 700)
    (older,) = rules.translate(CampaignsApplied("control", 0, 1, campaigns_text()))
    assert older == CampaignsApplied("control", 0, 2, campaigns_text(), None), "as it was journaled"


def test_given_campaigns_begin_with_the_replay() -> None:
    rules = with_offsets(ReplayRules("shop", CONTROL, None, OTHER_CAMPAIGNS, now_ms=900))
    first = rules.translate(PolicyApplied("control", 0, 0, policy("RUB").text))
    assert first[1] == CampaignsApplied("control", 0, 2, OTHER_CAMPAIGNS.text, 900)
    event_mode = with_offsets(ReplayRules("shop", CONTROL, None, OTHER_CAMPAIGNS))
    assert [rule.begins_at for rule in event_mode.rules] == [None, None, None]


def test_a_continued_replay_keeps_the_beginning_of_its_first_run() -> None:
    rules = with_offsets(ReplayRules("shop", CONTROL, None, OTHER_CAMPAIGNS, now_ms=900))
    rules.take_written([CONTROL[0], ControlRecord("campaigns", OTHER_CAMPAIGNS.text, 800, offset=2)])
    assert [rule.begins_at for rule in rules.rules] == [None, 800, None]
    first = rules.translate(PolicyApplied("control", 0, 0, policy("RUB").text))
    assert first[1] == CampaignsApplied("control", 0, 2, OTHER_CAMPAIGNS.text, 800)


def test_campaigns_that_were_never_active_are_not_checked() -> None:
    control = [CONTROL[0], CONTROL[1], ControlRecord("campaigns", "name = 1", offset=2)]
    assert ReplayRules("shop", control, policy("USD"), None).policy.currency == "USD"


def test_lost_control_records_and_campaigns_for_other_segments_are_refused() -> None:
    rules = with_offsets(ReplayRules("shop", CONTROL, None, None))
    with pytest.raises(ReplayRefused, match="names control:0:7"):
        rules.translate(PolicyApplied("control", 0, 7, "gone"))
    with pytest.raises(ReplayRefused, match="no policy"):
        ReplayRules("shop", CONTROL[1:3], None, None)
    renamed = parse_policy(policy_text().replace('"golden"', '"gilded"'))
    control = [CONTROL[0], ControlRecord("campaigns", OTHER_CAMPAIGNS.text, offset=1)]
    with pytest.raises(ReplayRefused, match="give others by --campaigns"):
        ReplayRules("shop", control, renamed, None)
    assert ReplayRules("shop", control, renamed, OTHER_CAMPAIGNS).policy is renamed
