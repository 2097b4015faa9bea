"""The command line: complete help, one line per error, and the three exit statuses."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agents.cli import main
from streams.defaults import campaigns_text, policy_text
from streams.settings.settings_spec import SETTINGS, describe_settings

ROOT = Path(__file__).parents[4]
COMMANDS = [
    "demo",
    "worker",
    "topics",
    "import",
    "advance",
    "simulate",
    "policy",
    "campaigns",
    "customer",
    "rebuild-redis",
]


@pytest.fixture(autouse=True)
def isolated_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Use no outside settings and a separate folder."""
    for variable in (*SETTINGS,):
        monkeypatch.delenv(variable.name, raising=False)
    monkeypatch.delenv("GOLDSTREAM_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], list[str]]:
    """Run a command; return its status, and the lines of standard output and standard error."""
    capsys.readouterr()
    status = main(arguments)
    captured = capsys.readouterr()
    return status, captured.out.splitlines(), captured.err.splitlines()


@pytest.mark.parametrize("arguments", [(), ("--help",), ("worker", "--help")])
def test_help_lists_all_settings_with_their_defaults(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    status, out, err = run(capsys, *arguments)
    assert (status, err) == (0, [])
    for name, default, meaning in describe_settings():
        (line,) = [line for line in out if line.split() and line.split()[0] == name]
        assert default in line
        assert meaning in line


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    out = "\n".join(run(capsys, "--help")[1])
    for command in COMMANDS:
        assert command in out


IMPORT_EXTRA = {"babel", "charset_normalizer", "duckdb", "pyarrow", "python_calamine"}


def test_help_imports_neither_kafka_client_nor_arrow() -> None:
    """Commands import their dependencies only when they run, so that help is fast."""
    program = "import sys; from agents.cli import main; main(['--help']); print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert not {"aiokafka", "faust", "redis", *IMPORT_EXTRA} & set(result.stdout.split())


def test_a_worker_imports_nothing_that_only_the_import_of_files_needs() -> None:
    modules = ", ".join(
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for package in ("admit", "control", "health", "project", "segment", "worker")
        for path in (ROOT / "agents" / package).rglob("*.py")
        if path.stem != "__init__"
    )
    reading = "agents.importing.staging.stage, agents.importing.reading.opening"
    program = f"import sys; import {modules}, {reading}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert not IMPORT_EXTRA & {name.partition(".")[0] for name in result.stdout.split()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nonsense",), "No such command 'nonsense'"),
        (("worker", "--only", "decide"), "'decide' is not one of 'admit', 'segment', 'project'"),
        (("import",), "name at least one FILE"),
        (("topics",), "Missing command"),
        (("policy", "check", "a", "b"), "unexpected extra argument"),
        (("simulate", "--days", "many"), "days"),
        (("simulate", "--until", "tomorrow"), "--until must be RFC 3339"),
        (("simulate", "--currency", "RUR"), "--currency must be an ISO 4217 code"),
        (("advance", "--to", "2026-01-01T00:00:00Z"), "advance needs GOLDSTREAM_TIME=event: got wall"),
        (("rebuild-redis",), "GOLDSTREAM_REDIS must be set"),
        (("replay", "--into", "goldstream"), "--into must be another prefix than GOLDSTREAM_PREFIX"),
        (("replay", "--into", "no topic"), "--into must"),
        (("replay", "--into", "next", "--timeout", "soon"), "--timeout must be a duration"),
        (("import", "a.xlsx", "--format", "xls"), "format must be"),
        (("import", "a.csv", "--topic", "orders"), "--topic must be one of"),
        (("import", "a.csv", "--topic", "refunds", "--kind", "purchase"), "takes only refund events"),
        (("import", "a.csv", "--decimal", ";"), 'decimal must be "." or ","'),
    ],
)
def test_wrong_usage_is_reported_in_one_line_with_status_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, [])
    (line,) = err
    assert line.startswith("goldstream")
    assert message in line


