"""Leave erased customers out of a replay: their events up to the erasure. Only the ledger is copied."""

from collections.abc import Iterable, Mapping

from agents.replay.merge_order import Entry
from state.records.erasure import Erasure, erasure_key
from state.records.events import CustomerErased, CustomerSignedUp, OrderPlaced

BEFORE_JOURNAL = -1
"""The position of an erasure in the new journal: before all its records."""

Ledgers = Mapping[int, Mapping[bytes, Erasure]]
"""The erasure ledger of each old partition."""


class ErasureFilter:
    """Decide which events a replay retains.

    An erasure that no lane had applied yet is not in the ledger. It is retained as an event, together with what comes
    before it, and the new lanes apply it. The same holds for customers who were erased after an earlier run of this
    replay had copied some of their events.

    Attributes:
        dropped_count: the number of events left out.
    """

    def __init__(self, ledgers: Ledgers, copied_keys: Iterable[bytes] = ()) -> None:
        """Prepare the filter.

        Args:
            ledgers: of the old partitions.
            copied_keys: the ledger keys of customers whose events before the erasure are in the new journal already.
        """
        self.dropped_count = 0
        self._copied_keys = set(copied_keys)
        self._ledgers = {
            partition: {key: erasure for key, erasure in ledger.items() if key not in self._copied_keys}
            for partition, ledger in ledgers.items()
        }
        self._returned: set[bytes] = set()

    def is_retained(self, entry: Entry) -> bool:
        """Return whether the event belongs in the new journal; call it once for each event, in order."""
        ledger = self._ledgers[entry.partition]
        if not ledger or not entry.key:
            return True
        key = erasure_key(entry.key.decode())
        erasure = ledger.get(key)
        if erasure is None or key in self._returned:
            return True
        event = entry.event
        if entry.offset > erasure.offset:
            if isinstance(event, CustomerErased):
                return True
            if isinstance(event, OrderPlaced | CustomerSignedUp) and event.occurred_at > erasure.occurred_at:
                self._returned.add(key)
                return True
        self.dropped_count += 1
        return False

    def new_ledger(self) -> dict[bytes, Erasure]:
        """Return the initial ledger of every new partition.

        All partitions get all entries: a key is a hash of the customer's id, which does not tell to which partition a
        customer would return.
        """
        merged: dict[bytes, Erasure] = {}
        for ledger in self._ledgers.values():
            for key, erasure in ledger.items():
                known = merged.get(key)
                if known is None or (known.seq, known.occurred_at) < (erasure.seq, erasure.occurred_at):
                    merged[key] = Erasure(erasure.seq, erasure.occurred_at, BEFORE_JOURNAL)
        return {key: erasure for key, erasure in merged.items() if key not in self._copied_keys}


def key_if_erased_later(ledger: Mapping[bytes, Erasure], key: bytes | None, old_offset: int) -> bytes | None:
    """Return the ledger key of a copied event's customer if they were erased after it, else None."""
    if not ledger or not key:
        return None
    hashed = erasure_key(key.decode())
    erasure = ledger.get(hashed)
    return hashed if erasure is not None and old_offset <= erasure.offset else None
