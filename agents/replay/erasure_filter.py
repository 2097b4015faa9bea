"""What a replay leaves out: everybody who was erased, up to the erasure; the ledger is all that goes with them."""

from collections.abc import Iterable, Mapping

from agents.replay.merge_order import Entry
from state.records.erasure import Erasure, erasure_key
from state.records.events import CustomerErased, CustomerSignedUp, OrderPlaced

FROM_THE_START = -1
"""The place of an erasure in the new journal: before all that is there."""

Ledgers = Mapping[int, Mapping[bytes, Erasure]]
"""The ledger of each old partition."""


class ErasureFilter:
    """Tells which events go along.

    An erasure that no lane had applied yet is not in the ledger: it goes along as the event that it is, and the new
    lanes apply it. So it is with those who were erased after an earlier run of this replay had written of them.

    Attributes:
        left_out: how many events stayed behind.
    """

    def __init__(self, ledgers: Ledgers, written_of: Iterable[bytes] = ()) -> None:
        """Takes the ledgers, and the keys in them of those of whom the new journal has what lies before the erasure."""
        self.left_out = 0
        self._written_of = set(written_of)
        self._ledgers = {
            partition: {key: erasure for key, erasure in ledger.items() if key not in self._written_of}
            for partition, ledger in ledgers.items()
        }
        self._back: set[bytes] = set()

    def is_retained(self, entry: Entry) -> bool:
        """Whether the event is part of the new journal; to be asked once for each event, in order."""
        ledger = self._ledgers[entry.partition]
        if not ledger or not entry.key:
            return True
        key = erasure_key(entry.key.decode())
        erasure = ledger.get(key)
        if erasure is None or key in self._back:
            return True
        event = entry.event
        if entry.offset > erasure.offset:
            if isinstance(event, CustomerErased):
                return True
            if isinstance(event, OrderPlaced | CustomerSignedUp) and event.occurred_at > erasure.occurred_at:
                self._back.add(key)
                return True
        self.left_out += 1
        return False

    def new_ledger(self) -> dict[bytes, Erasure]:
        """What the ledgers of all the new partitions begin with.

        Whose they are the ledger does not say, so nobody knows in which of the partitions they would come back.
        """
        merged: dict[bytes, Erasure] = {}
        for ledger in self._ledgers.values():
            for key, erasure in ledger.items():
                known = merged.get(key)
                if known is None or (known.seq, known.occurred_at) < (erasure.seq, erasure.occurred_at):
                    merged[key] = Erasure(erasure.seq, erasure.occurred_at, FROM_THE_START)
        return {key: erasure for key, erasure in merged.items() if key not in self._written_of}


def written_before_erasure(ledger: Mapping[bytes, Erasure], key: bytes | None, old_offset: int) -> bytes | None:
    """The key in the ledger of the customer of a record in the new journal, if they were erased after it."""
    if not ledger or not key:
        return None
    hashed = erasure_key(key.decode())
    erasure = ledger.get(hashed)
    return hashed if erasure is not None and old_offset <= erasure.offset else None
