"""A worker some of whose lanes are delayed.

`python -m tests.fault.alerts.delayed_worker '{"process:journal:1": 100}' worker` starts one. A key is `process` or
`recover`, the short name of a topic, and a partition or `*`. Its value is the pause in seconds before each batch is
processed, or before the partition is recovered: a lane can be slow, as with a slow disk, or hang.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any

from agents.admit.admit_lane import AdmitStage
from agents.cli import main
from agents.segment.segment_lane import SegmentStage


def delay_lanes(seconds: Mapping[str, float]) -> None:
    """Delay the lanes of this process."""
    for stage in (AdmitStage, SegmentStage):
        _hinder_lanes_of(stage, seconds)


def _hinder_lanes_of(stage: Any, seconds: Mapping[str, float]) -> None:
    make = stage.lane

    def lane(self: Any, tp: Any, running: Any) -> Any:
        made = make(self, tp, running)
        short = tp.topic.split(".")[1]
        for method in ("process", "recover"):
            pause = seconds.get(f"{method}:{short}:{tp.partition}", seconds.get(f"{method}:{short}:*", 0.0))
            if pause:
                setattr(made, method, _late(getattr(made, method), pause))
        return made

    stage.lane = lane


def _late(method: Any, seconds: float) -> Any:
    async def late(*arguments: Any) -> Any:
        await asyncio.sleep(seconds)
        return await method(*arguments)

    return late


if __name__ == "__main__":
    delay_lanes(json.loads(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
