"""A worker is a supervisor with a process for each stage and one for HTTP, which fail and restart independently."""

import asyncio
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from redis.asyncio import Redis

from tests.integration.worker import hostile_records as hostile
from tests.records.kafka_records import Published, publish, read
from tests.running.workers import RunningWorker, Site, until
from tests.servers.promtool import run_promtool
from tests.servers.redis_server import RedisServer

NAMES: Final = {"front", "admit", "segment", "project"}


def _status(pid: int) -> dict[str, str]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _is_alive(pid: int) -> bool:
    return _status(pid).get("State", "Z")[0] not in "ZX"


async def _all_running(worker: RunningWorker) -> dict[str, int]:
    async def running() -> dict[str, int]:
        found = await asyncio.to_thread(worker.processes)
        return found if found.keys() == NAMES else {}

    return await until(running, "all processes of a worker")


def _signups(names: Sequence[str]) -> list[Published]:
    return [Published(json.dumps(hostile.valid("signups", name)).encode(), name.encode()) for name in names]


async def _project(site: Site, worker: RunningWorker, redis: RedisServer, names: Sequence[str]) -> None:
    """Publish signups and wait until Redis has them."""
    await publish(site.kafka, site.topic("signups"), _signups(names))

    async with Redis.from_url(redis.url) as client:

        async def projected() -> bool:
            found = await client.exists(*(f"{site.prefix}:customer:c-{name}" for name in names))
            return bool(found == len(names))

        await until(projected, f"{', '.join(names)} in Redis; the worker's log:\n{worker.log}")


@pytest.fixture
async def worker(site: Site, redis_server: RedisServer) -> RunningWorker:
    """A worker with all stages that is ready."""
    site.settings["REDIS"] = redis_server.url
    started = site.worker()
    await started.ready()
    return started


@pytest.mark.timeout(240)
async def test_a_stage_whose_process_is_killed_starts_again_and_the_others_go_on(
    site: Site, worker: RunningWorker, redis_server: RedisServer
) -> None:
    await _project(site, worker, redis_server, ["before"])
    for number, stage in enumerate(("admit", "segment", "project", "segment")):
        before = await _all_running(worker)
        os.kill(before[stage], signal.SIGKILL)
        await worker.wait_for_log(f"the process of stage {stage} was killed by SIGKILL after .* it starts again in")
        await _project(site, worker, redis_server, [f"c{number}"])
        await worker.ready()
        after = await _all_running(worker)
        assert {name for name in NAMES if after[name] != before[name]} == {stage}
        restarts = (await worker.metrics()).values("goldstream_stage_restarts_total", "stage")
        assert restarts[stage,] == (2 if number == 3 else 1)
    changes = [json.loads(each.value) for each in await read(site.kafka, site.topic("segment-changes"))]
    seen = {(change["customer_id"], change["seq"]) for change in changes}
    assert seen == {(f"c-{name}", 1) for name in ("before", "c0", "c1", "c2", "c3")}


@pytest.mark.timeout(120)
async def test_while_a_stage_has_no_process_health_names_it_and_metrics_show_the_others(
    worker: RunningWorker,
) -> None:
    processes = await _all_running(worker)
    os.kill(processes["segment"], signal.SIGSTOP)
    silent = "stage segment has not answered for 1 s\n"
    assert await worker.get("/health") == (503, silent)
    assert await worker.get("/ready") == (503, silent)
    samples = await worker.metrics()
    up = samples.values("goldstream_stage_up", "stage")
    assert up == {("admit",): 1, ("segment",): 0, ("project",): 1}
    assert "goldstream_journal_records_total" not in samples.labels()

    assert worker.child.pid is not None
    os.kill(worker.child.pid, signal.SIGSTOP)  # so that it cannot start the stage again
    try:
        os.kill(processes["segment"], signal.SIGKILL)

        async def gone() -> bool:
            answer = await worker.get("/health")
            return answer == (503, "stage segment has no process that answers: it starts, or starts again\n")

        await until(gone, "the end of a process to be reported")
        assert (await worker.metrics()).total("goldstream_stage_up", stage="segment") == 0
    finally:
        os.kill(worker.child.pid, signal.SIGCONT)
    await worker.ready()
    assert await worker.get("/health") == (200, "ok\n")
    assert (await worker.metrics()).total("goldstream_stage_restarts_total", stage="segment") == 1


