"""Any text is a policy, and is a campaigns file, or a list of faults; what is read means what the file says."""

from collections.abc import Callable
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from state.config.campaigns import parse_campaigns
from state.config.config_errors import ConfigErrors
from state.config.policy import Policy, scores_of
from state.config.policy_reader import parse_policy
from state.config.ruleset import Ruleset
from state.config.segments import POTENTIAL
from state.units.timestamps import DAY_MS
from streams.defaults import campaigns_text, policy_text

WORDS = st.sampled_from(
    [*"[]{}=,.'\"\n#", "[[segment]]", "when", "edges", "title.en", "true", "nan", "1e9", "2026-01-01"]
)
SHORT = st.sampled_from(
    ["0", "-1", "true", "nan", "-inf", "[]", "[[]]", "{}", "[{}]", '""', "'x'", "[1, 'a', {b = []}]"]
)
NUMBERS = st.sampled_from(["1e400", "1e-400", "1_0.5e-7", "0x7fffffffffffffffffff", "9" * 400])
MOMENTS = st.sampled_from(["07:00:00", "1979-05-27T07:32:00Z", "0001-01-01T00:00:00+23:59"])
VALUES = SHORT | NUMBERS | MOMENTS


@st.composite
def changed(draw: st.DrawFn, text: str) -> str:
    """A file in which some lines are gone, doubled, given another value, or have words put into them."""
    lines = text.splitlines()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        match draw(st.sampled_from(["drop", "double", "value", "insert", "cut"])):
            case "drop":
                lines[at] = ""
            case "double":
                lines.insert(at, line)
            case "value" if "=" in line:
                lines[at] = f"{line[: line.index('=')]}= {draw(VALUES)}"
            case "cut":
                lines[at] = line[: draw(st.integers(0, len(line)))]
            case _:
                here = draw(st.integers(0, len(line)))
                lines[at] = line[:here] + draw(WORDS | st.text(max_size=5)) + line[here:]
    return "\n".join(lines)


def faults_of(parse: Callable[[str], object], text: str) -> tuple[str, ...] | None:
    """What is wrong with a text, None if nothing is; any other exception is a bug."""
    try:
        parse(text)
    except ConfigErrors as refused:
        return refused.errors
    return None


def holds(parse: Callable[[str], object], text: str) -> None:
    """A text is read or refused, then with faults of one printable line each."""
    faults = faults_of(parse, text)
    assert faults != ()
    for fault in faults or ():
        assert fault.isprintable()
        assert len(fault) < 500


@given(st.text() | st.text(alphabet=st.characters(codec=None)) | st.lists(WORDS, max_size=30).map("".join))
@example("a = " + "[" * 5000)
@example("a." * 5000 + "a = 1")
@example("a = {b = " * 500)
@example("\ud800")
@example("\x00")
@example("segment = [{name = [[[[[[]]]]]], when = {r = [[[[]]]]}}]")
@example('"a\u2028b" = 1\n"\\u0000" = "\\u0007"')
def test_any_text_is_a_policy_or_faults(text: str) -> None:
    holds(parse_policy, text)
    holds(parse_campaigns, text)


@given(changed(policy_text()))
def test_a_policy_with_anything_changed_is_a_policy_or_faults(text: str) -> None:
    holds(parse_policy, text)


@given(changed(campaigns_text()))
def test_campaigns_with_anything_changed_are_campaigns_or_faults(text: str) -> None:
    holds(parse_campaigns, text)


def rising(fewest: Decimal, most: Decimal, places: int) -> st.SearchStrategy[list[Decimal]]:
    """Two to nine rising numbers."""
    number = st.decimals(fewest, most, places=places)
    return st.lists(number, min_size=2, max_size=9, unique=True).map(sorted)


def scores(width: int) -> st.SearchStrategy[list[int] | None]:
    """The scores of a measure that a rule names, if it names any."""
    return st.none() | st.lists(st.integers(1, width), min_size=1, max_size=3)


Rule = tuple[str, dict[str, list[int] | None], int | None]


@st.composite
def policies(draw: st.DrawFn) -> tuple[Policy, list[list[Decimal]], list[Rule]]:
    """A policy that was written and read, with its edges and rules as they were before they were written."""
    edges = [
        draw(rising(Decimal("0.001"), Decimal(400), 3)),
        draw(rising(Decimal(1), Decimal(50), 0)),
        draw(rising(Decimal("0.01"), Decimal(10_000), draw(st.integers(0, 4)))),
    ]
    rules: list[Rule] = [
        (
            draw(st.sampled_from(["a", "b", "c", "d"])),
            {key: draw(scores(len(of) + 1)) for key, of in zip("rfm", edges, strict=True)},
            draw(st.none() | st.integers(1, 3)),
        )
        for _ in range(draw(st.integers(0, 6)))
    ]
    rules.append(("rest", {}, None))
    measures = zip(("recency_days", "frequency", "monetary"), edges, strict=True)
    written = ['name = "any"', "version = 1", 'currency = "EUR"']
    written += [f"[{measure}]\nedges = [{', '.join(str(edge) for edge in of)}]" for measure, of in measures]
    for name, when, orders_max in rules:
        fields = [f"{key} = {value}" for key, value in when.items() if value is not None]
        fields += [f"orders_max = {orders_max}"] if orders_max else []
        written.append(f'[[segment]]\nname = "{name}"\nwhen = {{ {", ".join(fields)} }}')
    return parse_policy("\n".join(written)), edges, rules


@given(policies(), st.data())
def test_scores_cells_and_segments_are_those_that_the_file_says(
    made: tuple[Policy, list[list[Decimal]], list[Rule]], data: st.DataObject
) -> None:
    policy, (days, orders, money), rules = made
    near = [int(edge * DAY_MS) + step for edge in days for step in (-1, 0, 1)]
    age_ms = data.draw(st.sampled_from(near) | st.integers(0, 500 * DAY_MS))
    count = data.draw(st.integers(0, 60))
    minor = data.draw(st.sampled_from([int(edge * 100) + step for edge in money for step in (-1, 0, 1)]))
    r = 1 + sum(Decimal(age_ms) < edge * DAY_MS for edge in days)
    f = 1 + sum(count >= edge for edge in orders)
    m = 1 + sum(Decimal(minor) >= edge * 100 for edge in money)
    ruleset = Ruleset(policy, None)
    cell, segment = ruleset.cell_and_segment(age_ms, count, minor, 1)
    assert scores_of(cell) == (r, f, m)
    assert segment == ruleset.segment_of(r, f, m, 1)
    for lifetime_orders in range(5):
        wanted = next(
            name
            for name, when, orders_max in rules
            if all(score in (when.get(key) or [score]) for key, score in zip("rfm", (r, f, m), strict=True))
            and (orders_max is None or lifetime_orders <= orders_max)
        )
        assert ruleset.segment_of(r, f, m, lifetime_orders) == wanted
    assert policy.segment_names == (*dict.fromkeys(name for name, _, _ in rules), POTENTIAL)
    assert [Decimal(text) for text in policy.recency_edges_text] == days
