"""The figures of the pages: periods, daily figures, flows, steps of campaigns, comparisons, reasons."""

from datetime import date
from typing import Any

import pytest
from litestar.testing import RequestFactory

from agents.analysis.backtest.report import BacktestReport, PolicyMove, PolicySide, TopMover
from agents.languages.formats import Formats
from agents.languages.translations import Language, texts_in
from agents.reporting.report import CampaignReport, GroupResult, MoneyEstimate, ShareEstimate, UpliftReport
from agents.reporting.uplift import DETECTABLE_UPLIFT
from agents.reporting.verdict import Verdict
from agents.serve.access.scopes import LOCAL, Principal, Scope
from agents.serve.lookups.answers import Flow, Flows, RejectedEvent
from agents.serve.lookups.projections.day_lookup import late_days
from agents.serve.lookups.projections.flow_reach import FlowReach, Moved
from agents.serve.pages.page_view import PageView
from agents.serve.pages.period import Period, last_days, parse_period
from agents.serve.pages.views.campaigns import CampaignsView
from agents.serve.pages.views.daily import DailyView
from agents.serve.pages.views.daily_figures import figures_of
from agents.serve.pages.views.flows import FlowsView
from agents.serve.pages.views.policy_draft import NotEditable, draft, edges_of
from agents.serve.pages.views.rejected import SHOWN, RejectedView, origin
from agents.serve.pages.views.what_if import WhatIfView
from agents.serve.pages.words.campaigns import DETECTABLE_POINTS, conclusion, entry_words, outcome_words
from agents.serve.pages.words.short_figures import short, short_money, signed
from state.config.campaigns import parse_campaigns
from state.config.config_errors import ConfigErrors
from state.config.policy_reader import parse_policy
from state.records.reasons import SuppressionReason
from streams.defaults import campaigns_text, policy_text

POLICY = parse_policy(policy_text())
TODAY = date(2026, 5, 12)
WEEK = Period(date(2026, 5, 6), TODAY)
FIGURE = {figure.key: figure for figure in figures_of("golden")}
EN, RU = Formats(Language.EN), Formats(Language.RU)


def view(language: Language = Language.EN, principal: Principal = LOCAL) -> PageView:
    request = RequestFactory().get("/", query_params={"lang": language.value})
    request.scope["auth"] = principal
    return PageView(request, POLICY)


def day(number: int, **fields: Any) -> dict[str, Any]:
    usual = {"day": f"2026-05-{number:02}", "currency": "RUB", "orders": 10, "gross": "1000.00", "net": "900.00"}
    return usual | fields


@pytest.mark.parametrize(
    ("query", "period", "is_read"),
    [
        ({}, Period(date(2026, 4, 13), TODAY), True),
        ({"from": "2026-05-01", "to": "2026-05-03"}, Period(date(2026, 5, 1), date(2026, 5, 3)), True),
        ({"from": "2026-05-01"}, Period(date(2026, 5, 1), TODAY), True),
        ({"to": "2026-04-30"}, Period(date(2026, 4, 1), date(2026, 4, 30)), True),
        ({"from": "2026-05-03", "to": "2026-05-01"}, Period(date(2026, 4, 13), TODAY), False),
        ({"from": "<script>"}, Period(date(2026, 4, 13), TODAY), False),
        ({"from": "2020-01-01", "to": "2026-05-01"}, Period(date(2026, 4, 13), TODAY), False),
        ({"to": "0001-01-02"}, Period(date(2026, 4, 13), TODAY), False),
        ({"from": "0001-01-01", "to": "0001-01-02"}, Period(date(2026, 4, 13), TODAY), False),
        ({"to": "9999-12-31"}, Period(date(9999, 12, 2), date(9999, 12, 31)), True),
    ],
)
def test_a_period_is_that_of_the_address_or_the_usual_one(
    query: dict[str, str], period: Period, *, is_read: bool
) -> None:
    assert parse_period(query, TODAY, longest=90) == (period, is_read)


