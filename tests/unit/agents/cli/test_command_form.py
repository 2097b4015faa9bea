"""The form of all commands: help, examples, options that mean the same everywhere, `--json`, `--quiet`."""

import re
import shlex
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer

from agents.cli import app, main
from agents.cli.help.examples import EXAMPLES

ROOT: Final = Path(__file__).parents[4]
README: Final = (ROOT / "README.md").read_text("utf-8")
REFERENCE: Final = (ROOT / "docs/commands.md").read_text("utf-8")
WIDTH: Final = 100
MANY: Final = 12
"""Options from which on they are grouped."""

WITHOUT_JSON: Final = {
    "demo": "a show for people",
    "worker": "runs until it is stopped; GOLDSTREAM_LOG_FORMAT=json gives its log as JSON",
    "serve": "as worker",
}
WITHOUT_SETTINGS: Final = {"init": "writes them", "policy check": "needs nothing but the file"}
ASK: Final = {"erase", "rebuild-redis", "policy apply", "campaigns apply", "rejected resend", "import"}
TWO_MEANINGS: Final = {
    "--from": "of an import, the platform: other programs rely on it",
    "--to": "of advance, a moment: other programs rely on it",
    "--source": "of an import, the name of the shop; of rejected events, where they were published",
    "--name": "of init, that of the shop's policy",
    "--timeout": "the defaults differ",
}


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield every command and group with its path."""
    if path:
        yield " ".join(path), command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, (*path, name))


TOP: Final = typer.main.get_command(app)
EVERYTHING: Final = dict(commands(TOP))
COMMANDS: Final = {path: each for path, each in EVERYTHING.items() if not hasattr(each, "commands")}
HELP_OF: Final = pytest.mark.parametrize("path", ["", *EVERYTHING])
EACH: Final = pytest.mark.parametrize("path", list(COMMANDS))


def options(path: str) -> dict[str, Any]:
    """Return the options of a command by the first long name."""
    found = [each for each in COMMANDS[path].params if each.param_type_name == "option"]
    return {next(name for name in each.opts if name.startswith("--")): each for each in found}


def help_of(capsys: pytest.CaptureFixture[str], path: str) -> str:
    """Return what `--help` writes."""
    assert main([*path.split(), "--help"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out.partition(" Settings: from the environment")[0]


@HELP_OF
def test_help_fits_a_page_and_names_no_type_of_python(capsys: pytest.CaptureFixture[str], path: str) -> None:
    text = help_of(capsys, path)
    assert text.startswith(f"Usage: goldstream {path}".strip())
    assert max(map(len, text.splitlines())) <= WIDTH
    assert not re.search(r"<(bool|str|int|list|Path|float)|\bNone\b", text)
    assert text.rstrip().splitlines()[-1].startswith("  goldstream")


@HELP_OF
def test_defaults_are_written_in_one_form(capsys: pytest.CaptureFixture[str], path: str) -> None:
    text = " ".join(help_of(capsys, path).split())
    assert len(re.findall(r"default: ", text)) == len(re.findall(r"\[(?:[^\[\]]*; )?default: [^\[\]]+\]", text))


@HELP_OF
def test_every_command_and_group_has_two_examples(path: str) -> None:
    assert len(EXAMPLES[path]) >= 2
    assert all(each.arguments.startswith(path) for each in EXAMPLES[path])


@pytest.mark.parametrize("arguments", sorted({each.arguments for path in EXAMPLES for each in EXAMPLES[path]}))
def test_every_example_is_accepted(arguments: str) -> None:
    words = shlex.split(arguments)
    path = next(each for each in (" ".join(words[:2]), words[0]) if each in COMMANDS)
    rest = words[len(path.split()) :]
    context = COMMANDS[path].make_context(path, rest)
    assert context.params is not None


def test_no_example_is_of_a_command_that_does_not_exist() -> None:
    assert set(EXAMPLES) - {""} == set(EVERYTHING)


@EACH
def test_every_command_has_the_options_of_all_commands(path: str) -> None:
    names = options(path)
    assert "--quiet" in names
    assert ("--json" in names) != (path in WITHOUT_JSON)
    assert ("--config" in names) != (path in WITHOUT_SETTINGS)
    assert ("--yes" in names) == (path in ASK)


@EACH
def test_many_options_are_grouped(path: str) -> None:
    found = options(path)
    groups = {each.rich_help_panel for each in found.values()}
    assert len(found) <= MANY or len(groups) > 1


@EACH
def test_every_option_is_explained_and_names_what_it_takes(path: str) -> None:
    for name, option in options(path).items():
        assert option.help, name
        assert option.help.endswith("."), name
        assert option.is_flag or option.metavar or option.type_descriptor.choices, name


def test_options_of_one_name_take_the_same() -> None:
    taken: defaultdict[str, set[str | None]] = defaultdict(set)
    for path in COMMANDS:
        for name, option in options(path).items():
            taken[name].add(option.metavar)
    assert {name for name, values in taken.items() if len(values) > 1} <= set(TWO_MEANINGS)


def test_earlier_names_of_options_are_accepted_and_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    for path, name, earlier in (
        ("policy suggest", "--out", "--output"),
        ("policy diff", "--until", "--to"),
        ("demo", "--customers", "--limit"),
    ):
        assert earlier in options(path)[name].opts
        assert f"{earlier} " not in help_of(capsys, path)


def test_every_command_is_in_a_group_of_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert all(each.rich_help_panel for path, each in EVERYTHING.items() if " " not in path)
    text = help_of(capsys, "")
    positions = [text.index(f"\n{each}\n") for each in ("Run", "Data", "Rules and reports on them", "Customers")]
    assert positions == sorted(positions)


@EACH
def test_every_command_is_documented(path: str) -> None:
    assert f"`{path}" in README
    assert re.search(rf"^\| [^|]*`{re.escape(path)}[ `]", REFERENCE, re.MULTILINE), "no exit status in docs/commands.md"


def test_quiet_leaves_out_notes(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    orders = [f"{number},c{number % 9},2025-{1 + number % 12:02}-11,{100 + number}" for number in range(200)]
    (tmp_path / "a.csv").write_text("order,customer,date,amount\n" + "\n".join(orders))
    arguments = ("policy", "suggest", "a.csv", "--currency", "RUB", "--timezone", "UTC")
    assert main(arguments) == 0
    with_notes = capsys.readouterr()
    assert "then run `goldstream policy apply FILE`" in with_notes.err
    assert main([*arguments, "--quiet"]) == 0
    quiet = capsys.readouterr()
    assert quiet.out == with_notes.out
    assert "then run" not in quiet.err


def test_a_shell_completes_commands_and_options() -> None:
    program = "import sys; from agents.cli import main; sys.exit(main())"

    def complete(line: str) -> set[str]:
        environment = {
            "_GOLDSTREAM_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split(" ")) - 1),
            "PYTHONPATH": str(ROOT),
        }
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
        )
        return set(done.stdout.split())

    assert {"policy", "segment", "rebuild-redis"} <= complete("goldstream ")
    assert {"--csv", "--json"} <= complete("goldstream segment --")
