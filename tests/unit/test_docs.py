"""The documentation names only files, functions, packages and sections that exist."""

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

from state.records.reasons import DropReason, RejectionReason, SuppressionReason
from tests.generated.purchase_path import trace_purchase

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md"), ROOT / "bench/README.md"]
)
ARCHITECTURE: Final = (ROOT / "docs/architecture.md").read_text("utf-8")
GLOSSARY: Final = (ROOT / "docs/glossary.md").read_text("utf-8")


def anchors(page: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub derives them."""
    outside_code = re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", outside_code, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def defined_names(path: str) -> set[str]:
    """Return the functions and classes that a file defines, methods included."""
    return set(re.findall(r"^\s*(?:async )?(?:def|class) (\w+)", (ROOT / path).read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists() or (anchor and anchor not in anchors(linked.read_text("utf-8"))):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_source_file_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(r"`((?:state|streams|agents|tests|bench|deploy|docs)/[\w./-]+\.\w+)`", page.read_text("utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_term_of_the_glossary_is_unique_and_names_an_existing_file() -> None:
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| `([^`|]+)` \|$", GLOSSARY, re.MULTILINE)
    listed = [line for line in GLOSSARY.splitlines() if line.startswith("| ") and not line.startswith("| term |")]
    terms = [term for term, _ in rows]

    assert len(rows) == len(listed)
    assert len(set(terms)) == len(terms)
    assert [owner for _, owner in rows if not (ROOT / owner).is_file()] == []


def test_every_step_of_the_architecture_names_functions_of_its_files() -> None:
    steps = re.findall(r"^\| *\d+ \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", ARCHITECTURE, re.MULTILINE)
    assert steps
    for files, functions in steps:
        defined: set[str] = set()
        for path in re.findall(r"`([^`]+)`", files):
            defined |= defined_names(path)
        assert set(re.findall(r"`([^`]+)`", functions)) <= defined, files


def test_a_purchase_runs_every_file_that_the_architecture_lists_for_it() -> None:
    per_batch_or_cached = {
        "agents/project/customers_projector.py",
        "agents/project/project_lane.py",
        "agents/project/projection_writer.py",
        "agents/project/redis_link.py",
        "agents/project/redis_projector.py",
        "state/fold/timers.py",  # only if the due moment moves earlier
        "streams/engine/faust_app.py",
        "streams/engine/faust_driver.py",
        "streams/engine/loop_consumer_thread.py",
        "streams/engine/lane_runner.py",
        "streams/engine/open_lanes.py",
        "streams/kafka/writing/publisher.py",  # the partition of a known customer is cached
    }
    called = {call.file for calls in trace_purchase().values() for call in calls}
    files = re.findall(r"^\| *\d+ \| [^|]+ \| ([^|]+) \| [^|]+ \|$", ARCHITECTURE, re.MULTILINE)
    named = {path for step in files for path in re.findall(r"`([^`]+)`", step)}

    assert named - per_batch_or_cached <= called


def test_every_name_beside_a_file_of_the_architecture_is_defined_there() -> None:
    pairs = re.findall(r"`((?:state|streams|agents)/[\w/]+\.py)`,\s+`(\w+)`", ARCHITECTURE)
    assert pairs
    assert [(path, name) for path, name in pairs if name not in defined_names(path)] == []


@pytest.mark.parametrize("folder", ["state", "streams", "agents"])
def test_the_architecture_mentions_every_package(folder: str) -> None:
    packages = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in ROOT.glob(f"{folder}/**/__init__.py")
        if path.parent != ROOT / folder
    }
    assert packages == set(re.findall(rf"`({folder}\.[\w.]+)`", ARCHITECTURE))


def test_the_reference_of_topics_names_every_reason() -> None:
    page = (ROOT / "docs/topics.md").read_text("utf-8")
    reasons = {*RejectionReason, *DropReason, *SuppressionReason}
    assert {reason for reason in reasons if f"`{reason}`" not in page} == set()


def test_no_file_cites_what_a_user_cannot_open() -> None:
    folders = ("agents", "bench", "deploy", "docs", "scripts", "state", "streams", "tests")
    texts = [
        path for folder in folders for path in ROOT.glob(f"{folder}/**/*") if path.suffix in {".py", ".md", ".yml"}
    ]
    cited = re.compile(
        r"\.\./share" r"d\b|\bthe contrac" r"t\b|\bcontrac" r"t §", re.IGNORECASE
    )  # in pieces, for this file
    found = [path for path in [*texts, *PAGES] if cited.search(path.read_text("utf-8"))]

    assert found == []


def test_every_log_line_of_the_runbook_is_one_that_the_code_logs() -> None:
    runbook = (ROOT / "deploy/runbook.md").read_text("utf-8")
    table = runbook.partition("| log line |")[2].partition("\n\n")[0]
    lines = re.findall(r"^\| (`.+?) \| [^|]+ \| [^|]+ \|$", table, re.MULTILINE)
    code = "\n".join(
        path.read_text("utf-8") for folder in ("agents", "streams") for path in ROOT.glob(f"{folder}/**/*.py")
    )
    code = re.sub(r'"\s*\n\s*f?"', "", code)  # a message over several lines
    fixed = [part.strip(" `,:;()") for line in lines for part in re.split(r"…|\d+|`, then `|[\w.]+:\d| segment ", line)]

    assert lines
    assert [part for part in fixed if len(part) > 3 and part not in code] == []


def test_the_levels_of_packages_are_those_that_import_linter_enforces() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    levels: dict[str, int] = {}
    for contract in contracts:
        layers = () if "containers" in contract else contract.get("layers", ())  # those order packages within one
        for level, layer in enumerate(reversed(layers), 1):
            levels |= {name.strip(): level for name in layer.split("|")}
    rows = re.findall(r"^\| (`[^|]+) \| (\d+) \| ", ARCHITECTURE, re.MULTILINE)

    assert rows
    for names, level in rows:
        for name in re.findall(r"`([\w.]+)`", names):
            nearest = max((each for each in levels if f"{name}.".startswith(f"{each}.")), key=len)
            assert levels[nearest] == int(level), name


def test_the_index_of_decisions_has_the_title_of_each_page() -> None:
    index = (ROOT / "deploy/decisions/README.md").read_text("utf-8")
    for page in ROOT.glob("deploy/decisions/[0-9]*.md"):
        number, title = page.read_text("utf-8").partition("\n")[0].removeprefix("# ").split(": ", 1)
        assert f"| [{number}]({page.name}) | {title} |\n" in index
