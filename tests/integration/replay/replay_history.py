"""A shop's history with late events and a policy change, and the comparison of its replay with the original."""

import dataclasses
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from tests.oracle import Result, moments, read_json
from tests.records.kafka_records import Published, java_partition, publish, read
from tests.retail.comparison import PUBLISHED, time_comes
from tests.retail.rules import STEPPE
from tests.retail.year import DAY_MS, Event, Year, draw_year
from tests.running.workers import Site
from tests.servers.topics import make_topic

PARTITIONS: Final = 4
SOURCE_PARTITIONS: Final = 3

TENGE: Final = STEPPE.policy + 'EUR = "558.205"\nKWD = "1671.5"\n'
"""The retailer's policy with a price for every currency."""

DOLLARS: Final = (
    STEPPE.policy.split("[rates]")[0]
    .replace(
        'name = "steppe"\nversion = 3\ncurrency = "KZT"\nwindow_days = 120',
        'name = "dollars"\nversion = 1\ncurrency = "USD"\nwindow_days = 200.5',
    )
    .replace("[10000, 45000.505, 120000]", "[20, 88.05, 234]")
    + '[rates]\nKZT = "0.00195"\nJPY = "0.00664"\nEUR = "1.0895"\nKWD = "3.2624"\n'
)
"""The same segments in another currency, over a longer window."""

PublishedOutputs = dict[tuple[str, str], list[tuple[str, Any]]]
"""What each topic says of each customer, in order: the `ce_id`, and the record's value and headers."""


def set_up_year(site: Site, customers: int, seed: int) -> Year:
    """Set up event mode for a year with this many customers; return the year."""
    site.settings |= STEPPE.settings(site.directory) | {"TIME": "event", "PARTITIONS": str(PARTITIONS)}
    return draw_year(seed, STEPPE, customers)


async def live(site: Site, waves: Sequence[Sequence[Published]], year: Year, seed: int) -> None:
    """Publish parts of a year, each followed by late events after the watermark has reached its end.

    When these are evaluated depends on the ticks, so only a faithful replay evaluates them at the same moments.
    """
    rng = random.Random(seed)
    topic = site.topic("events")
    for wave in waves:
        await publish(site.kafka, topic, wave)
        latest = year.latest(wave)
        await time_comes(site.kafka, site.prefix, latest, PARTITIONS)
        known = sorted({record.key for record in wave if record.key and record not in year.wrong})
        late = [_late(rng, rng.choice(known), latest) for _ in range(80)]
        await publish(site.kafka, topic, late)


async def make_events(site: Site, partitions: int = SOURCE_PARTITIONS) -> None:
    """Create the topic `events`."""
    await make_topic(site.kafka, site.topic("events"), partitions)


def erasure(customer: str, at: str) -> Published:
    """Return an erasure."""
    event = {"type": "erasure", "event_id": f"forget {customer}", "customer_id": customer, "occurred_at": at}
    return Published(json.dumps(event).encode(), customer.encode())


def without_own_rates(year: Year) -> Year:
    """Return the year without rates in events: those are prices in the old base currency."""
    for event in year.events:
        event.pop("rate", None)
    return _of_events(year, year.events)


def without_erased(year: Year) -> Year:
    """Return the year without the customers who are erased in it."""
    erased = {event["customer_id"] for event in year.events if event["type"] == "erasure"}
    return _of_events(year, [event for event in year.events if event.get("customer_id") not in erased])


def _of_events(year: Year, events: list[Event]) -> Year:
    records = []
    for event in events:
        key = event.get("customer_id")
        records.append(Published(json.dumps(event).encode(), key.encode() if key else None))
    return dataclasses.replace(year, events=events, records=records, wrong=[])


def expected_outputs(result: Result) -> PublishedOutputs:
    """Return the oracle's outputs in the same form; values are parsed JSON on both sides."""
    outputs: PublishedOutputs = defaultdict(list)
    for output in result.outputs:
        outputs[output.topic, output.key].append((output.headers["ce_id"], (output.value, output.headers)))
    return outputs


