"""What the order ledger and the erasure ledger say, as a database of this process: by order, by number, by customer.

Orders may be millions, so they are not objects in memory: SQLite keeps them in a temporary file that nothing else can
open and that disappears with the process, at some 200 bytes each. It is built from the topics at each start.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from threading import Lock
from typing import Final, NamedTuple

from aiokafka import ConsumerRecord

from state.records.erasure import Erasure, decode_erasure
from streams.tables.order_ledger import (
    HASH_BYTES,
    IMPORT_SETTLED_AFTER_MS,
    NO_ERASURE,
    ORDER,
    REFUNDS,
    SETTLED_AFTER_MS,
    WAITING,
    LedgerEntry,
    customer_part,
    decode_entry,
    entry_key,
)

_TABLES: Final = """
CREATE TABLE entries (
    id BLOB, customer BLOB, value BLOB, at_ms INTEGER, place INTEGER, PRIMARY KEY (id, customer)
) WITHOUT ROWID;
CREATE TABLE refunds (refunds BLOB, id BLOB, customer BLOB, PRIMARY KEY (refunds, id, customer)) WITHOUT ROWID;
CREATE TABLE numbers (reference TEXT, id BLOB, customer BLOB, PRIMARY KEY (reference, id, customer)) WITHOUT ROWID;
CREATE TABLE waiting (reference TEXT, id BLOB, PRIMARY KEY (reference, id)) WITHOUT ROWID;
CREATE TABLE erasures (customer BLOB PRIMARY KEY, erased_offset INTEGER, occurred_at INTEGER) WITHOUT ROWID;
"""

_BY_KEY: Final = "SELECT value, at_ms, place, customer FROM entries WHERE id = ? AND customer = ?"


class Found(NamedTuple):
    """An entry of the order ledger.

    Attributes:
        at_ms: when it was written.
        place: its offset in its partition of the ledger; -1 if this process has written it and not read it yet.
    """

    entry: LedgerEntry
    at_ms: int
    place: int


class Applied(NamedTuple):
    """What records have changed that someone has to act on.

    Attributes:
        outdated: keys and customers of entries that an erasure should have removed.
        awaited: numbers of orders that are known now, and for which refunds wait.
        covered: published entries that void announcements follow in the topic; compaction would keep only those.
    """

    outdated: list[tuple[bytes, str]]
    awaited: list[str]
    covered: list[LedgerEntry]


class OrderIndex:
    """The entries of the order ledger that are in force; any thread may call it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._db = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._db.executescript(_TABLES)
        self._announced = set[tuple[bytes, bytes]]()

    def close(self) -> None:
        """Remove everything."""
        with self._lock:
            self._db.close()

    def apply(self, records: Iterable[ConsumerRecord]) -> Applied:
        """Apply records of the order ledger; those of a partition in their order.

        The first of several announcements of an entry is in force, so that all servers agree on who publishes it.

        Raises:
            UnknownFormatVersion: a version of goldstream wrote one that this one cannot read.
        """
        applied = Applied([], [], [])
        with self._lock, self._transaction():
            for record in records:
                if record.value is None:
                    self._remove(record.key)
                    continue
                entry = decode_entry(record.value)
                found = Found(entry, record.timestamp, record.offset)
                if not (entry.announced_event and self._is_void(record.key, found, applied)):
                    self._put(record.key, found, record.value, applied)
        return applied

    def put(self, entry: LedgerEntry, value: bytes, at_ms: int) -> None:
        """Note an entry that this process has written, before it comes back from the topic."""
        with self._lock:
            self._put(entry.key, Found(entry, at_ms, -1), value, Applied([], [], []))

    def remove(self, key: bytes) -> None:
        """Note that this process has removed an entry."""
        with self._lock:
            self._remove(key)

    def apply_erasures(self, records: Iterable[ConsumerRecord]) -> None:
        """Apply records of the erasure ledger.

        Raises:
            UnknownFormatVersion: a version of goldstream wrote one that this one cannot read.
        """
        with self._lock, self._transaction():
            for record in records:
                if record.value is not None:
                    erasure = decode_erasure(record.value)
                    self._db.execute(
                        "INSERT INTO erasures VALUES (?1, ?2, ?3) ON CONFLICT (customer) DO UPDATE "
                        "SET erased_offset = ?2, occurred_at = ?3 WHERE erased_offset <= ?2",
                        (customer_part(record.key), erasure.offset, erasure.occurred_at),
                    )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN")
        try:
            yield
        finally:  # also what precedes a record that cannot be read
            self._db.execute("COMMIT")

    def find(self, customer_id: str, kind: str, entry_id: str) -> Found | None:
        """Return the entry of a customer; None if there is none in force."""
        key = entry_key(customer_id, kind, entry_id)
        rows = self._rows(
            _BY_KEY,
            (key[HASH_BYTES:], key[:HASH_BYTES]),
        )
        return rows[0] if rows else None

    def refunds_of(self, customer_id: str, order_id: str) -> list[LedgerEntry]:
        """Return the refunds of an order that have entries of their own."""
        key = entry_key(customer_id, REFUNDS, order_id)
        rows = self._rows(
            "SELECT value, at_ms, place, entries.customer FROM refunds JOIN entries USING (id, customer) "
            "WHERE refunds = ? AND entries.customer = ?",
            (key[HASH_BYTES:], key[:HASH_BYTES]),
        )
        return [found.entry for found in rows]

    def unsettled(self, now_ms: int) -> list[Found]:
        """Return announcements that hold their event and are so old that any server may publish it."""
        with self._lock:
            announced = list(self._announced)
        rows = [found for place in announced for found in self._rows(_BY_KEY, place)]
        return [found for found in rows if found.at_ms + _settled_after_ms(found.entry) <= now_ms]

    def find_all(self, kind: str, entry_id: str) -> list[Found]:
        """Return the entries of all customers with this id."""
        key = entry_key("", kind, entry_id)
        return self._rows("SELECT value, at_ms, place, customer FROM entries WHERE id = ?", (key[HASH_BYTES:],))

    def by_number(self, reference: str) -> list[Found]:
        """Return the orders that a platform gives this number."""
        return self._rows(
            "SELECT value, at_ms, place, entries.customer FROM numbers JOIN entries USING (id, customer) "
            "WHERE reference = ?",
            (reference,),
        )

    def waiting_for(self, reference: str) -> list[Found]:
        """Return the refunds that wait for the order with this number."""
        return self._rows(
            "SELECT value, at_ms, place, customer FROM waiting JOIN entries USING (id) WHERE reference = ?",
            (reference,),
        )

    def waiting(self) -> list[Found]:
        """Return all refunds that wait for an order."""
        return self._rows("SELECT value, at_ms, place, customer FROM waiting JOIN entries USING (id)", ())

    def count_waiting(self) -> int:
        """Return the number of refunds that wait for an order."""
        with self._lock:
            ((count,),) = self._db.execute("SELECT count(*) FROM waiting").fetchall()
        return int(count)

    def erasure(self, customer_id: str) -> Erasure | None:
        """Return the last erasure of a customer, without `seq`; None if there was none."""
        with self._lock:
            return self._erasure(entry_key(customer_id, ORDER, "")[:HASH_BYTES])

    def _erasure(self, customer: bytes) -> Erasure | None:
        row = self._db.execute(
            "SELECT erased_offset, occurred_at FROM erasures WHERE customer = ?", (customer,)
        ).fetchone()
        return None if row is None else Erasure(seq=0, occurred_at=row[1], offset=row[0])

    def _rows(self, sql: str, values: tuple[object, ...]) -> list[Found]:
        with self._lock:
            rows = self._db.execute(sql, values).fetchall()
            erasures = {customer: self._erasure(customer) for *_, customer in rows}
        found = []
        for value, at_ms, place, customer in rows:
            entry, erasure = decode_entry(value), erasures[customer]
            if entry.erasure_offset >= (NO_ERASURE if erasure is None else erasure.offset):
                found.append(Found(entry, at_ms, place))
        return found

    def _is_void(self, key: bytes, announced: Found, applied: Applied) -> bool:
        """Whether an announcement comes too late: its event is published, or another one is in force."""
        row = self._db.execute(
            "SELECT value, at_ms FROM entries WHERE id = ? AND customer = ?", (key[HASH_BYTES:], key[:HASH_BYTES])
        ).fetchone()
        if row is None:
            return False
        known = decode_entry(row[0])
        if known.announced is None:
            applied.covered.append(known)
            return True
        if known.announced.import_id and announced.entry.announced == known.announced:  # the event is added
            return bool(known.announced_event)
        in_force_ms: int = row[1]
        return announced.at_ms < in_force_ms + _settled_after_ms(known)

    def _put(self, key: bytes, found: Found, value: bytes, applied: Applied) -> None:
        customer, entry_id = key[:HASH_BYTES], key[HASH_BYTES:]
        entry, at_ms, place = found
        erasure = self._erasure(customer) if entry.customer_id else None
        if erasure is not None and entry.erasure_offset < erasure.offset:
            applied.outdated.append((key, entry.customer_id))
        row = (entry_id, customer, value, at_ms, place)
        self._db.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)", row)
        if entry.announced_event:
            self._announced.add((entry_id, customer))
        else:
            self._announced.discard((entry_id, customer))
        if refunds := entry.refunds_key:
            self._db.execute(
                "INSERT OR REPLACE INTO refunds VALUES (?, ?, ?)", (refunds[HASH_BYTES:], entry_id, customer)
            )
        reference = entry.details.reference if entry.details is not None else ""
        if not reference:
            return
        if entry.kind == WAITING:
            self._db.execute("INSERT OR REPLACE INTO waiting VALUES (?, ?)", (reference, entry_id))
        elif entry.kind == ORDER:
            self._db.execute("INSERT OR REPLACE INTO numbers VALUES (?, ?, ?)", (reference, entry_id, customer))
            if self._db.execute("SELECT 1 FROM waiting WHERE reference = ? LIMIT 1", (reference,)).fetchone():
                applied.awaited.append(reference)

    def _remove(self, key: bytes) -> None:
        customer, entry_id = key[:HASH_BYTES], key[HASH_BYTES:]
        row = self._db.execute(
            "SELECT value FROM entries WHERE id = ? AND customer = ?", (entry_id, customer)
        ).fetchone()
        if row is None:
            return
        self._db.execute("DELETE FROM entries WHERE id = ? AND customer = ?", (entry_id, customer))
        self._announced.discard((entry_id, customer))
        entry = decode_entry(row[0])
        if refunds := entry.refunds_key:
            self._db.execute(
                "DELETE FROM refunds WHERE refunds = ? AND id = ? AND customer = ?",
                (refunds[HASH_BYTES:], entry_id, customer),
            )
        details = entry.details
        if details is not None and details.reference:
            self._db.execute("DELETE FROM waiting WHERE reference = ? AND id = ?", (details.reference, entry_id))
            self._db.execute(
                "DELETE FROM numbers WHERE reference = ? AND id = ? AND customer = ?",
                (details.reference, entry_id, customer),
            )


def _settled_after_ms(announced: LedgerEntry) -> int:
    """Return how old an announcement must be before anyone but its writer may publish its event."""
    assert announced.announced is not None
    return IMPORT_SETTLED_AFTER_MS if announced.announced.import_id else SETTLED_AFTER_MS
