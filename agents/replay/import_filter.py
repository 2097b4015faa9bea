"""Leave the events of some imports out of a replay: those that a wrong file brought into the journal."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Final

from agents.replay.merge_order import Barrier, Entry, OldPartition, merge_partitions
from agents.replay.replay_rules import ReplayRefused
from state.units.counts import counted

_NAMED: Final = 20


class ImportFilter:
    """Decide which events a replay retains.

    Attributes:
        dropped_count: the number of events left out.
    """

    def __init__(self, import_ids: Collection[str]) -> None:
        self.dropped_count = 0
        self._import_ids = frozenset(import_ids)

    def is_retained(self, entry: Entry) -> bool:
        """Return whether the event belongs in the new journal."""
        if entry.event.import_id is None or entry.event.import_id not in self._import_ids:
            return True
        self.dropped_count += 1
        return False


async def check_imports(
    import_ids: Collection[str], prefix: str, partitions: Iterable[OldPartition], on_read: Callable[[int], None]
) -> None:
    """Check that the journal has events of each of these imports.

    Args:
        import_ids: the ids.
        prefix: of the journal.
        partitions: all of the journal.
        on_read: called now and then with the number of records read so far.

    Raises:
        ReplayRefused: there are none of some of them; names the imports of which there are.
    """
    found, read_before = Counter[str](), 0
    for partition in partitions:
        async for merged in merge_partitions([partition]):
            if not isinstance(merged, Barrier):
                found.update(entry.event.import_id for entry in merged if entry.event.import_id is not None)
                on_read(read_before + partition.read_count)
        read_before += partition.read_count
        on_read(read_before)
    missing = [each for each in dict.fromkeys(import_ids) if each not in found]
    if missing:
        known = [f"{name} ({counted(count, 'event')})" for name, count in found.most_common(_NAMED)]
        more = f" and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
        has = f"it has {', '.join(known)}{more}" if known else "it has no events of any import"
        raise ReplayRefused(
            *(
                f"--without-import: no event in the journal of {prefix} has the import id {each}; {has}"
                for each in missing
            )
        )
