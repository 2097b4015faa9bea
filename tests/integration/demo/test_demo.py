"""`goldstream demo` as a user runs it: figures that hold, nothing left behind, Ctrl-C, a terminal."""

import asyncio
import contextlib
import json
import os
import re
import shlex
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from agents.demo.history import HISTORY_END, build_history, read_purchases
from agents.demo.run import QUIET_WEEKS
from tests.oracle import Oracle, Result, moments
from tests.retail.comparison import assert_published
from tests.running.processes import GOLDSTREAM
from tests.running.workers import REPOSITORY, Site, until

CUSTOMERS: Final = 150
ENDED_WITHIN_S: Final = 60.0
WEEK_MS: Final = 7 * 86_400_000

_NO_BROKER: Final = "import sys; sys.modules['noida_db'] = None; from agents.cli import main; sys.exit(main())"
_TIMES: Final = re.compile(r"(?m)^(events(/s)?|duration) .*$")

pytestmark = pytest.mark.usefixtures("embedded")  # where the package is missing, these tests cannot run


class Demo:
    """A running demo."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        """Take the process and its data folder."""
        self.process = process
        self.folder = folder

    async def read_until(self, pattern: str) -> str:
        """Read until a line of its output matches; return that line."""
        assert self.process.stdout is not None
        async with asyncio.timeout(ENDED_WITHIN_S):
            while line := (await self.process.stdout.readline()).decode():
                if re.search(pattern, line):
                    return line
        raise AssertionError(f"it ended without printing {pattern!r}")

    async def ended(self) -> tuple[int, str, str]:
        """Return its exit status and the rest of its output."""
        out, errors = await asyncio.wait_for(self.process.communicate(), ENDED_WITHIN_S)
        assert self.process.returncode is not None
        return self.process.returncode, out.decode(), errors.decode()

    async def interrupt(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        """Send a signal; return the exit status and output."""
        self.process.send_signal(number)
        return await self.ended()

    def assert_left_nothing(self) -> None:
        """Check that no file and no child process remains."""
        assert not self.folder.exists()
        assert not _processes_of(self.folder)


@contextlib.asynccontextmanager
async def _demo(tmp_path: Path, *arguments: str, program: str = GOLDSTREAM) -> AsyncIterator[Demo]:
    folder = tmp_path / "data"
    own = {name: text for name, text in os.environ.items() if not name.startswith("GOLDSTREAM_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, "demo", *arguments),
        cwd=tmp_path,
        env=own | {"PYTHONPATH": str(REPOSITORY), "GOLDSTREAM_DATA": str(folder), "GOLDSTREAM_KAFKA": "127.0.0.1:1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Demo(process, folder)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _processes_of(folder: Path) -> list[str]:
    """Return the command lines and environments that name the folder."""
    found = []
    for place in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if place.name.isdecimal() and int(place.name) != os.getpid():
                said = (place / "cmdline").read_bytes() + (place / "environ").read_bytes()
                if str(folder).encode() in said:
                    found.append(said.decode(errors="replace"))
    return found


def _expected() -> Result:
    """Return the oracle's result for the demo's history."""
    texts = {kind: files("agents.demo").joinpath(name).read_text(encoding="utf-8") for kind, name in _RULES}
    ends_ms = moments.parse(HISTORY_END)
    return Oracle("goldstream").run(
        [
            *({"type": kind, "text": text} for kind, text in texts.items()),
            *(json.loads(event.value) for event in build_history(read_purchases(CUSTOMERS))),
            *({"type": "tick", "at": moments.text(ends_ms + week * WEEK_MS)} for week in range(QUIET_WEEKS + 1)),
        ]
    )


_RULES: Final = (("policy", "cdnow.toml"), ("campaigns", "cdnow-campaigns.toml"))


async def test_it_publishes_what_is_documented_and_other_commands_reach_it_while_it_runs(tmp_path: Path) -> None:
    expected = await asyncio.to_thread(_expected)
    async with _demo(tmp_path, "--limit", str(CUSTOMERS), "--keep") as demo:
        changes = await demo.read_until("^segment changes")
        messages = await demo.read_until("^messages")
        export = await demo.read_until("^export ")
        variables = dict(each.split("=", 1) for each in shlex.split(export)[1:])
        kafka = variables["GOLDSTREAM_KAFKA"]

        await assert_published(kafka, "goldstream", expected, partitions=1)
        lapses = Counter(change["cause"]["kind"] for change in expected.changes)["time"]
        assert changes.split(maxsplit=2)[2].strip() == f"{len(expected.changes):,}, {lapses:,} of them by time alone"
        sent, suppressed = len(expected.messages), len(expected.suppressions)
        assert messages.split(maxsplit=1)[1].strip() == f"{sent:,} sent, {suppressed:,} suppressed"

        site = Site(kafka, variables["GOLDSTREAM_PREFIX"], tmp_path, {"TIME": variables["GOLDSTREAM_TIME"]})
        await site.advance("1999-07-01T00:00:00Z")
        story = await site.command("customer", "c-00003")
        assert story.status == 0, story.errors
        assert story.out.startswith("c-00003: churned since 1999-")

        status, _, errors = await demo.interrupt()
        assert (status, errors) == (0, "")
        demo.assert_left_nothing()


async def test_an_interrupt_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    async with _demo(tmp_path) as demo:

        async def works() -> bool:
            return len(_processes_of(demo.folder)) > 2 and any(demo.folder.glob("demo-*/worker/admit"))

        await until(works, "the demo to be busy")
        assert await demo.interrupt() == (
            130,
            "",
            "goldstream: interrupted by SIGINT; everything is stopped and removed\n",
        )
        demo.assert_left_nothing()


async def test_without_a_terminal_it_prints_only_its_summary_and_in_one_also_the_screen(
    tmp_path: Path,
) -> None:
    async with _demo(tmp_path, "--limit", "40") as demo:
        status, plain, errors = await demo.ended()
        assert (status, errors) == (0, "")
        demo.assert_left_nothing()
    assert "the story of a customer\n  c-000" in plain
    assert "what to try next" in plain
    assert "\x1b" not in plain
    assert "measured from publishing an event until its changes and messages are in Kafka" in " ".join(plain.split())

    screen, said = await _drawn(tmp_path)
    assert "\x1b[?1049h" in screen
    assert "replaying eighteen months of purchases" in screen
    assert "quiet weeks" in screen
    assert "90 days without a purchase" in screen
    assert "events/s on average" in screen
    assert "\x1b[?25h" in screen + said  # the cursor is visible again
    summary = plain[: plain.index("\nwhat to try next")]
    assert _TIMES.sub("", said[said.index("CDNOW") : said.index("\nits page: ")]) == _TIMES.sub("", summary)


async def _drawn(tmp_path: Path) -> tuple[str, str]:
    """Return what it draws in a terminal, and what it prints after it has restored the terminal.

    It stays with its page, whose address it prints first, until it is interrupted.
    """
    ours, theirs = os.openpty()
    drawn = bytearray()
    loop = asyncio.get_running_loop()

    def read() -> None:
        try:
            drawn.extend(os.read(ours, 65_536))
        except OSError:  # the other side is closed
            loop.remove_reader(ours)

    folder = tmp_path / "data"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", GOLDSTREAM, "demo", "--limit", "40"),
        cwd=tmp_path,
        env=dict(
            os.environ, PYTHONPATH=str(REPOSITORY), GOLDSTREAM_DATA=str(folder), TERM="xterm", COLUMNS="110", LINES="30"
        ),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    loop.add_reader(ours, read)

    async def address() -> str:
        found = re.search(rb"its page: (http://127\.0\.0\.1:\d+/)\r\nit keeps running until Ctrl-C", drawn)
        return found[1].decode() if found else ""

    try:
        page = await until(address, "the end of the history", ENDED_WITHIN_S)
        assert drawn.startswith(f"the demo's page is {page}\r\n".encode())
        async with aiohttp.ClientSession() as client, client.get(page, headers={"Accept": "text/html"}) as answer:
            assert answer.status == 200
            assert "40 customers" in await answer.text()
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), ENDED_WITHIN_S) == 0
        await asyncio.sleep(0)
    finally:
        if process.returncode is None:
            process.kill()
        loop.remove_reader(ours)
        os.close(ours)

    assert not folder.exists()
    screen, _, said = drawn.decode().replace("\r\n", "\n").rpartition("\x1b[?1049l")
    return screen, said


async def test_without_the_embedded_broker_it_names_the_remedy(tmp_path: Path) -> None:
    async with _demo(tmp_path, program=_NO_BROKER) as demo:
        assert await demo.ended() == (
            1,
            "",
            "goldstream: the embedded broker is not installed: pip install 'goldstream[demo]'\n",
        )
        demo.assert_left_nothing()


async def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    async with _demo(tmp_path) as demo:
        status, out, errors = await demo.ended()
    assert (status, out) == (1, "")
    assert errors.startswith("goldstream: the demo cannot write to ")
    assert "GOLDSTREAM_DATA" in errors
    assert errors.count("\n") == 1


async def test_a_dead_worker_ends_the_demo_with_one_line(tmp_path: Path) -> None:
    async with _demo(tmp_path) as demo:

        async def worker() -> int | None:
            found = [*demo.folder.glob("demo-*/worker.log")]
            return next((pid for pid in _children(demo.process.pid) if found and _is_worker(pid)), None)

        pid = await until(worker, "the demo's worker")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        status, out, errors = await demo.ended()
        assert (status, out) == (1, "")
        assert errors.startswith("goldstream: the demo's worker ended with status -9; its last log line: ")
        assert errors.count("\n") == 1
        demo.assert_left_nothing()


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()] + [
        int(each)
        for task in Path(f"/proc/{pid}/task").iterdir()
        if task.name != str(pid)
        for each in (task / "children").read_text().split()
    ]


def _is_worker(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"agents.demo.embedded.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False
