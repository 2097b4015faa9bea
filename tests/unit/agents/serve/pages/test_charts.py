"""The charts of the pages: geometry, and text that is never anything but text."""

import re
from collections import defaultdict
from itertools import combinations
from xml.etree import ElementTree as ET

import pytest
from markupsafe import Markup

from agents.serve.pages.charts.day_chart import DayPoint, day_chart
from agents.serve.pages.charts.flow_chart import flow_chart
from agents.serve.pages.charts.flow_layout import BANDS_HEIGHT, MAX_NODES, REST, Flow, lay_out
from agents.serve.pages.charts.interval_chart import Interval, interval_chart
from agents.serve.pages.charts.rfm_grid import GridCell, rfm_grid, shades_of, shows_last_note_everywhere
from agents.serve.pages.charts.scale import Axis, axis_of
from agents.serve.pages.charts.segment_look import SegmentLook
from agents.serve.pages.charts.step_chart import SENT, Step, StepPart, step_chart
from agents.serve.pages.charts.svg import NARROWEST, element, shorten, text_width, wrap
from agents.serve.pages.charts.timeline import Mark, Order, Stay, timeline
from tests.unit.agents.serve.pages.drawn import boxes, height_of, labels, parse, path_points

MARKUP = '<script>alert("1")</script>&'
DAY = 86_400_000
WIDTHS = (NARROWEST, 960)
SEGMENTS = [
    SegmentLook("golden", "золотые", "seg-0"),
    SegmentLook("loyal", "постоянные покупатели", "seg-1"),
    SegmentLook("at_risk", "под угрозой ухода", "seg-2"),
    SegmentLook("churned", "ушедшие", "seg-3"),
]


def flows(*moves: tuple[str, str, str, int]) -> list[Flow]:
    return [Flow(*move, label=f"{move[0]} to {move[1]}", href=f"/flows/{move[0]}/{move[1]}") for move in moves]


def drawn_flows(moves: list[Flow]) -> Markup:
    return flow_chart(
        moves,
        SEGMENTS,
        rest_title="others",
        heads=("before", "after"),
        write=lambda count: f"{count:,}",
        title="Flows",
        description="Who moved",
    )


def drawn_grid(cells: list[GridCell], size: int) -> Markup:
    return rfm_grid(
        cells,
        recency_labels=[f"{number}–90" for number in range(size)],
        frequency_labels=[f"{number}+" for number in range(size)],
        axis_titles=("days", "orders"),
        title="Grid",
        description="Who is where",
    )


def drawn_days(points: list[DayPoint], *, is_open: bool = False) -> Markup:
    return day_chart(
        points,
        ends=("1 Sep", "30 Sep"),
        write=lambda value: f"{value:.0f}",
        is_open=is_open,
        title="Orders",
        description="Orders by day",
    )


def drawn_interval(interval: Interval) -> Markup:
    return interval_chart(interval, write=lambda value: f"{value:+.1f}", title="Uplift", description="More")


def drawn_timeline(orders: list[Order], stays: list[Stay], marks: list[Mark], now_ms: int) -> Markup:
    return timeline(
        orders,
        stays,
        marks,
        now_ms=now_ms,
        write=lambda at_ms: f"day {at_ms // DAY}",
        title="Orders",
        description="Orders over time",
    )


