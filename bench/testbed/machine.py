"""Describe the machine and the versions that were measured."""

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

from bench.testbed.workers import build_description
from tests.servers.apache_kafka import jars


def machine() -> dict[str, str | int | float]:
    """Return processor, usable cores, load before the run, and versions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {
        "cores": cores,
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "kafka": _kafka_version(),
        "fold": build_description(),
        **{name: version(name) for name in ("aiokafka", "faust-streaming", "msgspec", "orjson")},
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown"
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match[1] if match else "unknown"


def _kafka_version() -> str:
    names = (re.fullmatch(r"kafka_[\d.]+-([\d.]+)\.jar", each.name) for each in jars().iterdir())
    return next((name[1] for name in names if name), "unknown")
