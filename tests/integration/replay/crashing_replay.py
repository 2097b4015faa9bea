"""A replay that kills itself: `python -m tests.integration.replay.crashing_replay STEP TIMES replay --into …`.

STEP and TIMES as in `tests.fault.workers.crashing_worker`; it writes often, so that a short journal has many of
these moments.
"""

import sys

import agents.replay.journal_copy
from agents.cli import main
from tests.fault.workers.crashing_worker import crash_at

if __name__ == "__main__":
    agents.replay.journal_copy.FLUSH_RECORDS = 200  # type: ignore[misc]  # final for everyone else
    crash_at(sys.argv[1], int(sys.argv[2]))
    sys.exit(main(sys.argv[3:]))
