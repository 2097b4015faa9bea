"""Compare a treated group with its comparison group: differences with intervals, from sums alone.

scipy provides the distributions. It was chosen over statsmodels, whose comparisons need the single values or counts of
independent draws. Here there are exact sums over customers who may have entered more than once; what statsmodels would
still contribute are the same scipy distributions, and pandas with them.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from scipy import stats

from agents.reporting.outcome_sums import GroupSums

CONFIDENCE: Final = 0.95
POWER: Final = 0.8
DETECTABLE_UPLIFT: Final = 0.05
"""The uplift in response, as a share, that the required group size refers to."""

_TWO_SIDED: Final = (1 + CONFIDENCE) / 2
_Z: Final = float(stats.norm.ppf(_TWO_SIDED))


@dataclass(frozen=True, slots=True)
class Uplift:
    """The difference treated minus comparison, with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    @property
    def is_significant(self) -> bool:
        """Whether the interval does not contain 0."""
        return self.low > 0 or self.high < 0


def response_rate(group: GroupSums) -> Fraction:
    """Return the share of entries with at least one order."""
    return Fraction(group.responded, group.entries)


def net_per_entry(group: GroupSums) -> Fraction:
    """Return net revenue per entry, in minor units."""
    return Fraction(group.net, group.entries)


def response_uplift(treated: GroupSums, comparison: GroupSums) -> Uplift:
    """Return the difference of two response rates by Newcombe's hybrid score method.

    The method is accurate for small groups and for shares near 0 and 1. Customers who entered several times reduce the
    effective size of their group (effective sample size of a clustered sample: Korn and Graubard, 1998).

    Source: R. G. Newcombe, Interval estimation for the difference between independent proportions: comparison of eleven
    methods, Statistics in Medicine 17 (1998), method 10.
    """
    treated_rate, comparison_rate = float(response_rate(treated)), float(response_rate(comparison))
    treated_low, treated_high = wilson(treated_rate, _effective_entries(treated))
    comparison_low, comparison_high = wilson(comparison_rate, _effective_entries(comparison))
    value = treated_rate - comparison_rate
    return Uplift(
        value,
        value - math.hypot(treated_rate - treated_low, comparison_high - comparison_rate),
        value + math.hypot(treated_high - treated_rate, comparison_rate - comparison_low),
    )


def net_uplift(treated: GroupSums, comparison: GroupSums) -> Uplift | None:
    """Return the difference of net revenue per entry, in minor units, with Welch's interval.

    Returns None if either group has a single customer.

    Source: B. L. Welch, The generalization of Student's problem when several different population variances are
    involved, Biometrika 34 (1947).
    """
    if min(treated.customers, comparison.customers) < 2:
        return None
    value = float(net_per_entry(treated) - net_per_entry(comparison))
    treated_variance, comparison_variance = net_variance(treated), net_variance(comparison)
    variance = treated_variance + comparison_variance
    if not variance:
        return Uplift(value, value, value)  # every customer brought the same revenue
    degrees_of_freedom = variance**2 / (
        treated_variance**2 / (treated.customers - 1) + comparison_variance**2 / (comparison.customers - 1)
    )
    margin = float(stats.t.ppf(_TWO_SIDED, float(degrees_of_freedom))) * math.sqrt(variance)
    return Uplift(value, value - margin, value + margin)


def net_variance(group: GroupSums) -> Fraction:
    """Return the variance of net revenue per entry, exactly, as that of a ratio of two sums over customers.

    The group needs at least 2 customers. With one entry per customer, the result is the sample variance divided by the
    sample size.

    Source: W. G. Cochran, Sampling Techniques, 3rd edition (1977), section 6.3 (linearization, without the correction
    for a finite population).
    """
    mean = net_per_entry(group)
    squared_deviations = group.net_squared - 2 * mean * group.entries_times_net + mean * mean * group.entries_squared
    return squared_deviations * group.customers / (group.customers - 1) / group.entries**2


def wilson(share: float, size: float) -> tuple[float, float]:
    """Return Wilson's score interval of a share; `size` need not be whole.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    """
    weight = 1 + _Z * _Z / size
    middle = (share + _Z * _Z / (2 * size)) / weight
    margin = _Z * math.sqrt(share * (1 - share) / size + _Z * _Z / (4 * size * size)) / weight
    return max(0.0, middle - margin), min(1.0, middle + margin)


def _effective_entries(group: GroupSums) -> float:
    """Return how many independent entries carry as much information about response as this group's entries."""
    share = response_rate(group)
    if not 0 < share < 1:
        return group.customers
    squared_deviations = (
        group.responded_squared - 2 * share * group.entries_times_responded + share * share * group.entries_squared
    )
    if_independent = share * (1 - share) * group.entries
    return float(group.entries / max(Fraction(1), squared_deviations / if_independent))


def comparison_size_needed(treated: GroupSums, comparison: GroupSums) -> tuple[int, bool]:
    """Estimate how many entries would detect an uplift of 5 points in response with a power of 80 %.

    Uses the normal approximation and the response of both groups together. It never uses the observed uplift, which in
    a small group is mostly chance.

    Returns:
        The entries needed in the comparison group beside the present treated group, and True. If the treated group is
        too small for that, the entries needed in each group, and False.
    """
    both = treated + comparison
    base_rate = min((both.responded + 1) / (both.entries + 2), 1 - DETECTABLE_UPLIFT)  # above 0, where 0 would suffice
    treated_rate = base_rate + DETECTABLE_UPLIFT
    base_variance, treated_variance = base_rate * (1 - base_rate), treated_rate * (1 - treated_rate)
    target_variance = (DETECTABLE_UPLIFT / (_Z + float(stats.norm.ppf(POWER)))) ** 2
    remaining_variance = target_variance - treated_variance / treated.entries
    if remaining_variance > 0 and (needed := base_variance / remaining_variance) <= treated.entries:
        return max(1, math.ceil(needed)), True
    return math.ceil((base_variance + treated_variance) / target_variance), False
