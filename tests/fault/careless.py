"""A hasty worker whose polls now and then take records for nobody, and bring others again.

`python -m tests.fault.careless worker ...`. Faust does so in a rebalance, when a poll outlives the one who asked.
"""

import random
import sys
from typing import Any, Final

from agents.cli import main
from streams.engine.faust_driver import LaneConsumerThread
from tests.fault.hasty import hurry

LOST: Final = 0.2
REPEATED: Final = 0.2
FAR: Final = 100


def lose_and_repeat() -> None:
    """Make this process such a worker."""
    fetch, rng = LaneConsumerThread._fetch_records, random.Random()

    async def fetch_carelessly(thread: LaneConsumerThread, consumer: Any, *asked: Any, **how: Any) -> Any:
        fetched: dict[Any, Any] = dict(await fetch(thread, consumer, *asked, **how))
        for tp, batch in list(fetched.items()):
            drawn = rng.random()
            if drawn < LOST:
                del fetched[tp]
            elif drawn < LOST + REPEATED:
                consumer.seek(tp, max(0, batch.records[-1].offset - rng.randrange(FAR)))
        return fetched

    LaneConsumerThread._fetch_records = fetch_carelessly  # type: ignore[assignment,method-assign]


if __name__ == "__main__":
    hurry()
    lose_and_repeat()
    sys.exit(main(sys.argv[1:]))
