"""All orders of a history, by the rules of the fold, with nothing ever leaving the window or being forgotten.

So refunds, repeats, other currencies and erasures count here as they do everywhere.
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
"""Records after which what was touched becomes bytes again."""
_ENDLESS: Final = f"""
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
    """Takes the records of one journal partition, or of files, in order.

    Attributes:
        first_order_ms: the least moment of an order met, in milliseconds; `last_event_ms` the greatest of anything; None before the first.
    """

    def __init__(self, currency: str, erasures: Mapping[bytes, Erasure] | None = None) -> None:
        """Take the base currency of the sums, and the ledger: what it says is forgotten does not count."""
        self.first_order_ms: int | None = None
        self.last_event_ms: int | None = None
        self._table = CustomersTable()
        self._partition = Partition(self._table, erasures=dict(erasures or {}))
        self._out: list[Output] = []
        self._untaken = _FLUSH_RECORDS
        self._partition.apply(-1, "", PolicyApplied("control", 0, 0, _ENDLESS % currency), self._out)

    def add(self, offset: int, customer_id: str, record: JournalRecord) -> None:
        """Take a record; of those that are no order, refund or erasure only their moment."""
        moment = getattr(record, "occurred_at", None) or getattr(record, "at", None)
        if moment is not None and (self.last_event_ms is None or moment > self.last_event_ms):
            self.last_event_ms = moment
        if not isinstance(record, OrderPlaced | OrderRefunded | CustomerErased):
            return
        if isinstance(record, OrderPlaced) and (
            self.first_order_ms is None or record.occurred_at < self.first_order_ms
        ):
            self.first_order_ms = record.occurred_at
        self._partition.apply(offset, customer_id, record, self._out)
        self._out.clear()
        self._untaken -= 1
        if not self._untaken:
            self._table.flush()
            self._untaken = _FLUSH_RECORDS

    def profiles(self) -> Iterator[Profile]:
        """Everyone who is known; no record may be taken afterwards."""
        self._table.flush()
        for customer_id in self._table.ids():
            profile = self._table.get(customer_id)
            if profile is not None:
                yield profile
