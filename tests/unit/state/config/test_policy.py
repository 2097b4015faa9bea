"""The policy file: its meaning, its errors, and when a changed file is accepted."""

import json
from decimal import Decimal

import pytest

from state.config.active_rules import ActiveRules, Outcome
from state.config.config_errors import ConfigErrors
from state.config.policy import CELLS, Policy, scores_of
from state.config.policy_reader import parse_policy
from state.config.ruleset import Ruleset
from state.config.segments import Segment
from state.units.timestamps import DAY_MS
from streams.defaults import policy_text

SHOP = """
name = "shop"
version = 3
currency = "EUR"
[recency_days]
edges = [1, 2]
[frequency]
edges = [2, 5]
[monetary]
edges = [10, 20]
[[segment]]
name = "best"
when = { r = [3] }
[[segment]]
name = "rest"
"""


def shop(old: str = "", new: str = "") -> str:
    """Return the shop's policy with one text replaced."""
    assert old in SHOP, old
    return SHOP.replace(old, new, 1)


def errors_of(text: str, zones: list[str] | None = None) -> list[str]:
    """Return the errors of a policy."""
    with pytest.raises(ConfigErrors) as refused:
        parse_policy(text, zones)
    return list(refused.value.errors)


@pytest.fixture(scope="module")
def retail() -> Policy:
    """Return the built-in policy."""
    return parse_policy(policy_text())


def test_the_built_in_policy_has_the_documented_thresholds(retail: Policy) -> None:
    assert (retail.name, retail.version, retail.ref) == ("retail-27", 1, "retail-27@1")
    assert (retail.currency, retail.digits, retail.rates, retail.timezone) == ("RUB", 2, {}, "UTC")
    assert (retail.window_days, retail.window_ms) == ("365", 365 * DAY_MS)
    assert retail.recency_edges_ms == (60 * DAY_MS, 180 * DAY_MS)
    assert retail.frequency_edges == (2, 5)
    assert retail.monetary_edges_minor == (500_000, 2_000_000)
    assert retail.segment_names == ("golden", "loyal", "new", "active", "at_risk", "churned", "potential")
    assert retail.segments[4] == Segment("at_risk", "At risk", "В зоне риска")
    assert retail.seeker_share == 0.5
    assert retail.text == policy_text()


def scores(policy: Policy, *, age_ms: int = 0, orders: int = 1, minor: int = 0) -> tuple[int, int, int]:
    """Return the scores that a customer with orders gets."""
    return scores_of(Ruleset(policy, None).cell_and_segment(age_ms, orders, minor, orders)[0])


@pytest.mark.parametrize(
    ("scores", "lifetime_orders", "segment"),
    [
        ((3, 3, 3), 9, "golden"),
        ((3, 3, 2), 9, "loyal"),
        ((3, 1, 3), 1, "new"),
        ((3, 1, 3), 2, "active"),
        ((3, 2, 1), 2, "active"),
        ((2, 3, 3), 9, "at_risk"),
        ((2, 1, 1), 1, "at_risk"),
        ((1, 3, 3), 9, "churned"),
    ],
)
def test_the_first_matching_segment_applies(
    retail: Policy, scores: tuple[int, int, int], lifetime_orders: int, segment: str
) -> None:
    assert Ruleset(retail, None).segment_of(*scores, lifetime_orders) == segment


@pytest.mark.parametrize(
    ("age_ms", "score"), [(0, 3), (60 * DAY_MS - 1, 3), (60 * DAY_MS, 2), (180 * DAY_MS - 1, 2), (180 * DAY_MS, 1)]
)
def test_recency_drops_at_its_thresholds_to_the_millisecond(retail: Policy, age_ms: int, score: int) -> None:
    assert scores(retail, age_ms=age_ms)[0] == score


@pytest.mark.parametrize(("orders", "score"), [(0, 1), (1, 1), (2, 2), (4, 2), (5, 3), (500, 3)])
def test_frequency_rises_at_its_thresholds(retail: Policy, orders: int, score: int) -> None:
    assert scores(retail, orders=orders)[1] == score


