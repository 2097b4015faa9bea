"""A worker of the next version: it writes format 9 where this one writes its own, and reads both.

`python -m tests.fault.workers.next_version_worker worker ...`. Nothing else differs, so its output is known.
"""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

import state.customer.profile
import state.records.events
import streams.tables.progress

NEXT: Final = b"\x09"
THIS: Final = {
    "journal": bytes([state.records.events.FORMAT_VERSION]),
    "customers": bytes([state.customer.profile.FORMAT]),
    "progress": bytes([streams.tables.progress.PROGRESS_FORMAT]),
}
"""The first byte of the records of each topic in this version."""

_WRITTEN: Final[dict[str, tuple[ModuleType, tuple[str, ...]]]] = {
    "journal": (state.records.events, ("encode_record",)),
    "customers": (state.customer.profile, ("encode_profile",)),
    "progress": (streams.tables.progress, ("encode_progress",)),
}
_READ: Final[dict[str, tuple[ModuleType, tuple[str, ...]]]] = {
    "journal": (state.records.events, ("decode_record",)),
    "customers": (state.customer.profile, ("decode_profile", "decode_head", "peek_due")),
    "progress": (streams.tables.progress, ("decode_progress",)),
}


def of_this_version(topic: str, value: bytes) -> bytes:
    """Return what this version would have written to a topic."""
    return THIS[topic] + value[1:] if value[:1] == NEXT and topic in THIS else value


def write_next_version() -> None:
    """Make this process write the next version. Call it before any other module imports the functions by name."""
    for module, names in _WRITTEN.values():
        for name in names:
            setattr(module, name, _writes_next(getattr(module, name)))
    for topic, (module, names) in _READ.items():
        for name in names:
            setattr(module, name, _reads_both(topic, getattr(module, name)))


def _writes_next(encode: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    return lambda what: NEXT + encode(what)[1:]


def _reads_both(topic: str, decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    return lambda value: decode(of_this_version(topic, value))


if __name__ == "__main__":
    write_next_version()
    from agents.cli import main
    from tests.fault.workers.short_session_worker import shorten_sessions

    shorten_sessions()
    sys.exit(main(sys.argv[1:]))
