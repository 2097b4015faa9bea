"""Daily totals: summed over the partitions, with ratios, rendered."""

import itertools
from typing import Any, Final

import msgspec
import pytest
from rich.console import Console

from agents.health.partition_totals import sum_partitions
from agents.health.ratios import ratios_of, share
from agents.health.reader import last_days
from agents.health.render import health_blocks, spark
from state.config.config_errors import ConfigErrors
from state.config.policy_reader import parse_policy
from streams.defaults import policy_text

ONE: Final[dict[str, Any]] = {
    "day": "2026-05-12",
    "timezone": "Europe/Moscow",
    "currency": "RUB",
    "orders": 3,
    "gross": "1200.10",
    "net": "-100.00",
    "anonymous": {"orders": 1, "gross": "300.00"},
    "changes": {"loyal": {"at_risk": 2}},
    "messages": {"day": {"sent": 1}, "currency": {"cap": 2}},
    "customers": 10,
}
OTHER: Final[dict[str, Any]] = {
    "day": "2026-05-12",
    "timezone": "Europe/Moscow",
    "currency": "RUB",
    "orders": 2,
    "gross": "99.90",
    "net": "100.00",
    "anonymous": {"orders": 0, "gross": "0.05"},
    "changes": {"loyal": {"churned": 1, "at_risk": 1}, "none": {"new": 4}},
    "messages": {"day": {"sent": 2, "cap": 5}},
    "customers": 5,
    "added_by_a_newer_worker": {"sum": "1.00", "number": 7},
}


def test_the_partitions_of_a_day_are_added_field_by_field() -> None:
    assert sum_partitions([ONE, OTHER]) == {
        "day": "2026-05-12",
        "timezone": "Europe/Moscow",
        "currency": "RUB",
        "orders": 5,
        "gross": "1300.00",
        "net": "0.00",
        "anonymous": {"orders": 1, "gross": "300.05"},
        "changes": {"loyal": {"at_risk": 3, "churned": 1}, "none": {"new": 4}},
        "messages": {"day": {"sent": 3, "cap": 5}, "currency": {"cap": 2}},
        "customers": 15,
        "added_by_a_newer_worker": {"sum": "1.00", "number": 7},
    }


def test_summing_does_not_change_the_parts_and_any_order_gives_the_same() -> None:
    parts = [ONE, OTHER, {**ONE, "orders": 40, "changes": {"new": {"active": 1}}}]
    before = msgspec.json.encode(parts)

    sums = [sum_partitions(order) for order in itertools.permutations(parts)]

    assert all(each == sums[0] for each in sums)
    assert msgspec.json.encode(parts) == before


@pytest.mark.parametrize(
    ("moneys", "total"),
    [
        (["1", "2"], "3"),
        (["0.100", "0.005"], "0.105"),
        (["9999999999999.99"] * 64, "639999999999999.36"),
        (["0.00", "0.00"], "0.00"),
        (["-0.01", "0.01"], "0.00"),
    ],
)
def test_money_keeps_the_digits_of_its_currency(moneys: list[str], total: str) -> None:
    assert sum_partitions({"net": money} for money in moneys) == {"net": total}


def _day(day: str, **fields: Any) -> bytes:
    labels = {"day": day, "timezone": "UTC", "currency": "RUB"}
    return msgspec.json.encode(labels | {"orders": 1, "net": "10.00", "customers": 7, "reachable": 3} | fields)


def test_the_last_days_are_summed_over_partitions_with_data() -> None:
    complete = {f"2026-05-0{day}": _day(f"2026-05-0{day}", customers=day) for day in range(1, 6)}
    last_day_only = {"2026-05-05": _day("2026-05-05", orders=20)}

    days = last_days([complete, {}, last_day_only], 2)

    assert [(day["day"], day["orders"], day["customers"]) for day in days] == [
        ("2026-05-04", 1, 4),
        ("2026-05-05", 21, 12),
    ]


def test_a_partition_without_a_day_counts_with_its_latest_customers() -> None:
    """For example just after midnight, or while a history is imported."""
    ahead = {day: _day(day) for day in ("2026-04-30", "2026-05-01", "2026-05-02")}
    behind = {"2026-04-30": _day("2026-04-30", segments={"new": {"customers": 2, "net": "5.00"}})}

    latest = last_days([ahead, behind], 1)

    assert latest == [
        {
            "day": "2026-05-02",
            "timezone": "UTC",
            "currency": "RUB",
            "orders": 1,
            "net": "10.00",
            "customers": 14,
            "reachable": 6,
            "segments": {"new": {"customers": 2, "net": "5.00"}},
        }
    ]


DAY: Final[dict[str, Any]] = {
    "day": "2026-05-12",
    "timezone": "Europe/Moscow",
    "currency": "RUB",
    "new": {"signup": {"web": 3, "none": 1}, "order": 5, "other": 1},
    "orders": 17,
    "gross": "52000.00",
    "net": "51100.00",
    "first": {"orders": 5, "gross": "9000.00"},
    "repeat": {"orders": 12, "gross": "43000.00"},
    "lapses": 3,
    "returns": 1,
    "customers": 1000,
    "segments": {
        "golden": {"customers": 13, "orders": 50, "net": "150000.00"},
        "new": {"customers": 600, "orders": 610, "net": "450000.10"},
        "potential": {"customers": 387, "orders": 0, "net": "0.00"},
    },
    "reachable": 500,
    "silenced": 3,
}


def test_average_order_values_and_shares_are_derived_from_the_totals() -> None:
    ratios = ratios_of(DAY)

    assert ratios.day_average_check == "3058.82"  # 52,000 / 17 = 3,058.8235
    assert (ratios.first_order_share, ratios.first_revenue_share) == (0.2941, 0.1731)
    assert ratios.average_check == "909.09"  # 600,000.10 / 660 = 909.0910
    assert ratios.average_check_by_segment == {"golden": "3000.00", "new": "737.71", "potential": "0.00"}
    assert (ratios.golden_share, ratios.golden_revenue_share, ratios.reachable_share) == (0.013, 0.25, 0.5)


