"""How long customers stay away between purchases, and what chance there is that one who is away comes back.

An absence begins with a purchase and ends with the next one. Those that are still going on at the end of the history
are right-censored: they are known to have lasted so long, and nothing more. Leaving them out would make customers seem
to come back sooner, and more often, than they do; so the share that is still away after so many days is the
product-limit estimate of Kaplan and Meier (1958), which counts each absence for as long as it has been seen.
"""

from collections import Counter
from itertools import accumulate
from typing import Final

from msgspec import Struct

from state.units.timestamps import DAY_MS

AT_LEAST: Final = 30
"""So many absences must have lasted to a day for the estimate to reach as far as that day."""


class Survival(Struct, frozen=True):
    """What the absences of a history say.

    Attributes:
        away: by whole days, from 0 on, the share of absences that last at least so long; the last one is that of
            `reach`.
        returned: how many absences ended with a purchase; `going_on` how many had not at the end of the history.
    """

    away: tuple[float, ...]
    returned: int
    going_on: int

    @property
    def reach(self) -> int:
        """The longest absence of which the history can tell, in days."""
        return len(self.away) - 1

    def still_away(self, days: int) -> float:
        """The share of absences that last at least so many days; beyond the reach as at it."""
        return self.away[min(days, self.reach)]

    def chance_of_returning(self, days: int) -> float:
        """The chance that one who has been away for so many days comes back at all, within the reach.

        P(T < reach | T >= days) = 1 - S(reach) / S(days). It never rises with the days.
        """
        return 1.0 - self.away[-1] / self.still_away(days)

    def days_until_returned(self, share: float) -> int:
        """The days within which such a share of those who return has returned."""
        ever = 1.0 - self.away[-1]
        return next((day for day, away in enumerate(self.away) if 1.0 - away >= share * ever), self.reach)

    def days_until_chance_below(self, chance: float) -> int:
        """The first whole day of an absence on which the chance of returning is below `chance`."""
        return next(day for day in range(len(self.away)) if day == self.reach or self.chance_of_returning(day) < chance)


class AbsenceLog:
    """Absences while they are counted, by whole days."""

    def __init__(self) -> None:
        """None yet."""
        self.returned: Counter[int] = Counter()
        self.going_on: Counter[int] = Counter()

    def add(self, moments: list[int], end: int) -> None:
        """Count the absences of one customer.

        Args:
            moments: of the orders, in order, at least one; those less than a day apart are one purchase.
            end: of the history: nobody knows what comes after it.
        """
        before = moments[0]
        for moment in moments[1:]:
            days = (moment - before) // DAY_MS
            if days:
                self.returned[days] += 1
            before = moment
        self.going_on[(end - before) // DAY_MS] += 1

    def survival(self) -> Survival:
        """The estimate, as far as it reaches.

        An absence that goes on until some day of it counts as seen for the whole of that day, by convention.
        """
        last = max((*self.returned, *self.going_on), default=0)
        ends = [self.returned[day] + self.going_on[day] for day in range(last + 1)]
        lasting = list(accumulate(reversed(ends)))[::-1]  # to the beginning of each day
        away, share = [1.0], 1.0
        for day, count in enumerate(lasting[:-1]):
            share *= 1.0 - self.returned[day] / count
            if lasting[day + 1] < AT_LEAST:
                break
            away.append(share)
        return Survival(tuple(away), self.returned.total(), self.going_on.total())
