"""Rules of this repository that no linter checks."""

import ast
import importlib
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import yaml

ROOT: Final = Path(__file__).parents[2]
PYPROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES: Final = ("state", "streams", "agents")

MAX_LINES: Final = 500
MEANINGLESS_NAMES: Final = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}

# What state/ may import: nothing that reads a clock, a file, the environment or a random source. importlib reads the
# time zones of a pinned package, which are constant data; io wraps their bytes in a file object for zoneinfo.
PURE: Final = frozenset(
    """
    __future__ abc array bisect calendar collections dataclasses datetime decimal difflib enum fractions functools
    hashlib heapq importlib io itertools json math msgspec operator re state string struct tomllib types typing zoneinfo
    """.split()  # noqa: SIM905 - thirty words, a line each otherwise
)
DATE_CLOCKS: Final = {"now", "today", "utcnow"}
IMPURE_CALLS: Final = {"open", "print", "input", "now", "utcnow", "today"}

# In pieces, so that this file does not contain the names.
REGISTRIES: Final = tuple(
    ".".join(name)
    for name in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("maven", "apache", "org"),
        ("maven", "org"),
        ("deb", "debian", "org"),
        ("debian", "org/debian"),
    )
)


def _files() -> list[Path]:
    """Return the files that are tracked or not ignored; outside a Git clone, all files."""
    return [path for path in _paths() if path.is_file()]


