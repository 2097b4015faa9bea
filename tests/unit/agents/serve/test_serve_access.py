"""Access control of the HTTP server, request by request, in the process of the test."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from litestar import Request, get, post
from litestar.testing import AsyncTestClient
from litestar.types import ControllerRouterHandler

from agents.serve import probes
from agents.serve.access.scopes import Scope
from agents.serve.access.sessions import COOKIE
from agents.serve.access.token_file import Token, write_tokens
from agents.serve.access.token_text import digest, generate_token
from agents.serve.application import ROUTES, create_app
from agents.serve.context import Context, ServeContext
from streams.settings.settings import Settings
from streams.telemetry.metrics import Metrics, worker_registry
from tests.lanes.clock import ManualClock


@get("/read", opt={"scope": Scope.CUSTOMERS_READ}, sync_to_thread=False)
def read(request: Request[Any, Any, Any]) -> str:
    """Return who reads."""
    return str(request.auth.name)


@post("/write", opt={"scope": Scope.EVENTS_WRITE}, status_code=200, sync_to_thread=False)
def write(request: Request[Any, Any, Any], context: Context) -> str:
    """Take three events."""
    context.access.charge(request, request.auth, 3)
    return "written"


@get("/forgotten", sync_to_thread=False)
def forgotten() -> str:
    """Return something, without a scope."""
    return "open"


TEST_ROUTES: tuple[ControllerRouterHandler, ...] = (*probes.ROUTES, read, write, forgotten)


@dataclass
class Server:
    """An application without services, and what a test changes of it."""

    context: ServeContext
    client: AsyncTestClient[Any]
    clock: ManualClock
    tokens: Path
    stored: list[Token]

    def create(self, *scopes: str, rate: float | None = None) -> dict[str, str]:
        """Create a token; return the header that sends it."""
        token_id, text = generate_token()
        self.stored.append(Token(token_id, "till", digest(text), scopes, rate))
        self.write()
        return {"Authorization": f"Bearer {text}"}

    def write(self) -> None:
        """Write the tokens, and let the server notice."""
        write_tokens(self.tokens, self.stored)
        self.clock.advance(5)

    async def status(self, method: str, path: str, **options: Any) -> int:
        """Return the status of an answer, which is problem details if it is a refusal."""
        answer = await self.client.request(method, path, **options)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json().keys() >= {"type", "title", "status", "detail"}
        return answer.status_code


async def serve(folder: Path, base_url: str, **settings: Any) -> AsyncIterator[Server]:
    """Serve with these settings."""
    clock, tokens = ManualClock(), folder / "tokens.toml"
    own = replace(Settings(data=folder / "data"), **settings)
    context = ServeContext(own, clock, Metrics(worker_registry(), "serve"))
    async with AsyncTestClient(create_app(context, TEST_ROUTES, ()), base_url=base_url) as client:
        yield Server(context, client, clock, tokens, [])


@pytest.fixture
async def open_server(tmp_path: Path) -> AsyncIterator[Server]:
    """A server without tokens."""
    async for server in serve(tmp_path, "http://127.0.0.1:6067"):
        yield server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A server whose token file has no token yet."""
    write_tokens(tmp_path / "tokens.toml", [])
    async for server in serve(tmp_path, "https://shop.example", tokens=tmp_path / "tokens.toml", api_proxy=True):
        yield server


def test_every_route_names_its_scope(tmp_path: Path) -> None:
    context = ServeContext(Settings(data=tmp_path), ManualClock(), Metrics(worker_registry(), "serve"))
    app = create_app(context, ROUTES, ())
    handlers = [handler for route in app.routes for handler in getattr(route, "route_handlers", ())]
    unnamed = [
        str(handler)
        for handler in handlers
        if handler.http_methods != {"OPTIONS"} and not isinstance(handler.opt.get("scope"), Scope)
    ]
    assert len(handlers) > 5
    assert unnamed == []


