"""Access control of a server: `context.access`.

With tokens, a request sends one, or the cookie of a page session. Without tokens, the server listens on loopback only,
allows everything, answers for the names of this machine only, and refuses what pages of other sites write.
"""

from pathlib import Path
from typing import Any, Final

from litestar import Request

from agents.serve.access.credentials import token_in
from agents.serve.access.origins import SAFE_METHODS, Connection, method_of, refuse_foreign_host, refuse_foreign_origin
from agents.serve.access.rate_limits import RateLimits, RateState
from agents.serve.access.scopes import ANONYMOUS, LOCAL, Principal
from agents.serve.access.sessions import COOKIE, Session, Sessions, session_key
from agents.serve.access.token_store import TokenStore
from agents.serve.problems import Problem
from streams.clock import Clock
from streams.settings.settings import Settings
from streams.telemetry.metrics import Metrics

CSRF_HEADER: Final = "x-csrf-token"
CSRF_FIELD: Final = "csrf"
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")


class AccessControl:
    """Decides who sends a request.

    Attributes:
        tokens: those in force; None if the server has none.
        sessions: of the pages; None without tokens.
    """

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics) -> None:
        """Read the token file and the key of the sessions.

        Raises:
            OSError: a file cannot be read, or the key not be stored.
            ConfigErrors: others may read one, or the token file is not valid; with all errors.
        """
        self.tokens = TokenStore(settings.tokens, clock) if settings.tokens else None
        self.sessions = _sessions(settings, self.tokens, clock) if self.tokens else None
        self._limits = RateLimits(clock)
        self._metrics = metrics

    async def authenticate(self, connection: Connection, *, is_open: bool = False) -> Principal:
        """Return who sends a request: `ANONYMOUS` if it has neither a token nor a session.

        On a route that is open to all, `ANONYMOUS` also stands for a token that is not valid: a platform or a proxy may
        send credentials of its own, which are none of ours.

        Raises:
            Problem: 401 for a token that is not valid, 403 for a write through a foreign page, 421 for a foreign host.
        """
        is_write = method_of(connection) not in SAFE_METHODS
        if self.tokens is None:
            refuse_foreign_host(connection)
            if is_write:
                refuse_foreign_origin(connection)
            return LOCAL
        if authorization := connection.headers.get("authorization"):
            token = self.tokens.authenticate(token_in(authorization) or "")
            if token is None and is_open:
                return ANONYMOUS
            if token is None:
                raise unauthenticated("the token is not valid: it was revoked, or is not a token of this server")
            return token.principal()
        session = self.session_of(connection)
        if session is None:
            return ANONYMOUS
        if is_write:
            await self._check_csrf(connection, session)
        return session.token.principal()

    def session_of(self, connection: Connection) -> Session | None:
        """Return the page session of a request, if it has one that is in force."""
        value = connection.cookies.get(COOKIE)
        return self.sessions.read(value) if value and self.sessions else None

    def sign_in(self, token: str) -> Session | None:
        """Return a new page session for a token; None if it is not valid.

        The route answers with `sessions.cookie(session)`; it must call `refuse_foreign_origin` first.
        """
        found = self.tokens.authenticate(token.strip()) if self.tokens else None
        return self.sessions.create(found) if found and self.sessions else None

    def csrf_token(self, connection: Connection) -> str:
        """Return what forms contain as `csrf`, or scripts send as `X-CSRF-Token`; empty if none is needed."""
        session = self.session_of(connection)
        return self.sessions.csrf_token(session) if session and self.sessions else ""

    def is_in_force(self, principal: Principal) -> bool:
        """Return whether a principal may go on: responses that last ask this, at least every 5 s."""
        return self.tokens is None or not principal.token_id or self.tokens.is_in_force(principal)

    def charge(self, connection: Connection, principal: Principal, events: int) -> None:
        """Take events from the rate of a token, and add the RateLimit fields to the response.

        Call it once for a request, when the number of its events is known; `check_rate` before its body is read.

        Raises:
            Problem: 429 with `Retry-After`; nothing was taken.
        """
        self._apply(connection, self._limits.charge(principal, events))

    def check_rate(self, connection: Connection, principal: Principal) -> None:
        """Refuse a request whose token is over its rate, before its body is read.

        Raises:
            Problem: 429 with `Retry-After`.
        """
        self._apply(connection, self._limits.check(principal))

    def _apply(self, connection: Connection, state: RateState | None) -> None:
        if state is None:
            return
        if state.is_over:
            self._metrics.http_limited.inc()
            raise Problem(
                429,
                "rate-limited",
                f"the token is over its rate; send again after {state.wait_s} s",
                headers={"Retry-After": str(state.wait_s), **state.headers},
            )
        connection.scope["state"]["response_headers"] = state.headers

    async def _check_csrf(self, connection: Connection, session: Session) -> None:
        """Refuse a write that has the cookie but is not from our own pages.

        Raises:
            Problem: with 403.
        """
        refuse_foreign_origin(connection)
        sent = connection.headers.get(CSRF_HEADER, "")
        if not sent and connection.headers.get("content-type", "").partition(";")[0].strip().lower() in _FORMS:
            request: Request[Any, Any, Any] = Request(connection.scope, connection.receive, connection.send)
            sent = str((await request.form()).get(CSRF_FIELD, ""))  # Litestar keeps it in the scope for the handler
        if self.sessions is None or not self.sessions.is_csrf_token(session, sent):
            raise Problem(403, "csrf", "the form is out of date, or not from these pages: reload the page, send again")


def unauthenticated(detail: str) -> Problem:
    """Return a refusal with 401, which says how to authenticate."""
    return Problem(401, "unauthenticated", detail, headers={"WWW-Authenticate": 'Bearer realm="goldstream"'})


def _sessions(settings: Settings, tokens: TokenStore, clock: Clock) -> Sessions:
    key = session_key(settings.api_secret, Path(settings.data))
    return Sessions(key, tokens, clock, is_encrypted=settings.api_proxy or settings.api_cert is not None)
