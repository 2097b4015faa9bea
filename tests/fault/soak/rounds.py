"""A round of the soak: a history or an open shop, workers, and faults, all drawn from a seed."""

import random
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from tests.fault.scenarios import network_faults, worker_faults
from tests.fault.scenarios.checks import check_all
from tests.fault.scenarios.erasure_history import draw_erasure_history
from tests.fault.scenarios.open_shop import check_all as hold_shop
from tests.fault.scenarios.open_shop import closed_for_a_while, shop
from tests.fault.scenarios.running_scenario import PLAIN, SHORT_SESSION, Fault, play_year, running_year
from tests.retail.rules import GULF, STEPPE
from tests.retail.year import Year, draw_year
from tests.servers.apache_kafka import ApacheKafka

AWAY_S: Final = 60.0
ALWAYS: Final = {"journal": "admit", "source-times": "admit"} | dict.fromkeys(
    ("segment-changes", "customers", "progress"), "segment"
)
"""Topics that every wave of every year writes, by the stage that writes them."""

ANY: Final[list[Fault]] = [
    *(worker_faults.killed, worker_faults.all_killed, worker_faults.killed_while_it_recovers, worker_faults.hung),
    *(worker_faults.stages_killed, worker_faults.stage_hung),
    *(worker_faults.joined_and_left, worker_faults.restarted_one_by_one),
    *(worker_faults.redis_emptied, worker_faults.redis_gone),
    *(worker_faults.broker_killed, worker_faults.broker_restarted),
    *(network_faults.gone_for(AWAY_S), network_faults.gone_at_the_start(AWAY_S)),
]
"""Faults that need nothing."""
ON_LINES: Final[list[Fault]] = [
    network_faults.slow,
    network_faults.cut_off,
    network_faults.away,
    network_faults.retriable_errors,
]
"""Faults that need a proxy for each worker."""
IN_A_YEAR: Final[list[Fault]] = [worker_faults.redis_hung]
SHARED: Final[list[Fault]] = [network_faults.arrives_late(topic) for topic in ALWAYS if topic != "source-times"]
"""Faults that need another worker."""
FAILING: Final[list[Fault]] = [network_faults.fails(topic, stage) for topic, stage in ALWAYS.items()]


@dataclass
class Round:
    """A round.

    Attributes:
        year: the history; None for an open shop.
        short_session: whether the workers have short sessions and small batches.
        has_lines: whether each worker has a proxy of its own.
    """

    seed: int
    workers: int
    short_session: bool
    has_lines: bool
    year: Year | None
    faults: list[Fault] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the round in one line."""
        who = f"{self.workers} {'short-session ' if self.short_session else ''}worker{'s' * (self.workers > 1)}"
        what = (
            "an open shop" if self.year is None else f"{len(self.year.records)} records in {self.year.rules.currency}"
        )
        return f"{who}{' on lines of their own' * self.has_lines}, {what}, {len(self.faults)} faults"

    async def play(self, kafka: ApacheKafka, prefix: str, directory: Path) -> None:
        """Play it.

        Raises:
            AssertionError: a check failed.
        """
        program = SHORT_SESSION if self.short_session else PLAIN
        many = self.workers + 4 if self.has_lines else 0
        if self.year is None:
            async with shop(
                kafka, prefix, directory, self.seed, workers=self.workers, lines=many, program=program
            ) as opened:
                await opened.play(self.faults)
                await hold_shop(opened)
            return
        async with running_year(
            kafka, prefix, directory, self.year, workers=self.workers, lines=many, program=program
        ) as scenario:
            await play_year(scenario, self.faults)
            await check_all(scenario)


def draw_round(seed: int, number: int) -> Round:
    """Draw a round; the same seed and number give the same round."""
    rng = random.Random(f"{seed}/{number}")
    own = rng.getrandbits(32)
    drawn = Round(own, rng.choice([1, 2, 3]), rng.random() < 0.7, rng.random() < 0.5, None)
    if rng.random() < 0.75:
        years = (
            partial(draw_year, own, STEPPE, rng.randint(200, 1500)),
            partial(draw_year, own, GULF, rng.randint(200, 600)),
            partial(draw_erasure_history, own, rng.randint(40, 120)),
        )
        drawn.year = rng.choices(years, (6, 2, 2))[0]()
    possible = list(ANY)
    if drawn.has_lines:
        possible += ON_LINES * 2
        if drawn.year is not None and drawn.short_session:
            possible += rng.sample(FAILING, 3)
            if drawn.workers > 1:
                possible += SHARED
    possible += IN_A_YEAR if drawn.year is not None else [closed_for_a_while] * 3
    drawn.faults = rng.choices(possible, k=rng.randint(2, 5))
    return drawn
