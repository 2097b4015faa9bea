"""`goldstream init`: the files that it writes, what it asks, and what it refuses."""

from pathlib import Path
from typing import Any, Final

import pytest

from agents.cli import main
from agents.cli.first_start.answers import QUESTIONS
from agents.cli.first_start.files import write_files
from agents.cli.first_start.words import QUESTIONS as WORDS
from state.config.campaigns import parse_campaigns
from state.config.policy_reader import parse_policy
from streams.defaults import Language, campaigns_text, policy_text, settings_text
from streams.settings.rules_files import configured_campaigns, configured_policy
from streams.settings.settings import Settings, load_settings
from streams.settings.settings_spec import SETTINGS
from tests.running.terminal import answer_on_a_terminal

PERMANENT: Final = ("--currency", "EUR", "--timezone", "Europe/Berlin", "--window-days", "730", "--partitions", "12")
LANGUAGES: Final[tuple[Language, ...]] = ("en", "ru")


@pytest.fixture(autouse=True)
def isolated_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Use no outside settings, an English terminal and a separate folder."""
    for variable in (*SETTINGS,):
        monkeypatch.delenv(variable.name, raising=False)
    monkeypatch.delenv("GOLDSTREAM_CONFIG", raising=False)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.chdir(tmp_path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, list[str]]:
    capsys.readouterr()
    status = main(["init", *arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err.splitlines()


def defaults() -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for question in QUESTIONS:
        answers[question.key] = question.parse(question.default(answers))
    return answers


def test_the_files_in_both_languages_set_the_same() -> None:
    assert parse_policy(policy_text("ru")).contents() == parse_policy(policy_text()).contents()
    assert parse_campaigns(campaigns_text("ru")).contents() == parse_campaigns(campaigns_text()).contents()
    for english, russian in (
        (policy_text(), policy_text("ru")),
        (campaigns_text(), campaigns_text("ru")),
        (settings_text(), settings_text("ru")),
    ):
        values = [[line.partition("#")[0].rstrip() for line in text.splitlines()] for text in (english, russian)]
        assert [line for line in values[0] if line] == [line for line in values[1] if line]


def test_every_question_is_worded_in_both_languages() -> None:
    keys = [question.key for question in QUESTIONS]
    assert [list(WORDS[language]) for language in LANGUAGES] == [keys, keys]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_defaults_are_those_of_the_settings_and_the_built_in_policy(language: Language, tmp_path: Path) -> None:
    texts = write_files(defaults() | {"timezone": "UTC"}, language)
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    settings = load_settings(tmp_path / "goldstream.toml", {})
    named = {"policy": tmp_path / "policy.toml", "campaigns": tmp_path / "campaigns.toml"}
    assert settings == Settings(policy=named["policy"], campaigns=named["campaigns"])
    policy = configured_policy(settings)
    assert policy.contents() == parse_policy(policy_text()).contents()
    campaigns = configured_campaigns(settings, policy)
    assert (policy.ref, campaigns.ref) == ("shop@1", "shop@1")
    assert campaigns.contents() == parse_campaigns(campaigns_text()).contents() | {"timezone": "UTC"}


def test_options_are_written_and_comments_are_kept(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    options = ("--name", "berlin", "--typical-order", "37.5", "--redis", "redis://r:6379/2", "--prefix", "b")
    status, out, err = run(capsys, "deep/folder", *PERMANENT, *options, "--kafka", "k1:9092,k2:9092")
    assert (status, err) == (0, [])
    settings = load_settings(tmp_path / "deep/folder/goldstream.toml", {})
    assert (settings.kafka, settings.redis, settings.prefix, settings.partitions, settings.replication) == (
        "k1:9092,k2:9092", "redis://r:6379/2", "b", 12, 1,
    )  # fmt: skip
    policy = configured_policy(settings)
    assert (policy.ref, policy.currency, policy.timezone, policy.window_days) == (
        "berlin@1", "EUR", "Europe/Berlin", "730",
    )  # fmt: skip
    assert policy.monetary_edges_text == ("75", "300")
    assert configured_campaigns(settings, policy).timezone == "Europe/Berlin"
    text = (tmp_path / "deep/folder/policy.toml").read_text("utf-8")
    assert text.count("#") == policy_text().count("#")
    assert "currency EUR, time zone Europe/Berlin, window 730 days, 12 partitions" in out
    assert "export GOLDSTREAM_CONFIG=deep/folder/goldstream.toml" in out


def test_without_a_terminal_permanent_choices_must_be_given(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, out, err = run(capsys, *PERMANENT[:4])
    assert (status, out) == (2, "")
    (line,) = err
    assert line.startswith("goldstream: --window-days, --partitions must be given where nobody can be asked")
    assert list(tmp_path.iterdir()) == []
    assert run(capsys, *PERMANENT[:4], "--defaults")[0] == 0
    assert configured_policy(load_settings(tmp_path / "goldstream.toml", {})).window_days == "365"


def test_all_invalid_options_are_reported_together(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = ("--currency", "RUR", "--timezone", "MSK", "--window-days", "0", "--partitions", "many", "--kafka", "k")
    status, _, err = run(capsys, *wrong, "--redis", "http://h")
    assert status == 2
    assert [line.split()[1] for line in err] == [
        "--currency", "--timezone", "--window-days", "--partitions", "--kafka", "--redis",
    ]  # fmt: skip
    assert run(capsys, "--language", "de")[2] == ["goldstream: --language must be en or ru: got 'de'"]


def test_existing_files_are_overwritten_only_by_force(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("mine")
    status, _, err = run(capsys, "--defaults")
    assert (status, "policy.toml exist already" in err[0]) == (1, True)
    assert (tmp_path / "policy.toml").read_text() == "mine"
    assert run(capsys, "--defaults", "--force")[0] == 0
    assert (tmp_path / "policy.toml").read_text() != "mine"


def test_on_a_terminal_it_asks_again_after_an_invalid_answer(tmp_path: Path) -> None:
    replies = ("", "XXX", "kzt", "Asia/Almaty", "", "8", "", "", "3", "", "")
    status, shown = answer_on_a_terminal(replies, "init", "--language", "ru", folder=tmp_path)
    assert status == 0, shown
    assert "Следующие четыре — навсегда" in shown
    assert "--currency must be an ISO 4217 code, such as RUB: got 'XXX'" in shown
    settings = load_settings(tmp_path / "goldstream.toml", {})
    policy = configured_policy(settings)
    assert (policy.currency, policy.timezone, settings.partitions, settings.replication, settings.redis) == (
        "KZT", "Asia/Almaty", 8, 3, None,
    )  # fmt: skip
    assert policy.monetary_edges_text == ("30000", "120000")
