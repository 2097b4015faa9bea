"""Decide what a comparison shows, and state it in one sentence that claims no more than the figures do."""

from typing import Final, Literal

from agents.reporting.outcome_sums import GroupSums
from agents.reporting.uplift import DETECTABLE_UPLIFT, Uplift

MIN_ENTRIES: Final = 30
"""Entries, and customers, below which nothing is claimed: one large order could decide the comparison."""

Verdict = Literal["nobody treated", "nobody held back", "too small", "no difference", "difference"]
"""A public format: these texts are in the JSON of the report."""


def verdict_of(treated: GroupSums, comparison: GroupSums, response: Uplift | None, net: Uplift | None) -> Verdict:
    """Return the verdict; the uplifts are None where they cannot be computed."""
    if not treated.entries:
        return "nobody treated"
    if not comparison.entries:
        return "nobody held back"
    if min(treated.entries, comparison.entries, treated.customers, comparison.customers) < MIN_ENTRIES:
        return "too small"
    is_significant = any(uplift is not None and uplift.is_significant for uplift in (response, net))
    return "difference" if is_significant else "no difference"


def conclusion_text(
    verdict: Verdict,
    comparison_entries: int,
    response: Uplift | None,
    net: Uplift | None,
    size_needed: int | None,
    *,
    is_treated_enough: bool,
) -> str:
    """Return the verdict as a sentence, with the group size that would be needed where there is no clear result."""
    if verdict == "nobody treated":
        return "No treated customers yet: there is nothing to compare."
    needed = "" if size_needed is None else f"about {_round_to_two_digits(size_needed):,}"
    if verdict == "nobody held back":
        return (
            "No comparison group, so the uplift cannot be measured: set a `holdout` for this campaign "
            f"({needed} entries are needed)."
        )
    remedy = (
        f"{needed}{'' if is_treated_enough else ', and as many treated,'} would detect {DETECTABLE_UPLIFT * 100:.0f} "
        "points of response"
    )
    if verdict == "too small":
        return f"Too small to tell: {comparison_entries:,} in the comparison group; {remedy}."
    if verdict == "no difference":
        is_too_few = size_needed is not None and size_needed > comparison_entries
        more = f": {comparison_entries:,} in the comparison group; {remedy}" if is_too_few else ""
        return f"No significant difference{more}."
    return f"{_difference_text('response', response)}, {_difference_text('revenue', net)}.".capitalize()


def _round_to_two_digits(count: int) -> int:
    """Round an estimate, which is not more exact than two digits."""
    return round(count, 2 - len(str(count)))


def _difference_text(measure: str, uplift: Uplift | None) -> str:
    if uplift is None or not uplift.is_significant:
        return f"no significant difference in {measure}"
    return f"more {measure}" if uplift.low > 0 else f"less {measure}"
