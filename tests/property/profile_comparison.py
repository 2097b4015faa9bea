"""Comparing a fold with the oracle: published records, final facts and counts."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import zip_longest
from typing import Any, TypeAlias

from state.customer.contact_profile import SIGNUP_FACTS, consent_of, signup_fact
from state.customer.order_chunks import copy_profile
from state.customer.packed_orders import unpack_orders
from state.customer.profile import Profile, new_profile
from state.customer.traits import average_check, discount_share
from state.daily.day_store import DayStore
from state.daily.native_day_totals import DayTotals
from state.records.erasure import erasure_key
from state.records.events import CHANNELS
from streams.kafka.topics import Topics
from streams.wire.cloudevents import PublishedRecord
from tests.oracle import Facts, Output, Result, read_json
from tests.property.folding import PREFIX, Lane, WrittenState

Record: TypeAlias = tuple[str, bytes | None, tuple[tuple[str, bytes], ...]]
"""Topic, value and headers, as published."""

_CONSENTS = {True: "granted", False: "refused", None: "unknown"}
_DROPPED = {
    "excess_refund": "excess",
    "refund_without_order": "order_never_came",
    "refund_without_rate": "no_rate",
    "contact_of_unknown": "unknown_customer",
    "contact_of_unknown_message": "unknown_message",
    "after_erasure": "erased",
}


def output_of(record: PublishedRecord) -> Output:
    """Return a published record as the oracle's `Output`; each header name must be unique."""
    topic, key, value, headers = record
    names = {name: text.decode() for name, text in headers}
    assert len(names) == len(headers)
    return Output(Topics(PREFIX).short(topic), key.decode(), None if value is None else read_json(value), names)


def by_customer(outputs: Iterable[Output]) -> dict[str, list[Output]]:
    """Return each customer's outputs in their order."""
    grouped: dict[str, list[Output]] = defaultdict(list)
    for output in outputs:
        grouped[output.key].append(output)
    return dict(grouped)


def records_of(lane: Lane) -> dict[str, list[Record]]:
    """Return each customer's records in the order of publication, repeats included."""
    grouped: dict[str, list[Record]] = defaultdict(list)
    for topic, key, value, headers in lane.published:
        grouped[key.decode()].append((topic, value, tuple(headers)))
    return dict(grouped)


def state_of(lane: Lane) -> dict[str, Any]:
    """Return what a lane has written."""
    return state_of_written(lane.written)


def state_of_written(written: WrittenState) -> dict[str, Any]:
    """Return what is written, independent of the chunks in which long histories are stored."""
    days = written.table().days
    return {
        "customers": {customer_id: without_chunks(profile) for customer_id, profile in written.profiles().items()},
        "days": {number: day_totals_of(days, number) for number in days.numbers()},
        "erasures": written.erasures(),
        "progress": written.progress,
        "texts": written.texts,
    }


def day_totals_of(days: DayStore, number: int) -> dict[str, Any]:
    """Return the totals of a day, without its bookkeeping."""
    day = days.read_flushed(number)
    return (
        {}
        if day is None
        else {name: getattr(day, name) for name in DayTotals.__slots__ if name not in ("counted_to", "base_changed")}
    )


def without_chunks(profile: Profile) -> dict[str, Any]:
    """Return the fields of a profile as they are for a short history."""
    short = copy_profile(profile)
    unpack_orders(short)
    short.chunks, short.refund_chunks, short.last_chunk, short.order_index = [], [], 0, None
    short.forecast = None  # only long histories have one
    return {name: getattr(short, name) for name in Profile.__slots__}


def facts_of(profile: Profile) -> dict[str, Any]:
    """Return the facts of a profile that the oracle has too, by the oracle's names."""
    contacts = profile.contact_profile.contacts if profile.contact_profile is not None else {}
    return {
        "segment": profile.segment,
        "cell": profile.cell,
        "seq": profile.seq,
        "since": profile.since,
        "as_of": profile.evaluated_at,
        "policy": profile.policy,
        "frequency": profile.frequency,
        "monetary": profile.monetary,
        "first_order_at": profile.first_order_at,
        "last_order_at": profile.last_order_at,
        "lifetime_orders": profile.lifetime_orders,
        "lifetime_value": profile.lifetime_net,
        "average_check": average_check(profile),
        "gross": profile.gross,
        "discounts": profile.discounts,
        "discounted_orders": profile.discounted_orders,
        "discount_share": Decimal(repr(discount_share(profile))),
        "refunded": profile.refunded,
        "refund_count": profile.refund_count,
        "consents": {channel: _CONSENTS[consent_of(profile, channel)] for channel in CHANNELS},
        "signup": {name: signup_fact(profile, name) for name in SIGNUP_FACTS},
        "contacts": dict(contacts),
    }


def expected_facts(facts: Facts, lane: Lane) -> dict[str, Any]:
    """Return the oracle's facts of a customer under the same names.

    When a fully refunded order leaves the window, the product evaluates the customer and finds no change; the oracle
    does not evaluate. So the product's last evaluation may be later, up to the watermark.
    """
    expected = {name: getattr(facts, name) for name in facts_of(new_profile(0, 0, 0))}
    profile = lane.written.profiles().get(facts.customer_id)
    if profile is not None and facts.as_of <= profile.evaluated_at <= lane.partition.progress.watermark:
        expected["as_of"] = profile.evaluated_at
    return expected


def differences(lane: Lane, result: Result) -> list[str]:
    """Return the differences between a fold and the oracle in outputs, final facts, ledger and counts."""
    published = by_customer(output_of(record) for record in lane.published)
    expected = by_customer(result.outputs)
    lines = []
    for customer_id in sorted(published.keys() | expected.keys()):
        pairs = zip_longest(published.get(customer_id, []), expected.get(customer_id, []))
        first = next(((actual, expected_value) for actual, expected_value in pairs if actual != expected_value), None)
        if first is not None:
            lines.append(f"{customer_id} publishes\n  {first[0]}, expected\n  {first[1]}")
    facts = {each: facts_of(profile) for each, profile in lane.written.profiles().items()}
    lines += diff_mappings("facts", facts, {each: expected_facts(of, lane) for each, of in result.customers.items()})
    ledger = {key: (erasure.seq, erasure.occurred_at) for key, erasure in lane.written.erasures().items()}
    erased = {erasure_key(each): (erased.last_seq, erased.occurred_at) for each, erased in result.ledger.items()}
    lines += diff_mappings("ledger", ledger, erased)
    lines += diff_mappings("duplicates", lane.duplicates, result.duplicates)
    dropped = {_DROPPED.get(reason, reason): count for reason, count in lane.dropped.items()}
    return lines + diff_mappings("dropped", dropped, result.dropped)


def diff_mappings(what: str, actual: Mapping[Any, Any], expected_value: Mapping[Any, Any]) -> list[str]:
    """Return one line for each key with different values, and for each field of nested mappings."""
    lines = []
    for key in [*expected_value, *(key for key in actual if key not in expected_value)]:
        one, other = actual.get(key), expected_value.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            lines += diff_mappings(f"{what} of {key}", one, other)
        elif one != other:
            lines.append(f"{what}: {key!r} is {one!r}, expected {other!r}")
    return lines
