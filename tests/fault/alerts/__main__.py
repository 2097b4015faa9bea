"""The command: `python -m tests.fault.alerts`."""

import asyncio
import logging
import sys
import tempfile
from contextlib import aclosing
from pathlib import Path
from typing import Annotated

import typer

from agents.demo.embedded.loopback import free_port
from tests.fault.alerts.prometheus import Prometheus
from tests.fault.alerts.scenarios import KILL_THEIR_BROKER, SCENARIOS
from tests.fault.alerts.scene import Scene
from tests.servers import Missing
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.redis_server import RedisServer


def alerts(
    speed: Annotated[float, typer.Option(min=1, help="How much faster the rules' own times pass.")] = 1.0,
    only: Annotated[str, typer.Option(metavar="JOB,JOB...", help="Some scenarios alone.")] = ",".join(SCENARIOS),
    keep: Annotated[Path | None, typer.Option(help="Where logs go and stay.")] = None,
) -> None:
    """Cause every alert once and print when it fired and ended; return 1 if one did not."""
    for name in ("aiokafka", "asyncio"):  # brokers are killed here, and their clients complain
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="goldstream-alerts-") as temporary:
        try:
            failed = asyncio.run(_play(keep or Path(temporary), only.split(","), speed))
        except Missing as missing:
            print(f"alerts: {missing}", file=sys.stderr)
            raise typer.Exit(1) from missing
    raise typer.Exit(1 if failed else 0)


async def _play(directory: Path, jobs: list[str], speed: float) -> bool:
    """Play all scenarios concurrently; return whether one failed."""
    taken: set[int] = set()

    def port() -> int:
        while (found := free_port()) in taken:
            pass
        taken.add(found)
        return found

    ports = {job: [port() for _ in range(SCENARIOS[job][1])] for job in jobs}
    kafka = ApacheKafka(_folder(directory / "servers/kafka"))
    own = {job: ApacheKafka(_folder(directory / f"servers/kafka-of-{job}")) for job in jobs if job in KILL_THEIR_BROKER}
    redis = RedisServer(_folder(directory / "servers/redis"))
    prometheus = Prometheus(directory / "prometheus", ports, speed)
    servers: list[ApacheKafka | RedisServer] = [kafka, *own.values(), redis]
    for server in servers:
        await asyncio.to_thread(server.start)
    prometheus.child.start()
    scenes = [
        Scene(
            job,
            ports[job],
            kafka,
            directory / job,
            prometheus,
            speed,
            redis if job == "redis" else None,
            own.get(job),
        )
        for job in jobs
    ]
    try:
        outcomes = await asyncio.gather(*(_tell(scene) for scene in scenes), return_exceptions=True)
    finally:
        for scene in scenes:
            scene.site.close()
        prometheus.child.kill()
        for server in servers:
            server.stop()
    for job, outcome in zip(jobs, outcomes, strict=True):
        if isinstance(outcome, BaseException):
            print(f"{job}: FAILED: {type(outcome).__name__}: {str(outcome)[:2000]}")
    return any(isinstance(outcome, BaseException) for outcome in outcomes)


async def _tell(scene: Scene) -> None:
    play, _, alerts_caused = SCENARIOS[scene.job]
    async with aclosing(play(scene)) as observing:
        async for observed in observing:
            assert observed.alert in alerts_caused
            verb = "ended" if observed.ended else "fired"
            print(f"{observed.alert}: {verb} {observed.seconds:.0f} s after: {observed.done}", flush=True)


def _folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


if __name__ == "__main__":
    typer.run(alerts)
