"""Outcomes of campaigns, added up exactly: what was done, what it cost, what was bought, and how that varies.

A head is one beginning of a campaign for one customer. Groups are drawn by customer, not by head, so whoever began a
campaign three times is one draw of the lot and not three: the sums keep the squares over customers, and the variance
that `uplift` takes from them is that of customers. Where nobody began twice, it is the usual one.
"""

from dataclasses import astuple, dataclass
from typing import Self

from state.records.outputs import Outcome
from state.records.reasons import Group
from state.units.currencies import DIGITS
from state.units.money import parse_minor


@dataclass(slots=True)
class Sums:
    """Sums over heads; money in minor units.

    Attributes:
        customers: who they are, each once.
        heads: beginnings; `responded` are those with at least one order.
        heads_squared: over customers, the square of a customer's heads; so the products that follow.
    """

    customers: int = 0
    heads: int = 0
    responded: int = 0
    net: int = 0
    heads_squared: int = 0
    responded_squared: int = 0
    net_squared: int = 0
    heads_by_responded: int = 0
    heads_by_net: int = 0
    sent: int = 0
    opened: int = 0
    clicked: int = 0
    redeemed: int = 0
    cost: int = 0

    def __add__(self, other: Self) -> "Sums":
        """Both together; customers who are in both count twice."""
        return Sums(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    def add(self, heads: int, responded: int, net: int) -> None:
        """Takes all heads of one customer."""
        self.customers += 1
        self.heads += heads
        self.responded += responded
        self.net += net
        self.heads_squared += heads * heads
        self.responded_squared += responded * responded
        self.net_squared += net * net
        self.heads_by_responded += heads * responded
        self.heads_by_net += heads * net


class OutcomeSums:
    """Outcomes of one partition after the other, summed by campaign and group.

    All outcomes of a customer lie in one partition, so no more than one partition's customers are held at a time.

    Attributes:
        sums: by campaign, then group.
        currency: of all sums; None before the first outcome.
        first: the first day on which something summed began, `last` the last one; in UTC.
        repeats: outcomes that came again.
    """

    def __init__(self) -> None:
        """Nothing yet."""
        self.sums: dict[str, dict[str, Sums]] = {}
        self.currency: str | None = None
        self.first = ""
        self.last = ""
        self.repeats = 0
        self._seen: set[bytes] = set()
        self._customers: dict[tuple[str, str, str], list[int]] = {}

    def take(self, ce_id: bytes, outcome: Outcome) -> None:
        """Take an outcome; one that was taken before in this partition, by its id and beginning, counts as a repeat.

        By the beginning too: after an erasure the ids of what triggers begin may come again.
        """
        this = ce_id + outcome.from_at.encode()
        if this in self._seen:
            self.repeats += 1
            return
        self._seen.add(this)
        self.currency = outcome.currency
        digits = DIGITS[outcome.currency]
        groups = self.sums.setdefault(outcome.campaign, {group: Sums() for group in Group})
        sums = groups[outcome.group]
        sums.sent += outcome.sent
        sums.opened += outcome.opened
        sums.clicked += outcome.clicked
        sums.redeemed += outcome.redeemed
        sums.cost += parse_minor(outcome.cost, digits)
        of_customer = self._customers.setdefault((outcome.campaign, outcome.group, outcome.customer_id), [0, 0, 0])
        of_customer[0] += 1
        of_customer[1] += outcome.orders > 0
        of_customer[2] += parse_minor(outcome.net, digits)
        day = outcome.from_at[:10]
        self.first = min(self.first or day, day)
        self.last = max(self.last, day)

    def end_partition(self) -> None:
        """Sum the customers of the partition that was just read; each counts from then on."""
        for (campaign, group, _), of_customer in self._customers.items():
            self.sums[campaign][group].add(*of_customer)
        self._customers.clear()
        self._seen.clear()
