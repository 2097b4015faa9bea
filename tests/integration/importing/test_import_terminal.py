"""In a terminal, an import asks what the file cannot decide, once, and remembers the answer."""

import json
import os
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests.running.terminal import Terminal
from tests.running.workers import REPOSITORY

SALES: Final = """Order,Customer,Date,Amount
1,ann,01.02.2025 10:00,100.00
2,bob,15.02.2025 12:00,50.00
"""
ZONE_QUESTION: Final = "In which time zone"


def terminal(folder: Path, *arguments: str) -> Terminal:
    """Start a dry import in a terminal, without Kafka."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("GOLDSTREAM_")}
    environment |= {"GOLDSTREAM_KAFKA": "127.0.0.1:1", "PYTHONPATH": str(REPOSITORY)}
    return Terminal(["import", *arguments, "--dry-run"], folder, environment)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sales.csv").write_text(SALES)
    return tmp_path


def test_a_question_is_asked_once_and_the_answer_is_remembered(folder: Path) -> None:
    with terminal(folder, "sales.csv", "--json") as first:
        first.wait_for(ZONE_QUESTION)
        first.wait_for("answer")
        first.type("Europe/Moscow")
        status, out = first.finish()
    assert status == 0, first.shown
    report = json.loads(out)
    assert report["first_at"] == "2025-02-01T07:00:00.000Z"
    assert report["assumed"]["timezone"] == "Europe/Moscow"
    assert "the answers are in sales.csv.map.toml" in first.shown
    assert (folder / "sales.csv.map.toml").read_text() == 'timezone = "Europe/Moscow"\n'

    with terminal(folder, "sales.csv", "--json") as second:
        status, out = second.finish()
    assert status == 0, second.shown
    assert ZONE_QUESTION not in second.shown
    assert json.loads(out)["first_at"] == report["first_at"]


def test_an_invalid_answer_is_asked_again(folder: Path) -> None:
    with terminal(folder, "sales.csv", "--json") as asked:
        asked.wait_for("answer")
        asked.type("Moskva")
        asked.wait_for("must be an IANA name")
        asked.type("Europe/Moscow")
        status, out = asked.finish()
    assert status == 0, asked.shown
    assert json.loads(out)["first_at"] == "2025-02-01T07:00:00.000Z"


def test_the_first_choice_is_the_likely_one_and_return_takes_it(folder: Path) -> None:
    (folder / "sales.csv").write_text(SALES.replace("01.02.2025", "01/02/2025").replace("15.02.2025", "02/03/2025"))
    with terminal(folder, "sales.csv", "--json", "--timezone", "UTC") as asked:
        asked.wait_for("(likely)")
        asked.wait_for("[1]")
        asked.type("")
        status, out = asked.finish()
    assert status == 0, asked.shown
    assert json.loads(out)["orders"] == 2


def test_answers_go_into_the_file_of_write_map(folder: Path) -> None:
    with terminal(folder, "sales.csv", "--json", "--write-map", "shop.toml") as asked:
        asked.wait_for("answer")
        asked.type("Europe/Moscow")
        assert asked.finish()[0] == 0, asked.shown
    assert not (folder / "sales.csv.map.toml").exists()
    with terminal(folder, "sales.csv", "--json", "--map", "shop.toml") as second:
        assert second.finish()[0] == 0, second.shown
    assert ZONE_QUESTION not in second.shown


def test_the_end_of_input_and_ctrl_c_end_the_command_without_a_trace(folder: Path) -> None:
    for end in ("\x04", ""):
        with terminal(folder, "sales.csv") as asked:
            asked.wait_for("answer")
            press = partial(asked.type, end) if end else asked.interrupt
            status, _ = asked.end_by(press, "goldstream: interrupted")
        assert status == 1, asked.shown
        assert "goldstream: interrupted" in asked.shown
        assert "Traceback" not in asked.shown


def test_a_terminal_shows_progress_bars_and_nothing_of_them_on_standard_output(folder: Path) -> None:
    rows = "".join(f"{number},c{number % 50},2025-02-01T10:00:00Z,5.00\n" for number in range(40_000))
    (folder / "sales.csv").write_text("Order,Customer,Date,Amount\n" + rows)
    with terminal(folder, "sales.csv") as shown:
        status, out = shown.finish()
    assert status == 0, shown.shown
    assert "reading sales.csv" in shown.shown
    assert "checking events" in shown.shown
    assert "reading sales.csv" not in out
