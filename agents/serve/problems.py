"""Refusals as problem details (RFC 9457): `application/problem+json` with type, title, status and detail.

Raise a `Problem` wherever a request is refused; nothing writes such a body by hand.
"""

import logging
from http import HTTPStatus
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.plugins.problem_details import ProblemDetailsException

log = logging.getLogger(__name__)

DISCONNECTED: Final = "client disconnected prematurely"
"""What Litestar raises, as 500, if a body ends before its end; nobody reads the answer."""
TYPE_START: Final = "urn:goldstream:problem:"


class Problem(ProblemDetailsException):
    """A refusal that is sent to the client.

    Attributes:
        kind: what is wrong, in a few hyphenated words that clients can compare: the end of `type`.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> None:
        """Take the status, its kind, and one line that states what is wrong, with which value, and what to do.

        Args:
            status: of the response.
            kind: such as `rate-limited`.
            detail: for people.
            headers: of the response, such as `Retry-After`.
            members: further members of the body, such as `results`.
        """
        super().__init__(
            detail=detail,
            status_code=status,
            title=HTTPStatus(status).phrase,
            type_=TYPE_START + kind,
            headers=headers,
            extra=members or None,
        )
        self.kind = kind


def unavailable(kind: str, detail: str, retry_after_s: int = 1) -> Problem:
    """Return a refusal with 503: what is needed does not work now; try again after some seconds."""
    return Problem(503, kind, detail, headers={"Retry-After": str(retry_after_s)})


def respond_to_problem(request: Request[Any, Any, Any], error: ProblemDetailsException) -> Response[dict[str, Any]]:
    """Return the response for a `Problem`."""
    return error.to_response(request)


def respond_to_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    """Return the response for a refusal of Litestar's own, such as 404, 405 or an invalid parameter."""
    status = HTTPStatus(error.status_code)
    if error.detail == DISCONNECTED:
        return Problem(400, "disconnected", "the client closed the connection").to_response(request)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return respond_to_bug(request, error)
    detail = str(error.detail)
    problem = Problem(status, status.phrase.lower().replace(" ", "-"), detail, headers=dict(error.headers or {}))
    if isinstance(error.extra, list):
        problem.extra = {"errors": error.extra}
    return problem.to_response(request)


def respond_to_deep_body(request: Request[Any, Any, Any], _: RecursionError) -> Response[dict[str, Any]]:
    """Return the response for a body whose JSON is nested so deeply that msgspec gives up, which Litestar lets pass."""
    return Problem(400, "unreadable-body", "the body must be JSON, not nested this deeply").to_response(request)


def respond_to_bug(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Log an error that nothing expects, by the template of its route, and return 500 without details."""
    template = request.scope.get("path_template", "unknown")
    log.error("%s %s failed", request.scope["method"], template, exc_info=error)
    return Problem(500, "internal", "the server has a fault, which is in its log").to_response(request)