async def test_without_tokens_everything_is_allowed(open_server: Server) -> None:
    assert await open_server.status("GET", "/read") == 200
    assert await open_server.status("POST", "/write") == 200
    assert await open_server.status("GET", "/metrics") == 200


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST:80", "127.0.0.1:1234", "[::1]:6067"])
async def test_without_tokens_the_server_answers_for_this_machine(open_server: Server, host: str) -> None:
    assert await open_server.status("GET", "/read", headers={"Host": host}) == 200


@pytest.mark.parametrize("host", ["shop.example", "127.0.0.1.shop.example", "localhost.", "127.0.0.2", "[::2]"])
async def test_without_tokens_other_hosts_are_refused(open_server: Server, host: str) -> None:
    assert await open_server.status("GET", "/health", headers={"Host": host}) == 421
    assert await open_server.status("POST", "/write", headers={"Host": host}) == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8000"},
        {"Origin": "http://[::1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:6067"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    ],
)
async def test_without_tokens_a_write_of_another_site_is_refused(open_server: Server, headers: dict[str, str]) -> None:
    assert await open_server.status("POST", "/write", headers=headers) == 403
    assert await open_server.status("GET", "/read", headers=headers) == 200


async def test_without_tokens_our_own_pages_may_write(open_server: Server) -> None:
    own = {"Origin": "http://127.0.0.1:6067", "Sec-Fetch-Site": "same-origin"}
    assert await open_server.status("POST", "/write", headers=own) == 200
    form = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}  # of a page that sends no referrer
    assert await open_server.status("POST", "/write", headers=form) == 200


async def test_with_tokens_only_probes_are_open(server: Server) -> None:
    assert await server.status("GET", "/health") == 200
    assert await server.status("GET", "/ready") == 200
    for path in ("/read", "/metrics", "/forgotten"):
        assert await server.status("GET", path) == 401
    answer = await server.client.get("/read")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_token_may_do_what_its_scopes_say(server: Server) -> None:
    reader, writer, owner = server.create("customers:read"), server.create("events:write"), server.create("admin")
    metrics = server.create("aggregates:read")
    allowed = {
        (method, path, name): await server.status(method, path, headers=headers)
        for method, path in (("GET", "/read"), ("POST", "/write"), ("GET", "/metrics"), ("GET", "/forgotten"))
        for name, headers in (("reader", reader), ("writer", writer), ("metrics", metrics), ("owner", owner))
    }
    assert {key for key, status in allowed.items() if status == 200} == {
        ("GET", "/read", "reader"),
        ("POST", "/write", "writer"),
        ("GET", "/metrics", "metrics"),
        *((method, path, "owner") for method, path, _ in allowed),
    }
    assert set(allowed.values()) == {200, 403}


@pytest.mark.parametrize("foreign", ["Bearer gs_abc_def", "Basic c2hvcDpwdw==", "Basic !", "Digest x"])
async def test_credentials_that_are_none_of_ours_matter_only_where_a_token_is_needed(
    server: Server, foreign: str
) -> None:
    server.create("admin")
    wrong = {"Authorization": foreign}
    assert await server.status("GET", "/health", headers=wrong) == 200
    assert await server.status("GET", "/read", headers=wrong) == 401


async def test_basic_sends_the_token_as_user_name(server: Server) -> None:
    token = server.create("customers:read")["Authorization"].removeprefix("Bearer ")
    assert (await server.client.get("/read", auth=(token, ""))).text == "till"


async def test_with_tokens_any_host_is_served_and_a_foreign_origin_may_write_with_a_token(server: Server) -> None:
    headers = server.create("events:write") | {"Origin": "https://other.example", "Host": "api.shop.example"}
    assert await server.status("POST", "/write", headers=headers) == 200


async def test_a_token_over_its_rate_is_refused_and_counted(server: Server) -> None:
    headers = server.create("events:write", rate=5)
    first = await server.client.post("/write", headers=headers)
    assert (first.status_code, first.headers["ratelimit"].split(";")[1]) == (200, "r=2")
    assert await server.status("POST", "/write", headers=headers) == 200
    refused = await server.client.post("/write", headers=headers)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.headers["ratelimit-policy"].endswith(";q=5;w=1")
    metrics = (await server.client.get("/metrics", headers=server.create("admin"))).text
    assert "goldstream_http_limited_total 1.0" in metrics


