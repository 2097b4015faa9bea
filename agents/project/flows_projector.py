"""Flows in Redis: who moved from which segment to which, by which cause, in the last 90 days.

A flow is a sorted set of customers, each scored by their latest such move, so that counting the customers of a period
that reaches to the present takes one command. A customer who moves the same way again leaves the earlier move in a
second set. A move that is published twice is written twice, to the same effect. All changes of a customer are in one
partition of `segment-changes`.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from aiokafka import ConsumerRecord
from redis.asyncio import Redis

from agents.project.projection_keys import (
    MOVE_DAYS,
    NOBODY,
    SEQ_RANGE,
    ProjectionKeys,
    earlier_member,
    earlier_name,
    flow_name,
    move_score,
)
from agents.project.redis_link import pack, pack_argument
from agents.project.redis_projector import Plan, RedisProjector
from state.units.timestamps import DAY_MS, parse_rfc3339

MAX_MOVES: Final = 500
"""Moves per transaction."""


class _Cause(msgspec.Struct):
    kind: str


class _Change(msgspec.Struct, rename={"from_segment": "from", "to_segment": "to"}):
    """What a flow needs of a segment change."""

    seq: int
    from_segment: str | None
    to_segment: str
    effective_at: str
    cause: _Cause


class _Move:
    """A move of a customer, or with an empty `flow` the erasure of their moves up to the number `seq`."""

    __slots__ = ("at_ms", "customer_id", "flow", "score", "seq")

    def __init__(self, record: ConsumerRecord) -> None:
        self.customer_id = record.key.decode()
        if record.value is None:
            self.flow, self.at_ms, self.score = "", 0, 0
            self.seq = int(dict(record.headers)["ce_id"].rsplit(b":", 2)[1])
        else:
            change = _decode(record.value)
            self.seq = change.seq
            self.flow = flow_name(change.from_segment or NOBODY, change.to_segment, change.cause.kind)
            self.at_ms = parse_rfc3339(change.effective_at)
            self.score = move_score(self.at_ms, change.seq)


class FlowsProjector(RedisProjector):
    """Projects the segment changes of one partition."""

    max_keys = MAX_MOVES
    shares_transactions = True

    def __init__(self, redis: Redis, kafka: dict[str, Any], prefix: str, topic: str, partition: int) -> None:
        self._keys = ProjectionKeys(prefix)
        super().__init__(redis, kafka, topic, partition, self._keys.position("flows", partition))
        self._newest_ms = 0
        self._trimmed_day = -1

    def slot(self, record: ConsumerRecord) -> int | None:
        """Return the offset: every change counts, not only the last one of a customer."""
        return record.offset if record.key else None

    async def plan(self, records: Sequence[ConsumerRecord], end: int) -> Plan:  # noqa: ARG002 - only totals need it
        """Return how to write the moves; the customers' latest moves decide which of them are earlier ones.

        At the first move of a day, moves of more than 90 days ago are removed.
        """
        moves = [_Move(record) for record in records]
        self._newest_ms = max((move.at_ms for move in moves), default=0) or self._newest_ms
        is_new_day = self._newest_ms // DAY_MS > self._trimmed_day
        needs_names = is_new_day or any(not move.flow for move in moves)
        reads = [pack("ZRANGE", self._keys.flows, 0, -1)] if needs_names else []
        reads += [
            _ZSCORE + pack_argument(self._keys.flow(move.flow)) + pack_argument(move.customer_id)
            for move in moves
            if move.flow
        ]

        def writes(replies: Sequence[Any]) -> list[str]:
            known: Sequence[str] = replies[0] if needs_names else ()
            written = _Written(moves, replies[len(replies) - sum(1 for move in moves if move.flow) :])
            commands = [*self._removals(known, written.erased), *self._additions(written)]
            return commands + (self._trimming({*known, *written.names()}) if is_new_day else [])

        return Plan(reads, writes)

    def _removals(self, known: Iterable[str], erased: dict[str, int]) -> Iterable[str]:
        if not erased:
            return
        earlier = [
            f"{customer_id}:{number}"
            for customer_id, seq in erased.items()
            for number in range(min(seq + 1, SEQ_RANGE))
        ]
        for name in known:
            yield pack("ZREM", self._keys.flow(name), *(earlier if name.startswith("earlier-") else erased))

    def _additions(self, written: "_Written") -> Iterable[str]:
        for name, scores in written.sets.items():
            if scores:
                pairs = [part for member, score in scores.items() for part in (score, member)]
                yield pack("ZADD", self._keys.flow(name), *pairs)
        if names := written.names():
            yield pack("ZADD", self._keys.flows, *(part for name in names for part in (0, name)))

    def _trimming(self, names: Iterable[str]) -> list[str]:
        self._trimmed_day = self._newest_ms // DAY_MS
        end = move_score(self._newest_ms - (MOVE_DAYS + 1) * DAY_MS, 0)  # local days may begin up to a day earlier
        return [pack("ZREMRANGEBYSCORE", self._keys.flow(name), "-inf", end) for name in sorted(names)]


class _Written:
    """What consecutive moves leave behind.

    Attributes:
        sets: by the name of a sorted set, the members that are added to it and their scores.
        erased: customers whose moves before these are removed, and the number of the last one.
    """

    def __init__(self, moves: Sequence[_Move], scores: Sequence[str | None]) -> None:
        self.sets: dict[str, dict[str, int]] = {}
        self.erased: dict[str, int] = {}
        before = iter(scores)
        for move in moves:
            if not move.flow:
                self._erase(move)
                continue
            stored = next(before)
            self._add(move, None if stored is None or move.customer_id in self.erased else int(float(stored)))

    def names(self) -> list[str]:
        """Return the names of the sets that get members."""
        return [name for name, scores in self.sets.items() if scores]

    def _add(self, move: _Move, stored: int | None) -> None:
        latest = self.sets.setdefault(move.flow, {})
        customer_id, score = move.customer_id, move.score
        current = latest.get(customer_id, stored)
        if current is None or current < score:
            latest[customer_id] = score
        if current is not None and current != score:
            earlier = min(current, score)
            members = self.sets.setdefault(earlier_name(move.flow), {})
            members[earlier_member(customer_id, earlier)] = earlier

    def _erase(self, erasure: _Move) -> None:
        customer_id = erasure.customer_id
        self.erased[customer_id] = max(erasure.seq, self.erased.get(customer_id, 0))
        for name, members in self.sets.items():
            for member in list(members):
                if member == customer_id or (name.startswith("earlier-") and member.rpartition(":")[0] == customer_id):
                    del members[member]


_ZSCORE: Final = "*3\r\n" + pack_argument("ZSCORE")
_decode: Final = msgspec.json.Decoder(_Change).decode
