"""Events over HTTP: what each request is answered, and what is in Kafka after it."""

import asyncio
import gzip
import io
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.integration.intake.intake_events import has_rules, prepare, purchase
from tests.records.kafka_records import Published, java_partition, publish, read
from tests.running.http_servers import RunningServer
from tests.running.workers import Site, until

StartServer = Callable[..., Awaitable[RunningServer]]
NDJSON = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}


async def published(site: Site) -> list[tuple[str | None, Any]]:
    """Return keys and values in `events`; each record is in the partition of its key."""
    records = await read(site.kafka, site.topic("events"))
    for record in records:
        assert record.key is None or record.partition == java_partition(record.key, 4)
    return [(record.key.decode() if record.key else None, json.loads(record.value)) for record in records]


async def ready(site: Site, http_server: StartServer) -> RunningServer:
    await prepare(site)
    server = await http_server()
    await has_rules(server)
    return server


async def test_every_form_of_a_body_is_published_as_it_was_sent(site: Site, http_server: StartServer) -> None:
    server = await ready(site, http_server)
    events = [purchase(f"c-{number}") for number in range(8)]
    assert (await server.request("POST", "/v1/events", json=events[0])).json == {"accepted": 1}
    assert (await server.request("POST", "/v1/events", json={"events": events[1:3]})).json == {"accepted": 2}
    assert (await server.request("POST", "/v1/events", json=events[3:5])).json == {"accepted": 2}
    lines = "\n".join(map(json.dumps, events[5:7])).encode()
    answer = await server.request("POST", "/v1/events", data=lines, headers=NDJSON)
    assert (answer.status, answer.json, answer.headers["content-type"]) == (200, {"accepted": 2}, "application/json")
    packed = {**JSON, "Content-Encoding": "gzip"}
    answer = await server.request(
        "POST", "/v1/events", data=gzip.compress(json.dumps(events[7]).encode()), headers=packed
    )
    assert answer.status == 200
    assert sorted(await published(site), key=str) == sorted(((e["customer_id"], e) for e in events), key=str)
    assert (await server.metrics()).total("goldstream_http_events_total", outcome="accepted") == len(events)


async def test_the_path_gives_the_type_and_a_header_the_id(site: Site, http_server: StartServer) -> None:
    server = await ready(site, http_server)
    moment = purchase()["occurred_at"]
    base = {"customer_id": "c-1", "occurred_at": moment}
    sent: dict[str, dict[str, Any]] = {
        "purchase": {**base, "order_id": "1", "amount": 5, "currency": "RUB"},
        "refund": {**base, "refund_id": "r", "order_id": "1", "amount": 1, "currency": "RUB"},
        "signup": {**base, "source": "till"},
        "consent": {**base, "channel": "sms", "granted": True},
        "contact": {**base, "message_id": "m", "kind": "opened"},
        "erasure": base,
    }
    for kind, event in sent.items():
        answer = await server.request("POST", f"/v1/{kind}s", json=event, headers={"Idempotency-Key": f"key-{kind}"})
        assert (answer.status, answer.json) == (200, {"accepted": 1})
    several = [sent["consent"], {**sent["consent"], "event_id": "own"}]
    answer = await server.request("POST", "/v1/consents", json=several, headers={"Idempotency-Key": "k"})
    assert answer.json == {"accepted": 2}
    expected = [({**event, "type": kind, "event_id": f"key-{kind}"}) for kind, event in sent.items()]
    expected += [{**sent["consent"], "type": "consent", "event_id": event_id} for event_id in ("k/0", "own")]
    assert await published(site) == [("c-1", event) for event in expected]  # one customer: in their order


async def test_refused_events_are_named_and_the_others_published(site: Site, http_server: StartServer) -> None:
    server = await ready(site, http_server)
    good, bad = purchase(), purchase(amount="-1")
    answer = await server.request("POST", "/v1/events", json=[bad, good, 5])
    assert answer.status == 207
    negative, no_object = "must not be negative: got '-1'", "must be a JSON object: got a single value"
    assert answer.json == {
        "accepted": 1,
        "rejected": 2,
        "results": [
            {"index": 0, "event_id": bad["event_id"], "reason": "amount", "detail": f"amount {negative}"},
            {"index": 2, "event_id": None, "reason": "malformed", "detail": f"value {no_object}"},
        ],
    }
    answer = await server.request("POST", "/v1/events", json=bad)
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    assert (answer.json["accepted"], answer.json["rejected"]) == (0, 1)
    assert answer.json["results"][0]["reason"] == "amount"
    future = purchase(occurred_at="2100-01-01T00:00:00Z")
    assert (await server.request("POST", "/v1/events", json=future)).json["results"][0]["reason"] == "future"
    lines = json.dumps(good).encode() + b"\n{broken\n"
    answer = await server.request("POST", "/v1/events", data=lines, headers=NDJSON)
    assert (answer.status, answer.json["results"][0]["reason"]) == (207, "malformed")
    large = purchase(coupon="x" * 66_000)
    assert (await server.request("POST", "/v1/events", json=[large])).json["results"][0]["reason"] == "oversize"
    assert [event for _, event in await published(site)] == [good, good]
    outcomes = (await server.metrics()).by("goldstream_http_events_total", "outcome")
    assert (outcomes["accepted",], outcomes["rejected",]) == (2, 6)


