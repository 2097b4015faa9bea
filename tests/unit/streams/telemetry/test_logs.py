"""Logs: one line for each record, whatever it contains."""

import io
import json
import logging

import pytest

from streams.clock import Clock
from streams.telemetry.logs import REPEATED_AFTER_S, set_up_logging
from tests.lanes.clock import ManualClock


def captured_log(level: str, form: str, *, libraries: bool = True, clock: Clock | None = None) -> io.StringIO:
    """Set up logging into a buffer and return it."""
    stream = io.StringIO()
    set_up_logging(clock or ManualClock(), level, form, stream, libraries=libraries)
    return stream


def failing() -> None:
    """Raise an error whose message has two lines."""
    raise ValueError("first\nsecond")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_record_is_one_line_even_with_an_exception_and_line_breaks(form: str) -> None:
    stream = captured_log("info", form)
    try:
        failing()
    except ValueError:
        logging.getLogger("agents.worker.worker").exception("it broke\nhere \ud800", extra={"partition": 3})
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: first" in line
    assert "partition" in line
    line.encode()


def test_a_json_line_has_the_extra_fields_of_its_record() -> None:
    stream = captured_log("info", "json")
    extra = {"partitions": 4, "topic": "events", "huge": -(2**64), "missing": None}
    logging.getLogger("agents.worker.worker").info("ready", extra=extra)
    entry = json.loads(stream.getvalue())
    at = entry.pop("at")
    assert at.endswith("Z")
    assert entry == {
        "level": "info",
        "logger": "agents.worker.worker",
        "message": "ready",
        "partitions": 4,
        "topic": "events",
        "huge": "-18446744073709551616",
        "missing": None,
    }


def test_libraries_log_warnings_and_repeat_them_only_after_an_interval() -> None:
    clock = ManualClock()
    stream = captured_log("info", "text", clock=clock)
    for _ in range(5):
        logging.getLogger("aiokafka.conn").warning("cannot connect to %s", "here")
        logging.getLogger("aiokafka.conn").info("chatter")
        logging.getLogger("agents.worker.worker").info("ours")
    lines = stream.getvalue().splitlines()
    assert sum("cannot connect" in line for line in lines) == 1
    assert sum("ours" in line for line in lines) == 5
    assert not any("chatter" in line for line in lines)
    clock.advance(REPEATED_AFTER_S)
    logging.getLogger("aiokafka.conn").warning("cannot connect to %s", "here")
    assert stream.getvalue().count("cannot connect") == 2


def test_libraries_can_be_silenced() -> None:
    stream = captured_log("info", "text", libraries=False)
    logging.getLogger("aiokafka.conn").critical("cannot connect")
    logging.getLogger("agents.worker.worker").info("ours")
    assert stream.getvalue().count("\n") == 1


def test_start_and_stop_lines_of_faust_services_are_suppressed() -> None:
    stream = captured_log("info", "text")
    logging.getLogger("streams.lanes").info("%s: Starting...", "[^--LaneConsumer]")
    logging.getLogger("streams.lanes").warning("%s: it is slow", "[^--LaneConsumer]")
    (line,) = stream.getvalue().splitlines()
    assert line.endswith("[^--LaneConsumer]: it is slow")


def test_debug_shows_everything_with_whole_tracebacks() -> None:
    stream = captured_log("debug", "text")
    logging.getLogger("aiokafka.conn").debug("chatter")
    try:
        failing()
    except ValueError:
        logging.getLogger("streams.x").exception("it broke")
    chatter, broke = stream.getvalue().splitlines()
    assert "chatter" in chatter
    assert "Traceback" in broke
