"""How much processor time a process has used, by its id; on Linux alone."""

import os
from pathlib import Path


def processor_seconds(pid: int | None) -> float | None:
    """Seconds of user and system time of all its threads so far; None if it is not there, or this is not Linux."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    user, system = text.rpartition(")")[2].split()[11:13]  # fields 14 and 15; the name, field 2, may hold anything
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
