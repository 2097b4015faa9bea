"""Look-ups over HTTP equal what a naive count of the topics finds; lists are paged and streamed as a whole."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from redis.asyncio import Redis

from state.config.policy_reader import parse_policy
from state.customer.profile import Profile
from state.units.money import format_minor
from tests.integration.serve.lookup_counts import changes_of, channels_of, groups_of, moves_in, profiles_of
from tests.records.kafka_records import Ends, publish
from tests.retail.comparison import redis_shows_all
from tests.retail.rules import STEPPE
from tests.retail.year import draw_year
from tests.running.http_servers import RunningServer
from tests.running.workers import Site, until
from tests.servers.redis_server import RedisServer
from tests.servers.topics import make_topic

Start = Callable[..., Awaitable[RunningServer]]
POLICY = parse_policy(STEPPE.policy)


async def _get(server: RunningServer, path: str) -> Any:
    answer = await server.request("GET", path)
    assert answer.status == 200, answer.body
    return answer.json


async def _all(server: RunningServer, path: str, limit: int) -> list[dict[str, Any]]:
    """Return all customers of a list, page by page."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = await _get(server, f"{path}{'&' if '?' in path else '?'}limit={limit}{cursor}")
        found += page["customers"]
        assert len(page["customers"]) <= limit
        if page["cursor"] is None:
            flag = next((flag for flag in ("true", "false") if f"reachable={flag}" in path), None)
            of_flag = {None: page["total"], "true": page["reachable"], "false": page["total"] - page["reachable"]}
            assert len(found) == of_flag[flag]
            return found
        cursor = f"&cursor={page['cursor']}"


async def _csv(server: RunningServer, path: str) -> list[dict[str, str]]:
    answer = await server.request("GET", path, headers={"Accept": "text/csv"})
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.body.decode())))


async def _shown(site: Site, redis: RedisServer) -> None:
    """Wait until Redis shows all customers and changes."""
    await redis_shows_all(site.kafka, redis.url, site.prefix)
    async with Ends(site.kafka) as ends:
        end = await ends.of(site.topic("segment-changes"))

    async with Redis.from_url(redis.url) as client:

        async def shown() -> bool:
            keys = [key async for key in client.scan_iter(f"{site.prefix}:project-flows:*")]
            return sum(int(each or 0) for each in await client.mget(keys)) >= end if keys else False

        await until(shown, f"Redis to show {end} changes")


@pytest.mark.timeout(240)
async def test_figures_lists_and_flows_equal_a_naive_count_of_the_topics(
    site: Site, redis_server: RedisServer, http_server: Start, seed: int
) -> None:
    year = draw_year(seed, STEPPE, 250)
    site.settings |= STEPPE.settings(site.directory) | {"TIME": "event", "REDIS": redis_server.url, "PARTITIONS": "2"}
    await make_topic(site.kafka, site.topic("events"))
    await publish(site.kafka, site.topic("events"), year.records)
    worker = site.worker()
    await worker.ready()
    await site.advance(year.ends_at)
    await _shown(site, redis_server)
    server = await http_server()

    async def time_is_known() -> bool:
        return bool((await _get(server, "/v1/status"))["as_of"] == year.ends_at)

    await until(time_is_known, "the server to know the time")
    status = await _get(server, "/v1/status")
    assert (status["lag_seconds"], status["redis"]["up"], status["policy"]["ref"]) == (None, True, "steppe@3")

    profiles = await profiles_of(site)
    assert profiles
    for name, answer_name, key in (("segment", "segments", "name"), ("cell", "cells", "cell")):
        expected = groups_of(profiles, name)
        answer = await _get(server, f"/v1/{answer_name}")
        found = {
            each[key]: (each["customers"], each["reachable"], each["revenue"])
            for each in answer[answer_name]
            if each["customers"]
        }
        assert found == {
            each: (len(group.customers), group.reachable, format_minor(group.revenue, POLICY.digits))
            for each, group in expected.items()
        }
        assert answer["customers"] == len(profiles)
        assert sum(each["share"] for each in answer[answer_name]) == pytest.approx(1, abs=1e-3)
    assert [each["name"] for each in (await _get(server, "/v1/segments"))["segments"]] == list(POLICY.segment_names)

    for segment, group in groups_of(profiles, "segment").items():
        listed = await _all(server, f"/v1/segments/{segment}/customers", 7)
        ids = [each["customer_id"] for each in listed]
        assert len(ids) == len(set(ids))
        assert set(ids) == group.customers
        sums = [float(each["monetary"]) for each in listed]
        assert sums == sorted(sums, reverse=True)
        rows = await _csv(server, f"/v1/segments/{segment}/customers")
        assert [(row["customer_id"], row["monetary"]) for row in rows] == [
            (each["customer_id"], each["monetary"]) for each in listed
        ]
    await _check_lists_by_reach(server, profiles)
    for customer_id, profile in profiles.items():
        found = await _get(server, f"/v1/customers/{quote(customer_id, safe='')}")
        assert (found["segment"], found["seq"], set(found["channels"])) == (
            profile.segment,
            profile.seq,
            channels_of(profile),
        )
        assert found["reachable"] is bool(channels_of(profile))

    await _check_flows(site, server, date.fromisoformat(year.ends_at[:10]))
    days = await _get(server, "/v1/daily")
    health = await site.command("health", "--json")
    for shown, expected in zip(days["days"], json.loads(health.out)["days"], strict=True):
        assert shown["figures"] == expected["figures"]
        assert shown == expected
    story = await _get(server, f"/v1/customers/{quote(next(iter(profiles)), safe='')}/story")
    assert story == json.loads((await site.command("customer", "--json", next(iter(profiles)))).out)
    await worker.stop()


