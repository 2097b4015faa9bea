"""How long customers stay away between purchases, and how likely one who is away is to return.

An absence begins with a purchase and ends with the next one. Absences that have not ended by the end of the history are
right-censored: all that is known is that they lasted at least so long. Leaving them out would make customers seem to
return sooner, and more often, than they do. The share still away after a number of days is therefore the product-limit
estimate of Kaplan and Meier (1958), which counts each absence for as long as it was observed.
"""

from collections import Counter
from itertools import accumulate
from typing import Final

from msgspec import Struct

from state.units.timestamps import DAY_MS

MIN_AT_RISK: Final = 30
"""The estimate ends at the last day to which at least so many absences lasted."""


class Survival(Struct, frozen=True):
    """The estimate for one history.

    Attributes:
        away: by whole days from 0, the share of absences that last at least so long; the last one is that of `reach`.
        returned: the number of absences that ended with a purchase.
        censored: the number of absences that had not ended by the end of the history.
    """

    away: tuple[float, ...]
    returned: int
    censored: int

    @property
    def reach(self) -> int:
        """The last day of the estimate."""
        return len(self.away) - 1

    def still_away(self, days: int) -> float:
        """Return the share of absences that last at least so many days; beyond the reach, that of the reach."""
        return self.away[min(days, self.reach)]

    def chance_of_returning(self, days: int) -> float:
        """Return the probability that a customer who has been away for so many days returns within the reach.

        P(T < reach | T >= days) = 1 - S(reach) / S(days). It never rises with the days.
        """
        return 1.0 - self.away[-1] / self.still_away(days)

    def days_until_returned(self, share: float) -> int:
        """Return the days within which this share of those who return has returned."""
        ever = 1.0 - self.away[-1]
        return next((day for day, away in enumerate(self.away) if 1.0 - away >= share * ever), self.reach)

    def days_until_chance_below(self, chance: float) -> int:
        """Return the first whole day of an absence on which the chance of returning is below `chance`."""
        return next(day for day in range(len(self.away)) if day == self.reach or self.chance_of_returning(day) < chance)


class AbsenceLog:
    """Counts absences by their whole days.

    Attributes:
        returned: those that ended with a purchase.
        censored: those that had not ended by the end of the history.
    """

    def __init__(self) -> None:
        self.returned: Counter[int] = Counter()
        self.censored: Counter[int] = Counter()

    def add(self, moments: list[int], end: int) -> None:
        """Count the absences of one customer.

        Args:
            moments: of the orders, ascending, at least one; orders less than a day apart are one purchase.
            end: of the history.
        """
        before = moments[0]
        for moment in moments[1:]:
            days = (moment - before) // DAY_MS
            if days:
                self.returned[days] += 1
            before = moment
        self.censored[(end - before) // DAY_MS] += 1

    def survival(self) -> Survival:
        """Return the estimate, as far as it reaches.

        By convention, an absence that is censored on a day was observed for the whole of that day.
        """
        last = max((*self.returned, *self.censored), default=0)
        ends = [self.returned[day] + self.censored[day] for day in range(last + 1)]
        at_risk = list(accumulate(reversed(ends)))[::-1]  # at the beginning of each day
        away, share = [1.0], 1.0
        for day, count in enumerate(at_risk[:-1]):
            share *= 1.0 - self.returned[day] / count
            if at_risk[day + 1] < MIN_AT_RISK:
                break
            away.append(share)
        return Survival(tuple(away), self.returned.total(), self.censored.total())
