"""The token file: what it must be, how it changes, and which tokens are in force."""

import hashlib
from pathlib import Path

import pytest

from agents.cli import main
from agents.serve.access.credentials import token_in
from agents.serve.access.token_file import Token, format_tokens, parse_tokens, read_tokens, write_tokens
from agents.serve.access.token_store import TokenStore
from agents.serve.access.token_text import digest, generate_token, id_of
from state.config.config_errors import ConfigErrors
from tests.lanes.clock import ManualClock

DIGEST = "a" * 64
SCOPES = "events:write, erasures:write, customers:read, aggregates:read, policy:write, admin, or hooks:<name>"


def token(name: str = "till", scopes: tuple[str, ...] = ("events:write",)) -> tuple[Token, str]:
    """Return a token and its text."""
    token_id, text = generate_token()
    return Token(token_id, name, digest(text), scopes), text


def errors_of(text: str) -> tuple[str, ...]:
    """Return the errors of an invalid file."""
    with pytest.raises(ConfigErrors) as caught:
        parse_tokens(text)
    return caught.value.errors


def test_a_token_is_its_id_and_256_bits_in_base62() -> None:
    token_id, text = generate_token()
    prefix, between, secret = text.split("_")
    assert (prefix, between, len(secret)) == ("gs", token_id, 43)
    assert secret.isalnum()
    assert id_of(text) == token_id
    assert generate_token()[1] != text


def test_the_file_has_the_sha256_of_the_whole_token() -> None:
    assert digest("gs_abc_def") == hashlib.sha256(b"gs_abc_def").hexdigest()


def test_what_is_written_is_read_again_and_private(tmp_path: Path) -> None:
    tokens = [
        Token("A1b2", 'till "7" \\ касса', DIGEST, ("events:write", "hooks:shop-1"), 2.5),
        Token("C3", "bi", DIGEST, ("aggregates:read",), 100),
        Token("D4", "owner", DIGEST, ("admin",)),
    ]
    path = tmp_path / "tokens.toml"
    write_tokens(path, tokens)
    assert read_tokens(path) == tokens
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["tokens.toml"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "tokens.toml"
    write_tokens(path, [])
    path.chmod(mode)
    with pytest.raises(ConfigErrors, match=rf"tokens\.toml: must be private .* got mode {mode:04o}; run `chmod 600"):
        read_tokens(path)


def test_all_errors_of_a_file_are_reported_together() -> None:
    assert errors_of(
        f"""
        [[token]]
        id = "one"
        name = "till"
        sha256 = "{DIGEST}"
        scopes = ["events:write", "events:read"]
        rate = 0

        [[token]]
        id = "one"
        sha256 = "short"
        scopes = []
        colour = "red"
        """
    ) == (
        f'token 1: scopes must be {SCOPES}: got "events:read"',
        "token 1: rate must be a number above 0 and up to 1000000: got 0",
        "token 2: name is missing; add it",
        "token 2: sha256 must be 64 hexadecimal digits in lower case, the SHA-256 of the token",
        f"token 2: scopes must be a list of {SCOPES}: got []",
        "token 2: colour is unknown; valid values: id, name, sha256, scopes, rate",
        "token 2: id must be unique: got 'one' again",
    )


@pytest.mark.parametrize("text", ["token = 1", "[token]\nid = 1", "tokens = []", "[[token]", "\x00"])
def test_a_file_of_another_shape_is_an_error(text: str) -> None:
    assert errors_of(text)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Bearer gs_a_b", "gs_a_b"),
        ("bearer   gs_a_b ", "gs_a_b"),
        ("Basic Z3NfYV9iOg==", "gs_a_b"),
        ("Basic Z3NfYV9iOnBhc3N3b3Jk", "gs_a_b"),
        ("Basic ???", None),
        ("Basic /w==", None),
        ("Digest gs_a_b", None),
        ("", None),
    ],
)
def test_a_token_is_sent_as_bearer_or_as_the_user_name_of_basic(header: str, expected: str | None) -> None:
    assert token_in(header) == expected


