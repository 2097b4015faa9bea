"""Whether a program told what it had to: its changes beside the computation of expected.py, value by value."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256
from typing import Any, Final, Protocol

import orjson

from bench.expected import AFTER_LAST_PURCHASE, Customer, changes_of, read_order

_FAULTS_SHOWN: Final = 3


class Record(Protocol):
    """A record as aiokafka reads it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Verification:
    """What came out of a comparison.

    Attributes:
        changes: how many the program told, repeats not counted.
        digest: of those that it told up to each customer's last purchase: the same for all programs that took all.
        faults: what was wrong, the first few in words; empty if nothing was.
    """

    changes: int
    digest: str
    faults: tuple[str, ...]


class ExpectedChanges:
    """All changes that the source topic asks for.

    Attributes:
        ends: by partition, how many purchases there are.
        horizon_ms: the greatest `occurred_at`, to which time comes in the end.
    """

    def __init__(self) -> None:
        """Nothing is expected of no purchases."""
        self.ends: dict[int, int] = {}
        self.horizon_ms = 0
        self._customers: dict[str, Customer] = {}
        self._changes: dict[str, list[tuple[bytes, int]]] = {}

    @classmethod
    async def compute(cls, source: AsyncIterable[Record]) -> "ExpectedChanges":
        """Compute from all records of the source topic."""
        expected = cls()
        async for record in source:
            assert record.value is not None
            expected._take(record.partition, record.offset, record.value)
        expected._compute()
        return expected

    @property
    def events(self) -> int:
        """How many purchases there are."""
        return sum(self.ends.values())

    @property
    def customers(self) -> int:
        """How many customers made them."""
        return len(self._customers)

    def _take(self, partition: int, offset: int, value: bytes) -> None:
        customer_id, order = read_order(value, offset)
        self._customers.setdefault(customer_id, Customer(partition)).orders.append(order)
        self.ends[partition] = offset + 1
        self.horizon_ms = max(self.horizon_ms, order.at_ms)

    def _compute(self) -> None:
        for customer_id, customer in self._customers.items():
            changes = changes_of(customer_id, customer.orders, self.horizon_ms)
            self._changes[customer_id] = [(fingerprint(told.value), told.offset) for told in changes]

    async def verify(
        self, changes: Callable[[], AsyncIterable[Record]], covered: Mapping[int, int] | None = None
    ) -> Verification:
        """Compare what a program wrote.

        Args:
            changes: reads all records of its topic of changes; again for what was wrong, to show it.
            covered: by partition, how many purchases it took; None if it took all and knows time besides, and so tells
                what fell due after a customer's last purchase too.
        """
        told, faults = await read_changes(changes())
        faults.extend(f"{each}: made no purchase" for each in sorted(told.keys() - self._changes.keys()))
        wrong: list[tuple[str, int, bool]] = []
        shared = sha256()
        for customer_id in sorted(self._changes):
            all_of_it, got = self._changes[customer_id], told.get(customer_id, {})
            end = AFTER_LAST_PURCHASE + 1 if covered is None else covered.get(self._customers[customer_id].partition, 0)
            wanted = {seq: mark for seq, (mark, offset) in enumerate(all_of_it, 1) if offset < end}
            if got != wanted:
                seq = min(each for each in wanted.keys() | got.keys() if wanted.get(each) != got.get(each))
                wrong.append((customer_id, seq, seq in wanted))
            for seq, (_, offset) in enumerate(all_of_it, 1):
                if offset < AFTER_LAST_PURCHASE and seq in got:
                    shared.update(got[seq])
        faults.extend([words async for words in self._in_words(wrong[:_FAULTS_SHOWN], changes)])
        if len(wrong) > _FAULTS_SHOWN:
            faults.append(f"{len(wrong)} customers in all")
        return Verification(sum(map(len, told.values())), shared.hexdigest()[:16], tuple(faults))

    async def _in_words(
        self, wrong: Sequence[tuple[str, int, bool]], changes: Callable[[], AsyncIterable[Record]]
    ) -> AsyncIterator[str]:
        """What was told beside what should have been; of each the customer, the `seq`, and whether it should be."""
        told: dict[tuple[str, int], str] = {}
        if wrong:
            async for record in changes():
                value = orjson.loads(record.value or b"{}")
                told.setdefault((value.get("customer_id"), value.get("seq")), (record.value or b"").decode())
        for customer_id, seq, is_wanted in wrong:
            orders = self._customers[customer_id].orders
            values = {change.value["seq"]: change.value for change in changes_of(customer_id, orders, self.horizon_ms)}
            must = orjson.dumps(values[seq]).decode() if is_wanted else "missing"
            yield f"{customer_id}: change {seq} is {told.get((customer_id, seq), 'missing')}, must be {must}"


async def read_changes(records: AsyncIterable[Record]) -> tuple[dict[str, dict[int, bytes]], list[str]]:
    """The fingerprints of changes by customer and `seq`, and what is wrong with the records themselves.

    A change that was told twice with the same contents is one, as every reader takes it.
    """
    told: dict[str, dict[int, bytes]] = {}
    faults: list[str] = []
    async for record in records:
        value = orjson.loads(record.value or b"{}")
        customer_id, seq = value.get("customer_id"), value.get("seq")
        if record.key is None or record.key.decode() != customer_id:
            faults.append(f"{record.partition}:{record.offset}: key {record.key!r} is not customer {customer_id}")
            continue
        mark = fingerprint(value)
        if told.setdefault(customer_id, {}).setdefault(seq, mark) != mark:
            faults.append(f"{customer_id}: change {seq} was told twice, with different contents")
    return told, faults


def fingerprint(value: Mapping[str, Any]) -> bytes:
    """Eight bytes that stand for a JSON value, whatever the order of its fields."""
    return blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=8).digest()
