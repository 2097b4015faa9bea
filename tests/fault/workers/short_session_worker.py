"""A worker whose group gives it up after seconds, not twenty.

`python -m tests.fault.workers.short_session_worker worker ...`. Its session is short, it restarts at once after a
fault, writes its progress and looks for missing records soon, and takes small batches: a short history then has many
moments at which something can happen. Nothing else differs from a worker.
"""

import sys
from typing import Any, Final

import agents.segment.commit_policy
import agents.worker.preparation
import streams.engine.faust_app
import streams.engine.lane
import streams.engine.lane_runner
import streams.engine.stage
from agents.cli import main

SESSION_SECONDS: Final = 4.0
RECORDS_IN_A_BATCH: Final = 60
QUIET_SECONDS: Final = 0.3
LOOK_SECONDS: Final = 0.5


def shorten_sessions() -> None:
    """Shorten the sessions of this process."""
    set_constant(streams.engine.lane, "SESSION_SECONDS", SESSION_SECONDS)
    set_constant(streams.engine.faust_app, "SESSION_SECONDS", SESSION_SECONDS)
    set_constant(streams.engine.faust_app, "HEARTBEAT_SECONDS", SESSION_SECONDS / 5)
    set_constant(agents.worker.preparation, "OTHERS_WITHIN_SECONDS", SESSION_SECONDS + 1)
    set_constant(streams.engine.stage, "MAX_PAUSE_SECONDS", 0.2)
    set_constant(streams.engine.lane_runner, "MAX_BATCH", RECORDS_IN_A_BATCH)
    set_constant(streams.engine.lane_runner, "IDLE_CHECK_SECONDS", LOOK_SECONDS)
    set_constant(agents.segment.commit_policy, "QUIET_SECONDS", QUIET_SECONDS)


def set_constant(module: Any, name: str, value: float) -> None:
    """Replace a constant of a module, which must have it."""
    if not hasattr(module, name):
        raise AttributeError(f"{module.__name__}.{name} is gone: the worker of this test has to set something else")
    setattr(module, name, value)


if __name__ == "__main__":
    shorten_sessions()
    sys.exit(main(sys.argv[1:]))
