"""A round of the soak: a history or an open shop, some workers, and what happens to them, all drawn from a seed."""

import random
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from tests.fault import faults, lines
from tests.fault.checks import hold
from tests.fault.leavers import draw_leavers
from tests.fault.scene import HASTY, PLAIN, Fault, live_through, scene
from tests.fault.wall import closed_for_a_while, shop
from tests.fault.wall import hold as hold_shop
from tests.integration.retail_rules import GULF, STEPPE
from tests.integration.retail_year import Year, draw_year
from tests.servers.apache_kafka import ApacheKafka

AWAY_S: Final = 60.0
ALWAYS: Final = {"journal": "admit", "source-times": "admit"} | dict.fromkeys(
    ("segment-changes", "customers", "progress"), "segment"
)
"""Topics that are written in every wave of every year, by the stage that writes them."""

ANY: Final[list[Fault]] = [
    *(faults.killed, faults.all_killed, faults.killed_while_it_recovers, faults.hung),
    *(faults.joined_and_left, faults.restarted_one_by_one),
    *(faults.redis_emptied, faults.redis_gone),
    *(faults.broker_killed, faults.broker_restarted),
    *(lines.gone_for(AWAY_S), lines.gone_at_the_start(AWAY_S)),
]
"""What can happen to any workers."""
ON_LINES: Final[list[Fault]] = [lines.slow, lines.cut_off, lines.away, lines.errors_that_pass]
"""What can happen to workers that have lines of their own."""
IN_A_YEAR: Final[list[Fault]] = [faults.redis_hung]
SHARED: Final[list[Fault]] = [lines.arrives_late(topic) for topic in ALWAYS if topic != "source-times"]
"""What can happen only if another worker goes on."""
FAILING: Final[list[Fault]] = [lines.fails(topic, stage) for topic, stage in ALWAYS.items()]


@dataclass
class Round:
    """A round as drawn.

    Attributes:
        year: what is lived through; None for an open shop.
        hasty: whether the workers have short sessions and small batches.
        has_lines: whether each has a way to the broker of its own.
    """

    seed: int
    workers: int
    hasty: bool
    has_lines: bool
    year: Year | None
    faults: list[Fault] = field(default_factory=list)

    def __str__(self) -> str:
        """What it is, in a line."""
        who = f"{self.workers} {'hasty ' if self.hasty else ''}worker{'s' * (self.workers > 1)}"
        what = (
            "an open shop" if self.year is None else f"{len(self.year.records)} records in {self.year.rules.currency}"
        )
        return f"{who}{' on lines of their own' * self.has_lines}, {what}, {len(self.faults)} faults"

    async def play(self, kafka: ApacheKafka, prefix: str, directory: Path) -> None:
        """Live through it.

        Raises:
            AssertionError: a check failed.
        """
        program = HASTY if self.hasty else PLAIN
        many = self.workers + 4 if self.has_lines else 0
        if self.year is None:
            async with shop(
                kafka, prefix, directory, self.seed, workers=self.workers, lines=many, program=program
            ) as opened:
                await opened.suffer(self.faults)
                await hold_shop(opened)
            return
        async with scene(
            kafka, prefix, directory, self.year, workers=self.workers, lines=many, program=program
        ) as lived:
            await live_through(lived, self.faults)
            await hold(lived)


def draw_round(seed: int, number: int) -> Round:
    """Draw a round; the same seed and number give the same one."""
    rng = random.Random(f"{seed}/{number}")
    own = rng.getrandbits(32)
    drawn = Round(own, rng.choice([1, 2, 3]), rng.random() < 0.7, rng.random() < 0.5, None)
    if rng.random() < 0.75:
        years = (
            partial(draw_year, own, STEPPE, rng.randint(200, 1500)),
            partial(draw_year, own, GULF, rng.randint(200, 600)),
            partial(draw_leavers, own, rng.randint(40, 120)),
        )
        drawn.year = rng.choices(years, (6, 2, 2))[0]()
    possible = list(ANY)
    if drawn.has_lines:
        possible += ON_LINES * 2
        if drawn.year is not None and drawn.hasty:
            possible += rng.sample(FAILING, 3)
            if drawn.workers > 1:
                possible += SHARED
    possible += IN_A_YEAR if drawn.year is not None else [closed_for_a_while] * 3
    drawn.faults = rng.choices(possible, k=rng.randint(2, 5))
    return drawn
