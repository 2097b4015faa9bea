"""The campaign report: statistics against published figures, exact sums, verdicts in words."""

import math
import random
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import pytest
from rich.console import Console
from scipy import stats

from agents.cli import main
from agents.reporting.outcome_sums import GroupSums, OutcomeSums
from agents.reporting.render import report_blocks
from agents.reporting.report import CampaignReport, UpliftReport, build_report
from agents.reporting.uplift import comparison_size_needed, net_uplift, response_uplift, wilson
from state.records.outputs import Outcome
from state.records.reasons import Group
from tests.records.outcomes import make_outcome

# R's data set `sleep` (Student, 1908), in tenths of an hour; t.test(extra ~ group) has the interval below.
SLEEP: Final = ((7, -16, -2, -12, -1, 34, 37, 8, 0, 20), (19, 8, 11, 1, -1, 44, 55, 16, 46, 34))


def _responses(entries: int, responded: int) -> GroupSums:
    return GroupSums(
        customers=entries,
        entries=entries,
        responded=responded,
        entries_squared=entries,
        responded_squared=responded,
        entries_times_responded=responded,
    )


def _nets(nets: Sequence[int], entries: int = 1) -> GroupSums:
    """Return customers with this net revenue at each of their entries."""
    sums = GroupSums()
    for net in nets:
        sums.add_customer(entries, 0, net * entries)
    return sums


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_response_has_the_intervals_of_newcombes_paper(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    """Table II of the paper, method 10."""
    uplift = response_uplift(_responses(one[1], one[0]), _responses(other[1], other[0]))

    assert (round(uplift.low, 4), round(uplift.high, 4)) == (low, high)
    assert uplift.value == pytest.approx(one[0] / one[1] - other[0] / other[1])


@pytest.mark.parametrize(("responded", "entries"), [(0, 10), (3, 17), (17, 17), (120, 1234)])
def test_the_interval_of_a_share_is_that_of_scipy_for_whole_counts(responded: int, entries: int) -> None:
    interval = stats.binomtest(responded, entries).proportion_ci(method="wilson")

    assert wilson(responded / entries, entries) == pytest.approx((interval.low, interval.high))


def test_net_per_entry_has_welchs_interval_as_in_r() -> None:
    uplift = net_uplift(_nets(SLEEP[0]), _nets(SLEEP[1]))

    assert uplift is not None
    assert (uplift.value, uplift.low, uplift.high) == pytest.approx((-15.8, -33.654832, 2.054832))
    assert not uplift.is_significant


def test_net_per_entry_has_the_interval_of_scipy() -> None:
    rng = random.Random(5)
    one = [rng.choice((0, 0, 0, rng.randint(-50_000, 2_000_000))) for _ in range(200)]
    other = [rng.choice((0, 0, 0, 0, rng.randint(0, 900_000))) for _ in range(41)]
    interval = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)

    uplift = net_uplift(_nets(one), _nets(other))

    assert uplift is not None
    assert (uplift.low, uplift.high) == pytest.approx((interval.low, interval.high))


def test_sums_too_large_for_floats_do_not_change_the_interval() -> None:
    far = 10**15  # in floats the squares of such sums differ by more than all that these differ
    uplift = net_uplift(_nets([far + net for net in SLEEP[0]]), _nets([far + net for net in SLEEP[1]]))

    assert uplift is not None
    assert (uplift.low, uplift.high) == pytest.approx((-33.654832, 2.054832))


def test_two_entries_of_one_customer_do_not_count_as_two_customers() -> None:
    once, twice = net_uplift(_nets(SLEEP[0]), _nets(SLEEP[1])), net_uplift(_nets(SLEEP[0], 2), _nets(SLEEP[1], 2))
    assert once is not None
    assert twice is not None
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high))

    both = GroupSums()
    for number in range(10):
        both.add_customer(2, 2 * (number < 4), 0)
    doubled, single = response_uplift(both, both), response_uplift(_responses(10, 4), _responses(10, 4))
    assert (doubled.low, doubled.high) == pytest.approx((single.low, single.high))


def test_a_group_of_one_customer_has_no_interval_of_revenue() -> None:
    assert net_uplift(_nets([5]), _nets(SLEEP[1])) is None
    assert net_uplift(_nets(SLEEP[0]), _nets([5], 40)) is None


def test_without_variance_the_interval_is_a_point() -> None:
    uplift = net_uplift(_nets([7] * 40), _nets([0] * 40))

    assert uplift is not None
    assert (uplift.low, uplift.value, uplift.high) == (7, 7, 7)


