"""Webhooks over HTTP, on a real Kafka: a shop's day by webhooks and by its export, in both orders of arrival."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp
import pytest

from tests.integration.intake.hook_shops import (
    HOOKS,
    ShopifyOrder,
    events,
    hooks_file,
    shopify,
    shopify_export,
    woocommerce,
)
from tests.integration.intake.intake_events import has_rules, prepare
from tests.lanes.memory_broker import by_key
from tests.records.kafka_records import read
from tests.running.http_servers import RunningServer
from tests.running.workers import Site, until
from tests.servers.apache_kafka import ApacheKafka

StartServer = Callable[..., Awaitable[RunningServer]]
ENDS_AT: Final = "2026-06-01T00:00:00Z"

NINA = ShopifyOrder(1001, "Nina@example.com", "5890.00", ["2000.00", "500.00"])
TILL = ShopifyOrder(1002, "", "300.00", ["100.00"])
EDITED = ShopifyOrder(1003, "lee@example.com", "700.00")
RETURNED = ShopifyOrder(1004, "ann@example.com", "990.00", ["990.00"])
REDACTED = ShopifyOrder(1005, "gone@example.com", "450.00")
LATE = ShopifyOrder(1006, "lee@example.com", "120.00", ["20.00"])
KEPT = (NINA, TILL, EDITED, RETURNED, LATE)


async def shopify_day(server: RunningServer, orders: tuple[ShopifyOrder, ...] = (*KEPT, REDACTED)) -> None:
    """Send a day's webhooks: some twice, refunds before their order, an edited order, a redaction."""
    for order in orders:
        if order is LATE:
            assert (await shopify(server, "refunds/create", order.refund(0))).status == 200
        for _ in range(2):
            answer = await shopify(server, "orders/paid", order.paid())
            assert (answer.status, answer.json) == (200, {"accepted": 1, "ignored": 0, "rejected": 0})
        for index in range(len(order.refunds)):
            for _ in range(2):
                assert (await shopify(server, "refunds/create", order.refund(index))).status == 200
    for topic in ("orders/edited", "orders/updated"):
        assert (await shopify(server, topic, EDITED.paid(total_price="900.00"))).json["ignored"] == 1
    redaction = {"customer": {"id": 9_000_000 + REDACTED.number, "email": REDACTED.email}, "orders_to_redact": []}
    assert (await shopify(server, "customers/redact", redaction)).status == 200


async def started(site: Site, http_server: StartServer, hooks: str = HOOKS) -> RunningServer:
    site.settings |= {"TIME": "event", "PARTITIONS": "2"}
    await prepare(site)
    server = await http_server(HOOKS=hooks_file(site.directory, hooks))
    await has_rules(server)
    return server


async def imported(site: Site, name: str, content: str) -> dict[str, Any]:
    (site.directory / name).write_text(content)
    finished = await site.command("import", name, "--json", "--allow-anonymous")
    assert finished.status == 0, finished.errors
    report: dict[str, Any] = json.loads(finished.out)
    return report


async def check_final_states(site: Site) -> None:
    """Fold everything; check orders and money of each customer, and those of all days."""
    worker = site.worker()
    await worker.ready()
    await site.advance(ENDS_AT)
    assert await worker.stop() == 0
    days = [json.loads(each) for each in by_key(await read(site.kafka, site.topic("daily"))).values()]
    anonymous = {total: sum(float(day["anonymous"][total]) for day in days) for total in ("orders", "gross", "refunds")}
    assert anonymous == {"orders": 1, "gross": 300, "refunds": 100}
    for customer_id, frequency, monetary in (
        ("nina@example.com", 1, "3390.00"),
        ("lee@example.com", 2, "800.00"),
        ("ann@example.com", 0, "0.00"),
    ):
        shown = await site.command("customer", "--json", customer_id)
        facts = json.loads(shown.out)["facts"]
        assert (facts["frequency"], facts["monetary"]) == (frequency, monetary)
    assert "was erased" in (await site.command("customer", "--json", "gone@example.com")).errors


