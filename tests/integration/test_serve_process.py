"""`goldstream serve` as a process: it starts, answers, and stops."""

from collections.abc import Awaitable, Callable

from tests.integration.http_servers import RunningServer

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