@pytest.mark.timeout(120)
async def test_the_front_starts_again_at_the_same_address_and_the_stages_go_on(worker: RunningWorker) -> None:
    before = await _all_running(worker)
    port = worker.port
    os.kill(before["front"], signal.SIGKILL)
    await worker.wait_for_log("the front was killed by SIGKILL")
    await worker.ready()
    after = await _all_running(worker)
    assert worker.port == port
    assert {name for name in NAMES if after[name] != before[name]} == {"front"}


@pytest.mark.timeout(120)
async def test_no_process_outlives_a_killed_supervisor(worker: RunningWorker) -> None:
    processes = await _all_running(worker)
    assert worker.child.pid is not None
    os.kill(worker.child.pid, signal.SIGKILL)

    async def gone() -> bool:
        return not any(map(_is_alive, processes.values()))

    await until(gone, "all processes to end", within_s=10)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("to_group", [False, True])
async def test_a_signal_to_the_supervisor_or_to_its_group_stops_all_processes(
    worker: RunningWorker, number: signal.Signals, *, to_group: bool
) -> None:
    """A terminal sends SIGINT to the group; a container's runtime signals the first process only."""
    processes = await _all_running(worker)
    assert worker.child.pid is not None
    (os.killpg if to_group else os.kill)(worker.child.pid, number)
    assert await worker.wait_for_exit() == 0
    assert not any(map(_is_alive, processes.values()))
    lines = worker.log.splitlines()
    assert [line for line in lines if "goldstream worker: stopped" in line] == lines[-1:]
    assert not [line for line in lines if "Traceback" in line or "starts again" in line or "Interrupt" in line]


@pytest.mark.timeout(120)
async def test_a_fatal_error_in_one_stage_ends_the_worker(site: Site, redis_server: RedisServer) -> None:
    site.settings["REDIS"] = redis_server.url
    await site.create_topics()
    await publish(site.kafka, site.topic("customers"), [Published(b"\x09from the future", b"c-1")])
    worker = site.worker()
    assert await worker.wait_for_exit(60) == 1
    errors = [line for line in worker.log.splitlines() if "format version 9" in line]
    assert errors
    assert all("stage=" in line for line in errors)
    assert "starts again" not in worker.log


@pytest.mark.timeout(120)
async def test_metrics_of_all_processes_are_those_of_one_worker(
    site: Site, worker: RunningWorker, redis_server: RedisServer
) -> None:
    await _project(site, worker, redis_server, ["one"])
    status, text = await worker.get("/metrics")
    assert status == 200
    run_promtool("check", "metrics", text=text)
    described = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")]
    assert len(described) == len(set(described))
    series = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(series) == len(set(series))
    samples = await worker.metrics()
    for process in ("front", "supervisor", "admit", "segment", "project"):
        assert samples.total("process_resident_memory_bytes", stage=process) > 0
    assert samples.total("goldstream_records_total") == 1
    assert samples.total("goldstream_projected_total") >= 1
    assert samples.values("goldstream_stage_up", "stage") == {("admit",): 1, ("segment",): 1, ("project",): 1}


@pytest.mark.timeout(120)
async def test_an_idle_supervisor_and_front_use_no_processor_time(worker: RunningWorker) -> None:
    """What stages use is measured by `bench idle`."""
    front = (await _all_running(worker))["front"]
    assert worker.child.pid is not None
    watched = [worker.child.pid, front]
    before = [_switches(pid) for pid in watched]
    await asyncio.sleep(5)
    woken = [_switches(pid) - each for pid, each in zip(watched, before, strict=True)]
    assert woken[0] <= 2, "the supervisor looks at the stages every ten seconds"
    assert woken[1] <= 10, "the front answers requests only"


def _switches(pid: int) -> int:
    """Return how often a process has waited for something."""
    return int(_status(pid)["voluntary_ctxt_switches"])
