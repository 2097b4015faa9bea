"""What `goldstream doctor` finds about `goldstream serve` where none can be asked; tests/integration asks servers."""

from dataclasses import replace
from pathlib import Path

import pytest

from agents.serve.examination import examine_server
from streams.settings.settings import Settings


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        (
            Settings(api="127.0.0.1:0"),
            [("warning", "a server at 127.0.0.1:0 takes any free port, so it cannot be examined")],
        ),
        (
            Settings(api="127.0.0.1:0", hooks=Path("hooks.toml")),
            [
                ("wrong", "GOLDSTREAM_HOOKS: No such file or directory: hooks.toml"),
                ("warning", "a server at 127.0.0.1:0 takes any free port, so it cannot be examined"),
            ],
        ),
        (
            Settings(api="127.0.0.1:0", api_cert=Path("cert.pem")),
            [
                ("wrong", "GOLDSTREAM_API_KEY must be set with GOLDSTREAM_API_CERT: got nothing"),
                ("warning", "a server at 127.0.0.1:0 takes any free port, so it cannot be examined"),
            ],
        ),
    ],
)
async def test_files_and_address_are_examined_without_a_server(
    settings: Settings, found: list[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    findings = await examine_server(replace(settings, data=tmp_path))
    assert [(each.level.value, each.message) for each in findings] == found
    assert all(each.remedy for each in findings)