def test_advance_refuses_invalid_moments_and_timeouts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOLDSTREAM_TIME", "event")
    for moment in ("2026-01-01", "2026-01-01T00:00:00", "tomorrow"):
        status, _, err = run(capsys, "advance", "--to", moment)
        assert (status, f"got '{moment}'" in err[0]) == (2, True)
    status, _, err = run(capsys, "advance", "--to", "2026-01-01T00:00:00Z", "--timeout", "5")
    assert (status, "--timeout must be a duration" in err[0]) == (2, True)


def test_invalid_settings_are_reported_together_with_status_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOLDSTREAM_PARTITIONS", "none")
    monkeypatch.setenv("GOLDSTREAM_TIME", "sun")
    status, _, err = run(capsys, "topics", "check")
    assert status == 2
    assert [line.split()[1] for line in err] == ["GOLDSTREAM_PARTITIONS", "GOLDSTREAM_TIME"]


def test_settings_are_shown_with_their_origin_and_without_passwords(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "shop.toml").write_text('prefix = "shop"')
    monkeypatch.setenv("GOLDSTREAM_REDIS", "redis://user:secret@host")
    status, out, err = run(capsys, "settings", "--config", "shop.toml")
    assert (status, err) == (0, [])
    shown = {line.split()[0]: line.split()[1:] for line in out[1:]}
    assert list(shown) == [spec.name for spec in SETTINGS]
    assert shown["GOLDSTREAM_PREFIX"] == ["shop", "shop.toml"]
    assert shown["GOLDSTREAM_REDIS"] == ["redis://user:***@host", "environment"]
    assert shown["GOLDSTREAM_PARTITIONS"] == ["4", "default"]

    status, out, err = run(capsys, "settings", "--config", "shop.toml", "--json")
    assert (status, err) == (0, [])
    found = json.loads("".join(out))
    assert found["file"] == "shop.toml"
    assert [each["name"] for each in found["settings"]] == [spec.name for spec in SETTINGS]
    assert found["settings"][1] == {
        "name": "GOLDSTREAM_REDIS",
        "key": "redis",
        "value": "redis://user:***@host",
        "origin": "environment",
        "default": None,
    }


@pytest.mark.parametrize("order", [("--config", "X", "topics", "check"), ("topics", "check", "--config", "X")])
def test_a_config_file_can_be_named_before_and_after_the_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, order: tuple[str, ...]
) -> None:
    (tmp_path / "X").write_text("partitions = 0")
    status, _, err = run(capsys, *order)
    assert (status, "got '0'; correct it in X" in err[0]) == (2, True)


def test_an_unreachable_kafka_is_reported_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOLDSTREAM_KAFKA", "127.0.0.1:1")
    (tmp_path / "policy.toml").write_text(policy_text())
    (tmp_path / "a.csv").write_text("customer,date,amount\nc1,2025-05-12,5\n")
    for command in (("topics", "check"), ("policy", "apply", "policy.toml"), ("import", "a.csv"), ("simulate",)):
        status, _, err = run(capsys, *command)
        assert status == 1
        remedy = "start it, or correct GOLDSTREAM_KAFKA or GOLDSTREAM_KAFKA_SECURITY"
        assert err == [f"goldstream: Kafka cannot be reached at 127.0.0.1:1; {remedy}"]


def test_a_valid_policy_is_summarized(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(policy_text())
    status, out, err = run(capsys, "policy", "check", "policy.toml")
    assert (status, err) == (0, [])
    assert out[0].startswith(
        "retail-27@1: 27 cells, 7 segments (golden, loyal, new, active, at_risk, churned, potential)"
    )


def test_all_errors_of_a_policy_are_reported_one_per_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(policy_text().replace("[60, 180]", "[60, 60]").replace('"RUB"', '"RUR"'))
    status, out, err = run(capsys, "policy", "check", "policy.toml")
    assert (status, out) == (1, [])
    assert len(err) == 2
    assert all(line.startswith("goldstream: policy.toml: ") for line in err)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_an_unreadable_policy_is_reported_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "policy.toml").write_bytes(content)
    status, _, err = run(capsys, "policy", "check", "policy.toml")
    assert status == 1
    (line,) = err
    assert "policy.toml" in line


