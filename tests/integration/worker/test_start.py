"""What a worker needs to start: nobody else on its source topics, but no Redis; and what it answers at `/`."""

import dataclasses

import pytest

from agents.replay.source_readers import find_other_readers
from streams.settings.settings import load_settings
from tests.running.workers import Site

SHORT_SESSIONS = ("-m", "tests.fault.workers.short_session_worker")


@pytest.mark.timeout(180)
async def test_of_old_and_new_workers_on_the_same_sources_the_second_exits(site: Site) -> None:
    other = dataclasses.replace(
        site, prefix=f"{site.prefix}-next", settings={"SOURCES": site.prefix}, workers=site.workers
    )
    old = site.worker(program=SHORT_SESSIONS)
    await old.ready()
    assert await find_other_readers(load_settings(environ=site.environment())) == []
    assert await find_other_readers(load_settings(environ=other.environment())) == [site.prefix]
    copy = load_settings(environ=other.environment(SOURCES=""))
    assert await find_other_readers(copy) == [], "a copy to experiment with"

    second = other.worker(program=SHORT_SESSIONS)
    assert await second.wait_for_exit(60.0) == 1
    assert f"workers of the prefix {site.prefix} read the same source topics" in second.log
    assert f"stop them before workers of {other.prefix} start" in second.log

    new = other.worker(program=SHORT_SESSIONS)
    waiting = f"waiting for workers of {site.prefix}, which read the same source topics, to stop"
    await new.wait_for_log(waiting.removeprefix("waiting for "))
    assert await old.stop() == 0
    await new.ready()
    third = site.worker(program=SHORT_SESSIONS)
    assert await third.wait_for_exit(60.0) == 1
    assert f"workers of the prefix {other.prefix} read the same source topics" in third.log
    assert (await new.get("/ready"))[0] == 200
    assert await new.stop() == 0


async def test_a_worker_is_ready_without_redis_and_says_what_it_is(site: Site) -> None:
    site.settings["REDIS"] = "redis://127.0.0.1:1/0"
    worker = site.worker()
    await worker.ready()
    status, page = await worker.get("/")
    assert status == 200
    assert "<h1>Goldstream " in page
    for path in ("metrics", "health", "ready"):
        assert f'<a href="{path}">' in page
        assert (await worker.get(f"/{path}"))[0] == 200
    assert (await worker.metrics()).total("goldstream_redis_up") == 0
    assert await worker.stop() == 0