@pytest.mark.timeout(240)
async def test_a_day_of_webhooks_and_then_the_export_count_once(site: Site, http_server: StartServer) -> None:
    server = await started(site, http_server)
    await shopify_day(server)
    by_hooks = await events(site)
    report = await imported(site, "orders.csv", shopify_export(KEPT))
    assert not {"purchase", "refund"} & report["events"].keys(), report
    assert report["orders"] == len(KEPT)
    assert await events(site) == by_hooks
    await check_final_states(site)


@pytest.mark.timeout(240)
async def test_the_export_and_then_a_day_of_webhooks_count_once(site: Site, http_server: StartServer) -> None:
    server = await started(site, http_server)
    report = await imported(site, "orders.csv", shopify_export(KEPT))
    assert report["events"]["purchase"] == len(KEPT)
    by_import = await events(site)
    await shopify_day(server)
    added = [each for each in await events(site) if each not in by_import]
    assert {each["customer_id"] for each in added} == {"gone@example.com"}
    await check_final_states(site)


def woo_order(number: int, email: str, total: str, *refunds: str, status: str = "completed") -> dict[str, Any]:
    return {
        "id": number,
        "status": status,
        "currency": "RUB",
        "date_created_gmt": f"2026-03-{number % 28 + 1:02}T10:00:00",
        "date_paid_gmt": f"2026-03-{number % 28 + 1:02}T10:01:00",
        "date_modified_gmt": "2026-03-30T00:00:00",
        "total": total,
        "discount_total": "0.00",
        "customer_id": 0,
        "billing": {"email": email},
        "refunds": [
            {"id": number * 10 + index, "reason": "", "total": f"-{refund}"} for index, refund in enumerate(refunds)
        ][::-1],
    }


WOO_ORDERS: Final = (
    woo_order(31, "a@example.com", "100.00", "10.00", "5.00"),
    woo_order(32, "b@example.com", "50.00", status="refunded"),
    woo_order(33, "c@example.com", "70.00"),
)


async def woo_day(server: RunningServer) -> None:
    first = woo_order(31, "a@example.com", "100.00", status="processing")
    once = woo_order(31, "a@example.com", "100.00", "10.00")
    deliveries = [first, first, once, once, WOO_ORDERS[0], woo_order(32, "b@example.com", "50.00"), *WOO_ORDERS]
    for number, order in enumerate(deliveries):
        answer = await woocommerce(server, "order.created" if not number else "order.updated", order)
        assert (answer.status, answer.json["rejected"]) == (200, 0)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("first", ["webhooks", "export"])
async def test_webhooks_and_exports_of_woocommerce_agree(site: Site, http_server: StartServer, first: str) -> None:
    server = await started(site, http_server)
    export = json.dumps(WOO_ORDERS)
    if first == "webhooks":
        await woo_day(server)
    report = await imported(site, "orders.json", export)
    if first == "export":
        assert report["events"] == {"purchase": 3, "refund": 3}
        await woo_day(server)
    else:
        assert report["events"] == {}
    assert (report["gross"], report["refunds"]) == ("220.00", "65.00")
    refunds = {each["refund_id"]: each["amount"] for each in await events(site, "refund")}
    assert refunds == {"31:refunded:10.00": "10.00", "31:refunded:15.00": "5.00", "32:refunded:50.00": "50.00"}
    assert len(await events(site, "purchase")) == 3
    assert (await imported(site, "orders.json", export))["events"] == {}