def test_the_size_needed_follows_the_usual_formula() -> None:
    """Shares of 20 % and 25 %, 5 % and 80 %: (1.95996 + 0.84162)² (0.2 × 0.8 + 0.25 × 0.75) / 0.05² in each group."""
    each = math.ceil((1.959964 + 0.841621) ** 2 * (0.16 + 0.1875) / 0.05**2)

    assert comparison_size_needed(_responses(90, 18), _responses(8, 1)) == (each, False)
    beside, is_enough = comparison_size_needed(_responses(98_000_000, 19_600_000), _responses(8, 1))
    assert is_enough
    assert beside == math.ceil((1.959964 + 0.841621) ** 2 * 0.16 / 0.05**2)  # only the variance of the comparison group


def _report(*partitions: Sequence[tuple[bytes, Outcome]]) -> UpliftReport:
    sums = OutcomeSums()
    for partition in partitions:
        for ce_id, outcome in partition:
            sums.add(ce_id, outcome)
        sums.end_partition()
    return build_report(sums)


def _many(treated: int, comparison: int, *, treated_buyers: int, comparison_buyers: int) -> list[tuple[bytes, Outcome]]:
    """Return outcomes; a quarter of the comparison is the control group; the first buyers spend 1,000 and more."""
    group_sizes = (treated, comparison - comparison // 4, comparison // 4)
    return [
        (
            f"{group}{number}".encode(),
            make_outcome(
                f"{group}{number}",
                group,
                orders=int(number < buyers),
                net=f"{1000 + number}.00" if number < buyers else "0.00",
                cost="4.00" if group == "treated" else "0.00",
            ),
        )
        for group, count, buyers in zip(Group, group_sizes, (treated_buyers, comparison_buyers, 0), strict=True)
        for number in range(count)
    ]


def _only(report: UpliftReport) -> CampaignReport:
    (campaign,) = report.campaigns
    return campaign


def test_each_outcome_counts_once_in_any_partition() -> None:
    outcomes = _many(60, 40, treated_buyers=30, comparison_buyers=5)
    in_one_partition = _report(outcomes)
    in_two_partitions = _report(outcomes[50:], [*outcomes[:50], *outcomes[10:20]])

    assert in_two_partitions.repeats == 10
    assert in_two_partitions.campaigns == in_one_partition.campaigns


def test_an_entry_by_trigger_with_a_reused_id_after_an_erasure_counts() -> None:
    first = make_outcome("c", "treated")
    again = msgspec.structs.replace(first, from_at="2026-06-12T09:30:00.000Z")
    report = _report([(b"c:b2026:gift:outcome", each) for each in (first, again, again)])
    assert (report.repeats, _only(report).entries["treated"]) == (1, 2)


def test_revenue_and_cost_are_summed_exactly() -> None:
    each = _only(_report(_many(60, 40, treated_buyers=30, comparison_buyers=5)))

    assert each.entries == {"treated": 60, "holdout": 30, "control": 10}
    assert (each.sent, each.cost) == (60, "240.00")
    assert (each.treated.responded, each.treated.response, each.treated.net) == (30, 0.5, "30435.00")
    assert (each.comparison.entries, each.comparison.response) == (40, 0.125)
    assert (each.treated.net_per_entry, each.comparison.net_per_entry) == ("507.25", "125.25")
    assert each.net_uplift is not None
    assert each.net_uplift.value == "382.00"
    assert each.incremental_revenue is not None
    assert each.incremental_revenue.value == "22920.00"
    assert each.roi is not None
    assert each.roi.value == 94.5  # (22920 - 240) / 240
    assert (each.verdict, each.conclusion) == ("difference", "More response, more revenue.")


def test_intervals_of_revenue_and_roi_derive_from_that_of_the_uplift() -> None:
    outcomes = _many(60, 40, treated_buyers=30, comparison_buyers=5)
    each = _only(_report(outcomes))
    net_by_customer = {outcome.customer_id: float(outcome.net) for _, outcome in outcomes}
    one = [net for customer, net in net_by_customer.items() if customer.startswith("treated")]
    other = [net for customer, net in net_by_customer.items() if not customer.startswith("treated")]
    interval = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)

    assert each.net_uplift is not None
    assert each.net_uplift.low == f"{interval.low:.2f}"
    assert each.incremental_revenue is not None
    assert each.incremental_revenue.high == f"{interval.high * 60:.2f}"
    assert each.roi is not None
    assert each.roi.low == round((interval.low * 60 - 240) / 240, 4)


