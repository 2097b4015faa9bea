"""The README is correct: its examples run, and its tables match the program."""

import asyncio
import contextlib
import json
import os
import re
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from streams.settings.settings_spec import describe_settings
from streams.telemetry.metrics import describe_metrics
from tests.integration.intake.intake_events import has_rules
from tests.records.kafka_records import Published, publish
from tests.running.http_servers import RunningServer
from tests.running.processes import GOLDSTREAM
from tests.running.workers import REPOSITORY, Site, until
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.redis_server import RedisServer

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
RUSSIAN = (REPOSITORY / "README.ru.md").read_text(encoding="utf-8")


def example(name: str) -> str:
    """Return the Python program after this mark."""
    found = re.search(rf"<!-- example: {name} -->\n```python\n(.*?)```", README, re.DOTALL)
    assert found is not None, f"README.md has no example {name}"
    return found[1]


async def run_example(
    name: str, prefix: str, kafka: str, folder: Path, group: str = "engine"
) -> asyncio.subprocess.Process:
    """Start an example as a user would, with the prefix and a group of the test."""
    program = folder / f"{name}.py"
    code = re.sub(r'(?<!b)"goldstream\.', f'"{prefix}.', example(name)).replace(
        "my-campaign-engine", f"{prefix}.{group}"
    )
    program.write_text(code, encoding="utf-8")
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-u",
        program,
        cwd=folder,
        env={**os.environ, "GOLDSTREAM_KAFKA": kafka},
        stdout=asyncio.subprocess.PIPE,
    )


async def test_a_campaign_engine_receives_what_a_shop_publishes_by_the_examples(
    kafka: ApacheKafka, prefix: str, tmp_path: Path
) -> None:
    worker_environment = {
        **os.environ,
        "GOLDSTREAM_KAFKA": kafka.bootstrap,
        "GOLDSTREAM_PREFIX": prefix,
        "GOLDSTREAM_DATA": str(tmp_path / "data"),
        "GOLDSTREAM_HTTP": "127.0.0.1:0",
    }
    created = await asyncio.create_subprocess_exec(
        sys.executable, "-c", GOLDSTREAM, "topics", "create", env=worker_environment, stdout=asyncio.subprocess.DEVNULL
    )
    assert await created.wait() == 0
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", GOLDSTREAM, "worker", env=worker_environment, stderr=asyncio.subprocess.DEVNULL
    )
    engine = await run_example("subscribe", prefix, kafka.bootstrap, tmp_path)
    try:
        shop = await run_example("publish", prefix, kafka.bootstrap, tmp_path)
        assert await asyncio.wait_for(shop.wait(), 60) == 0
        assert engine.stdout is not None
        line = await asyncio.wait_for(engine.stdout.readline(), 60)
        assert line.decode().startswith("c-17 None -> new because {'kind': 'purchase'")

        async def is_stored() -> bool:
            with contextlib.closing(sqlite3.connect(tmp_path / "seen.db")) as seen:
                return bool(seen.execute("SELECT 1 FROM seen").fetchone())

        await until(is_stored, "the id to be stored")
        engine.kill()
        await engine.wait()
        late = {"message_id": "c-17:1:win-back:1", "expires_at": "2026-01-01T00:00:00.000Z"}
        headers = (("ce_id", b"c-17:1:win-back:1"), ("ce_type", b"goldstream.reactivation.v1"))
        await publish(
            kafka.bootstrap,
            f"{prefix}.reactivations.v1",
            [Published(json.dumps(late).encode(), b"c-17", None, headers)],
        )
        engine = await run_example("subscribe", prefix, kafka.bootstrap, tmp_path, "another")
        assert engine.stdout is not None
        line = await asyncio.wait_for(engine.stdout.readline(), 60)
        assert line == b"too late for c-17:1:win-back:1\n", "what it has seen is not handled again"
    finally:
        if engine.returncode is None:
            engine.kill()
        worker.terminate()
        await asyncio.wait_for(asyncio.gather(engine.wait(), worker.wait()), 40)
    assert worker.returncode == 0


def test_the_readme_lists_every_setting_with_its_default() -> None:
    for name, default, meaning in describe_settings():
        assert f"| `{name}` | {default if default == 'none' else f'`{default}`'} | {meaning} |" in README


def test_the_readme_lists_every_metric_with_its_labels() -> None:
    for metric in describe_metrics():
        assert f"| `{metric.name}` | {', '.join(metric.labels)} | {metric.meaning} |" in README


def http_example(text: str) -> str:
    """Return the commands after `goldstream serve` in the example of a README."""
    found = re.search(r"<!-- example: http -->\n```sh\n\.venv/bin/goldstream serve &\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


def demo_example(text: str) -> list[str]:
    """Return the commands against the demo, without their comments."""
    found = re.search(r"```sh\n(curl -s http://127\.0\.0\.1:6067/v1/segments.*?)```", text, re.DOTALL)
    assert found is not None
    return [re.sub(r" +#.*", "", line) for line in found[1].splitlines()]


def test_both_readmes_have_the_same_requests() -> None:
    assert http_example(RUSSIAN) == http_example(README)
    assert demo_example(RUSSIAN) == demo_example(README)


async def test_the_http_example_publishes_a_purchase_and_looks_the_buyer_up(
    site: Site, redis_server: RedisServer, http_server: Callable[..., Awaitable[RunningServer]]
) -> None:
    site.settings["REDIS"] = redis_server.url
    worker = site.worker()
    await worker.ready()
    server = await http_server()
    await has_rules(server)
    purchase, customer, segments = re.findall(r"^curl .*?(?=^curl |\Z)", http_example(README), re.DOTALL | re.MULTILINE)

    async def run(command: str) -> Any:
        shell = await asyncio.create_subprocess_shell(
            command.replace("http://127.0.0.1:6067", server.url), stdout=asyncio.subprocess.PIPE
        )
        out, _ = await shell.communicate()
        return json.loads(out)

    assert await run(purchase) == {"accepted": 1}

    async def is_new() -> bool:
        found: bool = (await run(customer)).get("segment") == "new"
        return found

    await until(is_new, "the buyer in Redis")
    by_name = {each["name"]: each["customers"] for each in (await run(segments))["segments"]}
    assert by_name["new"] == 1
    assert await worker.stop() == 0