MOVES = flows(
    ("golden", "loyal", "time", 900),
    ("loyal", "golden", "purchase", 40),
    ("loyal", "at_risk", "time", 1),
    ("at_risk", "churned", "time", 12_000),
    ("at_risk", "loyal", "purchase", 300),
    ("loyal", "at_risk", "policy", 60),
)
CHARTS = {
    "flows": drawn_flows(MOVES),
    "grid of 3": drawn_grid(
        [GridCell(3, 3, 1_200_000, "1.2M", ("9 k reachable", "4 100 ₽"), 4100, "best", "/c", "Golden")], 3
    ),
    "grid of 10": drawn_grid(
        [GridCell(r, f, 12_345, "12k", (), r * f, "cell", "/c") for r, f in [(1, 1), (10, 10)]], 10
    ),
    "days": drawn_days([DayPoint(float(n), float(30 - n), f"{n}", is_restated=n == 3) for n in range(30)]),
    "a single day": drawn_days([DayPoint(5.0, None, "5")]),
    "interval": drawn_interval(Interval(2.1, -0.4, 4.6, is_conclusive=True)),
    "interval of nothing": drawn_interval(Interval(0.0, 0.0, 0.0, is_conclusive=True)),
    "interval far away": drawn_interval(Interval(-120_000.0, -120_001.0, -119_999.0, is_conclusive=True)),
    "steps": step_chart(
        [Step("after 7 days: a-template-with-a-long-name", "1,200 of 9,000 sent", [StepPart(SENT, 1200, "sent")])] * 3,
        title="Steps",
        description="Steps",
    ),
    "timeline": drawn_timeline(
        [Order(0, 10.0, "first"), Order(100 * DAY, 99.0, "second")],
        [Stay(0, SEGMENTS[1], "loyal"), Stay(160 * DAY, SEGMENTS[2], "at risk")],
        [
            Mark(160 * DAY, "60 дней без покупки", "edge"),
            Mark(162 * DAY, "сегодня", "now"),
            Mark(280 * DAY, "180 дней: ушедшие", "edge"),
            Mark(280 * DAY, "следующее падение: 8 октября", "drop"),
        ],
        162 * DAY,
    ),
    "one order": drawn_timeline([Order(5, 0.0, "free")], [Stay(5, SEGMENTS[0], "golden")], [], 5),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", CHARTS)
def test_nothing_is_drawn_outside_the_chart(name: str, width: int) -> None:
    root = parse(CHARTS[name])
    for box in boxes(root, width):
        assert box.left >= -1, box
        assert box.right <= width + 1, box
        assert box.top >= -1, box
        assert box.bottom <= height_of(root) + 1, box
    for x, y in path_points(root):
        assert 0 <= x <= 100
        assert 0 <= y <= height_of(root)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", CHARTS)
def test_no_label_overlaps_another_one(name: str, width: int) -> None:
    for one, other in combinations(labels(parse(CHARTS[name]), width), 2):
        assert not one.overlaps(other), (one, other)


@pytest.mark.parametrize(
    ("notes", "columns", "lines"),
    [
        (("98 ₽ each", "9 can"), 3, ["98 ₽ each", "9 can"]),
        (("98 ₽ each", "9,100 reachable"), 3, ["9,100", "reachable", "98 ₽ each"]),
        (("12,345,678 ₽ each", "9,100 reachable"), 3, ["9,100", "reachable"]),
        (("98 ₽ each", "1,209,100 reachable"), 5, []),
        (("98 ₽ each", "9 reachable"), 6, []),
    ],
)
def test_the_narrowest_screen_shows_the_last_note_of_a_cell_in_one_line_or_two(
    notes: tuple[str, str], columns: int, lines: list[str]
) -> None:
    """Where it cannot, the page has to show the table."""
    cells = [GridCell(1, 1, 7, "7", tuple(notes), 1, "cell")]
    shown = [box for box in labels(parse(drawn_grid(cells, columns)), NARROWEST) if box.text in {*notes, *lines}]
    assert [box.text for box in shown] == lines
    assert shows_last_note_everywhere(cells, columns, columns) is bool(lines)
    width = NARROWEST * 0.85 / columns
    assert all(box.right - box.left <= width for box in shown)


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_needs_no_script_and_no_style_and_has_a_name_and_a_description(name: str) -> None:
    root = parse(CHARTS[name])
    assert root.attrib["aria-label"]
    assert root.find("desc") is not None
    links = list(root.iter("a"))
    assert root.attrib["role"] == ("group" if links else "img")
    for each in root.iter():
        assert each.tag not in {"script", "style"}
        assert not [key for key in each.attrib if key == "style" or key.startswith("on")]
    for each in links:
        assert each.findtext("title")


def test_markup_in_any_text_stays_text() -> None:
    look = SegmentLook(MARKUP, MARKUP, "seg-0")
    charts = [
        flow_chart(
            [Flow(MARKUP, MARKUP, "time", 3, MARKUP, f"/x?{MARKUP}")],
            [look],
            rest_title=MARKUP,
            heads=(MARKUP, MARKUP),
            write=lambda _: MARKUP,
            title=MARKUP,
            description=MARKUP,
        ),
        drawn_grid([GridCell(1, 1, 1, MARKUP, (MARKUP,), 1, MARKUP, f"/x?{MARKUP}", MARKUP)], 3),
        drawn_days([DayPoint(1.0, 1.0, MARKUP)]),
        step_chart([Step(MARKUP, MARKUP, [StepPart(SENT, 1, MARKUP)])], title=MARKUP, description=MARKUP),
        drawn_timeline([Order(0, 1.0, MARKUP)], [Stay(0, look, MARKUP)], [Mark(9, MARKUP, "edge")], 9),
    ]
    for chart in charts:
        assert "<script" not in chart
        assert "alert(" in "".join(parse(chart).itertext())


def test_a_segments_bar_is_as_high_as_its_bands_together() -> None:
    layout = lay_out(MOVES, [look.name for look in SEGMENTS], {})
    assert sum(band.thickness for band in layout.bands) == pytest.approx(BANDS_HEIGHT)
    thickness: defaultdict[tuple[str, str], float] = defaultdict(float)
    for band in layout.bands:
        thickness["source", band.flow.source] += band.thickness
        thickness["target", band.flow.target] += band.thickness
    for side, nodes in (("source", layout.sources), ("target", layout.targets)):
        for node in nodes:
            assert node.height == pytest.approx(thickness[side, node.name])


def test_bands_at_a_segment_touch_and_do_not_overlap() -> None:
    layout = lay_out(MOVES, [look.name for look in SEGMENTS], {})
    for node in layout.targets:
        bands = sorted((band for band in layout.bands if band.flow.target == node.name), key=lambda band: band.right)
        top = node.top
        for band in bands:
            assert band.right == pytest.approx(top)
            top += band.thickness


def test_segments_stand_in_the_order_of_the_policy_and_none_covers_another() -> None:
    layout = lay_out(MOVES, [look.name for look in SEGMENTS], {look.name: 3 for look in SEGMENTS})
    assert [node.name for node in layout.sources] == ["golden", "loyal", "at_risk"]
    assert [node.name for node in layout.targets] == ["golden", "loyal", "at_risk", "churned"]
    for nodes in (layout.sources, layout.targets):
        bottoms = [0.0]
        for node in nodes:
            assert node.top >= bottoms[-1]
            bottoms.append(node.top + node.height)
        assert bottoms[-1] <= layout.height


def test_of_very_many_segments_the_smallest_are_drawn_as_one() -> None:
    many = [Flow(f"s{number}", "golden", "time", number + 1, "x") for number in range(1000)]
    layout = lay_out(many, ["golden"], {})
    assert len(layout.sources) == MAX_NODES
    assert layout.sources[-1].name == REST
    assert sum(node.customers for node in layout.sources) == sum(flow.customers for flow in many)


def test_flows_without_customers_draw_nothing() -> None:
    assert drawn_flows([]) == ""
    assert drawn_flows(flows(("golden", "loyal", "time", 0))) == ""


def test_a_thin_band_is_no_stop_of_the_tabulator_key_because_the_table_has_its_link() -> None:
    links = {each.findtext("title"): each for each in parse(drawn_flows(MOVES)).iter("a")}
    assert "tabindex" not in links["at_risk to churned"].attrib
    assert links["golden to loyal"].attrib["tabindex"] == "-1"


def test_the_grid_has_the_recent_on_top_and_the_frequent_at_the_right() -> None:
    chart = drawn_grid([GridCell(3, 1, 7, "7", (), 1, "top left", "/a"), GridCell(1, 3, 8, "8", (), 1, "b", "/b")], 3)
    at = {box.text: box for box in labels(parse(chart), 960)}
    assert at["7"].bottom < at["8"].top
    assert at["7"].right < at["8"].left
    assert len([box for box in boxes(parse(chart), 960) if not box.text]) == 9


@pytest.mark.parametrize(
    ("amounts", "shades"),
    [
        ((1, 2, 3, 4, 5, 6), (1, 2, 3, 4, 5, 6)),
        ((900_000, 30, 20, 10), (6, 5, 3, 2)),  # an outlier leaves differences between the others
        ((-5, 0, 7), (1, 1, 6)),
        ((4, 4, 9), (3, 3, 6)),  # the same money, the same shade
        ((0, 0), (1, 1)),
    ],
)
def test_the_shade_follows_the_rank_of_the_money(amounts: tuple[float, ...], shades: tuple[int, ...]) -> None:
    cells = [GridCell(1 + place, 1, 1, "", (), money, "") for place, money in enumerate(amounts)]
    nobody = GridCell(1, 2, 0, "", (), 1_000_000, "")
    assert tuple(shades_of([nobody, *cells])[money] for money in amounts) == shades
    chart = drawn_grid([nobody, *cells], max(2, len(cells)))
    drawn = [int(found) for found in re.findall(r"cell shade-(\d)", chart)]
    assert sorted(drawn) == sorted((*shades, *[0] * (len(drawn) - len(shades))))


def test_a_cell_without_customers_is_no_link() -> None:
    assert not list(parse(drawn_grid([GridCell(1, 1, 0, "0", (), 0, "none", "/c")], 3)).iter("a"))


@pytest.mark.parametrize(
    ("interval", "tone"),
    [
        (Interval(2.0, 0.1, 4.0, is_conclusive=True), "good"),
        (Interval(2.0, 0.0, 4.0, is_conclusive=True), "unclear"),
        (Interval(2.0, -0.1, 4.0, is_conclusive=True), "unclear"),
        (Interval(-2.0, -4.0, -0.1, is_conclusive=True), "bad"),
        (Interval(9.0, 5.0, 12.0, is_conclusive=False), "unclear"),
        (Interval(9.0, None, None, is_conclusive=True), "unclear"),
    ],
)
def test_an_uplift_is_green_only_if_all_of_its_interval_is_above_zero(interval: Interval, tone: str) -> None:
    assert interval.tone == tone
    assert f'class="tone-{tone}"' in drawn_interval(interval)


def test_the_zero_line_is_always_drawn_and_the_estimate_lies_within_its_interval() -> None:
    root = parse(drawn_interval(Interval(3.0, 2.0, 4.0, is_conclusive=True)))
    zero = next(each for each in root.iter("line") if each.attrib["class"] == "zero")
    bounds = next(each for each in root.iter("rect"))
    dot = float(next(each for each in root.iter("circle")).attrib["cx"][:-1])
    left = float(bounds.attrib["x"][:-1])
    assert float(zero.attrib["x1"][:-1]) < left < dot < left + float(bounds.attrib["width"][:-1])


def test_the_parts_of_a_step_add_up_to_its_share_of_the_greatest_step() -> None:
    small, large = [StepPart(SENT, 20, "a"), StepPart("cap", 30, "b")], [StepPart(SENT, 100, "c")]
    root = parse(step_chart([Step("1", "", small), Step("2", "", large)], title="t", description="d"))
    widths: defaultdict[str, float] = defaultdict(float)
    for part in root.iter("g"):
        for bar in part.iter("rect"):
            widths[bar.attrib["y"]] += float(bar.attrib["width"][:-1])
    assert list(widths.values()) == pytest.approx([50, 100])


def test_steps_without_messages_have_an_empty_bar() -> None:
    root = parse(step_chart([Step("1", "0", [StepPart(SENT, 0, "none")])], title="t", description="d"))
    assert [each.attrib["class"] for each in root.iter("rect")] == ["track"]


def test_a_missing_day_interrupts_the_line() -> None:
    values = [1.0, 2.0, None, 4.0]
    root = parse(drawn_days([DayPoint(value, None, "day") for value in values]))
    lines = [each.attrib["d"] for each in root.iter("path") if each.attrib["class"] == "line line-now"]
    assert len(lines) == 2


def test_the_line_to_a_day_that_is_not_over_is_another_one() -> None:
    points = [DayPoint(value, None, "day") for value in (1.0, 2.0, 0.5)]
    for is_open, classes in ((False, ["line line-now"]), (True, ["line line-now line-open", "line line-now"])):
        root = parse(drawn_days(points, is_open=is_open))
        assert [each.attrib["class"] for each in root.iter("path") if "line" in each.attrib["class"]] == classes


def test_days_without_any_figure_are_drawn_as_an_empty_chart() -> None:
    root = parse(drawn_days([DayPoint(None, None, "day")] * 3))
    assert [each.attrib["class"] for each in root.iter("path")] == ["base"]


def test_a_restated_day_is_marked() -> None:
    root = parse(drawn_days([DayPoint(1.0, None, "a", is_restated=True), DayPoint(2.0, None, "b")]))
    assert len([each for each in root.iter("circle") if each.attrib["class"] == "restated"]) == 1


def test_the_largest_order_has_the_longest_stem_and_a_refunded_one_still_has_one() -> None:
    root = parse(drawn_timeline([Order(0, -5.0, "a"), Order(DAY, 1e12, "b"), Order(2 * DAY, 5e11, "c")], [], [], DAY))
    lengths = [float(line.attrib["y2"]) - float(line.attrib["y1"]) for line in root.iter("line")]
    assert lengths[1] == max(lengths)
    assert 0 < lengths[0] < lengths[2]


def test_marks_at_one_moment_have_rows_of_their_own() -> None:
    marks = [Mark(5 * DAY, f"mark {number}", "edge") for number in range(4)]
    texts = [box for box in labels(parse(drawn_timeline([], [], marks, 9 * DAY)), NARROWEST) if "mark" in box.text]
    assert len({box.top for box in texts}) == 4


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ([], 0, 1),
        ([5, 5], 0, 5),
        ([99, 100], 0, 100),
        ([-3, 7], -3, 7),
        ([-3, -2.9], -3, 0),
        ([float("nan"), 1], 0, 1),
        ([0, 0], 0, 1),
        ([1e15], 0, 1e15),
    ],
)
def test_an_axis_holds_zero_and_all_values(values: list[float], low: float, high: float) -> None:
    assert axis_of(values) == Axis(low, high)


@pytest.mark.parametrize(
    ("axis", "about", "ticks"),
    [(Axis(0, 10), 5, [0, 2, 4, 6, 8, 10]), (Axis(-1, 1), 2, [-1, 0, 1]), (Axis(0.3, 0.9), 3, [0.4, 0.6, 0.8])],
)
def test_ticks_are_round(axis: Axis, about: int, ticks: list[float]) -> None:
    assert axis.ticks(about) == pytest.approx(ticks)


def test_a_text_is_cut_or_broken_to_its_width() -> None:
    assert shorten("short", 100) == "short"
    cut = shorten("a rather long name of a template", 80)
    assert cut.endswith("…")
    assert text_width(cut) <= 80
    assert wrap("under threat of leaving", 80, 2) == ["under threat", "of leaving"]
    assert all(text_width(line) <= 60 for line in wrap("Schwellenwertüberschreitung und mehr Worte", 60, 2))


def test_an_element_writes_numbers_shortly_and_leaves_out_what_is_none() -> None:
    assert element("rect", x=1.5, y=2.0, class_="a", href=None) == '<rect x="1.5" y="2" class="a"></rect>'
    assert ET.fromstring(element("text", "<b>")).text == "<b>"  # noqa: S314 - of our own making
