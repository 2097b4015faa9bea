"""Refusals as pages: what happened in a reader's words, and what to do. Other clients get problem details."""

from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.plugins.problem_details import ProblemDetailsException

from agents.languages.translations import Texts
from agents.serve.pages.page_view import PageView


def wants_page(request: Request[Any, Any, Any]) -> bool:
    """Return whether a browser asked for a page: it names HTML among what it accepts."""
    return "text/html" in request.headers.get("accept", "")


def show_refusal(request: Request[Any, Any, Any], error: HTTPException | ProblemDetailsException) -> Response[bytes]:
    """Return the page of a refusal."""
    view = PageView(request)
    status = HTTPStatus(error.status_code)
    title, text = _words(status, view.texts)
    is_away = status is HTTPStatus.SERVICE_UNAVAILABLE
    detail = error.detail if is_away or status < HTTPStatus.INTERNAL_SERVER_ERROR else ""
    return view.render("error.html", status=status, title=title, text=text, detail=detail, retry=is_away)


def _words(status: HTTPStatus, texts: Texts) -> tuple[str, str]:
    """Return a title and a sentence for a status."""
    _ = texts.gettext
    if status is HTTPStatus.FORBIDDEN:
        return _("Not for this token"), _("Your token does not have the scope that this page needs.")
    if status is HTTPStatus.NOT_FOUND:
        return _("There is nothing here"), _("The address is wrong, or what it showed is gone.")
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        return _("No figures right now"), _(
            "What this page reads from does not answer. Purchases and segments go on without it, and nothing is lost."
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _("Something broke"), _("The server has a fault, which is in its log.")
    return _("That did not work"), _("The request was refused.")
