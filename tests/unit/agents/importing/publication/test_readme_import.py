"""The reports in README.md and README.ru.md are what the command writes."""

import re
import shutil
from pathlib import Path

import pytest

from agents.cli import main

ROOT = Path(__file__).parents[5]


def example(page: str) -> list[str]:
    """Return the lines of the example of an import in a page."""
    text = (ROOT / page).read_text("utf-8")
    found = re.search(r"<!-- example: import -->\n```\n(.*?)```", text, re.DOTALL)
    assert found, page
    return found[1].splitlines()


@pytest.mark.parametrize("page", ["README.md", "README.ru.md"])
def test_the_example_of_an_import_is_its_output(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The active policy, which the example shows, takes Kafka; without it, it is the configured one."""
    shutil.copy(ROOT / "tests/data/import/orders_export.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOLDSTREAM_KAFKA", "127.0.0.1:1")
    command, *expected = example(page)
    assert command.startswith("$ goldstream ")
    assert main(command.split()[2:]) == 0
    report = re.sub(r"\(configured: .*?\)", "(active)", capsys.readouterr().out).splitlines()
    missing = [line for line in expected if line.strip() != "…" and line not in report]
    assert missing == []
    shown = [line for line in expected if line.strip() != "…"]
    assert [line for line in report if line in shown] == shown, "in their order"
