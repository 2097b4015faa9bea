"""What look-ups must answer, counted naively from the topics."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from state.customer.profile import Profile, decode_profile
from streams.tables.customers_table import is_chunk
from tests.records.kafka_records import read
from tests.running.workers import Site

FlowKey = tuple[str | None, str, str]
"""The segments before and after, and the cause."""


@dataclass
class Group:
    """A segment or cell."""

    customers: set[str] = field(default_factory=set)
    reachable: int = 0
    revenue: int = 0


async def profiles_of(site: Site) -> dict[str, Profile]:
    """Return the last state of every customer in the changelog."""
    found: dict[str, Profile] = {}
    for record in await read(site.kafka, site.topic("customers")):
        if is_chunk(record.key):
            continue
        if record.value is None:
            found.pop(record.key.decode(), None)
        else:
            found[record.key.decode()] = decode_profile(record.value)
    return found


def groups_of(profiles: dict[str, Profile], name: str) -> dict[str, Group]:
    """Return the customers by `segment` or `cell`."""
    groups: dict[str, Group] = defaultdict(Group)
    for customer_id, profile in profiles.items():
        group = groups[getattr(profile, name)]
        group.customers.add(customer_id)
        group.reachable += bool(channels_of(profile))
        group.revenue += profile.monetary
    return groups


def channels_of(profile: Profile) -> set[str]:
    """Return the channels with consent on which no message bounced for good."""
    consents = profile.contact_profile.consents if profile.contact_profile else {}
    dead = profile.engagement.dead_channels if profile.engagement else {}
    return {channel for channel, consent in consents.items() if consent.granted} - dead.keys()


async def changes_of(site: Site) -> list[dict[str, Any]]:
    """Return every change after its customer's last erasure, once."""
    changes: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for record in await read(site.kafka, site.topic("segment-changes")):
        if record.value is None:
            changes.pop(record.key.decode(), None)
        else:
            value = msgspec.json.decode(record.value)
            changes[value["customer_id"]][value["seq"]] = value
    return [change for by_seq in changes.values() for change in by_seq.values()]


def moves_in(changes: Iterable[dict[str, Any]], zone: str, first: date, last: date) -> dict[FlowKey, list[str]]:
    """Return the customers of the changes on these days by flow, a customer as often as they moved."""
    moves: dict[FlowKey, list[str]] = defaultdict(list)
    for change in changes:
        day = datetime.fromisoformat(change["effective_at"]).astimezone(ZoneInfo(zone)).date()
        if first <= day <= last:
            moves[change["from"], change["to"], change["cause"]["kind"]].append(change["customer_id"])
    return moves