async def test_what_is_no_request_with_events_is_refused_as_a_whole(site: Site, http_server: StartServer) -> None:
    server = await ready(site, http_server)
    good = json.dumps(purchase()).encode()
    deep = b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}"
    cases: list[tuple[int, bytes, dict[str, str]]] = [
        (400, b"", JSON),
        (400, b"{broken", JSON),
        (400, good.replace(b'"990.00"', b"NaN"), JSON),
        (400, deep, JSON),
        (400, b'{"events":[1],"events":[]}', JSON),
        (400, good, {**JSON, "Content-Encoding": "gzip"}),
        (413, b"[" + b",".join([good] * 1_001) + b"]", JSON),
        (413, b" " * (1 << 20) + good, JSON),
        (413, b" " * (6 << 20) + good, JSON),
        (413, gzip.compress(bytes(50 << 20)), {**JSON, "Content-Encoding": "gzip"}),
        (415, good, {"Content-Type": "text/plain"}),
        (415, good, {"Content-Type": "application/x-www-form-urlencoded"}),
        (415, good, {"Content-Type": "application/json; charset=windows-1251"}),
        (415, good, {**JSON, "Content-Encoding": "br"}),
        (415, good, {"Content-Type": "application/cloudevents+json"}),
    ]  # fmt: skip
    for status, body, headers in cases:
        answer = await server.request("POST", "/v1/events", data=io.BytesIO(body), headers=headers)
        assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json"), answer.body
        assert answer.json.keys() >= {"type", "title", "status", "detail"}
        assert answer.json["status"] == status
    assert await published(site) == []


async def test_a_check_answers_the_same_and_publishes_nothing(site: Site, http_server: StartServer) -> None:
    server = await ready(site, http_server)
    good, bad = purchase(), purchase(currency="XXZ")
    for body in (good, [good, bad], bad):
        checked = await server.request("POST", "/v1/check", json=body)
        assert await published(site) == []
        assert checked.status in (200, 207, 422)
    sent = [await server.request("POST", "/v1/events", json=body) for body in (good, [good, bad], bad)]
    checked_again = [await server.request("POST", "/v1/check", json=body) for body in (good, [good, bad], bad)]
    assert [(each.status, each.json) for each in sent] == [(each.status, each.json) for each in checked_again]


async def test_cloud_events_in_all_modes_are_published(site: Site, http_server: StartServer) -> None:
    server = await ready(site, http_server)
    event = purchase("Ёлка/№ 5")
    data = {name: value for name, value in event.items() if name not in ("type", "event_id")}
    headers = {"ce-specversion": "1.0", "ce-id": "%D0%81-1", "ce-source": "/till", "ce-type": "goldstream.purchase.v1"}
    assert (await server.request("POST", "/v1/cloudevents", json=data, headers=headers)).json == {"accepted": 1}
    envelope = {"specversion": "1.0", "id": "id-2", "source": "/till", "type": "purchase", "data": data}
    answer = await server.request(
        "POST", "/v1/cloudevents", data=json.dumps(envelope), headers={"Content-Type": "application/cloudevents+json"}
    )
    assert (answer.status, answer.json) == (200, {"accepted": 1})
    batch = json.dumps([{**envelope, "id": "id-3"}, {**envelope, "specversion": "0.3"}])
    answer = await server.request(
        "POST", "/v1/cloudevents", data=batch, headers={"Content-Type": "application/cloudevents-batch+json"}
    )
    assert (answer.status, answer.json["results"][0]["index"]) == (207, 1)
    events = await published(site)
    assert [value["event_id"] for _, value in events] == ["Ё-1", "id-2", "id-3"]
    assert all(key == "Ёлка/№ 5" and value["type"] == "purchase" for key, value in events)
    answer = await server.request("POST", "/v1/cloudevents", json=data)
    assert answer.status == 400


