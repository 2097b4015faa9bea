"""Fold all orders of a history, in a window so long that no order ever leaves it or is forgotten.

So refunds, duplicates, other currencies and erasures count as they do everywhere.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from state.config.toml_reader import MAX_DAYS
from state.customer.profile import Profile
from state.fold.partition import Partition
from state.records.erasure import Erasure
from state.records.events import CustomerErased, JournalRecord, OrderPlaced, OrderRefunded, PolicyApplied
from streams.tables.customers_table import CustomersTable

if TYPE_CHECKING:
    from state.records.outputs import Output

_FLUSH_RECORDS: Final = 20_000
"""After so many records the changed profiles are encoded, which takes less memory."""
_ENDLESS_POLICY: Final = f"""
name = "endless"
version = 1
currency = "%s"
window_days = {MAX_DAYS}
recency_days.edges = [{MAX_DAYS - 1}, {MAX_DAYS}]
frequency.edges = [1, 2]
monetary.edges = [1, 2]
[[segment]]
name = "all"
"""


class HistoryBuilder:
    """Fold the records of one journal partition, or of files, in order.

    Attributes:
        first_order_ms: the earliest `occurred_at` of an order; None before the first order.
        last_event_ms: the latest time of any record; None before the first record.
    """

    def __init__(self, currency: str, erasures: Mapping[bytes, Erasure] | None = None) -> None:
        """Prepare the fold.

        Args:
            currency: the base currency of the sums.
            erasures: the erasure ledger: customers in it do not count.
        """
        self.first_order_ms: int | None = None
        self.last_event_ms: int | None = None
        self._table = CustomersTable()
        self._partition = Partition(self._table, erasures=dict(erasures or {}))
        self._outputs: list[Output] = []
        self._until_flush = _FLUSH_RECORDS
        self._partition.apply(-1, "", PolicyApplied("control", 0, 0, _ENDLESS_POLICY % currency), self._outputs)

    def add(self, offset: int, customer_id: str, record: JournalRecord) -> None:
        """Add the next record; of records other than orders, refunds and erasures only the time is used."""
        moment_ms = getattr(record, "occurred_at", None) or getattr(record, "at", None)
        if moment_ms is not None and (self.last_event_ms is None or moment_ms > self.last_event_ms):
            self.last_event_ms = moment_ms
        if not isinstance(record, OrderPlaced | OrderRefunded | CustomerErased):
            return
        if isinstance(record, OrderPlaced) and (
            self.first_order_ms is None or record.occurred_at < self.first_order_ms
        ):
            self.first_order_ms = record.occurred_at
        self._partition.apply(offset, customer_id, record, self._outputs)
        self._outputs.clear()
        self._until_flush -= 1
        if not self._until_flush:
            self._table.flush()
            self._until_flush = _FLUSH_RECORDS

    def profiles(self) -> Iterator[Profile]:
        """Yield the profiles of all known customers; no record may be added afterwards."""
        self._table.flush()
        for customer_id in self._table.ids():
            profile = self._table.get(customer_id)
            if profile is not None:
                yield profile
