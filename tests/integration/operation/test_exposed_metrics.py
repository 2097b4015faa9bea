"""A worker and an HTTP server expose every metric that the dashboard, the rules and the runbook use."""

import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.fault.alerts.metric_names import uses
from tests.integration.worker import hostile_records as hostile
from tests.records.kafka_records import Published, publish
from tests.running.http_servers import RunningServer
from tests.running.workers import Samples, Site, until
from tests.servers.redis_server import RedisServer

DEPLOY: Final = Path(__file__).parents[3] / "deploy"
AT_TIMES: Final = {"goldstream_standby_lag_records", "goldstream_waiting_seconds", "goldstream_http_limited_total"}
"""What only a worker with a standby exposes, one that waits, or a server that refuses a token's events for their rate:
tested in test_standby.py, worker/test_life.py and test_serve_access.py."""


def _expressions() -> list[str]:
    """Return every PromQL expression of rules and panels."""
    rules = yaml.safe_load((DEPLOY / "prometheus/rules/goldstream.yml").read_text("utf-8"))
    board: dict[str, Any] = json.loads((DEPLOY / "grafana/dashboards/goldstream.json").read_text("utf-8"))
    return [rule["expr"] for group in rules["groups"] for rule in group["rules"]] + [
        target["expr"] for panel in board["panels"] for target in panel.get("targets", ())
    ]


@pytest.mark.timeout(120)
async def test_every_metric_of_rules_and_panels_is_exposed_with_its_labels(
    site: Site, redis_server: RedisServer, http_server: Callable[..., Awaitable[RunningServer]]
) -> None:
    site.settings["REDIS"] = redis_server.url
    worker = site.worker()
    await worker.ready()
    server = await http_server("--spool", str(site.directory / "spool"))
    await server.request("GET", "/v1/status")
    noon = f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"  # where it is day now: at night the message waits for the morning
    signup = Published(json.dumps(hostile.valid("signups", "one", timezone=noon)).encode())
    await publish(site.kafka, site.topic("signups"), [signup, signup, Published(b"nothing")])

    async def worked() -> Samples | None:
        samples = await worker.metrics()
        done = (
            "goldstream_messages_total",
            "goldstream_projected_total",
            "goldstream_clock_lag_seconds",
            "goldstream_customers",
        )
        return samples if all(samples.total(metric) > 0 for metric in done) else None

    samples = await until(worked, "a message, Redis and time")
    assert samples is not None
    named = {use for expression in _expressions() for use in uses(expression)}
    assert len(named) > 20
    exposed = samples.labels() | (await server.metrics()).labels()
    named = {use for use in named if use.metric not in AT_TIMES}
    missing = {use.metric for use in named} - exposed.keys()
    assert not missing
    target_labels = {"job", "instance"}
    assert not [use for use in named if not use.labels - target_labels <= exposed[use.metric]]
    processes = {name for expression in _expressions() for name in re.findall(r"\b(?:process|python)_\w+", expression)}
    assert processes <= exposed.keys()