def test_the_preceding_period_is_as_long_and_ends_just_before() -> None:
    assert last_days(TODAY, 7) == WEEK
    assert WEEK.preceding == Period(date(2026, 4, 29), date(2026, 5, 5))
    assert WEEK.each_day()[0] == "2026-05-06"
    assert len(WEEK.each_day()) == WEEK.days == 7


@pytest.mark.parametrize(
    ("value", "english", "russian"),
    [
        (0, "0", "0"),
        (7.25, "7.2", "7,2"),
        (9_850, "9,850", "9\u00a0850"),
        (12_345, "12k", "12\u00a0тыс."),
        (999_600, "1M", "1\u00a0млн"),
        (1_234_567, "1.2M", "1,2\u00a0млн"),
        (-45_000_000, "−45M", "−45\u00a0млн"),
        (3e12, "3T", "3\u00a0трлн"),
    ],
)
def test_figures_of_charts_are_short(value: float, english: str, russian: str) -> None:
    assert short(value, EN) == english
    assert short(value, RU).replace(" ", "\u00a0") == russian


def test_amounts_of_charts_have_their_currency() -> None:
    assert short_money(1_234_567, "USD", EN) == "$1.2M"
    assert short_money(-50, "USD", EN) == "−$50"
    assert short_money(12_345, "RUB", RU) == "12\u00a0тыс.\u00a0₽"
    assert (signed("5", 5), signed("−5", -5), signed("0", 0)) == ("+5", "−5", "0")


def test_a_ratio_of_a_period_is_that_of_its_sums_and_a_state_is_that_of_its_last_day() -> None:
    days = [
        day(1, orders=1, gross="100.00", customers=10, reachable=1, segments={"golden": {"customers": 1}}),
        day(2, orders=3, gross="900.00", customers=20, reachable=5, segments={"golden": {"customers": 4}}),
    ]
    assert FIGURE["order-value"].of(days) == 250
    assert FIGURE["orders"].of(days) == 4
    assert FIGURE["golden"].of(days) == 0.2
    assert FIGURE["reachable"].of(days) == 0.25
    assert FIGURE["customers"].of(days) == 20


def test_days_without_figures_count_for_nothing() -> None:
    assert FIGURE["orders"].of([{}, day(2)]) == 10
    assert FIGURE["orders"].of([{}]) is None
    assert FIGURE["order-value"].of([day(1, orders=0, gross="0.00")]) is None
    assert FIGURE["golden"].of([day(1, customers=5), {}]) is None


def test_each_figure_stands_beside_that_of_the_preceding_period() -> None:
    days = {each["day"]: each for each in [day(number, orders=30, lapses=4) for number in range(6, 13)]}
    days |= {each["day"]: each for each in [day(number, orders=20, lapses=2) for number in range(1, 6)]}
    cards = {card.figure.key: card for card in DailyView(days, WEEK, "RUB", view()).cards}
    assert (cards["orders"].total, cards["orders"].before) == ("210", "100")
    assert (cards["orders"].change, cards["orders"].tone) == ("+110%", "good")
    assert (cards["lapsed"].change, cards["lapsed"].tone) == ("+180%", "bad")
    assert (cards["order-value"].change, cards["order-value"].tone) == ("−33%", "bad")
    assert (cards["returned"].change, cards["returned"].tone) == ("unchanged", "")  # none, as before


@pytest.mark.parametrize(
    ("hours", "late"),
    [
        ([0, 24, 48], set()),  # each day ends after the one before
        ([0.3, 0.2, 0.1], set()),  # a history that is imported, the latest day first
        ([0, 80, 48, 72], {"2026-05-02"}),
        ([90, 80, 48, 72], {"2026-05-01", "2026-05-02"}),
        ([0, 24, 73, 72.5], set()),
        ([5], set()),
        ([], set()),
    ],
)
def test_a_day_that_is_published_long_after_a_later_one_is_restated(hours: list[float], late: set[str]) -> None:
    published = [(f"2026-05-{number:02}", int(hour * 3_600_000)) for number, hour in enumerate(hours, start=1)]
    assert late_days(published) == late


