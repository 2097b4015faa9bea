"""The tokens in force: those of the file, which is read again when it changes."""

import hmac
import logging
from math import inf
from pathlib import Path
from typing import Final

from agents.serve.access.scopes import Principal
from agents.serve.access.token_file import Token, read_tokens
from agents.serve.access.token_text import digest, id_of
from state.config.config_errors import ConfigErrors
from streams.clock import Clock
from streams.telemetry.log_throttle import LogThrottle

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
"""How often the file is looked at, while there are requests; a revocation has to take effect within 10 s."""
LOG_SECONDS: Final = 60.0

_Version = tuple[int, int, int] | None


class TokenStore:
    """The tokens of a file.

    A file that becomes invalid changes nothing, so that a slip of an editor stops no till; the error is logged every
    minute. One that disappears revokes all tokens.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        """Read the file.

        Raises:
            OSError: it cannot be read.
            ConfigErrors: others may read it, or it is not valid; with all errors.
        """
        self._path = path
        self._clock = clock
        self._throttle = LogThrottle(clock, LOG_SECONDS)
        self._looked_at = -inf
        self._version = self._current_version()
        self._tokens = {token.id: token for token in read_tokens(path)}

    def count(self) -> int:
        """Return the number of tokens."""
        return len(self._current())

    def authenticate(self, text: str) -> Token | None:
        """Return the token of this text; None if there is none. How long it takes says nothing about a secret."""
        token_id = id_of(text)
        found = self._current().get(token_id) if token_id else None
        stored = found.sha256 if found else "0" * 64
        return found if hmac.compare_digest(digest(text), stored) else None

    def find(self, token_id: str, sha256: str) -> Token | None:
        """Return the token with this id and this digest; None if it was revoked or replaced."""
        found = self._current().get(token_id)
        return found if found is not None and hmac.compare_digest(found.sha256, sha256) else None

    def is_in_force(self, principal: Principal) -> bool:
        """Return whether the token of a principal still is what it was, for responses that last."""
        found = self._current().get(principal.token_id)
        return found is not None and found.principal() == principal

    def _current(self) -> dict[str, Token]:
        now = self._clock.monotonic()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._look()
        return self._tokens

    def _look(self) -> None:
        version = self._current_version()
        if version is None:
            self._tokens, self._version = {}, None
            self._report(f"{self._path}: does not exist any more, so no token is valid; create it")
            return
        if version == self._version:
            return
        try:
            self._tokens = {token.id: token for token in read_tokens(self._path)}
        except (OSError, ConfigErrors) as error:
            self._report(f"the earlier tokens remain valid: {error}")
            return
        self._version = version
        log.info("%d tokens are in force", len(self._tokens))

    def _report(self, message: str) -> None:
        if self._throttle.should_log(message):
            log.error("%s", message)

    def _current_version(self) -> _Version:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_ino, status.st_size
