"""The README is correct: its examples run, and its tables match the program."""

import asyncio
import os
import re
import sys
from pathlib import Path

from streams.settings.settings_spec import describe_settings
from streams.telemetry.metrics import describe_metrics
from tests.integration.workers import REPOSITORY
from tests.servers.apache_kafka import ApacheKafka

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def example(name: str) -> str:
    """Return the Python program after this mark."""
    found = re.search(rf"<!-- example: {name} -->\n```python\n(.*?)```", README, re.DOTALL)
    assert found is not None, f"README.md has no example {name}"
    return found[1]


async def run_example(name: str, prefix: str, kafka: str, folder: Path) -> asyncio.subprocess.Process:
    """Start an example as a user would, with the prefix and the group of the test."""
    program = folder / f"{name}.py"
    code = re.sub(r'(?<!b)"goldstream\.', f'"{prefix}.', example(name)).replace(
        "my-campaign-engine", f"{prefix}.engine"
    )
    program.write_text(code, encoding="utf-8")
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-u",
        program,
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
    command = "import sys; from agents.cli import main; sys.exit(main())"
    created = await asyncio.create_subprocess_exec(
        sys.executable, "-c", command, "topics", "create", env=worker_environment, stdout=asyncio.subprocess.DEVNULL
    )
    assert await created.wait() == 0
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", command, "worker", env=worker_environment, stderr=asyncio.subprocess.DEVNULL
    )
    engine = await run_example("subscribe", prefix, kafka.bootstrap, tmp_path)
    try:
        shop = await run_example("publish", prefix, kafka.bootstrap, tmp_path)
        assert await asyncio.wait_for(shop.wait(), 60) == 0
        assert engine.stdout is not None
        line = await asyncio.wait_for(engine.stdout.readline(), 60)
        assert line.decode().startswith("c-17 None -> new because {'kind': 'purchase'")
    finally:
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
