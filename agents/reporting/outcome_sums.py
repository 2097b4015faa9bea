"""Sum campaign outcomes exactly: messages, cost, orders and revenue, and the squares that variances need.

An entry is one customer entering a campaign once. Groups are drawn by customer, not by entry, so a customer who enters
a campaign three times is one independent observation, not three. The sums therefore keep squares per customer, and the
variance that `uplift` computes from them is between customers. If nobody entered twice, it is the usual variance.
"""

from dataclasses import astuple, dataclass
from typing import Self

from state.records.outputs import Outcome
from state.records.reasons import Group
from state.units.currencies import DIGITS
from state.units.money import parse_minor


@dataclass(slots=True)
class GroupSums:
    """The sums of one group of a campaign; money in minor units.

    Attributes:
        customers: distinct customers.
        entries: campaign entries; `responded` counts those with at least one order.
        entries_squared: the sum over customers of the square of their entries; the following products likewise.
    """

    customers: int = 0
    entries: int = 0
    responded: int = 0
    net: int = 0
    entries_squared: int = 0
    responded_squared: int = 0
    net_squared: int = 0
    entries_times_responded: int = 0
    entries_times_net: int = 0
    sent: int = 0
    opened: int = 0
    clicked: int = 0
    redeemed: int = 0
    cost: int = 0

    def __add__(self, other: Self) -> "GroupSums":
        """Return the sums of both groups; a customer who is in both counts twice."""
        return GroupSums(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    def add_customer(self, entries: int, responded: int, net: int) -> None:
        """Add all entries of one customer."""
        self.customers += 1
        self.entries += entries
        self.responded += responded
        self.net += net
        self.entries_squared += entries * entries
        self.responded_squared += responded * responded
        self.net_squared += net * net
        self.entries_times_responded += entries * responded
        self.entries_times_net += entries * net


class OutcomeSums:
    """Sums outcomes by campaign and group, one partition after the other.

    All outcomes of a customer are in one partition, so memory holds the customers of one partition at a time.

    Attributes:
        by_campaign: campaign name, then group, to sums.
        currency: of all sums; None before the first outcome.
        first_day: the earliest day of an entry, in UTC; `last_day` the latest.
        repeats: outcomes read more than once.
    """

    def __init__(self) -> None:
        self.by_campaign: dict[str, dict[str, GroupSums]] = {}
        self.currency: str | None = None
        self.first_day = ""
        self.last_day = ""
        self.repeats = 0
        self._seen: set[bytes] = set()
        self._customers: dict[tuple[str, str, str], list[int]] = {}

    def add(self, ce_id: bytes, outcome: Outcome) -> None:
        """Add an outcome; one with a known id and entry moment counts as a repeat.

        The id alone does not suffice: after an erasure, entries that a trigger causes may reuse ids.
        """
        key = ce_id + outcome.from_at.encode()
        if key in self._seen:
            self.repeats += 1
            return
        self._seen.add(key)
        self.currency = outcome.currency
        digits = DIGITS[outcome.currency]
        groups = self.by_campaign.setdefault(outcome.campaign, {group: GroupSums() for group in Group})
        sums = groups[outcome.group]
        sums.sent += outcome.sent
        sums.opened += outcome.opened
        sums.clicked += outcome.clicked
        sums.redeemed += outcome.redeemed
        sums.cost += parse_minor(outcome.cost, digits)
        entries_responded_net = self._customers.setdefault(
            (outcome.campaign, outcome.group, outcome.customer_id), [0, 0, 0]
        )
        entries_responded_net[0] += 1
        entries_responded_net[1] += outcome.orders > 0
        entries_responded_net[2] += parse_minor(outcome.net, digits)
        day = outcome.from_at[:10]
        self.first_day = min(self.first_day or day, day)
        self.last_day = max(self.last_day, day)

    def end_partition(self) -> None:
        """Add the customers of the partition just read to the sums of their groups."""
        for (campaign, group, _), entries_responded_net in self._customers.items():
            self.by_campaign[campaign][group].add_customer(*entries_responded_net)
        self._customers.clear()
        self._seen.clear()
