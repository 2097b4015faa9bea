"""The customer base of one partition in numbers: for each segment and RFM cell, customers, reachable ones, revenue.

They are in Redis as one JSON text for each partition, which moves in the same transaction as the customers: so what
was counted of a customer last (`Counted`, in their hash) is what the totals contain of them. Where Redis was restored
in pieces, that may not hold: then a new generation begins, which counts every customer again.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from state.customer.profile import Profile
from state.records.events import CHANNELS


class TotalsInconsistent(Exception):
    """The totals do not contain what was counted: Redis was restored in pieces, or somebody else writes to it."""


class Counted(NamedTuple):
    """What the totals of a generation contain of one customer; `monetary` is in minor units."""

    generation: int
    cell: str
    reachable: int
    monetary: int
    segment: str

    def encode(self) -> str:
        """Return the text for the customer's hash."""
        return f"{self.generation} {self.cell} {self.reachable} {self.monetary} {self.segment}"


def decode_counted(text: str) -> Counted:
    """Return what a customer's hash says."""
    generation, cell, reachable, monetary, segment = text.split(" ", 4)
    return Counted(int(generation), cell, int(reachable), int(monetary), segment)


class GroupTotals(msgspec.Struct, array_like=True):
    """The customers of one segment or cell; `revenue` is the sum of their monetary in minor units."""

    customers: int = 0
    reachable: int = 0
    revenue: int = 0

    def add(self, other: "GroupTotals") -> None:
        """Add the customers of another group."""
        self.customers += other.customers
        self.reachable += other.reachable
        self.revenue += other.revenue


class BaseTotals(msgspec.Struct):
    """The totals of a partition, or of several; groups without customers are left out.

    Attributes:
        generation: a customer who was counted in another one is not in the totals.
        end: the offset below which the partition is counted; -1 if it has to be counted from the beginning.
    """

    segments: dict[str, GroupTotals] = {}
    cells: dict[str, GroupTotals] = {}
    generation: int = 0
    end: int = -1

    def add(self, counted: Counted) -> None:
        """Count a customer."""
        for groups, name in ((self.segments, counted.segment), (self.cells, counted.cell)):
            group = groups.get(name)
            if group is None:
                group = groups[name] = GroupTotals()
            group.customers += 1
            group.reachable += counted.reachable
            group.revenue += counted.monetary

    def remove(self, counted: Counted) -> None:
        """Count a customer, who was counted before, no longer.

        Raises:
            TotalsInconsistent: they are not in the totals.
        """
        for groups, name in ((self.segments, counted.segment), (self.cells, counted.cell)):
            group = groups.get(name)
            if group is None:
                raise TotalsInconsistent
            group.customers -= 1
            group.reachable -= counted.reachable
            group.revenue -= counted.monetary
            if not group.customers:
                del groups[name]

    def merge(self, other: "BaseTotals") -> None:
        """Add the totals of another partition."""
        for own, others in ((self.segments, other.segments), (self.cells, other.cells)):
            for name, each in others.items():
                own.setdefault(name, GroupTotals()).add(each)

    def encode(self) -> str:
        """Return the JSON text of a partition."""
        return _encode(self).decode()


def sum_of(groups: Iterable[GroupTotals]) -> GroupTotals:
    """Return the totals of several groups together."""
    whole = GroupTotals()
    for group in groups:
        whole.add(group)
    return whole


def decode_totals(text: str | None) -> BaseTotals:
    """Return the totals of a partition; none yet for None."""
    return BaseTotals({}, {}) if text is None else _decode(text)


def begin_or_continue(text: str | None, position: int | None) -> BaseTotals:
    """Return the totals to continue; without a position in Redis those of a new generation, in which nobody is counted.

    Raises:
        TotalsInconsistent: they are not of that position.
    """
    totals = decode_totals(text)
    if position is None:
        return BaseTotals({}, {}, totals.generation + 1)
    if totals.end != position:
        raise TotalsInconsistent
    return totals


def usable_channels(profile: Profile) -> list[str]:
    """Return the channels by which a customer can be reached: granted, and not dead after a permanent bounce."""
    contact_profile = profile.contact_profile
    if contact_profile is None or not contact_profile.consents:
        return []
    consents = contact_profile.consents
    dead = () if profile.engagement is None else profile.engagement.dead_channels
    return [
        channel
        for channel in CHANNELS
        if (consent := consents.get(channel)) is not None and consent.granted and channel not in dead
    ]


_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_decode: Final = msgspec.json.Decoder(BaseTotals).decode
