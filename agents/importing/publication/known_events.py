# ruff: noqa: S608 - the names in the statements are those of our own tables
"""Find the entries of the order ledger that belong to the events of a file.

Both may be larger than memory, so they are joined in the import's DuckDB database.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiokafka import ConsumerRecord

from agents.importing.publication.event_spool import SpooledEvent
from state.records.erasure import Erasure
from streams.tables.order_ledger import (
    HASH_BYTES,
    ORDER,
    LedgerEntry,
    customer_part,
    decode_entry,
    entry_key,
    refunds_key_of,
)

if TYPE_CHECKING:
    import duckdb

_OF_ORDERS: Final = ("purchase", "refund")
_BATCH: Final = 50_000
_FETCH: Final = 10_000
_OWN: Final = "l.id = e.order_part AND l.customer = e.customer"
_NOBODY: Final = f"from_hex('{bytes(HASH_BYTES).hex()}')"
_REMOVED: Final = b""
"""In place of the entry of a tombstone, since DuckDB's `arg_max` ignores NULL."""


class OtherCustomers(NamedTuple):
    """Orders of a file, and refunds that name an order, that the ledger has with another customer only.

    Attributes:
        numbers: of these events.
        own: how many orders, and refunds that name one, the ledger has with the customer of the file.
        example: the entry of the first.
    """

    numbers: frozenset[int] = frozenset()
    own: int = 0
    example: LedgerEntry | None = None


class Beside(NamedTuple):
    """Refunds of orders of a file that came by hooks, each with an entry of its own.

    Attributes:
        sums: by the number of each event that is a refund of such an order, what is published so, in minor units.
        announced: numbers and entries of those that may or may not be published.
    """

    sums: dict[int, int]
    announced: list[tuple[int, LedgerEntry]]


class Known(NamedTuple):
    """What the ledger knows of the events of a file.

    Attributes:
        entries: entries by the number of the event in the file, of those that are more than published: the refunds of
            an order, and everything that is announced.
        published: for each event 1 if it is published, otherwise 0.
        outdated: keys of entries that an erasure should have removed, with their partitions.
        of_known_orders: numbers of refunds whose order is not in the file, but was published before.
        owners: by the number of a refund, the customer of its order in the ledger (empty: an anonymous sale), where the
            file names nobody, or had the order for somebody else.
        others: what is known with other customers.
        beside: refunds that came by hooks.
        hooks_announced_ms: when a hook has last announced any of it; 0: none has.
    """

    entries: dict[int, LedgerEntry]
    published: bytearray
    outdated: Sequence[tuple[int, bytes]]
    of_known_orders: frozenset[int] = frozenset()
    owners: Mapping[int, str] = {}
    others: OtherCustomers = OtherCustomers()
    beside: Beside = Beside({}, [])
    hooks_announced_ms: int = 0


