"""Flows in Redis equal a naive count, whatever is published twice, written twice, erased, or at the same moment."""

import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest
from aiokafka import ConsumerRecord

from agents.project.flows_projector import FlowsProjector
from agents.project.projection_keys import ProjectionKeys
from agents.project.redis_connection import connect_redis
from agents.serve.lookups.projections.flow_counts import KNOWN, FlowCounts, FlowName, period_of
from agents.serve.lookups.projections.flow_people import FlowPeople
from agents.serve.lookups.projections.flow_reach import FlowReachCounts, Moved, ReachKey
from agents.serve.lookups.projections.redis_reader import RedisReader
from state.units.timestamps import DAY_MS, format_ms
from streams.clock import SYSTEM_CLOCK
from streams.settings.settings import Settings
from tests.servers.redis_server import RedisServer

if TYPE_CHECKING:
    from agents.serve.lookups.projections.ranked_lists import Place

SEGMENTS = ("golden", "new", "at_risk")
CAUSES = ("time", "purchase")
_REACHABLE = {f"c:{number}" for number in range(1, 11, 2)}
BEGIN_MS = (date(2026, 1, 1) - date(1970, 1, 1)).days * DAY_MS


class _Move(NamedTuple):
    customer_id: str
    seq: int
    before: str | None
    after: str
    cause: str
    at_ms: int


