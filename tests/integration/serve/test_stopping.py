"""`goldstream serve` under load: it stops and loses nothing that it has accepted; Kafka comes late; JSON is deep."""

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp

from agents.demo.embedded.loopback import free_port
from agents.serve.access.token_file import Token, write_tokens
from agents.serve.access.token_text import digest
from tests.integration.intake.intake_events import has_rules, prepare, purchase
from tests.records.kafka_records import read
from tests.running.http_servers import RunningServer, start_server
from tests.running.workers import Site, until
from tests.servers.apache_kafka import ApacheKafka

StartServer = Callable[..., Awaitable[RunningServer]]


async def send_until_refused(server: RunningServer, start: int, accepted: list[str]) -> None:
    """Send one event after the other on one connection until the server is gone; note those that it has accepted."""
    async with aiohttp.ClientSession() as client:
        for number in range(start, start + 100_000):
            event = purchase(f"c-{number}") | {"event_id": f"e-{number}", "order_id": f"o-{number}"}
            try:
                async with client.post(f"{server.url}/v1/events", json=event) as answer:
                    if answer.status == 200:
                        await answer.read()
                        accepted.append(event["event_id"])
            except aiohttp.ClientError:
                return


@contextlib.asynccontextmanager
async def forwarding(address: str, to: str) -> AsyncIterator[None]:
    """Let an address lead to a broker, which then names its own."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*to.split(":"))
        await asyncio.gather(pump(reader, back), pump(there, writer))

    host, port = address.split(":")
    listening = await asyncio.start_server(connect, host, int(port))
    try:
        yield
    finally:
        listening.close()


async def published_ids(site: Site) -> set[str]:
    """Return the ids of all events on the topic `events`."""
    return {json.loads(record.value)["event_id"] for record in await read(site.kafka, site.topic("events"))}


async def test_two_servers_stop_under_load_and_lose_nothing_that_they_accepted(
    site: Site, http_server: StartServer
) -> None:
    await prepare(site)
    servers = [await http_server() for _ in range(2)]
    accepted: list[str] = []
    for server in servers:
        await has_rules(server)
    sending = [
        asyncio.create_task(send_until_refused(server, 1_000_000 * (1 + index), accepted))
        for index, server in enumerate([*servers, *servers])
    ]

    async def are_enough() -> bool:
        return len(accepted) > 50

    await until(are_enough, "events to be accepted")
    for server in servers:
        server.child.signal(signal.SIGTERM)
    assert [await server.wait_for_exit() for server in servers] == [0, 0]
    await asyncio.gather(*sending)
    assert set(accepted) <= await published_ids(site)


async def test_a_server_starts_without_kafka_and_becomes_ready_with_it(kafka: ApacheKafka, site: Site) -> None:
    await prepare(site)
    place = Site(f"127.0.0.1:{free_port()}", site.prefix, site.directory, {})
    server = start_server(place, "early")
    try:
        await server.listening()
        assert (await server.request("GET", "/health")).status == 200
        waiting = await server.request("GET", "/ready")
        assert (waiting.status, waiting.headers["content-type"]) == (503, "application/problem+json")
        refused = await server.request("POST", "/v1/events", json=purchase())
        assert refused.status == 503
        assert int(refused.headers["retry-after"]) > 0
        async with forwarding(place.kafka, kafka.bootstrap):
            await server.ready()
            assert (await server.request("POST", "/v1/events", json=purchase())).status == 200
        assert await server.stop() == 0
    finally:
        server.child.kill()


async def test_a_server_is_ready_once_it_knows_a_policy(site: Site, http_server: StartServer) -> None:
    await site.create_topics()
    server = await http_server()
    waiting = await server.request("GET", "/ready")
    assert waiting.status == 503
    assert f"{site.topic('control')} has no policy" in waiting.json["detail"]
    await prepare(site)
    await server.ready()
    assert (await server.request("POST", "/v1/events", json=purchase())).status == 200


async def test_json_nested_ten_thousand_deep_is_answered_with_400(site: Site, http_server: StartServer) -> None:
    await prepare(site)
    server = await http_server()
    await has_rules(server)
    headers = {"Content-Type": "application/json"}
    bodies = (b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000)
    for path in ("/v1/events", "/v1/cloudevents", "/v1/customers/lookup", "/v1/policy/diff", "/v1/policy"):
        for body in bodies:
            answer = await server.request("POST", path, data=body, headers=headers | {"ce-id": "1"})
            assert answer.status in {400, 422}, (path, answer.body[:200])
            assert answer.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in server.log


async def test_a_stream_of_changes_ends_when_its_token_is_revoked(site: Site, http_server: StartServer) -> None:
    await prepare(site)
    tokens = site.directory / "tokens.toml"
    (reader, other), text = ("reader", "other"), "gs_reader_0123456789"
    stored = [Token(name, name, digest(text), ("customers:read",)) for name in (reader, other)]
    write_tokens(tokens, stored)
    server = await http_server(TOKENS=str(tokens))
    headers = {"Authorization": f"Bearer {text}"}
    async with aiohttp.ClientSession() as client, client.get(f"{server.url}/v1/changes", headers=headers) as stream:
        assert stream.status == 200
        assert (await asyncio.wait_for(stream.content.readline(), 10)).startswith(b":")
        write_tokens(tokens, stored[1:])
        await asyncio.wait_for(stream.content.read(), 10)
    assert (await server.request("GET", "/v1/changes", headers=headers)).status == 401
