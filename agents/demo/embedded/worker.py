"""The demo's worker, a process of its own: `python -m agents.demo.embedded.worker`, with settings as for any worker.

It differs from `goldstream worker` in nothing but its pause after empty fetches, which the embedded broker needs.
"""

import sys

from agents.demo.embedded.empty_fetches import pausing_after_empty_fetches
from agents.worker.worker import run_worker
from streams.clock import SYSTEM_CLOCK
from streams.settings.settings import load_settings
from streams.telemetry.logs import set_up_logging


def main() -> int:
    """Run a worker until SIGTERM or SIGINT, and return its exit status."""
    settings = load_settings()
    set_up_logging(SYSTEM_CLOCK, settings.log, settings.log_format)
    with pausing_after_empty_fetches(SYSTEM_CLOCK):
        return run_worker(settings)


if __name__ == "__main__":
    sys.exit(main())
