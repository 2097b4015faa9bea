"""Read the processor time and the memory of a process by its id; on Linux only."""

import os
import re
from pathlib import Path
from typing import Final

_TICKS_PER_SECOND: Final = "SC_CLK_TCK"


def processor_seconds(pid: int | None) -> float | None:
    """Return user and system time of all threads of a process so far; None if it does not exist, or without /proc."""
    fields = _fields(Path(f"/proc/{pid}/stat"))
    # fields 14 and 15: user and system time
    return None if fields is None else sum(map(int, fields[11:13])) / os.sysconf(_TICKS_PER_SECOND)


def processor_seconds_of_all(leader: int | None) -> float | None:
    """Return the same for a program that leads its own session, together with every process it has started.

    A process that has ended counts once its parent, if it belongs to the program, has waited for it.
    """
    if leader is None or processor_seconds(leader) is None:
        return None
    every = (_fields(path) for path in Path("/proc").glob("[0-9]*/stat"))
    of_session = [fields for fields in every if fields is not None and int(fields[3]) == leader]  # field 6: the session
    # fields 16 and 17: times of children that have ended
    return sum(int(each) for fields in of_session for each in fields[11:15]) / os.sysconf(_TICKS_PER_SECOND)


def resident_mib(pid: int | None, *, peak: bool = False) -> float | None:
    """Return resident memory in MiB, now or at its peak; None if the process does not exist, or without /proc."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    match = re.search(rf"^{'VmHWM' if peak else 'VmRSS'}:\s*(\d+) kB", status, re.MULTILINE)
    return int(match[1]) / 1024 if match else None


def _fields(stat: Path) -> list[str] | None:
    """Return the fields from the third one on; the second, the name, may contain spaces and brackets."""
    try:
        return stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
