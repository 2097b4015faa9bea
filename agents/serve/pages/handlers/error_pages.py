"""Refusals as pages: what happened in a reader's words, and what to do. Other clients get problem details."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aiokafka.errors import KafkaError
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.plugins.problem_details import ProblemDetailsException

from agents.languages.translations import Texts
from agents.serve.lookups.refusals import LookupRefused, RedisAway
from agents.serve.pages.handlers.sign_in import login_page
from agents.serve.pages.page_view import PageView
from agents.serve.problems import unavailable

if TYPE_CHECKING:
    from agents.serve.context import ServeContext

Refusal = HTTPException | ProblemDetailsException | LookupRefused | RedisAway


_NO_PAGES: Final = ("/v1/", "/hooks/", "/segment/")


def wants_page(request: Request[Any, Any, Any]) -> bool:
    """Return whether a browser asks for a page: it names HTML among what it accepts, and the path is not of an API."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(_NO_PAGES)


def show_refusal(request: Request[Any, Any, Any], error: Refusal) -> Response[bytes]:
    """Return the page of a refusal; for one without a session, that is the page to sign in."""
    context: ServeContext = request.app.state.context
    view, status = PageView(request, csrf_token=context.access.csrf_token(request)), status_of(error)
    if status is HTTPStatus.UNAUTHORIZED:
        return login_page(view, view.path, status=status)
    title, text = _words(status, view.texts)
    is_away = status is HTTPStatus.SERVICE_UNAVAILABLE
    is_hidden = status is HTTPStatus.NOT_FOUND or (status >= HTTPStatus.INTERNAL_SERVER_ERROR and not is_away)
    detail = "" if is_hidden else _detail(error)
    template = "refusal.html" if "hx-request" in request.headers else "error.html"
    return view.render(template, status=status, title=title, text=text, detail=detail, retry=is_away)


def show_kafka_away(request: Request[Any, Any, Any], _: KafkaError) -> Response[bytes]:
    """Return the page for a cluster that does not answer: stories, reports and rejected events are read from it."""
    return show_refusal(request, unavailable("kafka-away", "Kafka does not answer; try again when it does"))


def status_of(error: Refusal) -> HTTPStatus:
    """Return the status of a refusal."""
    if isinstance(error, RedisAway):
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus(error.status if isinstance(error, LookupRefused) else error.status_code)


def _detail(error: Refusal) -> str:
    return str(error) if isinstance(error, LookupRefused | RedisAway) else str(error.detail)


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
