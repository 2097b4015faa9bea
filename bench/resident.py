"""How much memory a process has; on Linux alone."""

import re
from pathlib import Path


def resident_mib(pid: int | None, *, peak: bool = False) -> float | None:
    """Resident memory in MiB, now or at its greatest so far; None if the process is not there, or this is not Linux."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(rf"^{'VmHWM' if peak else 'VmRSS'}:\s*(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else None