class KnownEvents:
    """Joins the events of a file with the entries of the ledger: add both in any order, then call `find`."""

    def __init__(self, con: "duckdb.DuckDBPyConnection") -> None:
        """Take the database."""
        self._con = con
        self._events: list[tuple[int, bytes, bytes, bool]] = []
        self._records: list[tuple[int, int, bytes, bytes, bytes, int]] = []
        self._event_count = 0
        self._outdated: dict[bytes, int] = {}
        con.execute(
            "CREATE OR REPLACE TABLE event_keys "
            "(number BIGINT, customer BLOB, id BLOB, order_part BLOB, is_mention BOOLEAN)"
        )
        con.execute(
            "CREATE OR REPLACE TABLE ledger_records "
            "(part INTEGER, place BIGINT, customer BLOB, id BLOB, entry BLOB, refunds BLOB, at_ms BIGINT)"
        )

    def add_event(self, spooled: SpooledEvent) -> None:
        """Add the next event of the file."""
        event = spooled.event
        if spooled.key:
            order_id = (event.order_id or event.mentioned_order) if event.kind in _OF_ORDERS else ""
            order_part = entry_key("", ORDER, order_id)[HASH_BYTES:] if order_id else b""
            self._events.append((self._event_count, spooled.key, order_part, bool(event.mentioned_order)))
            if len(self._events) >= _BATCH:
                self._write_events()
        self._event_count += 1

    def add_records(self, partition: int, records: Iterable[ConsumerRecord], erasures: Mapping[bytes, Erasure]) -> None:
        """Add records of the ledger; those of a partition in their order.

        An entry that an erasure should have removed counts as removed; `erasures` are by the customer's part of the
        key.

        Raises:
            UnknownFormatVersion: a version of goldstream wrote it that this one cannot read.
        """
        for record in records:
            key, value = record.key, record.value or _REMOVED
            erasure = erasures.get(customer_part(key))
            if erasure is not None:
                if value and decode_entry(value).erasure_offset < erasure.offset:
                    value = _REMOVED
                    self._outdated[key] = partition
                else:
                    self._outdated.pop(key, None)
            refunds = refunds_key_of(value)[HASH_BYTES:] if value else b""
            self._records.append((partition, record.offset, key, value, refunds, record.timestamp))
        if len(self._records) >= _BATCH:
            self._write_records()

    def find(self) -> Known:
        """Return what the ledger knows of the events."""
        self._write_events()
        self._write_records()
        self._con.execute(
            "CREATE OR REPLACE TABLE ledger_entries AS SELECT customer, id, arg_max(entry, place) AS entry, "
            "arg_max(refunds, place) AS refunds, arg_max(at_ms, place) AS at_ms "
            "FROM ledger_records GROUP BY part, customer, id HAVING octet_length(arg_max(entry, place)) > 0"
        )
        self._con.execute("DROP TABLE ledger_records")
        owners, others = self._find_other_customers()
        published, entries = bytearray(self._event_count), dict[int, LedgerEntry]()
        announced_ms = [0]
        for number, value, at_ms in self._rows(
            "SELECT number, entry, at_ms FROM event_keys JOIN ledger_entries USING (customer, id)"
        ):
            entry = decode_entry(value)
            if entry.announced_event:
                announced_ms.append(at_ms)
            if entry.announced is not None or any(minor for _, minor in entry.published):
                entries[number] = entry
            else:
                published[number] = 1
        mentions = self._rows(
            f"SELECT number, entry FROM event_keys e JOIN ledger_entries l ON {_OWN} WHERE is_mention"
        )
        of_known_orders = frozenset(number for number, value in mentions if _is_published(decode_entry(value)))
        beside = Beside({}, [])
        for number, value, at_ms in self._rows(
            "SELECT number, entry, at_ms FROM event_keys e JOIN ledger_entries l "
            "ON l.refunds = e.id AND l.customer = e.customer WHERE octet_length(l.refunds) > 0"
        ):
            entry = decode_entry(value)
            assert entry.details is not None
            if entry.announced is not None:
                beside.announced.append((number, entry))
                announced_ms.append(at_ms)
            elif not entry.details.is_contained:
                beside.sums[number] = beside.sums.get(number, 0) + entry.details.minor
        self._con.execute("DROP TABLE ledger_entries; DROP TABLE event_keys")
        outdated = [(part, key) for key, part in self._outdated.items()]
        return Known(entries, published, outdated, of_known_orders, owners, others, beside, max(announced_ms))

    def _find_other_customers(self) -> tuple[dict[int, str], OtherCustomers]:
        """Return the owners of refunds, whose keys become those of the owner, and what is known with others."""
        self._con.execute(
            "CREATE OR REPLACE TABLE other_customers AS "
            "SELECT number, min(l.customer) AS owner, min(entry) AS entry, count(*) = 1 AS is_certain, "
            f"any_value(e.id <> order_part AND (NOT is_mention OR e.customer = {_NOBODY})) AS is_owned "
            "FROM event_keys e JOIN ledger_entries l ON l.id = e.order_part AND l.customer <> e.customer "
            f"WHERE NOT EXISTS (SELECT 1 FROM ledger_entries l WHERE {_OWN}) GROUP BY number"
        )
        self._con.execute(
            "UPDATE event_keys SET customer = owner FROM other_customers o "
            "WHERE o.number = event_keys.number AND is_owned AND is_certain"
        )
        owned = self._rows("SELECT number, entry FROM other_customers WHERE is_owned AND is_certain")
        owners = {number: decode_entry(value).customer_id for number, value in owned}
        rest = "FROM other_customers WHERE NOT (is_owned AND is_certain)"
        numbers = frozenset(number for (number,) in self._rows(f"SELECT number {rest}"))
        example = next(self._rows(f"SELECT entry {rest} ORDER BY number LIMIT 1"), None)
        ((own,),) = self._rows(
            f"SELECT count(*) FROM event_keys e JOIN ledger_entries l ON {_OWN} WHERE is_mention OR e.id = order_part"
        )
        self._con.execute("DROP TABLE other_customers")
        return owners, OtherCustomers(numbers, own, decode_entry(example[0]) if example else None)

    def _rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        reader = self._con.cursor()
        found = reader.execute(sql)
        while rows := found.fetchmany(_FETCH):
            yield from rows
        reader.close()

    def _write_events(self) -> None:
        import pyarrow as pa

        events, self._events = self._events, []
        numbers, keys, orders, mentions = zip(*events, strict=True) if events else ((), (), (), ())
        self._insert(
            "event_keys",
            {
                "number": pa.array(numbers, pa.int64()),
                **_halves(keys),
                "order_part": pa.array(orders, pa.binary()),
                "is_mention": pa.array(mentions, pa.bool_()),
            },
        )

    def _write_records(self) -> None:
        import pyarrow as pa

        records, self._records = self._records, []
        parts, offsets, keys, values, refunds, moments = zip(*records, strict=True) if records else ((),) * 6
        self._insert(
            "ledger_records",
            {
                "part": pa.array(parts, pa.int32()),
                "place": pa.array(offsets, pa.int64()),
                **_halves(keys),
                "entry": pa.array(values, pa.binary()),
                "refunds": pa.array(refunds, pa.binary()),
                "at_ms": pa.array(moments, pa.int64()),
            },
        )

    def _insert(self, table: str, columns: dict[str, Any]) -> None:
        import pyarrow as pa

        self._con.register("arrived", pa.table(columns))
        self._con.execute(f"INSERT INTO {table} SELECT * FROM arrived")
        self._con.unregister("arrived")


def _is_published(order: LedgerEntry) -> bool:
    """Whether an order is published, or will be by some server, since a hook has announced it."""
    return order.announced is None or bool(order.announced_event)


def _halves(keys: Sequence[bytes]) -> dict[str, Any]:
    import pyarrow as pa

    return {
        "customer": pa.array([key[:HASH_BYTES] for key in keys], pa.binary()),
        "id": pa.array([key[HASH_BYTES:] for key in keys], pa.binary()),
    }