@pytest.mark.parametrize(
    ("minor", "score"), [(-1, 1), (0, 1), (499_999, 1), (500_000, 2), (1_999_999, 2), (2_000_000, 3)]
)
def test_monetary_rises_at_its_thresholds_to_the_minor_unit(retail: Policy, minor: int, score: int) -> None:
    assert scores(retail, minor=minor)[2] == score


@pytest.mark.parametrize(
    ("written", "ms", "quoted"),
    [
        ("[0.001, 1]", (86_400, DAY_MS), ("0.001", "1")),
        ("[0.00000001, 0.5]", (1, DAY_MS // 2), ("0.00000001", "0.5")),
        ("[1_0, +20.50]", (10 * DAY_MS, 1_771_200_000), ("10", "20.50")),
        ("[1e-1, 1E2]", (8_640_000, 100 * DAY_MS), ("1e-1", "1E2")),
        ("[0x10, 1_000.0]", (16 * DAY_MS, 1000 * DAY_MS), ("16", "1000.0")),
        ("[0.1, 0.3]", (8_640_000, 25_920_000), ("0.1", "0.3")),
    ],
)
def test_thresholds_are_exact_and_quoted_as_written(written: str, ms: tuple[int, ...], quoted: tuple[str, ...]) -> None:
    policy = parse_policy(shop("[1, 2]", written))
    assert policy.recency_edges_ms == ms
    assert policy.recency_edges_text == quoted
    assert [Decimal(json.loads(text, parse_float=str)) for text in quoted] == [Decimal(text) for text in quoted]


@pytest.mark.parametrize(
    ("currency", "written", "minor"),
    [("EUR", "[0.015, 10]", (2, 1000)), ("JPY", "[0.5, 10]", (1, 10)), ("KWD", "[0.0001, 10]", (1, 10_000))],
)
def test_monetary_thresholds_are_rounded_up_to_the_minor_unit(
    currency: str, written: str, minor: tuple[int, ...]
) -> None:
    policy = parse_policy(shop('"EUR"', f'"{currency}"').replace("[10, 20]", written))
    assert policy.monetary_edges_minor == minor


def test_a_window_may_be_a_fraction_of_a_day() -> None:
    assert parse_policy(shop("version = 3", "version = 3\nwindow_days = 0.5")).window_ms == DAY_MS // 2
    assert parse_policy(SHOP).window_days == "365"


def test_ten_scores_per_measure_give_a_thousand_parsable_cells() -> None:
    nine = "[1, 2, 3, 4, 5, 6, 7, 8, 9]"
    policy = parse_policy(
        shop("[1, 2]", nine).replace("[2, 5]", nine).replace("[10, 20]", nine).replace("r = [3]", "r = [10], m = [10]")
    )
    cells = {CELLS[r][f][m]: (r, f, m) for r in range(1, 11) for f in range(1, 11) for m in range(1, 11)}
    assert len(cells) == 1000
    assert all(scores_of(cell) == scores for cell, scores in cells.items())
    assert cells["10110"] == (10, 1, 10)
    assert Ruleset(policy, None).segment_of(10, 1, 10, 1) == "best"
    assert Ruleset(policy, None).segment_of(9, 10, 10, 1) == "rest"
    assert scores(policy, age_ms=0)[0] == 10
    assert scores(policy, age_ms=9 * DAY_MS)[0] == 1


def test_the_cell_of_potential_is_three_zeros() -> None:
    assert CELLS[0][0][0] == "000"
    assert scores_of("000") == (0, 0, 0)


@pytest.mark.parametrize("cell", ["", "33", "3333", "100", "303", "3 3 3", "1111111"])
def test_a_text_that_is_not_a_cell_is_refused(cell: str) -> None:
    with pytest.raises(ValueError, match="a cell is three scores"):
        scores_of(cell)


def test_a_segment_may_have_several_rules_and_its_titles_in_any_of_them() -> None:
    policy = parse_policy(
        shop("[[segment]]", '[[segment]]\nname = "vip"\nwhen = { r = [3], m = [3] }\n[[segment]]')
        + 'title.en = "Rest"\n[[segment]]\nname = "vip"\ntitle.en = "VIP"\ntitle.ru = "Важный"\n'
    )
    assert policy.segments == (Segment("vip", "VIP", "Важный"), Segment("best"), Segment("rest", "Rest"))
    assert policy.segment_names == ("vip", "best", "rest", "potential")


def test_rates_are_read_exactly_from_texts_and_numbers() -> None:
    policy = parse_policy(SHOP + '[rates]\nRUB = "0.0101"\nJPY = 0.00610\nUSD = 1\n')
    assert policy.rates == {"RUB": Decimal("0.0101"), "JPY": Decimal("0.00610"), "USD": Decimal(1)}
    assert str(policy.rates["JPY"]) == "0.00610"


def test_a_file_with_a_bom_and_windows_line_ends_is_read() -> None:
    saved, policy = parse_policy("\ufeff" + SHOP.replace("\n", "\r\n")), parse_policy(SHOP)
    assert (saved.ref, saved.contents()) == (policy.ref, policy.contents())


MUST_RISE = "must be in ascending order: got"
NUMBERS = "must be a list of 2 to 9 numbers: got"
DAYS = "must each be a number above 0 and up to 1000000: got"
ORDERS = "must each be a whole number from 1 to 1000000000: got"
NAME = "must be 1 to 64 of a-z, 0-9, _ and -: got"
SCORES = "when.r must be a list of scores from 1 to 3: got"
RATE = 'must be a number above 0 and up to 1000000000000, such as "98.40": got'


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('name = "shop"', "", "name is missing; add it"),
        ('"shop"', '"Shop"', f'name {NAME} "Shop"'),
        ('"shop"', '""', f'name {NAME} ""'),
        ("3", "0", "version must be a whole number from 1 to 1000000000: got 0"),
        ("3", "true", "version must be a whole number from 1 to 1000000000: got true"),
        ("3", '"3"', 'version must be a whole number from 1 to 1000000000: got "3"'),
        ("3", "3.0", "version must be a whole number from 1 to 1000000000: got 3.0"),
        ("version", "versoin", "versoin is unknown; did you mean version?"),
        ('"EUR"', '"eur"', 'currency must be an ISO 4217 code, such as RUB: got "eur"'),
        ('"EUR"', "978", "currency must be an ISO 4217 code, such as RUB: got 978"),
        ("[recency_days]", "window_days = 0\n[recency_days]", "window_days must be a number above 0 and up to"),
        ("[recency_days]", "window_days = -inf\n[recency_days]", "window_days must be a number above 0 and up to"),
        ("[1, 2]", "[60, 60]", f"recency_days.edges {MUST_RISE} [60, 60]"),
        ("[1, 2]", "[1.50, 1.5]", f"recency_days.edges {MUST_RISE} [1.50, 1.5]"),
        ("[1, 2]", "[60]", f"recency_days.edges {NUMBERS} [60]"),
        ("[1, 2]", "60", f"recency_days.edges {NUMBERS} 60"),
        ("[1, 2]", "[1,2,3,4,5,6,7,8,9,10]", f"recency_days.edges {NUMBERS} [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"),
        ("[1, 2]", "[0, 2]", f"recency_days.edges {DAYS} 0"),
        ("[1, 2]", "[-1, 2]", f"recency_days.edges {DAYS} -1"),
        ("[1, 2]", "[true, 2]", f"recency_days.edges {DAYS} true"),
        ("[1, 2]", '["1", 2]', f'recency_days.edges {DAYS} "1"'),
        ("[1, 2]", "[nan, 2]", f"recency_days.edges {DAYS} nan"),
        ("[1, 2]", "[1, inf]", f"recency_days.edges {DAYS} inf"),
        ("[1, 2]", "[1e-999999999, 2]", f"recency_days.edges {DAYS} 1e-999999999"),
        ("[1, 2]", "[1, 1e999999999999999999999]", f"recency_days.edges {DAYS} 1e999999999999999999999"),
        ("[1, 2]", "[1, [2]]", f"recency_days.edges {DAYS} [2]"),
        ("[2, 5]", "[2, 5.5]", f"frequency.edges {ORDERS} 5.5"),
        ("[2, 5]", "[2.0, 5]", f"frequency.edges {ORDERS} 2.0"),
        ("[2, 5]", "[0, 5]", f"frequency.edges {ORDERS} 0"),
        ("[10, 20]", "[20, 10]", f"monetary.edges {MUST_RISE} [20, 10]"),
        ("[frequency]\nedges", "[frequency]\nedge", "frequency.edges is missing; add it"),
        ("[frequency]\nedges = [2, 5]\n", "", "frequency is missing; add it"),
        ("[monetary]\n", "[monetary]\nunit = 1\n", "monetary.unit is unknown; valid values: edges"),
        ('"best"', '"potential"', "segment 1 (potential): name must not be potential, which is reserved"),
        ('"best"', '"none"', "segment 1 (none): name must not be none, which is reserved; choose another one"),
        ('"best"', '"The best"', f'segment 1: name {NAME} "The best"'),
        ('name = "best"', "", "segment 1: name is missing; add it"),
        ("when =", "wenn =", "segment 1 (best): wenn is unknown; did you mean when?"),
        ("{ r = [3] }", "[3]", "segment 1 (best): when must be a table: got [3]"),
        ("r = [3]", "r = [4]", f"segment 1 (best): {SCORES} [4]"),
        ("r = [3]", "r = [0, 3]", f"segment 1 (best): {SCORES} [0, 3]"),
        ("r = [3]", "r = [true]", f"segment 1 (best): {SCORES} [true]"),
        (
            "r = [3]",
            "r = 3",
            "segment 1 (best): when.r must be a list of scores; leave it out to match every score: got 3",
        ),
        ("r = [3]", "r = []", "when.r must be a list of scores; leave it out to match every score: got []"),
        ("r = [3]", "q = [3]", "segment 1 (best): when.q is unknown; valid values: r, f, m, orders_max"),
        ("r = [3]", "orders_max = 0", "segment 1 (best): when.orders_max must be a whole number from 1 to 1000000000"),
        ("when =", 'title = "Best"\nwhen =', 'segment 1 (best): title must be a table: got "Best"'),
        ("when =", 'title.de = "B"\nwhen =', "segment 1 (best): title.de is unknown; valid values: en, ru"),
        ("when =", 'title.en = ""\nwhen =', "segment 1 (best): title.en must be a string of 1 to 200 characters"),
        ("[recency_days]", 'timezone = "Mars"\n[recency_days]', 'timezone has the unknown time zone "Mars"'),
        ("[recency_days]", 'timezone = "Europe Moscow"\n[recency_days]', "timezone must be the IANA name"),
        ("[recency_days]", "timezone = 3\n[recency_days]", "timezone must be the IANA name of a time zone"),
        ("[recency_days]", "traits = 5\n[recency_days]", "traits must be a table: got 5"),
        (
            "[recency_days]",
            "traits.discount_share = 0\n[recency_days]",
            "traits.discount_share must be a number above 0",
        ),
        ("[recency_days]", "traits.discount_share = 1.1\n[recency_days]", "and up to 1: got 1.1"),
        ("[recency_days]", "traits.share = 1\n[recency_days]", "traits.share is unknown; valid values: discount_share"),
        ("[recency_days]", "rates = 5\n[recency_days]", "rates must be a table: got 5"),
        ("[recency_days]", "rates.EUR = 1\n[recency_days]", "rates.EUR is the base currency and needs no rate"),
        ("[recency_days]", "rates.ZZZ = 1\n[recency_days]", "rates.ZZZ is not a known currency; use an ISO 4217 code"),
        ("[recency_days]", "rates.USD = 0\n[recency_days]", f"rates.USD {RATE} 0"),
        ("[recency_days]", 'rates.USD = "-1"\n[recency_days]', f'rates.USD {RATE} "-1"'),
        ("[recency_days]", 'rates.USD = "1,5"\n[recency_days]', f'rates.USD {RATE} "1,5"'),
        ("[recency_days]", "rates.USD = true\n[recency_days]", f"rates.USD {RATE} true"),
        (
            "[recency_days]",
            "'a b\\n' = 1\n[recency_days]",
            '"a b\\n" is unknown; valid values: name, version, currency',
        ),
    ],
)
def test_each_error_names_the_field_and_the_value(old: str, new: str, error: str) -> None:
    found = errors_of(shop(old, new), zones=["UTC", "Europe/Moscow"])
    assert [line for line in found if error in line], found


