"""The policy: edges to scores, scores to a cell, a cell to a segment, and why a score moved."""

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
    """One ``[[segment]]``: the scores that it takes per measure (None: any), and the most lifetime orders."""

    name: str
    accepted: tuple[frozenset[int] | None, frozenset[int] | None, frozenset[int] | None]
    orders_max: int | None

    def takes(self, scores: Scores, lifetime_orders: int) -> bool:
        """Whether a customer of these scores and so many lifetime orders falls under this rule."""
        if self.orders_max is not None and lifetime_orders > self.orders_max:
            return False
        return all(allowed is None or score in allowed for allowed, score in zip(self.accepted, scores, strict=True))


@dataclass(frozen=True)
class Policy:
    """A policy as the journal has it; edges are kept as written, in days, orders and major units."""

    name: str
    version: int
    currency: str
    window_ms: int
    timezone: str
    """Of the days that are told of."""
    edges: tuple[tuple[Number, ...], tuple[Number, ...], tuple[Number, ...]]
    rules: tuple[Rule, ...]
    rates: dict[str, Fraction]
    seeker_share: Fraction

    @property
    def reference(self) -> str:
        """How outputs name the policy: ``retail-27@1``."""
        return f"{self.name}@{self.version}"

    @cached_property
    def recency_edges_ms(self) -> list[int]:
        """The first millisecond of recency at or above each edge."""
        return [moments.days(edge) for edge in self.edges[0]]

    @cached_property
    def monetary_edges_minor(self) -> list[int]:
        """The least number of minor units at or above each edge."""
        return [math.ceil(Fraction(edge) * money.scale(self.currency)) for edge in self.edges[2]]

    def scores(self, recency_ms: int, frequency: int, monetary_minor: int) -> Scores:
        """The scores; at exactly an edge a measure has passed it."""
        passed_recency = sum(recency_ms >= edge for edge in self.recency_edges_ms)
        passed_frequency = sum(frequency >= edge for edge in self.edges[1])
        passed_monetary = sum(monetary_minor >= edge for edge in self.monetary_edges_minor)
        return (len(self.edges[0]) + 1 - passed_recency, 1 + passed_frequency, 1 + passed_monetary)

    def segment(self, scores: Scores | None, lifetime_orders: int) -> str:
        """The name of the first rule that takes the customer; without scores, ``potential``."""
        if scores is None:
            return POTENTIAL
        return next(rule.name for rule in self.rules if rule.takes(scores, lifetime_orders))

    def is_worse(self, segment: str, other: str) -> bool:
        """Whether the segment stands later in the policy than the other; ``potential`` is the last."""
        names = [*(rule.name for rule in self.rules if rule.name != POTENTIAL), POTENTIAL]
        return names.index(segment) > names.index(other)

    def why(self, before: Scores | None, after: Scores | None) -> list[dict[str, Any]]:
        """One entry for each measure whose score moved; none when either side has no scores.

        The edge is the one next to the new score on the side it came from. Counted along the rising measure, the new
        score lies between the edges ``passed - 1`` and ``passed``; it came from below when more are passed than before.
        """
        if before is None or after is None:
            return []
        entries: list[dict[str, Any]] = []
        for index, measure in enumerate(MEASURES):
            was, now = before[index], after[index]
            if was == now:
                continue
            edges = self.edges[index]
            is_recency = index == 0
            passed = len(edges) + 1 - now if is_recency else now - 1
            came_from_below = now < was if is_recency else now > was
            edge = edges[passed - 1] if came_from_below else edges[passed]
            entries.append({"measure": measure, "edge": edge, "was": was, "is": now})
        return entries


def cell(scores: Scores | None) -> str:
    """The cell as written: ``333``; ``000`` without scores. A score of ten is written with its two digits."""
    return "000" if scores is None else "".join(str(score) for score in scores)


@lru_cache(maxsize=256)
def read_policy(text: str) -> Policy:
    """A policy from its TOML, which is taken to be checked already."""
    table = tomllib.loads(text, parse_float=Decimal)
    return Policy(
        name=table["name"],
        version=table["version"],
        currency=table["currency"],
        window_ms=moments.days(table["window_days"]),
        timezone=table.get("timezone", "UTC"),
        edges=(
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