def test_a_token_is_valid_as_a_whole_only(tmp_path: Path) -> None:
    (first, text), (second, _) = token(), token()
    path = tmp_path / "tokens.toml"
    write_tokens(path, [first, second])
    store = TokenStore(path, ManualClock())
    assert store.authenticate(text) == first
    for wrong in (text[:-1], text + "0", text.replace(first.id, second.id), first.id, "", "gs__", "gs_\ud800_x"):
        assert store.authenticate(wrong) is None


def test_a_revocation_takes_effect_within_10_seconds_and_other_tokens_remain(tmp_path: Path) -> None:
    (first, text), (second, other) = token(), token()
    path, clock = tmp_path / "tokens.toml", ManualClock()
    write_tokens(path, [first, second])
    store = TokenStore(path, clock)
    assert store.is_in_force(first.principal())
    write_tokens(path, [second])
    clock.advance(9)
    assert store.authenticate(text) is None
    assert not store.is_in_force(first.principal())
    assert store.authenticate(other) == second


def test_a_file_that_becomes_invalid_changes_nothing_until_it_is_corrected(tmp_path: Path) -> None:
    first, text = token()
    path, clock = tmp_path / "tokens.toml", ManualClock()
    write_tokens(path, [first])
    store = TokenStore(path, clock)
    path.write_text(format_tokens([]) + "[[token]]\n")
    clock.advance(9)
    assert store.authenticate(text) == first
    write_tokens(path, [])
    clock.advance(9)
    assert store.authenticate(text) is None


def test_a_file_that_disappears_revokes_all_tokens(tmp_path: Path) -> None:
    first, text = token()
    path, clock = tmp_path / "tokens.toml", ManualClock()
    write_tokens(path, [first])
    store = TokenStore(path, clock)
    path.unlink()
    clock.advance(9)
    assert store.authenticate(text) is None
    write_tokens(path, [first])
    clock.advance(9)
    assert store.authenticate(text) == first


def test_tokens_are_created_listed_and_revoked_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tokens.toml"
    monkeypatch.setenv("GOLDSTREAM_TOKENS", str(path))
    assert main(["tokens", "list"]) == 0
    assert capsys.readouterr().err.startswith(f"{path} has no tokens; `goldstream tokens create")
    assert main(["tokens", "create", "till 7", "--scope", "events:write,hooks:shop", "--rate", "50"]) == 0
    shown = capsys.readouterr()
    assert shown.err == f"goldstream: {path} has only its digest: this token is not shown again\n"
    text = shown.out.strip()
    (stored,) = read_tokens(path)
    assert (stored.name, stored.scopes, stored.rate) == ("till 7", ("events:write", "hooks:shop"), 50)
    assert TokenStore(path, ManualClock()).authenticate(text) == stored
    assert text not in path.read_text()

    assert main(["tokens", "list"]) == 0
    listed = capsys.readouterr().out
    assert stored.id in listed
    assert stored.sha256 not in listed

    assert main(["tokens", "create", "till 7", "--scope", "events:write"]) == 0
    capsys.readouterr()
    assert main(["tokens", "revoke", "till 7"]) == 2
    assert stored.id in capsys.readouterr().err
    assert main(["tokens", "revoke", stored.id]) == 0
    assert main(["tokens", "revoke", stored.id]) == 1
    assert [each.id == stored.id for each in read_tokens(path)] == [False]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("till", "--scope", "events:read"), "got 'events:read'"),
        (("till", "--scope", ","), "got nothing"),
        (("till",), "Missing option '--scope'"),
        (("", "--scope", "admin"), "NAME must have 1 to 64"),
        (("till", "--scope", "admin", "--rate", "0"), "--rate must be above 0"),
        (("till", "--scope", "admin", "--rate", "nan"), "--rate must be above 0"),
    ],
)
def test_a_token_that_is_not_possible_is_wrong_usage(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    error: str,
) -> None:
    monkeypatch.setenv("GOLDSTREAM_TOKENS", str(tmp_path / "tokens.toml"))
    assert main(["tokens", "create", *arguments]) == 2
    assert error in capsys.readouterr().err
    assert not (tmp_path / "tokens.toml").exists()


def test_without_the_setting_the_command_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GOLDSTREAM_TOKENS", raising=False)
    assert main(["tokens", "list"]) == 1
    assert "GOLDSTREAM_TOKENS is not set; set it" in capsys.readouterr().err
