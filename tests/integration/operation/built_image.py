"""A worker from the image that `scripts/image` builds, as a container runs it.

The file has no `test_` in its name, so that the ordinary run does not collect it; `make image` names it.
"""

import asyncio
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from agents.demo.embedded.child_process import Child
from tests.integration.worker import hostile_records as hostile
from tests.records.kafka_records import Published, publish
from tests.running.processes import STOP_WITHIN_S
from tests.running.workers import REPOSITORY, RunningWorker, Site, until
from tests.servers.redis_server import RedisServer

IMAGE: Final = "localhost/goldstream:local"
USER: Final = 10001

_COMPILED: Final = re.findall(r"\b(?:state|streams)/[\w/]+(?=\.py\b)", (REPOSITORY / "scripts/compile").read_text())

# What buildah's chroot isolation does, and what a cluster adds (deploy/kubernetes/workers.yaml): process id 1, no
# capabilities, and a read-only root. Arguments: the root, the data folder and where it belongs, the user and its group,
# the working directory, then the command.
_CONTAINER: Final = r"""
root=$1 data=$2 mounted=$3 user=$4 group=$5 workdir=$6
shift 6
mount --bind "$root" "$root"
mount --options remount,bind,ro "$root"
mount --bind "$data" "$root$mounted"
mount --types proc proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot "$root" setpriv --reuid "$user" --regid "$group" --clear-groups --bounding-set=-all --no-new-privs \
  --pdeathsig KILL env --ignore-environment --chdir="$workdir" "$@"
"""

_FILES: Final = "import importlib, sys; [print(importlib.import_module(name).__file__) for name in sys.argv[1:]]"

# Prints, for each of its arguments, how writing a file in that folder ended.
_WRITE: Final = """\
import errno, sys
for folder in sys.argv[1:]:
    try:
        open(folder + "/written", "w").close()
        print(folder, "written")
    except OSError as error:
        print(folder, errno.errorcode[error.errno])
"""


class Image:
    """The file system of the image and what its configuration says about running it."""

    def __init__(self, root: Path, config: dict[str, Any]) -> None:
        self.root = root
        self.user: str = config["User"]
        self.command: list[str] = config["Entrypoint"] + config["Cmd"]
        self.stop_signal = signal.Signals[config["StopSignal"]]
        self._workdir: str = config["WorkingDir"]
        self._environment: dict[str, str] = dict(each.split("=", 1) for each in config["Env"])
        self.data: str = self._environment["GOLDSTREAM_DATA"]

    def argv(self, data: Path, command: Sequence[str], **settings: str) -> list[str]:
        """Return the arguments that run a command in a container.

        Args:
            data: The folder of this machine to mount as the data folder; the image's user becomes its owner.
            command: Is run as the image's user.
            settings: Environment variables besides those of the image, without `GOLDSTREAM_`.
        """
        data.mkdir(exist_ok=True)
        os.chown(data, USER, USER)
        environment = self._environment | {f"GOLDSTREAM_{name}": text for name, text in settings.items()}
        return [
            *("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", _CONTAINER, "sh"),
            *(str(self.root), str(data), self.data, *self.user.split(":"), self._workdir),
            *(f"{name}={text}" for name, text in environment.items()),
            *command,
        ]


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """The built image, mounted."""
    config = json.loads(_buildah("inspect", "--type", "image", IMAGE))["OCIv1"]["config"]
    container = _buildah("from", IMAGE)
    try:
        yield Image(Path(_buildah("mount", container)), config)
    finally:
        _buildah("rm", container)


@pytest.mark.timeout(180)
async def test_a_worker_of_the_image_works_compiled_and_without_root(
    image: Image, site: Site, redis_server: RedisServer
) -> None:
    settings = {"KAFKA": site.kafka, "PREFIX": site.prefix, "REDIS": redis_server.url, "HTTP": "127.0.0.1:0"}
    argv = image.argv(site.directory / "data", image.command, **settings)
    worker = RunningWorker(Child(argv, log=site.directory / "worker.log"))
    site.workers.append(worker)
    worker.start()
    await worker.ready()
    signup = json.dumps(hostile.valid("signups", "c-1")).encode()
    await publish(site.kafka, site.topic("signups"), [Published(signup, b"c-1")])

    async def projected() -> bool:
        return (await worker.metrics()).total("goldstream_projected_total") > 0

    await until(projected, "the customer to be in Redis")

    process = await asyncio.to_thread(_first_process, worker.child)
    assert set(process.status["Uid"]) == set(process.status["Gid"]) == {str(USER)}
    assert process.status["NSpid"][-1] == "1"
    assert int(process.status["CapEff"][0], 16) == 0
    assert re.search(r"/site-packages/\w+__mypyc\.cpython-", process.maps), "the code of all compiled modules"

    worker.child.signal(image.stop_signal)
    assert await worker.wait_for_exit(STOP_WITHIN_S) == 0
    assert "stopped" in worker.log.splitlines()[-1]


def test_every_module_that_is_compiled_is_imported_as_such(image: Image, tmp_path: Path) -> None:
    modules = [module.replace("/", ".") for module in _COMPILED]
    files = _outputs(image.argv(tmp_path / "data", ["python", "-c", _FILES, *modules]))

    assert modules
    assert [file for file in files if not re.search(r"/site-packages/.+\.cpython-\w+-[\w-]+\.so$", file)] == []
    assert len(files) == len(modules)


def test_only_the_data_folder_can_be_written(image: Image, tmp_path: Path) -> None:
    folders = ["/", "/etc", "/opt/goldstream", "/tmp", "/var/tmp"]  # noqa: S108 - of the image
    written = _outputs(image.argv(tmp_path / "data", ["python", "-c", _WRITE, *folders, image.data]))

    assert written == [*(f"{folder} EROFS" for folder in folders), f"{image.data} written"]


def test_the_image_contains_no_compiler_and_no_configuration_of_pip(image: Image) -> None:
    """The build stage had them."""
    site_packages = next(image.root.glob("opt/goldstream/lib/python3.*/site-packages"))

    assert not (site_packages / "mypy").exists()
    assert [
        path for path in ("usr/bin/gcc", "opt/compiler", "etc/pip.conf", "run/secrets") if (image.root / path).exists()
    ] == []


@dataclass(frozen=True)
class Process:
    """What the kernel reports about a process: the fields of its status, and its memory maps with their files."""

    status: dict[str, list[str]]
    maps: str


def _first_process(container: Child) -> Process:
    (pid,) = Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text().split()
    fields = (line.partition(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return Process({name: values.split() for name, _, values in fields}, Path(f"/proc/{pid}/maps").read_text())


def _buildah(*arguments: str) -> str:
    return "\n".join(_outputs(["buildah", *arguments]))


def _outputs(argv: Sequence[str]) -> list[str]:
    """Return the lines that a command prints."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()