def test_the_policy_says_which_segment_is_golden() -> None:
    renamed = policy_text().replace('"golden"', '"vip"')
    assert parse_policy(policy_text()).golden == "golden"
    assert parse_policy(renamed).golden == "vip", "the segment of the best cell"
    assert parse_policy(f'{renamed}\n[health]\ngolden = "loyal"').golden == "loyal"
    with pytest.raises(ConfigErrors, match=r"health\.golden must be one of the segments vip, loyal, .*: got \"gold\""):
        parse_policy(f'{renamed}\n[health]\ngolden = "gold"')
    day = {**DAY, "segments": {"vip": {"customers": 13, "orders": 50, "net": "150000.00"}}}
    assert (ratios_of(day).golden_share, ratios_of(day, "vip").golden_share) == (0.0, 0.013)
    lines = _rendered([day], "vip", {"vip": "Лучшие"})
    assert any(line.startswith("Лучшие customers ") and "1.3%" in line for line in lines)


def test_an_average_order_value_is_rounded_half_to_even() -> None:
    def check(gross: str) -> str:
        return ratios_of({"orders": 2, "gross": gross}).day_average_check

    assert [check("0.01"), check("0.03"), check("-0.01")] == ["0.00", "0.02", "0.00"]


def test_a_quotient_without_denominator_is_0() -> None:
    empty = ratios_of({"day": "2026-05-12", "gross": "0.00", "orders": 0, "customers": 0})

    assert (empty.day_average_check, empty.average_check, empty.golden_share, empty.first_order_share) == (
        "0.00",
        "0.00",
        0.0,
        0.0,
    )
    refunded = ratios_of({**DAY, "segments": {"golden": {"customers": 1, "orders": 1, "net": "-5.00"}}})
    assert (refunded.golden_revenue_share, refunded.average_check) == (0.0, "-5.00")
    fully_refunded = ratios_of({**DAY, "segments": {"potential": {"customers": 1, "net": "-5.00"}}})
    assert fully_refunded.average_check_by_segment == {"potential": "0.00"}
    assert share(1, 3) == 0.3333


def test_a_chart_spans_minimum_to_maximum() -> None:
    assert spark([1, 2, 3, 4, 5, 6, 7, 8]) == "▁▂▃▄▅▆▇█"
    assert spark([0.5, 100, 0.5]) == "▁█▁"
    assert spark([-5, -5]) == "▁▁"


def _rendered(days: list[dict[str, Any]], golden: str = "golden", titles: dict[str, str] | None = None) -> list[str]:
    console = Console(width=100, color_system=None)
    with console.capture() as captured:
        console.print(*health_blocks(days, golden, titles), sep="\n")
    return [line.rstrip() for line in captured.get().splitlines()]


def test_health_fits_in_a_hundred_columns() -> None:
    before = {**DAY, "day": "2026-05-11", "net": "20000.00", "lapses": 9, "reachable": 480, "segments": {}}

    assert _rendered([before, DAY]) == GOLDEN.splitlines()[1:]


def test_very_large_numbers_and_long_names_fit() -> None:
    huge = {
        **DAY,
        "new": {"order": 123_456_789},
        "orders": 123_456_789,
        "gross": "98765432101234.56",
        "net": "-98765432101234.56",
        "customers": 1_234_567_890,
        "lapses": 12_345_678,
        "segments": {
            "a-segment-whose-name-is-long": {"customers": 1_234_567_890, "orders": 1, "net": "98765432101234.56"}
        },
    }
    lines = _rendered([{**huge, "day": f"2026-{month:02}-{day:02}"} for month in (3, 4) for day in range(1, 29)])

    assert max(map(len, lines)) <= 100
    assert "…" not in "".join(line for line in lines if not line.startswith("a-segment")), "no number is shortened"
    assert lines[-1] == (
        "2026-04-28 123.5M  123.5M   0.0%   -98,765.4B   800,000  1,234.6M   0.0%   0.0%   0.0%  12.3M     1"
    )


GOLDEN: Final = """
2026-05-11 to 2026-05-12, days in Europe/Moscow; money in RUB

                          last 2 days                              min           max          last
net revenue               ▁█                                 20,000.00     51,100.00     51,100.00
orders                    ▁▁                                        17            17            17
average order value       ▁▁                                  3,058.82      3,058.82      3,058.82
first orders              ▁▁                                     29.4%         29.4%         29.4%
first orders, of revenue  ▁▁                                     17.3%         17.3%         17.3%
avg. order value, window  ▁█                                      0.00        909.09        909.09
golden customers          ▁█                                      0.0%          1.3%          1.3%
golden, of revenue        ▁█                                      0.0%         25.0%         25.0%
reachable customers       ▁█                                     48.0%         50.0%         50.0%
lapsed                    █▁                                         3             9             3
reactivated               ▁▁                                         1             1             1

segment        customers  share          revenue            order value last 2 days
new                  600  60.0% █████      75.0% ██████          737.71 ▁█
golden                13   1.3% █          25.0% ██            3,000.00 ▁█
potential            387  38.7% ███         0.0%                   0.00 ▁▁

day           new  orders  first  net revenue avg order customers golden   rev. reach. lapsed  back
2026-05-11     10      17  29.4%    20,000.00  3,058.82     1,000   0.0%   0.0%  48.0%      9     1
2026-05-12     10      17  29.4%    51,100.00  3,058.82     1,000   1.3%  25.0%  50.0%      3     1
"""
