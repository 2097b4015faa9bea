"""`policy show|history` and `campaigns show|history`, on Kafka."""

import json
from typing import Final

from streams.defaults import campaigns_text, policy_text
from streams.kafka.control import ControlRecord, append_control
from streams.settings.settings import load_settings
from tests.running.workers import Site

SHOP: Final = (
    policy_text().replace('name = "retail-27"', 'name = "shop"').replace('timezone = "UTC"', 'timezone = "Asia/Tokyo"')
)
NEXT: Final = SHOP.replace("version = 1 ", "version = 2 ").replace("[60, 180]", "[45, 180]")


async def test_the_active_and_earlier_rules_are_shown(site: Site) -> None:
    missing = await site.command("policy", "show")
    assert (missing.status, missing.out) == (1, "")
    assert f"topic {site.topic('control')} does not exist" in missing.errors
    await site.create_topics()
    nothing = await site.command("campaigns", "history")
    assert (nothing.status, "nothing is active under the prefix" in nothing.errors) == (1, True)

    settings = load_settings(environ=site.environment())
    for record in (
        ControlRecord("policy", text=SHOP),
        ControlRecord("campaigns", text=campaigns_text()),
        ControlRecord("policy", text=NEXT),
    ):
        await append_control(settings, record)

    shown = await site.command("policy", "show", "--json")
    assert (shown.status, shown.errors) == (0, "")
    active = json.loads(shown.out)
    assert (active["ref"], active["is_active"], active["until"], active["changed"]) == (
        "shop@2", True, None, ["recency_days"],
    )  # fmt: skip
    assert active["thresholds"]["recency_days"] == [45, 180]
    assert active["segments"][0] == {"name": "golden", "title": {"en": "Golden", "ru": "Золотой"}}
    assert active["toml"] == NEXT

    past = json.loads((await site.command("policy", "history", "--json")).out)
    assert past["prefix"] == site.prefix
    assert [(each["ref"], each["until"]) for each in past["history"]] == [("shop@1", active["since"]), ("shop@2", None)]

    earlier = await site.command("policy", "show", "shop@1", "--toml")
    assert (earlier.status, earlier.out) == (0, SHOP)
    unknown = await site.command("policy", "show", "shop@9")
    assert (unknown.status, "valid values: shop@1, shop@2" in unknown.errors) == (1, True)


async def test_titles_are_in_the_readers_language_and_times_in_the_shops_zone(site: Site) -> None:
    await site.create_topics()
    settings = load_settings(environ=site.environment())
    await append_control(settings, ControlRecord("policy", text=SHOP))
    await append_control(settings, ControlRecord("campaigns", text=campaigns_text()))

    policy = await site.command("policy", "show", language="ru_RU.UTF-8")
    assert policy.status == 0, policy.errors
    assert "(Asia/Tokyo)" in policy.out.splitlines()[0]
    assert "В зоне риска" in policy.out
    campaigns = await site.command("campaigns", "show", language="C.UTF-8")
    assert campaigns.status == 0, campaigns.errors
    assert "Golden, Loyal → At risk" in campaigns.out
    assert "(Asia/Tokyo)" in campaigns.out.splitlines()[0]
