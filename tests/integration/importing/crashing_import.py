"""An import that kills itself: `python -m tests.integration.importing.crashing_import STEP TIMES import FILE …`.

STEP and TIMES as in `tests.fault.workers.crashing_worker`; chunks are small, so that a short file has many of
these moments.
"""

import sys

import agents.importing.publication.publishing
from agents.cli import main
from tests.fault.workers.crashing_worker import crash_at

if __name__ == "__main__":
    agents.importing.publication.publishing.CHUNK_EVENTS = 20  # type: ignore[misc]  # final for everyone else
    crash_at(sys.argv[1], int(sys.argv[2]))
    sys.exit(main(sys.argv[3:]))
