"""Apache Kafka from Maven: one broker that is its own controller."""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agents.demo.embedded.child_process import Child
from agents.demo.embedded.loopback import HOST, free_port, kafka_answers, until
from streams.clock import SYSTEM_CLOCK
from tests.servers import Missing, program

JAVA_AT_LEAST: Final = 17
START_WITHIN_S: Final = 60.0
STOP_WITHIN_S: Final = 20.0

_AS_OPERATORS_RUN_IT: Final = (
    *("-server", "-Xms1G", "-Xmx1G", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"),
    *("-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent"),
)
"""The options of Kafka's own scripts: kafka-server-start.sh and kafka-run-class.sh."""
_FOR_TESTS: Final = ("-Xms256m", "-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

_POM: Final = Path(__file__).parent / "kafka" / "pom.xml"
_CACHE: Final = Path(__file__).parents[2] / ".cache" / "kafka"

# Everything else is Kafka's default. Small and fast: a rebalance starts at once, compaction runs every 100 ms on all
# closed segments, a shutdown waits for nothing, and the controller, which admits a broker again only after its last
# session, keeps that for 2.5 s instead of 9.
_PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.backoff.ms=100
log.cleaner.min.cleanable.ratio=0.01
log.cleaner.dedupe.buffer.size=16777216
log.cleaner.threads=1
log.segment.delete.delay.ms=100
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2
background.threads=2
controlled.shutdown.enable=false
broker.session.timeout.ms=2500
broker.heartbeat.interval.ms=500
initial.broker.registration.timeout.ms=60000
telemetry.enable=false
"""


class ApacheKafka:
    """An Apache Kafka broker on free ports; `start` after a stop or a kill keeps ports and data."""

    def __init__(self, directory: Path, *, for_speed: bool = False) -> None:
        """Choose the ports; start nothing yet.

        Args:
            directory: Where its settings, data and log go.
            for_speed: For a benchmark: Java runs it as Kafka's own start script does, with its full compiler and its
                default collector. Otherwise with the quick compiler and a small heap, which suit tests on two cores.
        """
        self.directory = directory
        self._for_speed = for_speed
        self.port = free_port()
        self._controller_port = free_port()
        while self._controller_port == self.port:
            self._controller_port = free_port()
        self._settings = directory / "server.properties"
        self._child: Child | None = None

    @property
    def bootstrap(self) -> str:
        """The bootstrap server: `127.0.0.1:23456`."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process id; None before the first start."""
        return None if self._child is None else self._child.pid

    def start(self) -> None:
        """Start it and wait until it answers; the first time, its storage is formatted before.

        Raises:
            Missing: Java or Maven is not available.
            RuntimeError: It did not start within a minute; with the last lines of its log.
        """
        if self._child is None:
            self._child = self._formatted()
        child = self._child
        child.start()
        if not asyncio.run(
            until(kafka_answers, self.port, within_s=START_WITHIN_S, alive=lambda: child.running, clock=SYSTEM_CLOCK)
        ):
            child.kill()
            message = f"Apache Kafka did not start; the end of {child.log}:\n{child.tail(20)}"
            raise RuntimeError(message)

    def stop(self) -> None:
        """Stop it gracefully (SIGTERM), by force after 20 seconds."""
        if self._child is not None:
            self._child.stop(STOP_WITHIN_S)

    def kill(self) -> None:
        """Kill it (SIGKILL)."""
        if self._child is not None:
            self._child.kill()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it hang for a while (SIGSTOP, then SIGCONT)."""
        if self._child is None:
            message = "Apache Kafka was not started"
            raise RuntimeError(message)
        self._child.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._child.signal(signal.SIGCONT)

    def _further_properties(self) -> str:
        """Return further lines of properties, for subclasses; the last line of a name counts."""
        return ""

    def _further_formatting(self) -> list[str]:
        """Return further arguments of the storage format, for subclasses."""
        return []

    def _formatted(self) -> Child:
        java = _java()
        classpath = f"{jars()}/*"
        data = self.directory / "data"
        data.mkdir(parents=True, exist_ok=True)
        self._settings.write_text(
            _PROPERTIES.format(host=HOST, port=self.port, controller_port=self._controller_port, data=data)
            + self._further_properties()
        )
        java_options = _AS_OPERATORS_RUN_IT if self._for_speed else _FOR_TESTS
        run = [java, *java_options, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classpath]
        cluster = hashlib.sha256(str(self.directory).encode()).hexdigest()[:22]
        formatting = subprocess.run(
            [
                *(*run, "kafka.tools.StorageTool", "format", "--cluster-id", cluster, "--config", str(self._settings)),
                *self._further_formatting(),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if formatting.returncode != 0:
            message = f"Apache Kafka's storage could not be formatted:\n{formatting.stdout}{formatting.stderr}"
            raise RuntimeError(message)
        return Child([*run, "kafka.Kafka", str(self._settings)], log=self.directory / "log.txt")


def jars() -> Path:
    """Return the folder of Apache Kafka's jars, which the first call for this pom fetches with Maven.

    Raises:
        Missing: Maven is not installed, or could not fetch them.
    """
    version = hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]
    directory = _CACHE / version
    if directory.is_dir():
        return directory
    maven = program("mvn", "maven")
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if directory.is_dir():
            return directory
        fetched = _CACHE / f"{version}.{os.getpid()}"
        fetch = subprocess.run(
            [
                *(maven, "-B", "-q", "-f", str(_POM), "dependency:copy-dependencies"),
                *("-DincludeScope=runtime", f"-DoutputDirectory={fetched}"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if fetch.returncode != 0:
            shutil.rmtree(fetched, ignore_errors=True)
            message = f"Maven could not fetch Apache Kafka: {fetch.stdout.strip() or fetch.stderr.strip()}"
            raise Missing(message)
        fetched.rename(directory)
    return directory


def _java() -> str:
    java = program("java", "default-jre-headless")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < JAVA_AT_LEAST:
        message = f"Apache Kafka needs Java {JAVA_AT_LEAST} or later, {java} says {said.splitlines()[:1]}"
        raise Missing(message)
    return java