async def _check_lists_by_reach(server: RunningServer, profiles: dict[str, Profile]) -> None:
    """The whole base, and those of any list who can be reached or cannot, page by page and as a file."""
    answer = await _get(server, "/v1/segments")
    reachable = {customer_id for customer_id, profile in profiles.items() if channels_of(profile)}
    assert 0 < len(reachable) < len(profiles)
    assert (answer["customers"], answer["reachable"]) == (len(profiles), len(reachable))
    lists = {"/v1/customers": set(profiles)}
    for name, path in (("segment", "/v1/segments"), ("cell", "/v1/cells")):
        lists |= {
            f"{path}/{each}/customers": group.customers for each, group in list(groups_of(profiles, name).items())[:5]
        }
    for path, ids in lists.items():
        for flag, wanted in (("", ids), ("?reachable=true", ids & reachable), ("?reachable=false", ids - reachable)):
            listed = await _all(server, path + flag, 9)
            found = [each["customer_id"] for each in listed]
            assert len(found) == len(wanted)
            assert set(found) == wanted
            places = [(profiles[each].monetary, each.encode()) for each in found]
            assert places == sorted(places, reverse=True)
            assert [row["customer_id"] for row in await _csv(server, path + flag)] == found
    refused = await server.request("GET", "/v1/customers?reachable=perhaps")
    assert refused.status in {400, 422}


async def _check_flows(site: Site, server: RunningServer, latest: date) -> None:
    changes = await changes_of(site)
    for first, last in (
        (latest - timedelta(days=29), latest),
        (latest - timedelta(days=89), latest),
        (latest - timedelta(days=80), latest - timedelta(days=40)),
    ):
        moves = moves_in(changes, POLICY.timezone, first, last)
        answer = await _get(server, f"/v1/flows?from={first}&to={last}")
        assert (answer["from"], answer["to"], answer["timezone"]) == (str(first), str(last), POLICY.timezone)
        found = {(each["from"], each["to"]): each for each in answer["flows"]}
        pairs: dict[tuple[str | None, str], dict[str, list[str]]] = defaultdict(dict)
        for (before, after, cause), ids in moves.items():
            pairs[before, after][cause] = ids
        assert found.keys() == pairs.keys()
        for pair, causes in pairs.items():
            every = [customer_id for ids in causes.values() for customer_id in ids]
            assert (found[pair]["customers"], found[pair]["changes"]) == (len(set(every)), len(every)), pair
            assert found[pair]["causes"] == {cause: len(set(ids)) for cause, ids in causes.items()}
        for (before, after), causes in list(pairs.items())[:6]:
            query = f"from={first}&to={last}&before={before or 'none'}&after={after}"
            listed = await _all(server, f"/v1/flows/customers?{query}", 5)
            ids = [each["customer_id"] for each in listed]
            assert len(ids) == len(set(ids))
            assert set(ids) == {customer_id for ids in causes.values() for customer_id in ids}
            moments = [each["at"] for each in listed]
            assert moments == sorted(moments, reverse=True)
            assert [row["customer_id"] for row in await _csv(server, f"/v1/flows/customers?{query}")] == ids
        every_id = {customer_id for ids in moves.values() for customer_id in ids}
        listed = await _all(server, f"/v1/flows/customers?from={first}&to={last}", 50)
        assert len(listed) == len(every_id)
        assert {each["customer_id"] for each in listed} == every_id
        of_known = {each for (before, _, _), ids in moves.items() if before is not None for each in ids}
        query = f"/v1/flows/customers?from={first}&to={last}&before=%21none"
        assert {each["customer_id"] for each in await _all(server, query, 50)} == of_known
        for flag, is_reachable in (("true", True), ("false", False)):
            wanted = [each["customer_id"] for each in listed if each["customer"]["reachable"] is is_reachable]
            query = f"/v1/flows/customers?from={first}&to={last}&reachable={flag}"
            assert [each["customer_id"] for each in await _all(server, query, 3)] == wanted
            assert [row["customer_id"] for row in await _csv(server, query)] == wanted
