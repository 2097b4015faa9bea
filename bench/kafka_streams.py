"""The Kafka Streams program: its jars, fetched by Maven, and its classes, compiled; kept in .cache.

`python -m bench.kafka_streams` does that ahead, so that no measurement waits for it.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.servers import Missing, program

_PROGRAM: Final = Path(__file__).parent / "peers" / "kafka_streams"
_CACHE: Final = Path(__file__).parents[1] / ".cache" / "kafka-streams"
_MOST_HEAP_MB: Final = 4096


def java_command(*options: str) -> list[str]:
    """The command that runs it, with half of the memory as heap, 4 GiB at most.

    Raises:
        Missing: Java, its compiler or Maven is not installed, or what is needed cannot be had.
    """
    heap = f"{min(_MOST_HEAP_MB, _memory_mb() // 2)}m"
    java = program("java", "default-jdk-headless")
    made = build()
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
    run = [java, f"-Xms{heap}", f"-Xmx{heap}", "-XX:+UseParallelGC", quiet, *options]
    return [*run, "-cp", f"{made / 'classes'}{os.pathsep}{made / 'jars'}/*", "bench.Segments"]


def build() -> Path:
    """The folder with its `jars` and `classes`, made at the first call for this pom and these sources.

    Raises:
        Missing: as `java_command` says.
    """
    pom, sources = _PROGRAM / "pom.xml", sorted(_PROGRAM.glob("*.java"))
    version = hashlib.sha256(b"\0".join(each.read_bytes() for each in (pom, *sources))).hexdigest()[:12]
    made = _CACHE / version
    if made.is_dir():
        return made
    maven, javac = program("mvn", "maven"), program("javac", "default-jdk-headless")
    making = _CACHE / f"{version}.{os.getpid()}"
    try:
        fetch = (maven, "-B", "-q", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime")
        _run("Maven could not fetch Kafka Streams", *fetch, f"-DoutputDirectory={making / 'jars'}")
        compile_ = (javac, "-nowarn", "--release", "17", "-cp", f"{making / 'jars'}/*", "-d", str(making / "classes"))
        _run("the Kafka Streams program could not be compiled", *compile_, *map(str, sources))
        making.rename(made)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return made


def _run(failed: str, *command: str) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        message = f"{failed}: {ran.stderr.strip() or ran.stdout.strip()}"
        raise Missing(message)


def _memory_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20


if __name__ == "__main__":
    try:
        print(f"bench: Kafka Streams is in {build()}")
    except Missing as missing:
        sys.exit(f"bench: no Kafka Streams: {missing}")