def _paths() -> list[Path]:
    """Return the same, with links and with files that are deleted but still tracked."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        return [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in ROOT.rglob("*") if not any(part.startswith(".") for part in path.parts)]


def _python_files(*folders: str) -> list[Path]:
    return [path for path in _files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in folders]


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_no_file_names_the_host_of_a_package_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {host}"
        for path in _files()
        for host in REGISTRIES
        if host.encode() in path.read_bytes()
    ]
    assert found == []


def test_no_path_looks_like_an_option_or_has_white_space() -> None:
    """A command that takes its first argument for a folder has once written into one named `--help`."""
    paths = [path.relative_to(ROOT) for path in _files()]
    assert [path for path in paths if any(part.startswith("-") or part.split() != [part] for part in path.parts)] == []


def test_no_link_leads_out_of_the_repository() -> None:
    """One in the place of an ignored folder, such as .cache, would take its place when it is checked out."""
    assert [str(path) for path in _paths() if path.is_symlink()] == []


def test_no_source_file_is_longer_than_500_lines() -> None:
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in _files() if path.suffix == ".py"}
    assert {str(path): lines for path, lines in lengths.items() if lines > MAX_LINES} == {}


def test_no_module_has_a_meaningless_name() -> None:
    paths = [path.relative_to(ROOT) for path in _files() if path.suffix == ".py"]
    assert [path for path in paths if {path.stem, *path.parent.parts} & MEANINGLESS_NAMES] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_can_be_imported_and_is_typed(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__doc__
    assert (ROOT / package / "py.typed").is_file()


@pytest.mark.parametrize("path", _python_files("state"), ids=lambda path: str(path.relative_to(ROOT)))
def test_state_imports_only_pure_modules(path: Path) -> None:
    imported = {name.split(".")[0] for name in _imports(ast.parse(path.read_text()))}
    assert imported - PURE == set()


@pytest.mark.parametrize("path", _python_files("state"), ids=lambda path: str(path.relative_to(ROOT)))
def test_state_has_no_io_no_clock_and_no_await(path: Path) -> None:
    tree = ast.parse(path.read_text())
    called = {
        node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
    }
    assert called & IMPURE_CALLS == set()
    assert not any(isinstance(node, ast.Await | ast.AsyncFunctionDef | ast.AsyncFor) for node in ast.walk(tree))


@pytest.mark.parametrize("path", _python_files(*PACKAGES), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_clock_reads_the_time(path: Path) -> None:
    found = sorted(_clock_reads(ast.parse(path.read_text())))
    assert bool(found) == (str(path.relative_to(ROOT)) == "streams/clock.py"), found


def _clock_reads(tree: ast.AST) -> Iterator[str]:
    """Yield every reference to a function that reads the time, called or not, under any alias of its module."""
    modules = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (f"from time import {alias.name}" for alias in node.names)
        if not isinstance(node, ast.Attribute):
            continue
        owner = ast.unparse(node.value)
        if modules.get(owner) == "time" and node.attr != "struct_time":
            yield f"time.{node.attr}"
        elif node.attr in DATE_CLOCKS and owner.rpartition(".")[2] in {"datetime", "date"}:
            yield f"{owner}.{node.attr}"
        elif node.attr == "time" and ("loop" in owner.lower()):
            yield f"{owner}.time"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time\nnow = time.monotonic()", ["time.monotonic"]),
        ("import time as t\nread = t.time_ns", ["time.time_ns"]),
        ("from time import perf_counter as now", ["from time import perf_counter"]),
        ("from datetime import date, datetime\ndatetime.now(); date.today()", ["date.today", "datetime.now"]),
        ("import datetime\ndatetime.datetime.utcnow()", ["datetime.datetime.utcnow"]),
        ("import asyncio\nasyncio.get_running_loop().time()", ["asyncio.get_running_loop().time"]),
        ("self._loop.time()", ["self._loop.time"]),
        ("from datetime import datetime, time\ndatetime.combine(day, time.min)\nevent.time", []),
    ],
)
def test_every_kind_of_clock_read_is_found(source: str, found: list[str]) -> None:
    assert sorted(_clock_reads(ast.parse(source))) == found


@pytest.mark.parametrize("path", _python_files(*PACKAGES), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_code_reads_the_value_of_a_metric(path: Path) -> None:
    assert (
        re.findall(
            r"\._value\.get\(|get_sample_value|(?<!gc)\.collect\(|generate_latest\((?!registry)", path.read_text()
        )
        == []
    )


def test_importing_state_loads_nothing_but_msgspec_and_the_standard_library() -> None:
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in _python_files("state")]
    imports = "; ".join(f"import {name.removesuffix('.__init__')}" for name in modules)
    loaded = subprocess.run(
        [sys.executable, "-c", f"import sys; {imports}; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    ours = {name.split(".")[0].lstrip("_") for name in loaded}
    outside = {
        name.lower().replace("-", "_")
        for name in (dependency["name"] for dependency in _locked("requirements.lock"))
        if name.lower().replace("-", "_") not in {"msgspec", "typing_extensions"}  # msgspec loads it
    }
    assert ours & outside == set()


def test_the_locks_have_exact_versions_with_hashes_and_every_dependency() -> None:
    runtime, development = _locked("requirements.lock"), _locked("requirements-dev.lock")
    assert all(int(entry["hashes"]) > 0 for entry in development)
    versions = {entry["name"]: entry["version"] for entry in development}
    assert {entry["name"]: entry["version"] for entry in runtime}.items() <= versions.items(), "one set of versions"

    project = PYPROJECT["project"]
    required = [*project["dependencies"], *PYPROJECT["dependency-groups"]["build"]]
    required += [name for extra in project["optional-dependencies"].values() for name in extra]
    assert {_name(requirement) for requirement in required} <= {entry["name"] for entry in runtime}
    assert {_name(requirement) for requirement in PYPROJECT["dependency-groups"]["dev"]} <= versions.keys()


def test_the_command_is_installed() -> None:
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="goldstream")
    assert script.value == "agents.cli:main"
    assert callable(script.load())


def test_the_pre_commit_hooks_are_the_checks_of_make() -> None:
    makefile = (ROOT / "Makefile").read_text()
    checks = re.search(r"^check: (.*) ##", makefile, re.MULTILINE)
    assert checks is not None
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert [hook["entry"] for hook in hooks] == [f"make {name}" for name in checks[1].split()]


def test_every_make_command_has_a_description() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.findall(r"^\.PHONY: (\S+)$", makefile, re.MULTILINE))
    documented = set(re.findall(r"^(\S+):.*## .+$", makefile, re.MULTILINE))
    assert phony == documented


@pytest.mark.parametrize(("ci", "status"), [("", pytest.ExitCode.OK), ("true", pytest.ExitCode.TESTS_FAILED)])
def test_a_test_that_cannot_run_is_reported_and_fails_in_ci(ci: str, status: pytest.ExitCode) -> None:
    needs_redis = "tests/servers/test_servers.py::test_redis_restarts_empty_on_its_port"
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", needs_redis],
        cwd=ROOT,
        env={"PATH": "", "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == status, run.stdout + run.stderr
    assert "redis-server is missing: run `make servers` as root" in run.stdout
    assert ("! NOT RUN !" in run.stdout) == (status == pytest.ExitCode.OK)


def _locked(name: str) -> list[dict[str, str]]:
    text = (ROOT / name).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    entries = []
    for line in lines:
        pinned = re.match(r"([a-z0-9._-]+)==(\S+)", line)
        assert pinned is not None, f"{name}: not an exact version: {line[:80]}"
        entries.append({"name": pinned[1], "version": pinned[2], "hashes": str(line.count("--hash=sha256:"))})
    return entries


def _name(requirement: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None
    return name[0].lower().replace("_", "-")
