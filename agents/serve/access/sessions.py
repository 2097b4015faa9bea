"""Page sessions: a signed cookie that stands for a token, without storing anything on the server.

A session ends with its token (revoked, replaced), when it is signed out of, or after twelve hours. It holds the id and
the digest of the token, never the token. For a write it needs a second value, which only our own pages contain.
"""

import contextlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final, NamedTuple

from itsdangerous import BadData, URLSafeTimedSerializer
from itsdangerous.timed import TimestampSigner
from litestar.datastructures import Cookie

from agents.serve.access.private_files import check_private
from agents.serve.access.token_file import Token
from agents.serve.access.token_store import TokenStore
from streams.clock import Clock

COOKIE: Final = "goldstream_session"
SESSION_SECONDS: Final = 12 * 3_600
_SALT: Final = "goldstream page session"
_KEY_FILE: Final = "session-key"
_KEY_BYTES: Final = 32


class Session(NamedTuple):
    """A session.

    Attributes:
        token: that it stands for.
        value: of the cookie.
    """

    token: Token
    value: str


class Sessions:
    """Signs and reads the cookies of page sessions."""

    def __init__(self, key: str, tokens: TokenStore, clock: Clock, *, is_encrypted: bool) -> None:
        """Take what they need.

        Args:
            key: the same in all processes.
            tokens: in force.
            clock: for their age.
            is_encrypted: whether browsers reach the server by TLS, its own or a proxy's.
        """
        self._key = key.encode()
        self._tokens = tokens
        self._is_encrypted = is_encrypted

        class ClockSigner(TimestampSigner):
            def get_timestamp(self) -> int:
                return clock.wall_ms() // 1_000

        self._serializer = URLSafeTimedSerializer(key, salt=_SALT, signer=ClockSigner)

    def create(self, token: Token) -> Session:
        """Return a new session of a token."""
        return Session(token, str(self._serializer.dumps([token.id, token.sha256])))

    def read(self, value: str) -> Session | None:
        """Return the session of a cookie; None if it is forged, too old, or its token is not in force any more."""
        try:
            token_id, sha256 = self._serializer.loads(value, max_age=SESSION_SECONDS)
        except (BadData, TypeError, ValueError):
            return None
        token = self._tokens.find(str(token_id), str(sha256))
        return None if token is None else Session(token, value)

    def cookie(self, session: Session | None) -> Cookie:
        """Return the cookie of a session; with None, that which ends it."""
        return Cookie(
            COOKIE,
            value="" if session is None else session.value,
            path="/",
            max_age=0 if session is None else SESSION_SECONDS,
            httponly=True,
            samesite="strict",
            secure=self._is_encrypted,
        )

    def csrf_token(self, session: Session) -> str:
        """Return what a write of this session must send besides the cookie."""
        return hmac.new(self._key, b"csrf " + session.value.encode(), "sha256").hexdigest()

    def is_csrf_token(self, session: Session, sent: str) -> bool:
        """Return whether a write sent the right value."""
        return hmac.compare_digest(self.csrf_token(session).encode(), sent.encode("utf-8", "surrogatepass"))


def session_key(secret: str | None, folder: Path) -> str:
    """Return the key that signs sessions; without a secret, that in the folder, which servers with it share.

    Raises:
        OSError: the file can be neither read nor created.
        ConfigErrors: others may read it.
    """
    if secret is not None:
        return secret
    path = folder / _KEY_FILE
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _create_key(path)
    with path.open(encoding="ascii") as file:
        check_private(path, os.fstat(file.fileno()))
        return file.read().strip()


def _create_key(path: Path) -> None:
    """Create the file with its content, unless another server has done so meanwhile."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_KEY_BYTES) + "\n")
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)
