"""The token file: TOML of mode 0600 with a `[[token]]` for each token; only digests, so no token can be read from it.

```toml
[[token]]
id = "7Qm2XcPz"
name = "till 7"
sha256 = "…"  # of the whole token
scopes = ["events:write"]
rate = 100  # events per second in each process; absent: no limit
```
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from agents.serve.access.private_files import read_private
from agents.serve.access.scopes import HOOK_SCOPE_START, Principal, Scope
from state.config.config_errors import ConfigErrors
from state.config.toml_reader import Table, read_toml

MAX_RATE: Final = 1_000_000
MAX_TOKENS: Final = 1_000
FILE_MODE: Final = 0o600

SCOPES: Final = tuple(scope.value for scope in Scope if scope is not Scope.NONE)
SCOPE_WORDS: Final = f"{', '.join(SCOPES)}, or {HOOK_SCOPE_START}<name>"
_HOOK_SCOPE: Final = re.compile(rf"{HOOK_SCOPE_START}[a-z0-9_-]{{1,64}}")
_ID: Final = re.compile(r"[0-9A-Za-z]{1,64}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Token(Struct, frozen=True):
    """A token as its file has it.

    Attributes:
        id: the part of the token that is no secret.
        name: for people; several may have the same one while one replaces the other.
        sha256: digest of the whole token, in hexadecimal.
        scopes: what it may do.
        rate: events per second in each process; None: no limit.
    """

    id: str
    name: str
    sha256: str
    scopes: tuple[str, ...]
    rate: float | None = None

    def principal(self) -> Principal:
        """Return who sends requests with it."""
        return Principal(self.id, self.name, frozenset(self.scopes), self.rate)


def is_scope(text: str) -> bool:
    """Return whether a token can have this scope."""
    return text in SCOPES or _HOOK_SCOPE.fullmatch(text) is not None


def read_tokens(path: Path) -> list[Token]:
    """Return the tokens of a file.

    Raises:
        OSError: it cannot be read.
        ConfigErrors: it does not exist, others may read it, or it is not valid; with all errors.
    """
    if not path.exists():
        raise ConfigErrors([f"{path}: does not exist; `goldstream tokens create NAME --scope SCOPE` creates it"])
    text = read_private(path)
    try:
        return parse_tokens(text)
    except ConfigErrors as invalid:
        raise ConfigErrors([f"{path}: {error}" for error in invalid.errors]) from None


def parse_tokens(text: str) -> list[Token]:
    """Return the tokens in the text of a file.

    Raises:
        ConfigErrors: with all errors.
    """
    errors: list[str] = []
    file = Table(read_toml(text), errors)
    entries = file.get("token")
    file.reject_unknown_keys()
    tokens: list[Token] = []
    if entries is not None and not (isinstance(entries, list) and all(isinstance(each, dict) for each in entries)):
        file.add_error("token", "must be tables: write [[token]] above each")
    elif isinstance(entries, list) and len(entries) > MAX_TOKENS:
        file.add_error("token", f"must be given at most {MAX_TOKENS} times: got {len(entries)}")
    elif isinstance(entries, list):
        tokens = [_read(Table(entry, errors, f"token {at}: ")) for at, entry in enumerate(entries, 1)]
    ids = [token.id for token in tokens]
    errors.extend(f"token {at}: id must be unique: got {each!r} again" for at, each in _repeated(ids))
    if errors:
        raise ConfigErrors(errors)
    return tokens


def write_tokens(path: Path, tokens: Sequence[Token]) -> None:
    """Replace the file atomically by one that only its owner may read."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(format_tokens(tokens))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def format_tokens(tokens: Sequence[Token]) -> str:
    """Return the text of a file."""
    head = "# Tokens of `goldstream serve`; `goldstream tokens create|list|revoke` changes this file.\n"
    return head + "".join(_format(token) for token in tokens)


def _format(token: Token) -> str:
    lines = [
        "\n[[token]]",
        f"id = {_quote(token.id)}",
        f"name = {_quote(token.name)}",
        f"sha256 = {_quote(token.sha256)}",
        f"scopes = [{', '.join(map(_quote, token.scopes))}]",
    ]
    if token.rate is not None:
        lines.append(f"rate = {token.rate:g}" if token.rate != int(token.rate) else f"rate = {int(token.rate)}")
    return "\n".join(lines) + "\n"


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def is_name(text: str) -> bool:
    """Return whether a token can have this name: 1 to 64 printable characters."""
    return 0 < len(text) <= 64 and text.isprintable()


def _read(table: Table) -> Token:
    """Return a token, which must not be used if there are errors."""
    token_id, name = table.text("id", required=True), table.text("name", required=True)
    sha256 = table.text("sha256", required=True)
    if token_id is not None and not _ID.fullmatch(token_id):
        table.expect("id", "1 to 64 letters and digits", token_id)
    if name is not None and not is_name(name):
        table.expect("name", "1 to 64 printable characters", name)
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        table.add_error("sha256", "must be 64 hexadecimal digits in lower case, the SHA-256 of the token")
    scopes = table.get("scopes", required=True)
    if scopes is not None and not (isinstance(scopes, list) and scopes):
        table.expect("scopes", f"a list of {SCOPE_WORDS}", scopes)
        scopes = None
    for scope in scopes or ():
        if not isinstance(scope, str) or not is_scope(scope):
            table.expect("scopes", SCOPE_WORDS, scope)
    rate = table.number("rate", MAX_RATE)
    table.reject_unknown_keys()
    granted = tuple(dict.fromkeys(map(str, scopes or ())))
    return Token(token_id or "", name or "", sha256 or "", granted, None if rate is None else float(rate.value))


def _repeated(ids: Sequence[str]) -> list[tuple[int, str]]:
    return [(at, each) for at, each in enumerate(ids, 1) if each and each in ids[: at - 1]]
