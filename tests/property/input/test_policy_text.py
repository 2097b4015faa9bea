"""Any text is a policy or campaigns file or has a list of errors; the parsed policy means what the text states."""

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
    """Change a file: drop or repeat lines, change values, or insert words."""
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


def errors_of(parse: Callable[[str], object], text: str) -> tuple[str, ...] | None:
    """Return the errors of a text, None if it has none; any other exception is a bug."""
    try:
        parse(text)
    except ConfigErrors as exception:
        return exception.errors
    return None


def check_parse(parse: Callable[[str], object], text: str) -> None:
    """Check that a text is parsed, or has errors of one printable line each."""
    errors = errors_of(parse, text)
    assert errors != ()
    for error in errors or ():
        assert error.isprintable()
        assert len(error) < 500


@given(st.text() | st.text(alphabet=st.characters(codec=None)) | st.lists(WORDS, max_size=30).map("".join))
@example("a = " + "[" * 5000)
@example("a." * 5000 + "a = 1")
@example("a = {b = " * 500)
@example("\ud800")
@example("\x00")
@example("segment = [{name = [[[[[[]]]]]], when = {r = [[[[]]]]}}]")
@example('"a\u2028b" = 1\n"\\u0000" = "\\u0007"')
def test_any_text_parses_or_has_errors(text: str) -> None:
    check_parse(parse_policy, text)
    check_parse(parse_campaigns, text)


@given(changed(policy_text()))
def test_any_changed_policy_parses_or_has_errors(text: str) -> None:
    check_parse(parse_policy, text)


@given(changed(campaigns_text()))
def test_any_changed_campaigns_file_parses_or_has_errors(text: str) -> None:
    check_parse(parse_campaigns, text)


def rising(fewest: Decimal, most: Decimal, places: int) -> st.SearchStrategy[list[Decimal]]:
    """Generate two to nine rising numbers."""
    number = st.decimals(fewest, most, places=places)
    return st.lists(number, min_size=2, max_size=9, unique=True).map(sorted)


def scores(width: int) -> st.SearchStrategy[list[int] | None]:
    """Generate the scores that a rule names for a measure, or None."""
    return st.none() | st.lists(st.integers(1, width), min_size=1, max_size=3)


Rule = tuple[str, dict[str, list[int] | None], int | None]


@st.composite
def policies(draw: st.DrawFn) -> tuple[Policy, list[list[Decimal]], list[Rule]]:
    """Generate a policy parsed from text, with the thresholds and rules that the text was written from."""
    thresholds = [
        draw(rising(Decimal("0.001"), Decimal(400), 3)),
        draw(rising(Decimal(1), Decimal(50), 0)),
        draw(rising(Decimal("0.01"), Decimal(10_000), draw(st.integers(0, 4)))),
    ]
    rules: list[Rule] = [
        (
            draw(st.sampled_from(["a", "b", "c", "d"])),
            {key: draw(scores(len(of) + 1)) for key, of in zip("rfm", thresholds, strict=True)},
            draw(st.none() | st.integers(1, 3)),
        )
        for _ in range(draw(st.integers(0, 6)))
    ]
    rules.append(("rest", {}, None))
    measures = zip(("recency_days", "frequency", "monetary"), thresholds, strict=True)
    written = ['name = "any"', "version = 1", 'currency = "EUR"']
    written += [f"[{measure}]\nedges = [{', '.join(str(threshold) for threshold in of)}]" for measure, of in measures]
    for name, when, orders_max in rules:
        fields = [f"{key} = {value}" for key, value in when.items() if value is not None]
        fields += [f"orders_max = {orders_max}"] if orders_max else []
        written.append(f'[[segment]]\nname = "{name}"\nwhen = {{ {", ".join(fields)} }}')
    return parse_policy("\n".join(written)), thresholds, rules


@given(policies(), st.data())
def test_scores_cells_and_segments_follow_the_policy_text(
    generated: tuple[Policy, list[list[Decimal]], list[Rule]], data: st.DataObject
) -> None:
    policy, (days, orders, money), rules = generated
    near = [int(threshold * DAY_MS) + step for threshold in days for step in (-1, 0, 1)]
    age_ms = data.draw(st.sampled_from(near) | st.integers(0, 500 * DAY_MS))
    count = data.draw(st.integers(0, 60))
    minor = data.draw(st.sampled_from([int(threshold * 100) + step for threshold in money for step in (-1, 0, 1)]))
    r = 1 + sum(Decimal(age_ms) < threshold * DAY_MS for threshold in days)
    f = 1 + sum(count >= threshold for threshold in orders)
    m = 1 + sum(Decimal(minor) >= threshold * 100 for threshold in money)
    ruleset = Ruleset(policy, None)
    cell, segment = ruleset.cell_and_segment(age_ms, count, minor, 1)
    assert scores_of(cell) == (r, f, m)
    assert segment == ruleset.segment_of(r, f, m, 1)
    for lifetime_orders in range(5):
        expected = next(
            name
            for name, when, orders_max in rules
            if all(score in (when.get(key) or [score]) for key, score in zip("rfm", (r, f, m), strict=True))
            and (orders_max is None or lifetime_orders <= orders_max)
        )
        assert ruleset.segment_of(r, f, m, lifetime_orders) == expected
    assert policy.segment_names == (*dict.fromkeys(name for name, _, _ in rules), POTENTIAL)
    assert [Decimal(text) for text in policy.recency_edges_text] == days
