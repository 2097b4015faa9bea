"""A year cut into waves, each of which causes what its fault waits for."""

import bisect
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from tests.oracle import Result, moments
from tests.records.kafka_records import Published
from tests.retail.year import Year

ALWAYS_WRITTEN: Final = frozenset({"journal", "source-times", "customers", "progress", "daily", "control"})
"""Topics that any wave of a year causes records of."""
KNOWN_FROM_INPUT: Final = ALWAYS_WRITTEN | {"rejected", "erasure-ledger"}
"""Topics whose causes are known without the outputs that the oracle computes."""


class Causes(NamedTuple):
    """Which records of a year cause records of which topics.

    Attributes:
        year: the history.
        indexes: by topic, the indexes in `year.records` that cause an output, in order, once for each output. What is
            due after the last record has none.
    """

    year: Year
    indexes: Mapping[str, Sequence[int]]

    @classmethod
    def of(cls, year: Year, expected: Result | None) -> "Causes":
        """Return the causes of what the oracle expects, if given: a record causes all that is due up to its moment."""
        moments_ms, indexes, events = list[int](), defaultdict[str, list[int]](list), iter(year.events)
        for index, record in enumerate(year.records):
            if record in year.wrong:
                indexes["rejected"].append(index)
                moments_ms.append(0)
                continue
            event = next(events)
            moments_ms.append(moments.parse(event["occurred_at"]))
            if event["type"] == "erasure":
                indexes["erasure-ledger"].append(index)
        latest_ms = list(accumulate(moments_ms, max))
        for output in expected.outputs if expected is not None else ():
            index = bisect.bisect_left(latest_ms, moments.parse(output.headers["ce_time"]))
            if index < len(year.records):
                indexes[output.topic].append(index)
        return cls(year, {topic: sorted(found) for topic, found in indexes.items()})

    def count_caused(self, topic: str, begin: int, end: int) -> int:
        """Return how many records of the topic the records from `begin` up to `end` (exclusive) cause at least.

        `customers` has one for each customer whose segment changes: what else is written depends on the batches.
        """
        if topic == "journal":
            return end - begin - self.count_caused("rejected", begin, end)
        if topic == "customers":
            return len({self.year.records[index].key for index in self._of("segment-changes", begin, end)})
        return len(self._of(topic, begin, end))

    def cut(self, needs: Sequence[str | None]) -> list[list[Published]]:
        """Cut the year into waves of about equal size, each with a record that causes one of the topic it needs.

        Raises:
            AssertionError: the year has no cause left for a topic.
        """
        starts = self.year.wave_starts()
        waves, begin = list[list[Published]](), 0
        for number, topic in enumerate(needs):
            end = (
                starts[len(starts) * (number + 1) // len(needs)] if number + 1 < len(needs) else len(self.year.records)
            )
            if topic is not None and topic not in ALWAYS_WRITTEN:
                end = max(end, self._first(topic, begin) + 1)
            after = bisect.bisect_left(starts, max(end, begin + 1))
            end = starts[after] if after < len(starts) else len(self.year.records)
            waves.append(self.year.records[begin:end])
            begin = end
        return waves

    def _of(self, topic: str, begin: int, end: int) -> Sequence[int]:
        found = self.indexes.get(topic, ())
        return found[bisect.bisect_left(found, begin) : bisect.bisect_left(found, end)]

    def _first(self, topic: str, begin: int) -> int:
        found = self.indexes.get(topic, ())
        place = bisect.bisect_left(found, begin)
        assert place < len(found), f"nothing after record {begin} causes a record of {topic}: seed {self.year.seed}"
        return found[place]
