"""A server that settles announced events after seconds, and may kill itself.

`python -m tests.fault.workers.impatient_server STEP TIMES serve …`, with STEP and TIMES as in
`tests.fault.workers.crashing_worker`.
"""

import sys
from typing import Final

import agents.serve.hooks.announcing.announcer
import agents.serve.hooks.hook_service
import agents.serve.hooks.orders.order_index
from agents.cli import main
from tests.fault.workers.crashing_worker import crash_at
from tests.fault.workers.short_session_worker import set_constant

SETTLED_AFTER_MS: Final = 6_000
"""Longer than a server that announces takes to publish, or to give up."""
SWEEP_SECONDS: Final = 1.0
ARRIVES_WITHIN_S: Final = 0.5

if __name__ == "__main__":
    set_constant(agents.serve.hooks.orders.order_index, "SETTLED_AFTER_MS", SETTLED_AFTER_MS)
    set_constant(agents.serve.hooks.hook_service, "SWEEP_SECONDS", SWEEP_SECONDS)
    set_constant(agents.serve.hooks.announcing.announcer, "ARRIVES_WITHIN_S", ARRIVES_WITHIN_S)
    crash_at(sys.argv[1], int(sys.argv[2]))
    sys.exit(main(sys.argv[3:]))
