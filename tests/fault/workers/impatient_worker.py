"""A worker with short sessions that gives up requests to the broker after seconds, not half a minute.

`python -m tests.fault.workers.impatient_worker worker ...`. A broker that is away for some seconds is then away for
long.
"""

import sys
from typing import Final

import streams.engine.faust_app
import streams.engine.faust_driver
from agents.cli import main
from tests.fault.workers.short_session_worker import set_constant, shorten_sessions

REQUEST_TIMEOUT_SECONDS: Final = 10.0
POSITION_SECONDS: Final = 5.0

if __name__ == "__main__":
    shorten_sessions()
    set_constant(streams.engine.faust_app, "REQUEST_TIMEOUT_SECONDS", REQUEST_TIMEOUT_SECONDS)
    set_constant(streams.engine.faust_driver, "POSITION_SECONDS", POSITION_SECONDS)
    sys.exit(main(sys.argv[1:]))
