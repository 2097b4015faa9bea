"""Verify the changes that a program published against the computation of expected.py, value by value."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256
from typing import Any, Final, Protocol

import orjson

from bench.throughput.expected import AFTER_LAST_PURCHASE, Customer, changes_of, read_order

_FAULTS_SHOWN: Final = 3


class Record(Protocol):
    """A record as aiokafka reads it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of a verification.

    Attributes:
        changes: number of changes published, without repeats.
        digest: of the changes up to each customer's last purchase: equal for all programs that accepted all purchases.
        faults: descriptions of the first differences; empty if there are none.
    """

    changes: int
    digest: str
    faults: tuple[str, ...]


class ExpectedChanges:
    """All changes that follow from the source topic.

    Attributes:
        ends: number of purchases by partition.
        horizon_ms: the latest `occurred_at`, which the watermark reaches at the end.
    """

    def __init__(self) -> None:
        self.ends: dict[int, int] = {}
        self.horizon_ms = 0
        self._customers: dict[str, Customer] = {}
        self._changes: dict[str, list[tuple[bytes, int]]] = {}

    @classmethod
    async def compute(cls, source: AsyncIterable[Record]) -> "ExpectedChanges":
        """Compute the changes from all records of the source topic."""
        expected = cls()
        async for record in source:
            assert record.value is not None
            expected._add(record.partition, record.offset, record.value)
        expected._compute()
        return expected

    @property
    def events(self) -> int:
        """The number of purchases."""
        return sum(self.ends.values())

    @property
    def customers(self) -> int:
        """The number of customers with purchases."""
        return len(self._customers)

    def _add(self, partition: int, offset: int, value: bytes) -> None:
        customer_id, order = read_order(value, offset)
        self._customers.setdefault(customer_id, Customer(partition)).orders.append(order)
        self.ends[partition] = offset + 1
        self.horizon_ms = max(self.horizon_ms, order.at_ms)

    def _compute(self) -> None:
        for customer_id, customer in self._customers.items():
            changes = changes_of(customer_id, customer.orders, self.horizon_ms)
            self._changes[customer_id] = [(fingerprint(change.value), change.offset) for change in changes]

    async def verify(
        self, changes: Callable[[], AsyncIterable[Record]], covered: Mapping[int, int] | None = None
    ) -> Verification:
        """Compare the changes that a program published with the expected ones.

        Args:
            changes: reads all records of its topic of changes; called again to describe differences.
            covered: number of purchases it accepted, by partition; None if it accepted all and follows time as well,
                so that it also publishes what falls due after a customer's last purchase.
        """
        published, faults = await read_changes(changes())
        faults.extend(f"{each}: made no purchase" for each in sorted(published.keys() - self._changes.keys()))
        differing: list[tuple[str, int, bool]] = []
        digest = sha256()
        for customer_id in sorted(self._changes):
            all_changes, got = self._changes[customer_id], published.get(customer_id, {})
            end = AFTER_LAST_PURCHASE + 1 if covered is None else covered.get(self._customers[customer_id].partition, 0)
            wanted = {seq: mark for seq, (mark, offset) in enumerate(all_changes, 1) if offset < end}
            if got != wanted:
                seq = min(each for each in wanted.keys() | got.keys() if wanted.get(each) != got.get(each))
                differing.append((customer_id, seq, seq in wanted))
            for seq, (_, offset) in enumerate(all_changes, 1):
                if offset < AFTER_LAST_PURCHASE and seq in got:
                    digest.update(got[seq])
        faults.extend([words async for words in self._describe(differing[:_FAULTS_SHOWN], changes)])
        if len(differing) > _FAULTS_SHOWN:
            faults.append(f"{len(differing)} customers in total")
        return Verification(sum(map(len, published.values())), digest.hexdigest()[:16], tuple(faults))

    async def _describe(
        self, differing: Sequence[tuple[str, int, bool]], changes: Callable[[], AsyncIterable[Record]]
    ) -> AsyncIterator[str]:
        """Describe differences, each given as customer, `seq`, and whether a change with this `seq` is expected."""
        published: dict[tuple[str, int], str] = {}
        if differing:
            async for record in changes():
                value = orjson.loads(record.value or b"{}")
                published.setdefault((value.get("customer_id"), value.get("seq")), (record.value or b"").decode())
        for customer_id, seq, is_wanted in differing:
            orders = self._customers[customer_id].orders
            values = {change.value["seq"]: change.value for change in changes_of(customer_id, orders, self.horizon_ms)}
            expected = orjson.dumps(values[seq]).decode() if is_wanted else "missing"
            yield f"{customer_id}: change {seq} is {published.get((customer_id, seq), 'missing')}, must be {expected}"


async def read_changes(records: AsyncIterable[Record]) -> tuple[dict[str, dict[int, bytes]], list[str]]:
    """Return the fingerprints of changes by customer and `seq`, and errors in the records themselves.

    A repeated change with the same contents counts once.
    """
    changes: dict[str, dict[int, bytes]] = {}
    faults: list[str] = []
    async for record in records:
        value = orjson.loads(record.value or b"{}")
        customer_id, seq = value.get("customer_id"), value.get("seq")
        if record.key is None or record.key.decode() != customer_id:
            faults.append(f"{record.partition}:{record.offset}: key {record.key!r} is not customer {customer_id}")
            continue
        hashed = fingerprint(value)
        if changes.setdefault(customer_id, {}).setdefault(seq, hashed) != hashed:
            faults.append(f"{customer_id}: change {seq} was published twice, with different contents")
    return changes, faults


def fingerprint(value: Mapping[str, Any]) -> bytes:
    """Return a hash of a JSON value, 8 bytes, independent of the order of fields."""
    return blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=8).digest()