def test_the_table_of_days_has_the_latest_first_and_marks_restated_ones() -> None:
    days = {each["day"]: each for each in [day(11, restated=True), day(12)]}
    daily = DailyView(days, WEEK, "RUB", view())
    assert [(row.day, row.is_restated) for row in daily.rows] == [("2026-05-12", False), ("2026-05-11", True)]
    assert daily.has_restated
    assert "restated" in daily.cards[0].chart


def flows_of(*flows: Flow, cause: str | None = None) -> Flows:
    return Flows("2026-05-06", "2026-05-12", "UTC", cause, list(flows))


def test_flows_have_their_shares_and_addresses() -> None:
    flows = FlowsView(
        flows_of(
            Flow("golden", "loyal", 3, 3, {"time": 3}),
            Flow("golden", "at_risk", 9, 9, {"time": 8, "refund": 1}),
            Flow(None, "new", 8, 8, {"purchase": 8}),
            Flow("loyal", "golden", 0, 0, {}),
        ),
        WEEK,
        view(),
        FlowReach(
            Moved(20, 7),
            {("golden", "at_risk"): 4, ("none", "new"): 5},
            Moved(8, 5),
            {"time": Moved(10, 3), "refund": Moved(1, 1)},
            {},
            {},
        ),
    )
    assert [row.reachable for row in flows.rows] == [4, 5, 0]
    assert [(row.before, row.after) for row in flows.rows] == [
        ("golden", "at_risk"),
        (None, "new"),
        ("golden", "loyal"),
    ]
    assert [row.share_of_before for row in flows.rows] == [0.75, 1, 0.25]
    assert [row.share_of_all for row in flows.rows] == [0.45, 0.4, 0.15]
    assert flows.rows[1].href == "/flows/customers?from=2026-05-06&to=2026-05-12&before=none&after=new"
    assert flows.rows[0].causes[1][2] is not None
    assert flows.rows[0].causes[1][2].endswith("cause=refund")
    assert [figure.moved for figure in flows.summary] == [(0, 0), (10, 3), (8, 5)]
    assert flows.summary[1].href is not None
    assert flows.summary[1].href.endswith("before=%21none&cause=time")
    assert str(flows.chart()).count("<path") == 4


def test_without_the_scope_flows_do_not_lead_to_customers() -> None:
    reader = Principal("id", "reader", frozenset({Scope.AGGREGATES_READ}))
    flows = FlowsView(flows_of(Flow("golden", "loyal", 3, 3, {"time": 3})), WEEK, view(principal=reader), None)
    assert flows.rows[0].reachable is None
    assert flows.rows[0].href is None
    assert "<a" not in flows.chart()


def report_of(verdict: Verdict, **fields: Any) -> CampaignReport:
    group = GroupResult(100, 100, 20, 0.2, "100.00", "1.00")
    usual: dict[str, Any] = {
        "campaign": "win-back",
        "entries": {"treated": 100, "holdout": 9, "control": 0},
        "sent": 1,
        "opened": 0,
        "clicked": 0,
        "redeemed": 0,
        "cost": "0.00",
        "treated": group,
        "comparison": group,
        "response_uplift": ShareEstimate(0.05, 0.01, 0.09),
        "net_uplift": MoneyEstimate("5.00", "-1.00", "11.00"),
        "incremental_revenue": None,
        "roi": None,
        "comparison_size_needed": 1_234,
        "treated_needed": None,
        "verdict": verdict,
        "conclusion": "",
    }
    return CampaignReport(**(usual | fields))


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (report_of("nobody treated"), "Nobody has been treated yet: there is nothing to compare."),
        (report_of("difference"), "More respond, no significant difference in revenue."),
        (
            report_of("too small"),
            (
                "Too small to tell: 100 held back so far. About 1,200 held back would show a difference of 5 points "
                "of response."
            ),
        ),
        (report_of("no difference", comparison_size_needed=90), "No significant difference."),
    ],
)
def test_a_verdict_claims_no_more_than_the_report(report: CampaignReport, text: str) -> None:
    assert conclusion(report, EN) == text


