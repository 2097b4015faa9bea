"""Servers, prefixes and seeds for all tests.

The servers start when the first test needs one, so tests that need none need nothing installed. What cannot run on
this machine is reported at the end of the run; with CI set, it is a failure.
"""

import asyncio
import logging
import os
import secrets
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from agents.demo.embedded.broker import Embedded, EmbeddedError
from agents.demo.embedded.empty_fetches import pausing_after_empty_fetches
from state.fold import transitions
from streams.clock import SYSTEM_CLOCK
from streams.telemetry.logs import OWN_PACKAGES
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.redis_server import RedisServer
from tests.servers.started import started
from tests.servers.topics import delete_topics

CI_SEED = "20261122"
IN_CI = os.environ.get("CI", "").lower() not in {"", "0", "false"}

# The clock of a shared machine says nothing about one example (no deadline), and a failure prints what repeats it.
hypothesis.settings.register_profile("default", deadline=None, print_blob=True, max_examples=100)
hypothesis.settings.register_profile("ci", deadline=None, print_blob=True, max_examples=60, database=None)
hypothesis.settings.register_profile(
    "deep",
    deadline=None,
    print_blob=True,
    max_examples=20_000,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Restore the logging configuration, which a command changes for the whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.disable(logging.NOTSET)
    logging.captureWarnings(capture=False)
    for name in (*OWN_PACKAGES, "aiokafka"):
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """An Apache Kafka for the whole run; a test that stops it starts it again."""
    with started(lambda: ApacheKafka(tmp_path_factory.mktemp("kafka"))) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis for the whole run; a test that stops it starts it again."""
    with started(lambda: RedisServer(tmp_path_factory.mktemp("redis"))) as server:
        yield server


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """The embedded broker and Redis for the whole run."""
    try:
        server = Embedded(tmp_path_factory.mktemp("embedded"), SYSTEM_CLOCK)
    except EmbeddedError as missing:
        pytest.skip(str(missing))
    try:
        asyncio.run(server.start())
        with pausing_after_empty_fetches(SYSTEM_CLOCK):
            yield server
    finally:
        server.kill()


@pytest.fixture
def prefix() -> str:
    """A prefix of topics, keys and groups that no other test has."""
    return f"t{secrets.token_hex(6)}"


@pytest.fixture(autouse=True)
def swept(request: pytest.FixtureRequest) -> Iterator[None]:
    """Delete the topics of a test after it: with those of all tests a broker takes 30 s to start, not 5."""
    if not {"kafka", "prefix"} <= set(request.fixturenames):
        yield
        return
    kafka, prefix = request.getfixturevalue("kafka"), request.getfixturevalue("prefix")
    yield
    asyncio.run(delete_topics(kafka.bootstrap, prefix))


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose Hypothesis's profile and a seed, unless the command line did, before its plugin reads them.

    With a seed for the whole run Hypothesis forgets earlier failures, so one is chosen only where there is no memory
    of them: locally it keeps them in .hypothesis, tries them first, and prints what repeats one.
    """
    profile = config.getoption("--hypothesis-profile")
    if profile is None:
        profile = os.environ.get("HYPOTHESIS_PROFILE", "ci" if IN_CI else "default")
        hypothesis.settings.load_profile(profile)
    if profile != "default" and config.getoption("--hypothesis-seed") is None:
        # in CI always the same examples: a failure there is caused by a change; `make deep` looks for new ones
        config.option.hypothesis_seed = CI_SEED if profile == "ci" else str(secrets.randbelow(2**32))


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Report which examples Hypothesis will try, and which build of the fold is tested.

    Raises:
        pytest.UsageError: the compiled build was asked for (`make test-compiled`) and is not what is imported.
    """
    seed = config.getoption("--hypothesis-seed")
    compiled = Path(transitions.__file__).suffix == ".so"
    if not compiled and "compiled" in os.environ.get("PYTHONPATH", ""):
        message = f"the compiled build was asked for, but {transitions.__file__} was imported"
        raise pytest.UsageError(message)
    return [
        "hypothesis seed: " + (f"--hypothesis-seed={seed}" if seed else "each test's own, printed when it fails"),
        f"build of the fold: {'compiled' if compiled else 'source'}",
    ]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail in CI what was skipped."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} did not run, and in CI everything runs: {_reason(report.longrepr)}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report what could not run."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", ()):
        reason = _reason(report.longrepr)
        reasons[reason] = reasons.get(reason, 0) + 1
    if reasons:
        terminalreporter.section("NOT RUN", sep="!", red=True, bold=True)
        for reason, tests in sorted(reasons.items()):
            terminalreporter.line(f"{tests} tests: {reason}", red=True)


def _reason(longrepr: Any) -> str:
    return str(longrepr[2] if isinstance(longrepr, tuple) else longrepr).removeprefix("Skipped: ")
