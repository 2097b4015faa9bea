"""The tokens in force: those of a file."""

import hmac
from pathlib import Path

from agents.serve.access.scopes import Principal
from agents.serve.access.token_file import Token, read_tokens
from agents.serve.access.token_text import digest, id_of
from agents.serve.access.watched_file import WatchedFile
from streams.clock import Clock


def _tokens_by_id(path: Path) -> dict[str, Token]:
    return {token.id: token for token in read_tokens(path)}


class TokenStore:
    """The tokens of a file, which is read again when it changes; without the file, all are revoked."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Read the file.

        Raises:
            OSError: it cannot be read.
            ConfigErrors: others may read it, or it is not valid; with all errors.
        """
        self._file: WatchedFile[dict[str, Token]] = WatchedFile(path, _tokens_by_id, "tokens", clock, if_missing={})

    def count(self) -> int:
        """Return the number of tokens."""
        return len(self._file.current())

    def authenticate(self, text: str) -> Token | None:
        """Return the token of this text; None if there is none. How long it takes says nothing about a secret."""
        token_id = id_of(text)
        found = self._file.current().get(token_id) if token_id else None
        stored = found.sha256 if found else "0" * 64
        return found if hmac.compare_digest(digest(text), stored) else None

    def find(self, token_id: str, sha256: str) -> Token | None:
        """Return the token with this id and this digest; None if it was revoked or replaced."""
        found = self._file.current().get(token_id)
        return found if found is not None and hmac.compare_digest(found.sha256, sha256) else None

    def is_in_force(self, principal: Principal) -> bool:
        """Return whether the token of a principal still is what it was, for responses that last."""
        found = self._file.current().get(principal.token_id)
        return found is not None and found.principal() == principal