def test_without_cost_there_is_no_roi() -> None:
    outcomes = [
        (ce_id, msgspec.structs.replace(each, cost="0.00"))
        for ce_id, each in _many(60, 40, treated_buyers=9, comparison_buyers=5)
    ]

    assert _only(_report(outcomes)).roi is None


def test_a_currency_without_minor_units_is_written_without_them() -> None:
    plain: dict[str, Any] = {"currency": "JPY", "cost": "0"}
    outcomes = [
        (b"1", make_outcome("1", orders=1, net="1000", **plain)),
        (b"2", make_outcome("2", "holdout", net="0", **plain)),
    ]
    each = _only(_report(outcomes))

    assert (each.treated.net, each.comparison.net_per_entry) == ("1000", "0")
    assert each.net_uplift is not None
    assert (each.net_uplift.value, each.net_uplift.low) == ("1000", None)


@pytest.mark.parametrize(
    ("outcomes", "verdict", "conclusion"),
    [
        (
            _many(60, 0, treated_buyers=9, comparison_buyers=0),
            "nobody held back",
            (
                "No comparison group, so the uplift cannot be measured: set a `holdout` for this campaign "
                "(about 950 entries are needed)."
            ),
        ),
        (
            _many(0, 60, treated_buyers=0, comparison_buyers=9),
            "nobody treated",
            "No treated customers yet: there is nothing to compare.",
        ),
        (
            _many(600, 29, treated_buyers=300, comparison_buyers=0),
            "too small",
            (
                "Too small to tell: 29 in the comparison group; about 1,600, and as many treated, would detect 5 "
                "points of response."
            ),
        ),
        (
            _many(5000, 40, treated_buyers=1000, comparison_buyers=8),
            "no difference",
            "No significant difference: 40 in the comparison group; about 570 would detect 5 points of response.",
        ),
        (
            _many(50_000, 40_000, treated_buyers=100, comparison_buyers=80),
            "no difference",
            "No significant difference.",
        ),
        (_many(60, 40, treated_buyers=0, comparison_buyers=20), "difference", "Less response, less revenue."),
    ],
)
def test_the_conclusion_follows_from_the_figures(
    outcomes: list[tuple[bytes, Outcome]], verdict: str, conclusion: str
) -> None:
    each = _only(_report(outcomes))

    assert (each.verdict, each.conclusion) == (verdict, conclusion)


def test_more_response_with_less_revenue() -> None:
    outcomes = _many(100, 100, treated_buyers=80, comparison_buyers=20)
    cheap = [
        (ce_id, msgspec.structs.replace(each, net="1.00") if each.group == "treated" and each.orders else each)
        for ce_id, each in outcomes
    ]

    assert _only(_report(cheap)).conclusion == "More response, less revenue."


def test_many_entries_of_one_customer_are_not_a_large_group() -> None:
    again = [(f"again{number}".encode(), make_outcome("c-1", "holdout")) for number in range(40)]

    each = _only(_report([*_many(60, 0, treated_buyers=30, comparison_buyers=0), *again]))

    assert (each.comparison.entries, each.comparison.customers, each.verdict) == (40, 1, "too small")


def test_the_report_fits_in_a_hundred_columns() -> None:
    outcomes = _many(1204, 98, treated_buyers=300, comparison_buyers=9)
    again = [(ce_id + b"-again", each) for ce_id, each in outcomes[:6]]
    console = Console(width=100, color_system=None)
    with console.capture() as captured:
        console.print(*report_blocks(_report([*outcomes, *again])), sep="\n")

    assert [line.rstrip() for line in captured.get().splitlines()] == GOLDEN.splitlines()[1:]


def test_an_invalid_day_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["campaigns", "report", "--from", "12.05.2026"]) == 2
    assert capsys.readouterr().err == "goldstream: --from must be a date, such as 2026-05-12: got '12.05.2026'\n"


GOLDEN: Final = """
campaign entries 2026-05-12 (UTC) whose attribution days are over; money in RUB

win-back                     treated     comparison          uplift                    95 % interval
  entries                      1,210             98                           74 holdout, 24 control
  customers                    1,204             98
  response                    25.3 %          9.2 %        +16.1 pt               +8.4 pt … +21.1 pt
  net per entry               289.97          92.20         +197.77                +132.89 … +262.64
  incremental revenue                                   +239,298.06        +160,797.79 … +317,798.33
  return on cost, ROI                                        +48.44                  +32.22 … +64.66
  1,210 sent; opened, clicked, redeemed: not reported; cost 4,840.00
  More response, more revenue.
"""
