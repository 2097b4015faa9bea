# ruff: noqa: S608 - the names in the statements are those of our own tables
"""Find the entries of the order ledger that belong to the events of a file.

Both may be larger than memory, so they are joined in the import's DuckDB database.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiokafka import ConsumerRecord

from agents.importing.publication.event_spool import SpooledEvent
from state.records.erasure import Erasure
from streams.tables.order_ledger import HASH_BYTES, ORDER, LedgerEntry, customer_part, decode_entry, entry_key

if TYPE_CHECKING:
    import duckdb

_BATCH: Final = 50_000
_FETCH: Final = 10_000
_REMOVED: Final = b""
"""In place of the entry of a tombstone, since DuckDB's `arg_max` ignores NULL."""


class Known(NamedTuple):
    """What the ledger knows of the events of a file.

    Attributes:
        entries: entries by the number of the event in the file, of those that are more than published: the refunds of
            an order, and everything that is announced.
        published: for each event 1 if it is published, otherwise 0.
        outdated: keys of entries that an erasure should have removed, with their partitions.
        other_customers: how many orders of the file are unknown, but are in the ledger with another customer.
        of_known_orders: numbers of refunds whose order is not in the file, but was published before.
    """

    entries: dict[int, LedgerEntry]
    published: bytearray
    outdated: Sequence[tuple[int, bytes]]
    other_customers: int
    of_known_orders: frozenset[int] = frozenset()


class KnownEvents:
    """Joins the events of a file with the entries of the ledger: add both in any order, then call `find`."""

    def __init__(self, con: "duckdb.DuckDBPyConnection") -> None:
        """Take the database."""
        self._con = con
        self._events: list[tuple[int, bytes, bool]] = []
        self._records: list[tuple[int, int, bytes, bytes]] = []
        self._event_count = 0
        self._mentions: dict[int, bytes] = {}
        self._outdated: dict[bytes, int] = {}
        con.execute("CREATE OR REPLACE TABLE event_keys (number BIGINT, customer BLOB, id BLOB, is_order BOOLEAN)")
        con.execute(
            "CREATE OR REPLACE TABLE ledger_records (part INTEGER, place BIGINT, customer BLOB, id BLOB, entry BLOB)"
        )

    def add_event(self, spooled: SpooledEvent) -> None:
        """Add the next event of the file."""
        if spooled.key:
            self._events.append((self._event_count, spooled.key, spooled.entry_kind == ORDER))
            if len(self._events) >= _BATCH:
                self._write_events()
        event = spooled.event
        if event.mentioned_order and event.customer_id:
            self._mentions[self._event_count] = entry_key(event.customer_id, ORDER, event.mentioned_order)
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
            self._records.append((partition, record.offset, key, value))
        if len(self._records) >= _BATCH:
            self._write_records()

    def find(self) -> Known:
        """Return what the ledger knows of the events."""
        self._write_events()
        self._write_records()
        self._con.execute(
            "CREATE OR REPLACE TABLE ledger_entries AS SELECT customer, id, arg_max(entry, place) AS entry "
            "FROM ledger_records GROUP BY part, customer, id HAVING octet_length(arg_max(entry, place)) > 0"
        )
        self._con.execute("DROP TABLE ledger_records")
        published, entries = bytearray(self._event_count), dict[int, LedgerEntry]()
        for number, value in self._rows(
            "SELECT number, entry FROM event_keys JOIN ledger_entries USING (customer, id)"
        ):
            entry = decode_entry(value)
            if entry.announced is not None or any(minor for _, minor in entry.published):
                entries[number] = entry
            else:
                published[number] = 1
        ((others,),) = self._rows(
            "SELECT count(DISTINCT number) FROM event_keys e JOIN ledger_entries l USING (id) "
            "WHERE is_order AND NOT EXISTS "
            "(SELECT * FROM ledger_entries own WHERE own.id = e.id AND own.customer = e.customer)"
        )
        of_known_orders = self._of_known_orders()
        self._con.execute("DROP TABLE ledger_entries; DROP TABLE event_keys")
        outdated = [(part, key) for key, part in self._outdated.items()]
        return Known(entries, published, outdated, others, of_known_orders)

    def _of_known_orders(self) -> frozenset[int]:
        """Return the numbers of the refunds that mention an order which is published."""
        import pyarrow as pa

        self._con.execute("CREATE OR REPLACE TABLE mentioned_keys (number BIGINT, customer BLOB, id BLOB)")
        numbers, keys = list(self._mentions), list(self._mentions.values())
        self._insert("mentioned_keys", {"number": pa.array(numbers, pa.int64()), **_halves(keys)})
        found = self._rows("SELECT number, entry FROM mentioned_keys JOIN ledger_entries USING (customer, id)")
        published = frozenset(number for number, value in found if decode_entry(value).announced is None)
        self._con.execute("DROP TABLE mentioned_keys")
        return published

    def _rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        reader = self._con.cursor()
        found = reader.execute(sql)
        while rows := found.fetchmany(_FETCH):
            yield from rows
        reader.close()

    def _write_events(self) -> None:
        import pyarrow as pa

        events, self._events = self._events, []
        numbers, keys, are_orders = zip(*events, strict=True) if events else ((), (), ())
        self._insert(
            "event_keys",
            {
                "number": pa.array(numbers, pa.int64()),
                **_halves(keys),
                "is_order": pa.array(are_orders, pa.bool_()),
            },
        )

    def _write_records(self) -> None:
        import pyarrow as pa

        records, self._records = self._records, []
        parts, offsets, keys, values = zip(*records, strict=True) if records else ((), (), (), ())
        self._insert(
            "ledger_records",
            {
                "part": pa.array(parts, pa.int32()),
                "place": pa.array(offsets, pa.int64()),
                **_halves(keys),
                "entry": pa.array(values, pa.binary()),
            },
        )

    def _insert(self, table: str, columns: dict[str, Any]) -> None:
        import pyarrow as pa

        self._con.register("arrived", pa.table(columns))
        self._con.execute(f"INSERT INTO {table} SELECT * FROM arrived")
        self._con.unregister("arrived")


def _halves(keys: Sequence[bytes]) -> dict[str, Any]:
    import pyarrow as pa

    return {
        "customer": pa.array([key[:HASH_BYTES] for key in keys], pa.binary()),
        "id": pa.array([key[HASH_BYTES:] for key in keys], pa.binary()),
    }