@pytest.mark.parametrize(
    ("opened", "clicked", "others", "english", "russian"),
    [
        (
            *(0, 0, {}),
            "1,210 sent · opens, clicks, redemptions: – (not reported)",
            "отправлено 1 210 · открытия, переходы, использованные предложения: – (нет данных)",
        ),
        (
            *(40, 0, {}),
            "1,210 sent, 40 opened · clicks, redemptions: – (not reported)",
            "отправлено 1 210, открыто 40 · переходы, использованные предложения: – (нет данных)",
        ),
        (
            *(40, 0, {"clicked": 3, "redeemed": 1}),
            "1,210 sent, 40 opened, 0 clicked, 0 redeemed",
            "отправлено 1 210, открыто 40, переходов 0, использовано предложений 0",
        ),
        (
            *(0, 0, {"opened": 5, "clicked": 3, "redeemed": 1}),
            "1,210 sent · opens, clicks, redemptions: – (not reported)",
            "отправлено 1 210 · открытия, переходы, использованные предложения: – (нет данных)",
        ),
    ],
)
def test_a_zero_is_shown_only_where_contacts_are_reported(
    opened: int, clicked: int, others: dict[str, int], english: str, russian: str
) -> None:
    reports = [
        report_of("difference", sent=1_210, opened=opened, clicked=clicked),
        report_of("difference", campaign="thanks", **others),
    ]
    uplifts = UpliftReport("RUB", "2026-01-01", "2026-05-01", 0.95, 0, reports)
    for language, words in ((Language.EN, english), (Language.RU, russian)):
        cards = {card.name: card for card in CampaignsView(None, [], uplifts, view(language)).earlier}
        assert cards["win-back"].messages.replace("\xa0", " ") == words


def test_an_uplift_is_green_only_with_a_verdict() -> None:
    reports = [report_of("difference"), report_of("too small", campaign="thanks")]
    uplifts = UpliftReport("RUB", "2026-01-01", "2026-05-01", 0.95, 0, reports)
    cards = {card.name: card for card in CampaignsView(None, [], uplifts, view()).earlier}
    assert cards["win-back"].tone == "good"
    assert "tone-good" in cards["win-back"].estimates[0].chart
    assert "tone-unclear" in cards["win-back"].estimates[1].chart
    assert (cards["thanks"].tone, "tone-good" in cards["thanks"].estimates[0].chart) == ("", False)


@pytest.mark.parametrize(
    ("verdict", "low", "high", "is_clear"),
    [
        ("difference", "1.00", "9.00", True),
        ("difference", "-9.00", "-1.00", True),
        ("difference", "-1.00", "9.00", False),
        ("difference", None, None, False),
        ("no difference", "1.00", "9.00", False),
        ("too small", "1.00", "9.00", False),
    ],
)
def test_additional_revenue_is_named_only_if_it_is_certain(
    verdict: Verdict, low: str | None, high: str | None, *, is_clear: bool
) -> None:
    uplifts = UpliftReport(
        *("RUB", "2026-01-01", "2026-05-01", 0.95, 0),
        [report_of(verdict, net_uplift=MoneyEstimate("5.00", low, high))],
    )
    (card,) = CampaignsView(None, [], uplifts, view()).earlier
    assert card.is_money_clear is is_clear