def test_cells_are_checked_for_coverage_though_thresholds_are_wrong() -> None:
    text = (
        shop("[1, 2]", "[60, 60]").replace("[2, 5]", '[2, "x"]').replace('name = "rest"', 'name = "rest"\nwhen.r = [1]')
    )
    thresholds, numbers, coverage = errors_of(text)
    assert thresholds == "recency_days.edges must be in ascending order: got [60, 60]"
    assert numbers.startswith("frequency.edges must each be a whole number")
    assert coverage.startswith("segment must cover every cell, not counting rules with orders_max: ")


def test_all_errors_are_reported_together_in_the_order_of_the_file() -> None:
    text = (
        shop("version = 3", "version = 0")
        .replace("[1, 2]", "[60, 60]")
        .replace("r = [3]", "r = [99], f = [9]")
        .replace('"rest"', '"none"')
        + "colour = 1\n[rates]\nEUR = 1\n"
    )
    assert errors_of(text) == [
        "version must be a whole number from 1 to 1000000000: got 0",
        "recency_days.edges must be in ascending order: got [60, 60]",
        "segment 1 (best): when.r must be a list of scores from 1 to 3: got [99]",
        "segment 1 (best): when.f must be a list of scores from 1 to 3: got [9]",
        "segment 2 (none): name must not be none, which is reserved; choose another one",
        "segment 2 (none): colour is unknown; valid values: name, when, title",
        "rates.EUR is the base currency and needs no rate; remove it",
    ]


