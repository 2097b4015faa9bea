"""The examples that a staged column yields decide as all its values do."""

from pathlib import Path

from agents.importing.columns.dates.decision import decide_dates
from agents.importing.columns.numbers.decision import NumberFormat, decide_numbers
from agents.importing.reading.opening import open_source
from agents.importing.staging.stage import stage


def test_few_examples_of_numbers_show_what_all_of_them_show(tmp_path: Path) -> None:
    """The first number of each length proves nothing: one with a zero in front or at the end does."""
    (tmp_path / "a.csv").write_text("a;b\n1.125;1.125\n2.250;3.375\n0.125;7\n3.375;19.50\n" + "9.875;4.25\n" * 50)
    with stage([open_source(tmp_path / "a.csv")], lambda _: None) as staging:
        table = staging.tables[0]
        assert [text for text, _, _ in staging.number_shapes(table, "a")] == ["1.125", "2.250", "0.125"]
        assert decide_numbers(staging.number_shapes(table, "a"), "a").format == NumberFormat(".")
        assert decide_numbers(staging.number_shapes(table, "b"), "b").format == NumberFormat(".")


def test_few_examples_of_dates_show_what_all_of_them_show(tmp_path: Path) -> None:
    """Each date is among them, wherever the time is, and however many times a day has."""
    times = [f"10:{minute:02}" for minute in range(60)]
    days = [f"{time} 5/12/2024;5/12/2024 {time}" for time in times] + ["10:00 5/13/2024;5/13/2024 10:00"]
    (tmp_path / "a.csv").write_text("\n".join(["a;b", *days]))
    with stage([open_source(tmp_path / "a.csv")], lambda _: None) as staging:
        table = staging.tables[0]
        for name in ("a", "b"):
            assert len(list(staging.date_shapes(table, name))) == 2
            decision = decide_dates(staging.date_shapes(table, name), name)
            assert decision.format is not None
            assert decision.format.forms == (("/", "month_first"),)