def test_the_steps_of_a_campaign_have_what_was_sent_and_suppressed() -> None:
    counts = {"messages": {"win-back": {"sent": 30, "consent": 5, "holdout": 4}}}
    days = [counts | {"steps": {"win-back": {"1": {"sent": 20, "consent": 5}, "2": {"sent": 10}}}}] * 2
    days.append({"messages": {"win-back": {"sent": 99}}})  # a day of a worker that did not count steps
    file = parse_campaigns(campaigns_text())
    card = next(card for card in CampaignsView(file, days, None, view()).cards if card.name == "win-back")
    assert [step.sent for step in card.steps] == [40, 20, 0]
    assert card.steps[0].suppressed == [("no consent or channel", 10)]
    assert card.steps[0].title == "after 1 day: we-miss-you"
    assert card.never_entered == ["8 customers are held back for comparison, and get none of these messages"]
    assert {kind for kind, _, _ in card.legend} == {"sent", "consent"}


def test_every_campaign_of_the_default_file_says_who_enters_it() -> None:
    english, russian = view(), view(Language.RU)
    for campaign in parse_campaigns(campaigns_text()).campaigns:
        assert entry_words(campaign, english.segments, english.texts).startswith("Starts ")
        assert entry_words(campaign, russian.segments, russian.texts).startswith("Запускается")
    second = next(each for each in parse_campaigns(campaigns_text()).campaigns if each.name == "second-purchase")
    words = "Starts when a customer is first seen in “New”, or moves there from “Potential”"
    assert entry_words(second, english.segments, english.texts) == words


def test_every_reason_of_a_suppression_has_words_in_both_languages() -> None:
    for reason in SuppressionReason:
        english, russian = (outcome_words(reason, texts_in(language)) for language in (Language.EN, Language.RU))
        assert english != russian


def test_a_draft_changes_the_thresholds_and_the_version_alone() -> None:
    edges = edges_of(POLICY) | {"recency_days": ("30", "90.5")}
    drafted = parse_policy(draft(POLICY, edges))
    assert (drafted.name, drafted.version) == (POLICY.name, POLICY.version + 1)
    assert edges_of(drafted) == edges
    assert drafted.rules == POLICY.rules
    changed = [
        pair for pair in zip(POLICY.text.split("\n"), drafted.text.split("\n"), strict=True) if pair[0] != pair[1]
    ]
    assert len(changed) == 2


@pytest.mark.parametrize("value", ["", "abc", "1e9", "-5", "30]\nname = 'x'", "٣"])
def test_a_threshold_that_is_no_plain_number_is_refused(value: str) -> None:
    with pytest.raises(NotEditable, match="a threshold is a number"):
        draft(POLICY, edges_of(POLICY) | {"recency_days": (value, "90")})


def test_thresholds_that_do_not_rise_are_refused_as_in_a_file() -> None:
    with pytest.raises(ConfigErrors, match="ascending"):
        draft(POLICY, edges_of(POLICY) | {"recency_days": ("90", "90")})


def test_a_policy_that_is_written_in_another_way_is_edited_as_text() -> None:
    text = POLICY.text.replace("[frequency]\nedges = [2, 5]", "frequency = { edges = [2, 5] }")
    head, _, tail = text.partition("frequency = { edges = [2, 5] }")
    inline = parse_policy(f"frequency = {{ edges = [2, 5] }}\n{head}{tail}")
    with pytest.raises(NotEditable, match="edit the text"):
        draft(inline, edges_of(inline))


def comparison(*moves: PolicyMove) -> BacktestReport:
    a = PolicySide(
        "retail-27@1",
        "365",
        {"golden": 10, "loyal": 20, "churned": 0},
        {"golden": 6, "loyal": 5, "churned": 0},
        40,
        {"win-back": 5},
        {},
    )
    b = PolicySide(
        "retail-27@2",
        "365",
        {"golden": 13, "loyal": 14, "churned": 3},
        {"golden": 8, "loyal": 3, "churned": 0},
        44,
        {"welcome": 2},
        {},
    )
    movers = [TopMover("c-1", "loyal", "golden", "9.00", "9.00")]
    return BacktestReport(None, 9, "RUB", "retail@2", 30, "1.00", 7, "1.00", 2, list(moves), movers, a, b)


