"""What a treated group did more than one that was held back, with intervals, from sums alone.

A library of statistics gives the distributions. scipy was chosen over statsmodels: the latter's comparisons want the
single values, or counts of draws that are independent of each other, where there are exact sums over customers who may
have begun more than once; what would be left of it are the same distributions of scipy, and pandas besides.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from scipy import stats

from agents.reporting.sums import Sums

CONFIDENCE: Final = 0.95
POWER: Final = 0.8
POINTS: Final = 0.05
"""The uplift in response, as a share, for which it is said how many would be needed."""

_TWO_SIDED: Final = (1 + CONFIDENCE) / 2
_Z: Final = float(stats.norm.ppf(_TWO_SIDED))


@dataclass(frozen=True, slots=True)
class Uplift:
    """A difference of treated less held back, and the interval in which it lies with 95 % confidence."""

    value: float
    low: float
    high: float

    @property
    def is_told(self) -> bool:
        """Whether it is some difference: the interval does not contain 0."""
        return self.low > 0 or self.high < 0


def response_of(group: Sums) -> Fraction:
    """The share of heads with at least one order."""
    return Fraction(group.responded, group.heads)


def net_of(group: Sums) -> Fraction:
    """Net revenue per head, in minor units."""
    return Fraction(group.net, group.heads)


def response_uplift(treated: Sums, held_back: Sums) -> Uplift:
    """The difference of two shares, by Newcombe's hybrid score: right for small groups and for shares near 0 and 1.

    Source: R. G. Newcombe, Interval estimation for the difference between independent proportions: comparison of eleven
    methods, Statistics in Medicine 17 (1998), method 10. Customers who began several times make a group count as
    smaller (effective sample size of a clustered sample: Korn and Graubard, 1998).
    """
    one, other = float(response_of(treated)), float(response_of(held_back))
    low_one, high_one = wilson(one, _effective_heads(treated))
    low_other, high_other = wilson(other, _effective_heads(held_back))
    value = one - other
    return Uplift(
        value,
        value - math.hypot(one - low_one, high_other - other),
        value + math.hypot(high_one - one, other - low_other),
    )


def net_uplift(treated: Sums, held_back: Sums) -> Uplift | None:
    """The difference of net revenue per head in minor units, by Welch's interval; None where a group has one customer.

    Source: B. L. Welch, The generalization of Student's problem when several different population variances are
    involved, Biometrika 34 (1947).
    """
    if min(treated.customers, held_back.customers) < 2:
        return None
    value = float(net_of(treated) - net_of(held_back))
    one, other = net_variance(treated), net_variance(held_back)
    both = one + other
    if not both:
        return Uplift(value, value, value)  # everybody brought the same
    freedom = both * both / (one * one / (treated.customers - 1) + other * other / (held_back.customers - 1))
    margin = float(stats.t.ppf(_TWO_SIDED, float(freedom))) * math.sqrt(both)
    return Uplift(value, value - margin, value + margin)


def net_variance(group: Sums) -> Fraction:
    """The variance of net revenue per head: that of a ratio of two sums over customers, by linearization.

    Source: W. G. Cochran, Sampling Techniques, 3rd edition (1977), section 6.3 (without the correction for a finite
    population). With one head for each customer it is the sample's variance over its size. Exact, at least 2 customers.
    """
    mean = net_of(group)
    scattered = group.net_squared - 2 * mean * group.heads_by_net + mean * mean * group.heads_squared
    return scattered * group.customers / (group.customers - 1) / group.heads**2


def wilson(share: float, size: float) -> tuple[float, float]:
    """Wilson's score interval of a share; `size` may be a fraction.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    """
    weight = 1 + _Z * _Z / size
    middle = (share + _Z * _Z / (2 * size)) / weight
    margin = _Z * math.sqrt(share * (1 - share) / size + _Z * _Z / (4 * size * size)) / weight
    return max(0.0, middle - margin), min(1.0, middle + margin)


def _effective_heads(group: Sums) -> float:
    """How many independent heads would tell as much about response as these do; heads, where nobody began twice."""
    share = response_of(group)
    if not 0 < share < 1:
        return group.customers
    scattered = group.responded_squared - 2 * share * group.heads_by_responded + share * share * group.heads_squared
    independent = share * (1 - share) * group.heads
    return float(group.heads / max(Fraction(1), scattered / independent))


def held_back_needed(treated: Sums, held_back: Sums) -> tuple[int, bool]:
    """How many heads it takes to tell an uplift of 5 points in response with a power of 80 %, about.

    By the normal approximation, from the response of both groups together; never for the uplift that was seen, which in
    a small group is mostly chance.

    Returns:
        The heads that would have to be held back beside the treated there are, and whether they would be enough of
        these; if not, the heads in each group.
    """
    both = treated + held_back
    without = min((both.responded + 1) / (both.heads + 2), 1 - POINTS)  # never 0, which would need nobody
    treated_share = without + POINTS
    spread, treated_spread = without * (1 - without), treated_share * (1 - treated_share)
    variance = (POINTS / (_Z + float(stats.norm.ppf(POWER)))) ** 2
    left = variance - treated_spread / treated.heads
    if left > 0 and (beside := spread / left) <= treated.heads:
        return max(1, math.ceil(beside)), True
    return math.ceil((spread + treated_spread) / variance), False