async def test_answers_are_those_that_platforms_expect(site: Site, http_server: StartServer) -> None:
    server = await started(site, http_server)
    forged = await server.request(
        "POST", "/hooks/shopify/main", data=b"{}", headers={"X-Shopify-Hmac-SHA256": "AAAA", "X-Shopify-Topic": "x"}
    )
    assert forged.status == 401
    assert (await server.request("POST", "/hooks/shopify/other", data=b"{}")).status == 404
    assert (await server.request("POST", "/hooks/magento/main", data=b"{}")).status == 404
    ping = await server.request("POST", "/hooks/woocommerce/main", data=b"webhook_id=7")
    assert (ping.status, ping.json["ignored"]) == (200, 1)
    answer = await shopify(server, "orders/paid", NINA.paid(total_price="12.345"))
    assert (answer.status, answer.json["rejected"]) == (200, 1)
    (letter,) = await read(site.kafka, site.topic("rejected"))
    headers = {name: value.decode() for name, value in letter.headers}
    assert headers["goldstream-reason"] == "amount"
    assert headers["goldstream-source"] == "hook:shopify/main"
    assert "total_price" in headers["goldstream-detail"]
    assert json.loads(letter.value)["name"] == "#1001"
    unknown = await shopify(server, "refunds/create", NINA.refund(0))
    assert unknown.status == 200
    assert await events(site) == []
    samples = await server.metrics()
    assert samples.total("goldstream_http_events_total", outcome="ignored") >= 2
    assert samples.total("goldstream_http_events_total", outcome="rejected") == 1


async def test_segments_libraries_and_the_measurement_protocol_are_served(site: Site, http_server: StartServer) -> None:
    server = await started(site, http_server)
    message = {
        "type": "track",
        "event": "Order Completed",
        "messageId": "m-1",
        "userId": "u-1",
        "timestamp": "2026-03-01T10:00:00Z",
        "properties": {"order_id": "s-1", "total": 27.5, "currency": "RUB"},
    }
    for path, body in (
        ("track", message),
        ("batch", {"batch": [message, {"type": "page"}]}),
        ("identify", {"userId": "u-1"}),
        ("screen", {}),
    ):
        answer = await server.request("POST", f"/segment/v1/{path}", json=body)
        assert (answer.status, answer.json) == (200, {"success": True})
    content = {
        "user_id": "u-2",
        "timestamp_micros": 1772359200000000,
        "events": [{"name": "purchase", "params": {"transaction_id": "g-1", "value": 12, "currency": "RUB"}}],
    }
    secret = "a%20secret%20of%20the%20made-up%20shop"  # noqa: S105 - of a shop that does not exist
    path = f"/hooks/ga4/main/mp/collect?measurement_id=G-1&api_secret={secret}"
    for _ in range(2):
        assert (await server.request("POST", path, json=content)).status == 204
    same = await server.request("POST", path.replace("/mp/collect", ""), json=content)
    assert (same.status, same.json) == (200, {"accepted": 1, "ignored": 0, "rejected": 0})  # though known already
    for address in ("/hooks/ga4/main/mp/collect?api_secret=x", "/hooks/ga4/main?api_secret=x"):
        assert (await server.request("POST", address, json=content)).status == 401
    found = {(each["customer_id"], each["order_id"], each["amount"]) for each in await events(site)}
    assert found == {("u-1", "s-1", "27.50"), ("u-2", "g-1", "12.00")}
    assert len(await events(site)) == 2


async def test_orders_that_count_when_they_are_created_count_once_and_are_refunded_if_they_are_never_paid(
    site: Site, http_server: StartServer
) -> None:
    server = await started(site, http_server, HOOKS.replace('"shopify"\n', '"shopify"\ncount = "created"\n'))
    for order, status in ((NINA, "pending"), (LATE, "pending"), (EDITED, "voided")):
        assert (await shopify(server, "orders/create", order.paid(financial_status=status))).status == 200
    cancelled = {"financial_status": "voided", "cancelled_at": "2026-03-10T10:00:00Z", "refunds": []}
    for _ in range(2):
        assert (await shopify(server, "orders/paid", NINA.paid())).status == 200
        for order in (LATE, EDITED):  # of which EDITED has never counted
            assert (await shopify(server, "orders/cancelled", order.paid(**cancelled))).status == 200
    found = [(each["type"], each["order_id"], each["amount"]) for each in await events(site)]
    expected = [("purchase", NINA), ("purchase", LATE), ("refund", LATE)]
    assert sorted(found) == sorted((kind, f"#{order.number}", order.total) for kind, order in expected)