@pytest.mark.parametrize(
    ("old", "new", "left"),
    [
        ('[[segment]]\nname = "rest"', "", "18 of 27 are not covered: 233, 232, 231, 223, 222, …;"),
        (
            'name = "rest"',
            'name = "rest"\nwhen = { r = [1, 2], f = [1, 2] }',
            "6 of 27 are not covered: 233, 232, 231, 133, 132",
        ),
        ('name = "rest"', 'name = "rest"\nwhen = { orders_max = 9 }', "18 of 27 are not covered"),
        ("r = [3]", "r = [3], orders_max = 1", None),
    ],
)
def test_every_cell_must_be_covered_by_rules_without_orders_max(old: str, new: str, left: str | None) -> None:
    if left is None:
        assert Ruleset(parse_policy(shop(old, new)), None).segment_of(3, 1, 1, 2) == "rest"
    else:
        (error,) = errors_of(shop(old, new))
        assert error.startswith("segment must cover every cell, not counting rules with orders_max: ")
        assert left in error
        assert error.endswith("; add a last [[segment]] without when")


def test_a_policy_without_segments_is_refused() -> None:
    head = SHOP[: SHOP.index("[[segment]]")]
    assert errors_of(head) == ["segment is missing; add it"]
    assert errors_of("segment = []\n" + head) == ["segment must be a list of 1 to 1000 tables: got []"]
    assert errors_of(head + "[segment]\n") == ["segment must be a list of 1 to 1000 tables: got a table"]