def test_campaigns_are_validated_against_the_segments_of_a_policy(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "campaigns.toml").write_text(campaigns_text())
    (tmp_path / "policy.toml").write_text(policy_text().replace('"churned"', '"gone"'))
    status, out, _ = run(capsys, "campaigns", "check", "campaigns.toml")
    assert status == 0
    assert out[0].startswith("retail@2: 6 campaigns (welcome, ")
    status, _, err = run(capsys, "campaigns", "check", "campaigns.toml", "--policy", "policy.toml")
    assert status == 1
    assert "churned" in err[0]


def test_the_same_seed_writes_the_same_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name in ("one.jsonl", "two.jsonl"):
        status, out, _ = run(capsys, "simulate", "--customers", "50", "--seed", "7", "--out", name)
        assert status == 0
        assert out[0].endswith(f"to {name}")
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()


def test_a_live_shop_publishes_present_events_up_to_a_limit(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    before = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    arguments = ("--live", "--rate", "1000", "--events", "20", "--customers", "2", "--days", "30", "--out", "a.jsonl")
    assert run(capsys, "simulate", *arguments)[0] == 0
    events = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert len(events) == 20  # more than two customers do in a month: the history is repeated
    assert len({event["event_id"] for event in events}) == 20
    assert all(event["occurred_at"] >= before for event in events)


def test_import_reads_what_simulate_writes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(capsys, "simulate", "--customers", "100", "--out", "a.jsonl")[0] == 0
    count = len((tmp_path / "a.jsonl").read_text().splitlines())
    status, out, err = run(capsys, "import", "a.jsonl", "--dry-run", "--json")
    assert (status, len(out)) == (0, 1), err
    report = json.loads(out[0])
    assert (report["platform"], report["rows"]) == ("goldstream", count)
    assert sum(report["events"].values()) == count


def test_a_broken_pipe_causes_no_traceback() -> None:
    program = "import sys; from agents.cli import main; sys.exit(main(['simulate', '--out', '-']))"
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        process.stderr.close()


def test_what_a_simulation_published_is_reported_as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, out, err = run(capsys, "simulate", "--customers", "20", "--out", "a.jsonl", "--json")
    assert (status, err, len(out)) == (0, [], 1)
    report = json.loads(out[0])
    events = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert (report["events"], report["to"]) == (len(events), "a.jsonl")
    assert report["by_kind"]["signup"] == sum(event["type"] == "signup" for event in events)
    status, _, err = run(capsys, "simulate", "--out", "-", "--json")
    assert (status, "exclude each other" in err[0]) == (2, True)


def test_a_check_with_json_reports_all_errors(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(policy_text())
    status, out, _ = run(capsys, "policy", "check", "policy.toml", "--json")
    found = json.loads(out[0])
    assert (status, found["is_valid"], found["errors"], found["cells"], found["window_days"]) == (0, True, [], 27, 365)
    (tmp_path / "policy.toml").write_text(policy_text().replace("[60, 180]", "[60, 60]").replace('"RUB"', '"RUR"'))
    status, out, err = run(capsys, "policy", "check", "policy.toml", "--json")
    found = json.loads(out[0])
    assert (status, found["is_valid"], len(found["errors"]), len(err)) == (1, False, 2, 2)
    (tmp_path / "campaigns.toml").write_text(campaigns_text().replace('"churned"', '"gone"'))
    status, out, err = run(capsys, "campaigns", "check", "campaigns.toml", "--json")
    found = json.loads(out[0])
    assert (status, found["is_valid"], found["campaigns"]) == (1, False, [])
    assert [f"goldstream: {each}" for each in found["errors"]] == err


def test_letters_that_the_terminal_lacks_are_escaped(tmp_path: Path) -> None:
    program = "import sys; from agents.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "init", str(tmp_path / "shop"), "--defaults", "--language", "ru"],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.startswith("записаны".encode("ascii", "backslashreplace"))
