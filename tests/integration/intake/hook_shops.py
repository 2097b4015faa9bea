"""Made-up shops that send webhooks to a server, and their exports."""

import base64
import hmac
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from tests.records.kafka_records import read
from tests.running.http_servers import HttpAnswer, RunningServer
from tests.running.workers import Site

SECRET: Final = "a secret of the made-up shop"  # noqa: S105 - of a shop that does not exist
HOOKS: Final = "".join(
    f'[[hook]]\nplatform = "{platform}"\nname = "main"\nsecrets = ["{SECRET}"]\n'
    for platform in ("shopify", "woocommerce", "segment", "ga4")
)


def hooks_file(folder: Path, text: str = HOOKS) -> str:
    """Write a file of hooks; return its path."""
    path = folder / "hooks.toml"
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def _signature(body: bytes) -> str:
    return base64.b64encode(hmac.digest(SECRET.encode(), body, "sha256")).decode()


async def shopify(server: RunningServer, topic: str, content: Any) -> HttpAnswer:
    """Send a webhook of Shopify."""
    body = json.dumps(content).encode()
    headers = {
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-SHA256": _signature(body),
        "X-Shopify-Shop-Domain": "made-up.example",
        "X-Shopify-Triggered-At": "2026-04-01T00:00:00Z",
        "Content-Type": "application/json",
    }
    return await server.request("POST", "/hooks/shopify/main", data=body, headers=headers)


async def woocommerce(server: RunningServer, topic: str, content: Any) -> HttpAnswer:
    """Send a webhook of WooCommerce."""
    body = json.dumps(content).encode()
    headers = {
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Signature": _signature(body),
        "X-WC-Webhook-Source": "https://made-up.example/",
        "Content-Type": "application/json",
    }
    return await server.request("POST", "/hooks/woocommerce/main", data=body, headers=headers)


class ShopifyOrder:
    """An order of a made-up shop on Shopify, which knows how webhooks and the export write it."""

    def __init__(self, number: int, email: str, total: str, refunds: Iterable[str] = ()) -> None:
        self.number, self.email, self.total, self.refunds = number, email, total, tuple(refunds)
        self.reference = 5_000_000_000_000 + number
        self.at = f"2026-03-{number % 28 + 1:02}T10:00:00+03:00"

    def paid(self, **fields: Any) -> dict[str, Any]:
        """Return the body of orders/paid."""
        person = {"id": 9_000_000 + self.number, "email": self.email} if self.email else None
        return {
            "id": self.reference,
            "name": f"#{self.number}",
            "email": self.email or None,
            "created_at": self.at,
            "processed_at": self.at,
            "financial_status": "paid",
            "currency": "RUB",
            "total_price": self.total,
            "total_discounts": "0.00",
            "customer": person,
            **fields,
        }

    def refund(self, index: int) -> dict[str, Any]:
        """Return the body of refunds/create of one of its refunds."""
        transaction = {"kind": "refund", "status": "success", "amount": self.refunds[index], "currency": "RUB"}
        return {
            "id": self.reference * 10 + index,
            "order_id": self.reference,
            "created_at": f"2026-03-29T1{index}:00:00+03:00",
            "transactions": [transaction],
        }

    def row(self) -> str:
        """Return its line of the export."""
        refunded = sum(map(float, self.refunds))
        status = "paid" if not refunded else "refunded" if refunded == float(self.total) else "partially_refunded"
        at = self.at.replace("T", " ").replace("+03:00", " +0300")
        cells = (f"#{self.number}", self.email, status, at, at, "RUB", self.total, f"{refunded:.2f}", self.reference)
        return ",".join(map(str, cells))


def shopify_export(orders: Iterable[ShopifyOrder]) -> str:
    """Return the export of orders as CSV."""
    header = "Name,Email,Financial Status,Paid at,Created at,Currency,Total,Refunded Amount,Id"
    return "\n".join([header, *(order.row() for order in orders)]) + "\n"


async def events(site: Site, kind: str = "") -> list[dict[str, Any]]:
    """Return the events on `events`, of one kind if given, by partition and offset."""
    records = await read(site.kafka, site.topic("events"))
    found = [json.loads(each.value) for each in sorted(records, key=lambda each: (each.partition, each.offset))]
    return [each for each in found if kind in ("", each["type"])]
