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
    """Return the same for a program and every process that it has started, directly or not.

    These are its descendants, and whatever else is in the session that it leads, if it leads one. A process that has
    ended counts once its parent, if it belongs to the program, has waited for it.
    """
    if leader is None or processor_seconds(leader) is None:
        return None
    members = (_fields(Path(f"/proc/{pid}/stat")) for pid in processes_of(leader))
    # fields 14 to 17: user and system time, and those of children that have ended
    ticks = sum(int(each) for fields in members if fields is not None for each in fields[11:15])
    return ticks / os.sysconf(_TICKS_PER_SECOND)


def processor_seconds_by_name(leader: int) -> dict[str, float]:
    """Return the same of each of its processes, summed by the name that the kernel has for it; without those ended."""
    used: dict[str, float] = {}
    for pid in processes_of(leader):
        seconds, name = processor_seconds(pid), _name(pid)
        if seconds is not None and name is not None:
            used[name] = used.get(name, 0.0) + seconds
    return used


def processes_of(leader: int) -> list[int]:
    """Return the ids of a program's processes: its own, its descendants', and those in the session that it leads."""
    parents: dict[int, int] = {}
    members = {leader}
    for path in Path("/proc").glob("[0-9]*/stat"):
        if (fields := _fields(path)) is not None:
            pid = int(path.parent.name)
            parents[pid] = int(fields[1])  # field 4
            if int(fields[3]) == leader:  # field 6: the session
                members.add(pid)
    while further := {pid for pid, parent in parents.items() if parent in members} - members:
        members |= further
    return sorted(members & parents.keys())


def resident_mib(pid: int | None, *, peak: bool = False) -> float | None:
    """Return resident memory in MiB, now or at its peak; None if the process does not exist, or without /proc."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    match = re.search(rf"^{'VmHWM' if peak else 'VmRSS'}:\s*(\d+) kB", status, re.MULTILINE)
    return int(match[1]) / 1024 if match else None


def resident_mib_of_all(leader: int | None, *, peak: bool = False) -> float | None:
    """Return the same for a program and every process that it has started; None if it does not exist, or without /proc.

    Memory that processes share counts once. Peaks are added up, shared memory included, so they are an upper bound.
    """
    if leader is None or resident_mib(leader) is None:
        return None
    each = (resident_mib(pid, peak=True) if peak else _proportional_mib(pid) for pid in processes_of(leader))
    return sum(mib for mib in each if mib is not None)


def _proportional_mib(pid: int) -> float | None:
    """Return the resident memory of a process, of shared pages only its part."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    match = re.search(r"^Pss:\s*(\d+) kB", text, re.MULTILINE)
    return int(match[1]) / 1024 if match else None


def _name(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _fields(stat: Path) -> list[str] | None:
    """Return the fields from the third one on; the second, the name, may contain spaces and brackets."""
    try:
        return stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
