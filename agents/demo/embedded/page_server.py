"""The demo's pages, a process of its own: `python -m agents.demo.embedded.page_server`, with settings as for others.

It differs from `goldstream serve` in nothing but its pause after empty fetches, which the embedded broker needs.
"""

import sys

from agents.demo.embedded.empty_fetches import pausing_after_empty_fetches
from agents.serve.process import run
from streams.clock import SYSTEM_CLOCK
from streams.settings.settings import load_settings
from streams.telemetry.logs import set_up_logging


def main() -> int:
    """Serve until SIGTERM or SIGINT, and return the exit status."""
    settings = load_settings()
    set_up_logging(SYSTEM_CLOCK, settings.log, settings.log_format)
    with pausing_after_empty_fetches(SYSTEM_CLOCK):
        return run(settings)


if __name__ == "__main__":
    sys.exit(main())