async def apply_other_policy(site: Site) -> None:
    """Activate a policy that moves many customers to another segment."""
    file = site.directory / "other.toml"
    file.write_text(STEPPE.policy.replace("version = 3", "version = 4").replace("[7.5, 30, 89.999]", "[5, 44, 80]"))
    applied = await site.command("policy", "apply", str(file), "--yes")
    assert applied.status == 0, applied.errors


def _late(rng: random.Random, key: bytes, latest: int) -> Published:
    event = {
        "type": "purchase",
        "event_id": f"late-{rng.getrandbits(48):x}",
        "customer_id": key.decode(),
        "occurred_at": moments.text(latest - int(rng.uniform(1, 40) * DAY_MS)),
        "order_id": f"late-{rng.getrandbits(48):x}",
        "amount": f"{rng.randrange(100, 90_000)}.00",
        "currency": STEPPE.currency,
    }
    return Published(json.dumps(event).encode(), key)


async def read_outputs(kafka: str, prefix: str) -> PublishedOutputs:
    """Return what was published under a prefix; partitions and repeats are checked elsewhere."""
    outputs: PublishedOutputs = defaultdict(list)
    for topic in PUBLISHED:
        for record in await read(kafka, f"{prefix}.{topic}.v1"):
            headers = {name: value.decode() for name, value in record.headers}
            value = None if record.value is None else read_json(record.value)
            outputs[topic, record.key.decode()].append((headers["ce_id"], (value, headers)))
    return outputs


def after_erasures(outputs: PublishedOutputs) -> PublishedOutputs:
    """Return what remains of the outputs after each customer's last erasure."""
    erased = {
        customer: max(_seq(ce_id, customer) for ce_id, (value, _) in records if value is None)
        for (topic, customer), records in outputs.items()
        if topic == "segment-changes" and any(value is None for _, (value, _) in records)
    }
    kept: PublishedOutputs = {}
    for (topic, customer), records in outputs.items():
        since = erased.get(customer, 0)
        left = [each for each in records if each[1][0] is not None and _seq(each[0], customer) > since]
        if left:
            kept[topic, customer] = left
    return kept


def _seq(ce_id: str, customer: str) -> int:
    """Return the number of the change that a record is, or that caused it."""
    assert ce_id.startswith(f"{customer}:"), ce_id
    return int(ce_id.removeprefix(f"{customer}:").split(":")[0])


def assert_same(is_: PublishedOutputs, should: PublishedOutputs) -> None:
    """Compare the outputs, customer by customer."""
    for place in sorted(is_.keys() | should.keys()):
        mine, its = is_.get(place, []), should.get(place, [])
        assert [ce_id for ce_id, _ in mine] == [ce_id for ce_id, _ in its], f"{place}:\n  {mine}\n  {its}"
        for (ce_id, one), (_, other) in zip(mine, its, strict=True):
            assert one == other, f"{place}, {ce_id}:\n  is     {one}\n  should {other}"


async def assert_partitioned(kafka: str, prefix: str, partitions: int) -> None:
    """Check that every record is in the partition of its key."""
    for topic in ("journal", "segment-changes", "customers"):
        for record in await read(kafka, f"{prefix}.{topic}.v1"):
            if record.key and record.key[0] != 0xFF:
                assert record.partition == java_partition(record.key, partitions), (topic, record.key)


async def journal(kafka: str, prefix: str) -> dict[int, list[tuple[bytes | None, bytes]]]:
    """Return every partition of the journal: keys and values in order."""
    partitions: dict[int, list[tuple[bytes | None, bytes]]] = defaultdict(list)
    for record in await read(kafka, f"{prefix}.journal.v1"):
        partitions[record.partition].append((record.key, record.value))
    return partitions