async def test_a_refund_waits_for_an_order_that_an_import_brings(site: Site, http_server: StartServer) -> None:
    server = await started(site, http_server)
    assert (await shopify(server, "refunds/create", LATE.refund(0))).status == 200
    assert await events(site) == []
    before_the_refund = ShopifyOrder(LATE.number, LATE.email, LATE.total)
    await imported(site, "orders.csv", shopify_export([before_the_refund]))

    async def refunds() -> list[dict[str, Any]]:
        return await events(site, "refund")

    (refund,) = await until(refunds, "the refund")
    assert (refund["customer_id"], refund["order_id"], refund["amount"]) == ("lee@example.com", "#1006", "20.00")


@pytest.mark.timeout(300)
async def test_deliveries_are_stored_while_kafka_is_away_also_by_a_server_that_starts_then(
    kafka: ApacheKafka, site: Site, http_server: StartServer
) -> None:
    site.settings |= {"TIME": "event", "PARTITIONS": "2"}
    await prepare(site)
    spool = site.directory / "spool"
    server = await http_server("--spool", str(spool), HOOKS=hooks_file(site.directory))
    await has_rules(server)

    async def has_saved_rules() -> bool:
        return (spool / "rules.json").is_file()

    await until(has_saved_rules, "the rules beside the spool")
    await asyncio.to_thread(kafka.stop)
    try:
        assert (await shopify(server, "orders/paid", NINA.paid())).status == 202
        server.child.kill()
        server.start()
        await server.listening()
        assert (await shopify(server, "orders/paid", EDITED.paid())).status == 202
        assert (await shopify(server, "refunds/create", NINA.refund(0))).status == 202
        assert (await shopify(server, "orders/paid", EDITED.paid())).status == 202
        forged = await server.request("POST", "/hooks/shopify/main", data=b"{}")
        assert forged.status == 401
    finally:
        await asyncio.to_thread(kafka.start)

    async def all_events() -> set[tuple[str, str]]:
        found = {(each["type"], each["order_id"]) for each in await events(site)}
        return found if len(found) == 3 else set()

    expected = {("purchase", "#1001"), ("purchase", "#1003"), ("refund", "#1001")}
    assert await until(all_events, "what was stored", 120) == expected
    assert len(await events(site, "refund")) == 1


async def test_segments_api_needs_a_token_of_its_hook(site: Site, http_server: StartServer) -> None:
    tokens = str(site.directory / "tokens.toml")
    created = [
        (await site.command("tokens", "create", "t", "--scope", scope, TOKENS=tokens)).out.strip()
        for scope in ("hooks:main", "hooks:other", "events:write")
    ]
    site.settings |= {"TIME": "event", "PARTITIONS": "2"}
    await prepare(site)
    server = await http_server(HOOKS=hooks_file(site.directory), TOKENS=tokens)
    message = {
        "event": "Order Completed",
        "messageId": "m-1",
        "userId": "u-1",
        "timestamp": "2026-03-01T10:00:00Z",
        "properties": {"order_id": "s-1", "total": 27.5, "currency": "RUB"},
    }

    async def track(token: str) -> int:
        authorization = aiohttp.encode_basic_auth(token, "")
        headers = {"Authorization": authorization} if token else {}
        return (await server.request("POST", "/segment/v1/track", json=message, headers=headers)).status

    main, other, events_write = created

    async def is_taken() -> bool:
        return await track(main) == 200

    await until(is_taken, "the rules")
    assert [await track(token) for token in ("", other, events_write, main + "x")] == [401, 404, 403, 401]
    assert (await shopify(server, "orders/paid", NINA.paid())).status == 200, "a signature is enough"
    assert len(await events(site)) == 2
