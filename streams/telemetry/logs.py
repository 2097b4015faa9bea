"""Logs on standard error: one line per record, as text or as JSON.

Goldstream's packages log from the configured level on. Libraries log warnings and errors, the same one at most twice a
minute, since a client that cannot reach its broker repeats itself several times a second. At `debug` everything is
logged, with whole tracebacks.
"""

import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, TextIO

import orjson

from streams.clock import Clock
from streams.telemetry.log_throttle import LogThrottle

OWN_PACKAGES: Final = ("state", "streams", "agents")
REPEATED_AFTER_S: Final = 30.0
_REMEMBERED: Final = 1_000
_INTEGER_BITS: Final = 64  # orjson writes no larger ones
_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def set_up_logging(
    clock: Clock, level: str = "info", form: str = "text", stream: TextIO | None = None, *, libraries: bool = True
) -> None:
    """Send all logs to `stream` (by default standard error) in place of earlier handlers.

    Args:
        clock: limits how often a library may log the same.
        level: `debug`, `info`, `warning` or `error`.
        form: `text` or `json`.
        stream: where to write.
        libraries: whether libraries may log; a command reports its errors itself.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    is_debug = level == "debug"
    handler.setFormatter(JsonLine(is_debug=is_debug) if form == "json" else TextLine(is_debug=is_debug))
    if not is_debug:
        handler.addFilter(_Quiet(clock))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    own_level = getattr(logging, level.upper())
    silent = logging.CRITICAL + 1
    root.setLevel(own_level if is_debug else max(own_level, logging.WARNING) if libraries else silent)
    for package in OWN_PACKAGES:
        logging.getLogger(package).setLevel(own_level)
    logging.captureWarnings(capture=True)


def add_to_every_line(**extra: str) -> None:
    """Add fields to all lines from now on, such as the stage that this process runs."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(_Extra(extra))


class TextLine(logging.Formatter):
    """`2026-05-12T09:30:00.000Z info agents.worker.worker: what happened key=value`."""

    def __init__(self, *, is_debug: bool = False) -> None:
        """With `is_debug`, include whole tracebacks."""
        super().__init__()
        self.is_debug = is_debug

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line; line breaks in it are escaped."""
        message = _escaped(record.getMessage())
        extra = "".join(f" {key}={_escaped(str(value))}" for key, value in _extra(record).items())
        line = f"{_timestamp(record)} {record.levelname.lower()} {record.name}: {message}{extra}"
        if failure := _failure(record):
            line += f" ({_escaped(failure)})"
            if self.is_debug:
                line += f" {_escaped(_traceback(record))}"
        return line


class JsonLine(logging.Formatter):
    """One JSON object: `at`, `level`, `logger`, `message`, then the extra fields of the record, then `error`."""

    def __init__(self, *, is_debug: bool = False) -> None:
        """With `is_debug`, include whole tracebacks."""
        super().__init__()
        self.is_debug = is_debug

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line; values that JSON lacks are written as text."""
        line: dict[str, object] = {
            "at": _timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _encodable(record.getMessage()),
        }
        line.update((key, _plain(value)) for key, value in _extra(record).items())
        if failure := _failure(record):
            line["error"] = _encodable(failure)
            if self.is_debug:
                line["traceback"] = _encodable(_traceback(record))
        return orjson.dumps(line).decode()


class _Extra(logging.Filter):
    """Adds fields to the records that do not have them."""

    def __init__(self, extra: Mapping[str, str]) -> None:
        super().__init__()
        self._added = extra

    def filter(self, record: logging.LogRecord) -> bool:
        for name, value in self._added.items():
            record.__dict__.setdefault(name, value)
        return True


class _Quiet(logging.Filter):
    """Drops repeated messages of libraries, and the messages of mode's services about themselves."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._throttles: dict[tuple[str, str], LogThrottle] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] in OWN_PACKAGES:
            # mode, Faust's service library, logs each start and stop of a service under our names: "[^--Lane]: …"
            return record.levelno >= logging.WARNING or not record.getMessage().startswith("[^")
        message = record.name, str(record.msg)
        throttle = self._throttles.get(message)
        if throttle is None:
            if len(self._throttles) >= _REMEMBERED:
                self._throttles.clear()
            throttle = self._throttles[message] = LogThrottle(self._clock, REPEATED_AFTER_S)
        return throttle.should_log()


def _timestamp(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(record.msecs):03d}Z"


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in record.__dict__.items() if key not in _STANDARD}


def _failure(record: logging.LogRecord) -> str:
    """Return the exception with the innermost place in our own code, or anywhere if there is none."""
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    error = record.exc_info[1]
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if any(f"/{package}/" in frame.filename for package in OWN_PACKAGES)]
    place = f" at {(own or frames)[-1].filename}:{(own or frames)[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


def _traceback(record: logging.LogRecord) -> str:
    return "".join(traceback.format_exception(record.exc_info[1])) if record.exc_info else ""


def _plain(value: object) -> object:
    if (
        value is None
        or isinstance(value, bool | float)
        or (isinstance(value, int) and value.bit_length() < _INTEGER_BITS)
    ):
        return value
    return _encodable(str(value))


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _escaped(text: str) -> str:
    """Escape what would break the line or cannot be encoded: control characters, line ends, lone surrogates."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