def test_the_matrix_has_moves_and_those_who_stay() -> None:
    moves = [
        PolicyMove("loyal", "golden", 4, "0", 2),
        PolicyMove("golden", "loyal", 1, "0", 0),
        PolicyMove("loyal", "churned", 3, "0", 0),
    ]
    result = WhatIfView(comparison(*moves), view())
    rows = {row.segment: [(cell.customers, cell.level, cell.stays) for cell in row.cells] for row in result.matrix}
    assert rows["golden"] == [(9, 0, True), (1, 2, False), (0, 0, False)]
    assert rows["loyal"] == [(4, 5, False), (13, 0, True), (3, 4, False)]
    assert [[cell.reachable for cell in row.cells] for row in result.matrix] == [[6, 0, 0], [2, 3, 0], [0, 0, 0]]
    assert [(row.now_reachable, row.then_reachable) for row in result.segments] == [(6, 8), (5, 3), (0, 0)]
    assert (result.all_customers.now, result.all_customers.now_reachable, result.all_customers.change) == (30, 11, "0")
    assert [(row.name, row.now, row.then, row.change) for row in result.messages] == [
        ("welcome", 0, 2, "+2"),
        ("win-back", 5, 0, "−5"),
    ]
    assert (result.all_messages.now, result.all_messages.then) == (5, 2)


@pytest.mark.parametrize("in_force", ["retail-27@1", "retail-27@2"])
def test_counts_of_now_lead_to_their_customers_while_the_policy_that_chose_them_is_in_force(in_force: str) -> None:
    reader = view()
    reader.policy = parse_policy(policy_text().replace("version = 1", f"version = {in_force[-1]}"))
    assert reader.policy.ref == in_force
    result = WhatIfView(comparison(), reader)
    golden = "/segments/golden" if in_force.endswith("@1") else None
    assert (result.segments[0].now_href, result.matrix[0].href) == (golden, golden)
    assert result.all_customers.now_href == "/customers"
    assert result.messages[0].now_href is None


def test_customers_of_a_comparison_are_named_only_to_those_who_may_see_them() -> None:
    reader = Principal("id", "reader", frozenset({Scope.AGGREGATES_READ}))
    assert WhatIfView(comparison(), view(principal=reader)).top_movers == []
    assert [mover.customer_id for mover in WhatIfView(comparison(), view()).top_movers] == ["c-1"]


def test_rejected_events_are_counted_by_reason_and_listed_by_the_chosen_one() -> None:
    events = [RejectedEvent("0:1", "2026-05-12T09:12:00.000Z", "invalid", "x", "goldstream.purchases.v1:0:7")] * 300
    events.append(RejectedEvent("0:2", "2026-05-12T09:12:00.000Z", "currency", "y", "hook:shopify/main"))
    rejected = RejectedView(events, "currency", view())
    assert [(row.reason, row.events, row.is_chosen) for row in rejected.reasons] == [
        ("invalid", 300, False),
        ("currency", 1, True),
    ]
    assert [event.detail for event in rejected.events] == ["y"]
    everything = RejectedView(events, None, view())
    assert (len(everything.events), everything.more) == (SHOWN, 301 - SHOWN)


def test_the_origin_of_a_rejected_event_is_in_words() -> None:
    texts = texts_in(Language.EN)
    assert origin("shop.purchases.v1:0:7", texts) == ("topic shop.purchases.v1", "partition 0, offset 7")
    assert origin("hook:shopify/main", texts) == ("webhook shopify/main", "")


def test_the_words_of_a_verdict_and_the_report_mean_the_same_difference() -> None:
    assert DETECTABLE_POINTS == DETECTABLE_UPLIFT * 100