async def test_any_customer_id_is_the_key(site: Site, http_server: StartServer) -> None:
    server = await ready(site, http_server)
    customers = ["a/b/../c", "…", "%2F", "покупатель №1", "😀👩‍👩‍👧", "a b\tc", "x" * 128, None]
    events = [purchase(customer_id) for customer_id in customers]
    assert (await server.request("POST", "/v1/events", json=events)).json == {"accepted": len(events)}
    expected = [(event["customer_id"], event) for event in events]
    assert sorted(await published(site), key=str) == sorted(expected, key=str)


async def test_without_a_policy_nothing_is_taken_and_the_remedy_is_named(site: Site, http_server: StartServer) -> None:
    server = await http_server()
    answer = await server.request("POST", "/v1/events", json=purchase())
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert "start a worker" in answer.json["detail"]
    await prepare(site)
    await has_rules(server)
    assert (await server.request("POST", "/v1/events", json=purchase())).status == 200


async def test_tokens_decide_what_may_be_sent_and_how_much(site: Site, http_server: StartServer) -> None:
    await prepare(site)
    tokens = str(site.directory / "tokens.toml")

    async def create(name: str, *arguments: str) -> dict[str, str]:
        created = await site.command("tokens", "create", name, *arguments, TOKENS=tokens)
        assert created.status == 0, created.errors
        return {"Authorization": f"Bearer {created.out.strip()}"}

    till = await create("till", "--scope", "events:write")
    office = await create("office", "--scope", "erasures:write")
    both = await create("both", "--scope", "events:write", "--scope", "erasures:write")
    slow = await create("slow", "--scope", "events:write", "--rate", "1")
    server = await http_server(TOKENS=tokens)

    async def send(path: str, body: object, headers: dict[str, str]) -> int:
        answer = await server.request("POST", path, json=body, headers=headers)
        return answer.status

    async def has_policy() -> bool:
        return await send("/v1/check", purchase(), till) == 200

    await until(has_policy, "the rules")
    erasure = {"type": "erasure", "event_id": "e", "customer_id": "c-9", "occurred_at": "2026-01-01T00:00:00Z"}
    assert await send("/v1/events", purchase(), {}) == 401
    assert await send("/v1/events", purchase(), {"Authorization": "Bearer gs_x_y"}) == 401
    assert await send("/v1/erasures", erasure, till) == 403
    assert await send("/v1/purchases", purchase(), office) == 403
    assert await send("/v1/events", [purchase(), erasure], till) == 403  # and nothing of it is published
    assert await published(site) == []
    assert await send("/v1/erasures", erasure, office) == 200
    assert await send("/v1/events", [purchase("c-9"), erasure], both) == 200
    assert [event["type"] for _, event in await published(site)] == ["erasure", "purchase", "erasure"]

    assert await send("/v1/events", [purchase() for _ in range(5)], slow) == 200
    answer = await server.request("POST", "/v1/events", json=purchase(), headers=slow)
    assert answer.status == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 5


async def test_an_event_sent_over_http_and_to_a_topic_at_once_counts_once(site: Site, http_server: StartServer) -> None:
    worker = site.worker()
    await worker.ready()
    server = await http_server()
    await has_rules(server)
    event = purchase("both")
    value = {name: field for name, field in event.items() if name != "type"}
    topic = publish(site.kafka, site.topic("purchases"), [Published(json.dumps(value).encode(), b"both")])
    answer, _ = await asyncio.gather(server.request("POST", "/v1/events", json=event), topic)
    assert answer.json == {"accepted": 1}

    async def is_counted() -> bool:
        metrics = await worker.metrics()
        return metrics.total("goldstream_records_total", outcome="admitted") == 2

    await until(is_counted, "both events to be admitted")

    async def is_duplicate() -> bool:
        return (await worker.metrics()).total("goldstream_duplicates_total", type="purchase") == 1

    await until(is_duplicate, "one of them to be a duplicate")


async def test_an_event_that_kafka_refuses_is_answered_with_503_and_later_ones_are_taken(
    site: Site, http_server: StartServer
) -> None:
    server = await ready(site, http_server)
    admin = AIOKafkaAdminClient(bootstrap_servers=site.kafka)
    await admin.start()
    try:
        small = {"max.message.bytes": "2000"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, site.topic("events"), small)])
    finally:
        await admin.close()
    customers = [f"c-{number}" for number in range(8)]

    async def is_refused() -> bool:
        answer = await server.request("POST", "/v1/events", json=purchase("c-1", coupon="x" * 5_000))
        assert answer.status in (200, 503)
        return answer.status == 503 and "MessageSizeTooLargeError" in answer.json["detail"]

    await until(is_refused, "a large event to be refused")
    answers = [await server.request("POST", "/v1/events", json=purchase(customer)) for customer in customers]
    assert {answer.status for answer in answers} == {200}  # a refusal blocks no partition
    keys = {key for key, _ in await published(site)}
    assert set(customers) <= keys
