"""Build the Kafka Streams program: jars fetched by Maven, and compiled classes, cached in .cache.

`python -m bench.testbed.kafka_streams` does so in advance, so that no measurement waits for it.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.servers import Missing, program

_PROGRAM: Final = Path(__file__).parents[1] / "peers" / "kafka_streams"
_CACHE: Final = Path(__file__).parents[2] / ".cache" / "kafka-streams"
_MAX_HEAP_MB: Final = 4096


def java_command(*options: str) -> list[str]:
    """Return the command that runs it, with half of the memory as heap, at most 4 GiB.

    Raises:
        Missing: Java, its compiler or Maven is not installed, or a download or the build failed.
    """
    heap = f"{min(_MAX_HEAP_MB, _memory_mb() // 2)}m"
    java = program("java", "default-jdk-headless")
    build_folder = build()
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
    run = [java, f"-Xms{heap}", f"-Xmx{heap}", "-XX:+UseParallelGC", quiet, *options]
    return [*run, "-cp", f"{build_folder / 'classes'}{os.pathsep}{build_folder / 'jars'}/*", "bench.Segments"]


def build() -> Path:
    """Return the folder with `jars` and `classes`, built by the first call for this pom and these sources.

    Raises:
        Missing: as for `java_command`.
    """
    pom, sources = _PROGRAM / "pom.xml", sorted(_PROGRAM.glob("*.java"))
    version = hashlib.sha256(b"\0".join(each.read_bytes() for each in (pom, *sources))).hexdigest()[:12]
    finished = _CACHE / version
    if finished.is_dir():
        return finished
    maven, javac = program("mvn", "maven"), program("javac", "default-jdk-headless")
    partial = _CACHE / f"{version}.{os.getpid()}"
    try:
        fetch = (maven, "-B", "-q", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime")
        _run("Maven could not fetch Kafka Streams", *fetch, f"-DoutputDirectory={partial / 'jars'}")
        compile_ = (javac, "-nowarn", "--release", "17", "-cp", f"{partial / 'jars'}/*", "-d", str(partial / "classes"))
        _run("the Kafka Streams program could not be compiled", *compile_, *map(str, sources))
        partial.rename(finished)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return finished


def _run(error: str, *command: str) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        message = f"{error}: {ended.stderr.strip() or ended.stdout.strip()}"
        raise Missing(message)


def _memory_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20


if __name__ == "__main__":
    try:
        print(f"bench: Kafka Streams is in {build()}")
    except Missing as missing:
        sys.exit(f"bench: no Kafka Streams: {missing}")
