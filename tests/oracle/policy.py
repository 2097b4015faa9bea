"""The policy: thresholds to scores, scores to a cell, a cell to a segment, and why a score changed."""

import math
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

from tests.oracle import moments, money

Number: TypeAlias = int | Decimal
Scores: TypeAlias = tuple[int, int, int]
"""Scores for recency, frequency and monetary, in this order; the best is the highest."""

POTENTIAL = "potential"
MEASURES = ("recency_days", "frequency", "monetary")


@dataclass(frozen=True)
class Rule:
    """One ``[[segment]]``: the accepted scores per measure (None: any), and the maximum of lifetime orders."""

    name: str
    accepted: tuple[frozenset[int] | None, frozenset[int] | None, frozenset[int] | None]
    orders_max: int | None

    def matches(self, scores: Scores, lifetime_orders: int) -> bool:
        """Return whether a customer with these scores and lifetime orders matches this rule."""
        if self.orders_max is not None and lifetime_orders > self.orders_max:
            return False
        return all(allowed is None or score in allowed for allowed, score in zip(self.accepted, scores, strict=True))


@dataclass(frozen=True)
class Policy:
    """A policy as it is in the journal; thresholds are in days, orders and major units, as written."""

    name: str
    version: int
    currency: str
    window_ms: int
    timezone: str
    """The time zone of the daily totals."""
    thresholds: tuple[tuple[Number, ...], tuple[Number, ...], tuple[Number, ...]]
    rules: tuple[Rule, ...]
    rates: dict[str, Fraction]
    seeker_share: Fraction

    @property
    def reference(self) -> str:
        """Return the name of the policy in outputs: ``retail-27@1``."""
        return f"{self.name}@{self.version}"

    @cached_property
    def recency_thresholds_ms(self) -> list[int]:
        """Return the first millisecond of recency at or above each threshold."""
        return [moments.days(threshold) for threshold in self.thresholds[0]]

    @cached_property
    def monetary_thresholds_minor(self) -> list[int]:
        """Return the smallest number of minor units at or above each threshold."""
        return [math.ceil(Fraction(threshold) * money.scale(self.currency)) for threshold in self.thresholds[2]]

    def scores(self, recency_ms: int, frequency: int, monetary_minor: int) -> Scores:
        """Return the scores; a measure that equals a threshold has passed it."""
        passed_recency = sum(recency_ms >= threshold for threshold in self.recency_thresholds_ms)
        passed_frequency = sum(frequency >= threshold for threshold in self.thresholds[1])
        passed_monetary = sum(monetary_minor >= threshold for threshold in self.monetary_thresholds_minor)
        return (len(self.thresholds[0]) + 1 - passed_recency, 1 + passed_frequency, 1 + passed_monetary)

    def segment(self, scores: Scores | None, lifetime_orders: int) -> str:
        """Return the name of the first rule that matches the customer; without scores, ``potential``."""
        if scores is None:
            return POTENTIAL
        return next(rule.name for rule in self.rules if rule.matches(scores, lifetime_orders))

    def is_worse(self, segment: str, other: str) -> bool:
        """Return whether the segment is later in the policy than the other; ``potential`` is the last."""
        names = [*(rule.name for rule in self.rules if rule.name != POTENTIAL), POTENTIAL]
        return names.index(segment) > names.index(other)

    def why(self, before: Scores | None, after: Scores | None) -> list[dict[str, Any]]:
        """Return one entry for each measure whose score changed; none if either side has no scores.

        The published ``edge`` is the threshold next to the new score, on the side of the old one. In rising order of
        the measure, the new score lies between the thresholds ``passed - 1`` and ``passed``; it rose from below if more
        thresholds are passed than before.
        """
        if before is None or after is None:
            return []
        entries: list[dict[str, Any]] = []
        for index, measure in enumerate(MEASURES):
            before_score, after_score = before[index], after[index]
            if before_score == after_score:
                continue
            thresholds = self.thresholds[index]
            is_recency = index == 0
            passed = len(thresholds) + 1 - after_score if is_recency else after_score - 1
            came_from_below = after_score < before_score if is_recency else after_score > before_score
            threshold = thresholds[passed - 1] if came_from_below else thresholds[passed]
            entries.append({"measure": measure, "edge": threshold, "was": before_score, "is": after_score})
        return entries


def cell(scores: Scores | None) -> str:
    """Return the cell: ``333``; ``000`` without scores. A score of ten has two digits."""
    return "000" if scores is None else "".join(str(score) for score in scores)


@lru_cache(maxsize=256)
def read_policy(text: str) -> Policy:
    """Return the policy of a TOML text, which must be valid."""
    table = tomllib.loads(text, parse_float=Decimal)
    return Policy(
        name=table["name"],
        version=table["version"],
        currency=table["currency"],
        window_ms=moments.days(table["window_days"]),
        timezone=table.get("timezone", "UTC"),
        thresholds=(
            tuple(table["recency_days"]["edges"]),
            tuple(table["frequency"]["edges"]),
            tuple(table["monetary"]["edges"]),
        ),
        rules=tuple(_rule(entry) for entry in table["segment"]),
        seeker_share=Fraction(table.get("traits", {}).get("discount_share", Fraction(1, 2))),
        rates={currency: money.exact(rate) for currency, rate in table.get("rates", {}).items()},
    )


def _rule(entry: dict[str, Any]) -> Rule:
    when = entry.get("when", {})
    recency, frequency, monetary = (frozenset(when[name]) if name in when else None for name in "rfm")
    return Rule(entry["name"], (recency, frequency, monetary), when.get("orders_max"))
