"""How much processor time a program has used, by its process id; on Linux alone."""

import os
import re
from pathlib import Path
from typing import Final

_TICKS: Final = "SC_CLK_TCK"


def processor_seconds(pid: int | None) -> float | None:
    """Seconds of user and system time of all its threads so far; None if it is not there, or this is not Linux."""
    fields = _fields(Path(f"/proc/{pid}/stat"))
    return None if fields is None else sum(map(int, fields[11:13])) / os.sysconf(_TICKS)  # fields 14 and 15


def processor_seconds_of_all(leader: int | None) -> float | None:
    """The same of a program that was started in a session of its own, with every process that it has started since.

    Processes that have ended count once their parent, if it is of the program, has waited for them.
    """
    if leader is None or processor_seconds(leader) is None:
        return None
    every = (_fields(path) for path in Path("/proc").glob("[0-9]*/stat"))
    ours = [fields for fields in every if fields is not None and int(fields[3]) == leader]  # field 6: the session
    return sum(int(each) for fields in ours for each in fields[11:15]) / os.sysconf(_TICKS)  # 16, 17: of ended children


def resident_mib(pid: int | None, *, peak: bool = False) -> float | None:
    """Resident memory in MiB, now or at its greatest so far; None if the process is not there, or this is not Linux."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(rf"^{'VmHWM' if peak else 'VmRSS'}:\s*(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else None


def _fields(stat: Path) -> list[str] | None:
    """The fields from the third one on; the second, the name, may hold anything."""
    try:
        return stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
