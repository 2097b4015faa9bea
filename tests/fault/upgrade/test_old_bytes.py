"""The fold of this version on the journals and tables that earlier versions have written, without servers."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from state.records.events import FORMAT_VERSION, decode_record, encode_record
from streams.wire.cloudevents import PublishedRecord
from tests.fault.upgrade import installation as recorded
from tests.fault.upgrade.installation import Installation, StoredRecord
from tests.property.folding import NUMBER, PREFIX, TOPICS, Entry, Lane
from tests.property.profile_comparison import without_chunks

_OUTPUTS: Final = ("segment-changes", "offers", "reactivations", "suppressions", "outcomes")
_RECOVERED: Final = ("customers", "erasure-ledger", "progress")
assert recorded.PREFIX == PREFIX

Outputs = dict[tuple[str, bytes], list[tuple[bytes | None, tuple[tuple[str, bytes | None], ...]]]]


def _partitions() -> Iterator[tuple[str, Installation, int]]:
    for path in sorted(Path(__file__).parent.glob("installation-*.json.xz")):
        installation = Installation.read(path)
        for partition in range(len(installation.topics["journal"])):
            yield f"{path.name.partition('.')[0]}:{partition}", installation, partition


PARTITIONS: Final = list(_partitions())
EACH_PARTITION: Final = pytest.mark.parametrize(
    ("installation", "partition"), [each[1:] for each in PARTITIONS], ids=[each[0] for each in PARTITIONS]
)


def journal_of(records: Iterable[StoredRecord], *, copied: bool = False) -> list[Entry]:
    """Return a recorded journal, or what a replay makes of it."""
    values = [((each.key or b"").decode(), each.value or b"") for each in records]
    return [Entry(key, encode_record(decode_record(value)) if copied else value) for key, value in values]


def outputs_of(installation: Installation, partition: int) -> Outputs:
    """Return what the earlier version had published, by topic and key."""
    found: Outputs = defaultdict(list)
    for name in _OUTPUTS:
        for record in installation.topics[name][partition]:
            headers = tuple((header, value) for header, value in record.headers)  # JSON has lists of lists
            found[TOPICS.full(name), record.key or b""].append((record.value, headers))
    return dict(found)


def published_of(records: Sequence[PublishedRecord]) -> Outputs:
    """Return published records by topic and key."""
    found: Outputs = defaultdict(list)
    for topic, key, value, headers in records:
        found[topic, key or b""].append((value, tuple(headers)))
    return dict(found)


@EACH_PARTITION
@pytest.mark.parametrize("copied", [False, True], ids=["as it is", "copied by a replay"])
def test_an_old_journal_publishes_what_it_did(installation: Installation, partition: int, *, copied: bool) -> None:
    journal = journal_of(installation.topics["journal"][partition], copied=copied)
    assert {entry.value[0] for entry in journal} <= ({FORMAT_VERSION} if copied else {1, 2})
    lane = Lane(journal).run(writes=range(0, len(journal), 40))
    assert published_of(lane.published) == outputs_of(installation, partition)


@EACH_PARTITION
def test_a_lane_that_recovers_an_old_table_repeats_only_what_was_published(
    installation: Installation, partition: int
) -> None:
    """The table may be ahead of the progress by what was folded between two writes of it."""
    journal = journal_of(installation.topics["journal"][partition])
    whole = Lane(journal).run()
    progress = installation.topics["progress"][partition]
    for count in range(1, len(progress) + 1):
        lane = Lane(journal)
        for name in _RECOVERED:
            for record in installation.topics[name][partition][: count if name == "progress" else None]:
                lane.written.broker.append(TOPICS.full(name), NUMBER, record.key, record.value, None)
        lane.recover()
        lane.run(writes=range(0, len(journal), 40))
        published, before = published_of(lane.published), outputs_of(installation, partition)
        assert all(set(records) <= set(before[place]) for place, records in published.items())
        found, expected = lane.written.profiles(), whole.written.profiles()
        assert found.keys() == expected.keys()
        for customer_id, profile in expected.items():
            assert _comparable(without_chunks(found[customer_id])) == _comparable(without_chunks(profile)), customer_id


def _comparable(fields: dict[str, object]) -> dict[str, object]:
    """Leave out when a silence began, which old tables do not say."""
    engagement = fields["engagement"]
    if engagement is not None and getattr(engagement, "silence", None) is not None:
        engagement.silence.began_at = 0  # type: ignore[attr-defined]
    return fields