class _Shop:
    """Draws what a lane publishes."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.records: list[ConsumerRecord] = []
        self.moves: list[_Move] = []
        self._segments: dict[str, str] = {}
        self._seqs: dict[str, int] = defaultdict(int)
        self._now_ms = BEGIN_MS

    def draw(self, count: int) -> None:
        """Add changes and erasures; after some of them, a crash repeats the last ones."""
        rng = self.rng
        for _ in range(count):
            if rng.random() < 0.7:
                self._now_ms += rng.randrange(DAY_MS // 8)
            customer_id = f"c:{rng.randrange(12)}"
            if rng.random() < 0.03:
                self._erase(customer_id)
            else:
                self._change(customer_id)
            if rng.random() < 0.05:
                for record in self.records[-rng.randrange(1, 6) :]:
                    self._add(record.key, record.value, record.headers)

    def _change(self, customer_id: str) -> None:
        before = self._segments.get(customer_id)
        after = self.rng.choice([each for each in SEGMENTS if each != before])
        self._seqs[customer_id] += 1
        move = _Move(customer_id, self._seqs[customer_id], before, after, self.rng.choice(CAUSES), self._now_ms)
        self._segments[customer_id] = after
        self.moves.append(move)
        value = {
            "customer_id": customer_id, "seq": move.seq, "from": before, "to": after,
            "effective_at": format_ms(move.at_ms), "cause": {"kind": move.cause},
        }  # fmt: skip
        self._add(customer_id.encode(), msgspec.json.encode(value), [])

    def _erase(self, customer_id: str) -> None:
        self._segments.pop(customer_id, None)
        self.moves = [move for move in self.moves if move.customer_id != customer_id]
        header = ("ce_id", f"{customer_id}:{self._seqs[customer_id]}:erased".encode())
        self._add(customer_id.encode(), None, [header])

    def _add(self, key: bytes, value: bytes | None, headers: Sequence[Any]) -> None:
        self.records.append(
            ConsumerRecord("changes", 0, len(self.records), 0, 0, key, value, None, 0, 0, tuple(headers))
        )


@pytest.mark.parametrize("seed", range(4))
async def test_flows_equal_a_naive_count(redis_server: RedisServer, prefix: str, seed: int) -> None:
    shop = _Shop(seed)
    shop.draw(400)
    async with connect_redis(Settings(redis=redis_server.url)) as client:
        projector = FlowsProjector(client, {}, prefix, "changes", 0)
        at = 0
        while at < len(shop.records):
            at += shop.rng.randrange(1, 40)
            await projector.write(shop.records[:at][-80:] if shop.rng.random() < 0.5 else shop.records[:at])
        reader = RedisReader(client)
        keys = ProjectionKeys(prefix)
        counts = FlowCounts(reader, keys)
        for number in range(12):  # of c:11 Redis has nothing yet
            if number != 11:
                await client.hset(f"{keys.customer}c:{number}", "reachable", number % 2)
        names, _ = await counts.names()
        newest_ms = max(move.at_ms for move in shop.moves)
        for begin_ms, end_ms in (
            (newest_ms - 30 * DAY_MS, newest_ms + 1),
            (newest_ms - 20 * DAY_MS, newest_ms - 5 * DAY_MS),
            (newest_ms, newest_ms + 1),
        ):
            moves = [move for move in shop.moves if begin_ms <= move.at_ms < end_ms]
            await _check_counts(counts, moves, begin_ms, end_ms)
            await _check_reach(FlowReachCounts(reader, keys, counts, SYSTEM_CLOCK), moves, begin_ms, end_ms)
            for chosen in (names, [name for name in names if name.after == "golden"], names[:1]):
                wanted = {(name.before, name.after, name.cause) for name in chosen}
                latest: dict[str, _Move] = {}
                for move in moves:
                    if (move.before or "none", move.after, move.cause) in wanted:
                        latest[move.customer_id] = move
                await _check_people(FlowPeople(reader, counts), chosen, latest, begin_ms, end_ms)
        await reader.close()


async def _check_counts(counts: FlowCounts, moves: Sequence[_Move], begin_ms: int, end_ms: int) -> None:
    for cause in (None, *CAUSES):
        expected: dict[tuple[str | None, str], list[_Move]] = defaultdict(list)
        for move in moves:
            if cause in (None, move.cause):
                expected[move.before, move.after].append(move)
        flows = await counts.flows(period_of(begin_ms, end_ms), cause)
        assert {(flow.from_segment, flow.to_segment): (flow.customers, flow.changes) for flow in flows} == {
            pair: (len({move.customer_id for move in each}), len(each)) for pair, each in expected.items()
        }


async def _check_reach(counts: FlowReachCounts, moves: Sequence[_Move], begin_ms: int, end_ms: int) -> None:
    period = period_of(begin_ms, end_ms)
    for before, after, cause in itertools.product(
        ("", "none", "new", "new,golden", KNOWN), ("", "golden"), ("", "time")
    ):
        everybody = [
            move for move in moves if _is_from(before, move) and after in ("", move.after) and cause in ("", move.cause)
        ]
        chosen = [move for move in everybody if move.customer_id in _REACHABLE]
        reach = await counts.count(ReachKey(period, before, after, cause))
        assert reach.all == _moved(everybody)
        assert reach.came == _moved([move for move in everybody if move.before is None])
        assert {pair: count for pair, count in reach.pairs.items() if count} == _different(_by(_pair, chosen))
        known = [move for move in everybody if move.before is not None]
        for groups, expected in (
            (reach.causes, _by(lambda move: move.cause, known)),
            (reach.before, _by(lambda move: move.before or "none", everybody)),
            (reach.after, _by(lambda move: move.after, everybody)),
        ):
            assert {name: moved for name, moved in groups.items() if moved.customers} == {
                name: _moved(group) for name, group in expected.items()
            }
        assert counts.stored(ReachKey(period, before, after, cause)) == reach


def _is_from(before: str, move: _Move) -> bool:
    if before == KNOWN:
        return move.before is not None
    return not before or (move.before or "none") in before.split(",")


def _pair(move: _Move) -> tuple[str, str]:
    return move.before or "none", move.after


def _by(key: Callable[[_Move], Hashable], moves: Sequence[_Move]) -> dict[Hashable, list[_Move]]:
    groups: dict[Hashable, list[_Move]] = defaultdict(list)
    for move in moves:
        groups[key(move)].append(move)
    return groups


def _different(groups: dict[Hashable, list[_Move]]) -> dict[Hashable, int]:
    return {key: len({move.customer_id for move in moves}) for key, moves in groups.items()}


def _moved(moves: Sequence[_Move]) -> Moved:
    ids = {move.customer_id for move in moves}
    return Moved(len(ids), len(ids & _REACHABLE))


async def _check_people(
    people: FlowPeople, names: Sequence[FlowName], latest: dict[str, _Move], begin_ms: int, end_ms: int
) -> None:
    found: list[tuple[str, str]] = []
    place: Place | None = None
    while True:
        page, place = await people.page(names, period_of(begin_ms, end_ms), place, 2)
        found += [(move.customer_id, move.at) for move in page]
        if place is None:
            break
    assert dict(found) == {customer_id: format_ms(move.at_ms) for customer_id, move in latest.items()}
    assert len(found) == len(latest)
    assert [at for _, at in found] == sorted((at for _, at in found), reverse=True)
