"""Where there is no terminal, the progress of a command is a line every ten seconds."""

import pytest

from agents.cli.terminal.progress import progress_of
from agents.cli.terminal.quiet import note, set_quiet
from tests.lanes.clock import ManualClock


def test_a_line_is_written_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = ManualClock()
    with progress_of("reading a.csv", 200, clock) as show:
        for done in range(0, 80, 2):
            clock.advance(1)
            show(done)
    assert capsys.readouterr().err.splitlines() == [
        f"goldstream: reading a.csv: {percent}%" for percent in (9, 19, 29, 39)
    ]


def test_a_short_task_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    clock = ManualClock()
    with progress_of("reading a.csv", 200, clock) as show:
        clock.advance(9.9)
        show(200)
    assert capsys.readouterr() == ("", "")


def test_without_a_total_the_line_has_the_amount(capsys: pytest.CaptureFixture[str]) -> None:
    clock = ManualClock()
    with progress_of("publishing", None, clock) as show:
        clock.advance(10)
        show(12_000)
    assert capsys.readouterr().err == "goldstream: publishing: 12,000\n"


def test_with_quiet_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    clock = ManualClock()
    set_quiet(quiet=True)
    try:
        with progress_of("reading a.csv", 200, clock) as show:
            clock.advance(60)
            show(100)
        note("goldstream: next, run something")
    finally:
        set_quiet(quiet=False)
    assert capsys.readouterr() == ("", "")