def test_a_rule_that_can_never_match_is_allowed() -> None:
    assert (
        Ruleset(parse_policy(SHOP + '[[segment]]\nname = "never"\nwhen = { r = [3] }\n'), None).segment_of(3, 3, 3, 1)
        == "best"
    )


def test_a_segment_with_two_titles_is_refused() -> None:
    titled = shop("when =", 'title.en = "Best"\nwhen =') + '[[segment]]\nname = "best"\ntitle.en = "Top"\n'
    assert errors_of(titled) == [
        'segment 3 (best): title.en must be the same in all entries of a segment: got ["Best", "Top"]'
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('name = "shop', "the file is not TOML: Illegal character '\\n' (at line 1, column 13)"),
        ("a = 1\nb =", "the file is not TOML: Invalid value (at line 2, column 4)"),
        ("a = 1\na = 2", "the file is not TOML: Cannot overwrite a value (at line 2, column 6)"),
        ("a = " + "[" * 9999, "the file cannot be read: lists or tables are nested too deeply; flatten them"),
        ("a = " + "9" * 9999, "the file cannot be read: an integer has thousands of digits; shorten it"),
        ("a = 'x'\nb = '\ud800'", "the file is not Unicode (at line 2, column 6); save it as UTF-8"),
        ("#" * 300_000, "the file must have at most 262144 bytes: got 300000"),
    ],
)
def test_a_text_that_is_not_toml_is_one_error_with_its_place(text: str, error: str) -> None:
    text = text + "\n" if text.endswith("shop") else text
    assert errors_of(text) == [error]


