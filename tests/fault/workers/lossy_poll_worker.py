"""A short-session worker whose polls lose or repeat two records in five.

`python -m tests.fault.workers.lossy_poll_worker worker ...`. Faust does so in a rebalance, when a poll outlives
its caller.
"""

import random
import sys
from typing import Any, Final

from agents.cli import main
from streams.engine.loop_consumer_thread import LoopConsumerThread
from tests.fault.workers.short_session_worker import shorten_sessions

LOST: Final = 0.2
REPEATED: Final = 0.2
FAR: Final = 100


def lose_and_repeat() -> None:
    """Make the polls of this process lose and repeat records."""
    fetch, rng = LoopConsumerThread._fetch_records, random.Random()

    async def lossy_fetch(thread: LoopConsumerThread, consumer: Any, *asked: Any, **how: Any) -> Any:
        fetched: dict[Any, Any] = dict(await fetch(thread, consumer, *asked, **how))
        for tp, batch in list(fetched.items()):
            drawn = rng.random()
            if drawn < LOST:
                del fetched[tp]
            elif drawn < LOST + REPEATED:
                consumer.seek(tp, max(0, batch.records[-1].offset - rng.randrange(FAR)))
        return fetched

    LoopConsumerThread._fetch_records = lossy_fetch  # type: ignore[assignment,method-assign]


if __name__ == "__main__":
    shorten_sessions()
    lose_and_repeat()
    sys.exit(main(sys.argv[1:]))