def session(server: Server, headers: dict[str, str]) -> tuple[str, str]:
    """Sign in; return the value of the cookie, and the token of forms."""
    opened = server.context.access.sign_in(headers["Authorization"].removeprefix("Bearer "))
    assert opened is not None
    assert server.context.access.sessions is not None
    return opened.value, server.context.access.sessions.csrf_token(opened)


async def test_a_session_stands_for_its_token_and_ends_with_it(server: Server) -> None:
    value, _ = session(server, server.create("customers:read"))
    cookie = {"Cookie": f"{COOKIE}={value}"}
    assert await server.status("GET", "/read", headers=cookie) == 200
    assert await server.status("GET", "/metrics", headers=cookie) == 403
    assert await server.status("GET", "/read", headers={"Cookie": f"{COOKIE}={value}x"}) == 401
    server.stored.clear()
    server.write()
    assert await server.status("GET", "/read", headers=cookie) == 401


async def test_a_session_ends_after_twelve_hours(server: Server) -> None:
    cookie = {"Cookie": f"{COOKIE}={session(server, server.create('customers:read'))[0]}"}
    server.clock.advance(12 * 3600 - 60)
    assert await server.status("GET", "/read", headers=cookie) == 200
    server.clock.advance(120)
    assert await server.status("GET", "/read", headers=cookie) == 401


async def test_a_write_of_a_session_needs_the_token_of_its_pages(server: Server) -> None:
    (value, csrf), (_, other) = (session(server, server.create("events:write")) for _ in range(2))
    cookie = {"Cookie": f"{COOKIE}={value}"}
    assert await server.status("POST", "/write", headers=cookie) == 403
    assert await server.status("POST", "/write", headers=cookie | {"X-CSRF-Token": other}) == 403
    assert await server.status("POST", "/write", headers=cookie | {"X-CSRF-Token": csrf}) == 200
    assert await server.status("POST", "/write", headers=cookie, data={"csrf": csrf}) == 200
    assert await server.status("POST", "/write", headers=cookie, data={"csrf": "é"}) == 403
    foreign = cookie | {"X-CSRF-Token": csrf, "Origin": "https://evil.example"}
    assert await server.status("POST", "/write", headers=foreign) == 403


async def test_a_token_in_the_header_wins_over_a_session(server: Server) -> None:
    value, _ = session(server, server.create("customers:read"))
    headers = server.create("events:write") | {"Cookie": f"{COOKIE}={value}"}
    assert await server.status("POST", "/write", headers=headers) == 200


async def test_the_session_cookie_is_not_for_scripts_other_sites_or_plain_http(server: Server) -> None:
    opened = server.context.access.sign_in(server.create("admin")["Authorization"].removeprefix("Bearer "))
    assert server.context.access.sessions is not None
    header = server.context.access.sessions.cookie(opened).to_header(header="")
    assert opened is not None
    assert header.startswith(f"{COOKIE}={opened.value};")
    assert {"HttpOnly", "SameSite=strict", "Secure", "Path=/"} <= set(header.split("; "))


def test_servers_with_the_same_folder_share_the_key_of_sessions(tmp_path: Path) -> None:
    write_tokens(tmp_path / "tokens.toml", [])
    settings = Settings(data=tmp_path / "data", tokens=tmp_path / "tokens.toml")
    clock, metrics = ManualClock(), Metrics(worker_registry(), "serve")
    first, second = ServeContext(settings, clock, metrics).access, ServeContext(settings, clock, metrics).access
    token_id, text = generate_token()
    write_tokens(tmp_path / "tokens.toml", [Token(token_id, "owner", digest(text), ("admin",))])
    clock.advance(5)
    opened = first.sign_in(text)
    assert opened is not None
    assert second.sessions is not None
    assert second.sessions.read(opened.value) == opened
    assert (tmp_path / "data" / "session-key").stat().st_mode & 0o777 == 0o600