def test_long_values_are_shortened_and_many_unknown_fields_counted() -> None:
    assert errors_of(shop('"shop"', f'"{"S" * 500}"')) == [f'name {NAME} "{"S" * 60}…"']
    assert errors_of(shop("[1, 2]", str(list(range(1, 99))))) == [
        f"recency_days.edges {NUMBERS} [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …]"
    ]
    many = errors_of("".join(f"x{n} = 1\n" for n in range(50)) + SHOP)
    assert len(many) == 11
    assert many[-1] == "x10 is unknown, and so are 39 more; remove them"


def test_layout_and_comments_do_not_change_the_contents() -> None:
    one = parse_policy(SHOP)
    other = parse_policy("# Ours\n" + shop("[1, 2]", "[ 1,\n 2 ] # days").replace("version = 3", "version = 0x3"))
    assert one.contents() == other.contents()
    assert ActiveRules(one).check_policy(other).outcome is Outcome.UNCHANGED


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("[1, 2]", "[1, 3]", "shop@3 is already active with different recency_days; raise version to 4"),
        ("[1, 2]", "[1, 2.0]", "shop@3 is already active with different recency_days; raise version to 4"),
        ('"rest"', '"others"', "shop@3 is already active with different segment; raise version to 4"),
        (
            "[recency_days]",
            "rates.USD = 1\n[recency_days]",
            "shop@3 is already active with different rates; raise version to 4",
        ),
        (
            "[recency_days]",
            "traits.discount_share = 0.6\n[recency_days]",
            "shop@3 is already active with different traits; raise version to 4",
        ),
        ("[recency_days]", "traits.discount_share = 0.50\n[recency_days]", None),
        (
            "[[segment]]\n",
            '[[segment]]\ntitle.en = "A"\n',
            "shop@3 is already active with different segment; raise version to 4",
        ),
        ('"EUR"', '"USD"', "currency must stay EUR: got USD; another one needs a new prefix and a replay"),
        (
            "[recency_days]",
            "window_days = 30\n[recency_days]",
            "window_days must stay 365: got 30; another one needs a new prefix and a replay",
        ),
        ("[recency_days]", "window_days = 365.0\n[recency_days]", None),
        ("version = 3", "version = 4", None),
        ("version = 3", "version = 2", None),
        ('"shop"', '"store"', None),
        (
            'currency = "EUR"',
            'currency = "EUR"\ntimezone = "Europe/Berlin"',
            (
                "timezone must stay UTC: got Europe/Berlin; published days would begin at another hour; "
                "another one needs a new prefix and a replay"
            ),
        ),
    ],
)
def test_changes_require_a_new_version_and_some_require_a_replay(old: str, new: str, reason: str | None) -> None:
    decision = ActiveRules(parse_policy(SHOP)).check_policy(parse_policy(shop(old, new)))
    assert decision.errors == (() if reason is None else (reason,))
    assert (decision.outcome is Outcome.REFUSED) == (reason is not None)
