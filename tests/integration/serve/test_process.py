"""`goldstream serve` as a process: it starts, answers, and stops."""

import resource
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from agents.serve.access.token_file import write_tokens
from tests.running.http_servers import RunningServer
from tests.running.workers import Site, until
from tests.servers.certificates import Authority

StartServer = Callable[..., Awaitable[RunningServer]]


async def test_a_server_is_ready_and_stops_with_status_0(http_server: StartServer) -> None:
    server = await http_server()
    assert (await server.request("GET", "/health")).status == 200
    assert (await server.metrics()).total("goldstream_http_requests_total", route="/health", status="200") == 1
    assert await server.stop() == 0


async def test_an_unknown_path_is_answered_with_problem_details(http_server: StartServer) -> None:
    answer = await (await http_server()).request("GET", "/v1/nothing")
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json == {
        "type": "urn:goldstream:problem:not-found",
        "title": "Not Found",
        "status": 404,
        "detail": "Not Found",
    }


async def test_a_server_beyond_loopback_needs_tokens_and_encryption(site: Site) -> None:
    refused = await site.command("serve", API="0.0.0.0:0", DATA="data")
    assert refused.status == 1
    assert "must be a loopback address without tokens: got 0.0.0.0:0; create one with" in refused.errors
    assert "must be a loopback address without TLS: got 0.0.0.0:0; set GOLDSTREAM_API_CERT" in refused.errors


async def test_a_server_beyond_loopback_needs_a_token_in_its_file(site: Site) -> None:
    tokens = site.directory / "tokens.toml"
    serve = partial(site.command, "serve", API="0.0.0.0:0", API_PROXY="1", TOKENS=str(tokens), DATA="data")
    missing = await serve()
    assert missing.status == 1
    assert "tokens.toml: does not exist; `goldstream tokens create NAME --scope SCOPE` creates it" in missing.errors
    write_tokens(tokens, [])
    empty = await serve()
    assert empty.status == 1
    assert "tokens.toml must have a token" in empty.errors


async def test_a_token_created_by_the_command_opens_a_server_with_tls_until_it_is_revoked(
    site: Site, http_server: StartServer, authority: Authority
) -> None:
    tokens = str(site.directory / "tokens.toml")
    created = await site.command("tokens", "create", "bi", "--scope", "aggregates:read", TOKENS=tokens)
    assert (created.status, "this token is not shown again" in created.errors) == (0, True), created.errors
    certificate = authority.issue("goldstream-serve", "127.0.0.1")
    files = {"API_CERT": str(certificate.certfile), "API_KEY": str(certificate.keyfile)}
    trusted = ssl.create_default_context(cafile=authority.cafile)
    server = await http_server(TOKENS=tokens, API="0.0.0.0:0", **files, tls=trusted)
    assert server.url.startswith("https://")
    headers = {"Authorization": f"Bearer {created.out.strip()}"}
    assert (await server.request("GET", "/metrics")).status == 401
    assert (await server.request("GET", "/metrics", headers=headers)).status == 200
    assert (await site.command("tokens", "revoke", "bi", TOKENS=tokens)).status == 0

    async def is_refused() -> bool:
        return (await server.request("GET", "/metrics", headers=headers)).status == 401

    await until(is_refused, "a revoked token to be refused", within_s=10)
    assert created.out.strip() not in server.log
    assert await server.stop() == 0


async def test_ten_thousand_idle_connections_do_not_keep_others_out(http_server: StartServer) -> None:
    server = await http_server()
    host, port = server.url.removeprefix("http://").split(":")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    idle: list[socket.socket] = []
    try:
        for _ in range(10_000):
            idle.append(socket.create_connection((host, int(port))))
            if len(idle) % 500 == 0:
                assert (await server.request("GET", "/health")).status == 200
        assert resident_megabytes(server) < 300
    finally:
        for each in idle:
            each.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (await server.request("GET", "/health")).status == 200
    assert await server.stop() == 0


def resident_megabytes(server: RunningServer) -> float:
    """Return the memory of a server's process."""
    status = Path(f"/proc/{server.child.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) / 1024
