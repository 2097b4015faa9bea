"""A request for a page: the reader's language and theme, who they are, and how a page is answered."""

from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from agents.languages.translations import Language, parse_language, preferred_language
from agents.serve.access.scopes import LOCAL, Principal, Scope
from agents.serve.lookups.answers import Status
from agents.serve.pages.page_headers import PAGE_HEADERS, compress
from agents.serve.pages.reader_view import ReaderView
from agents.serve.pages.site import PAGES, Page
from state.config.policy import Policy

PageRequest = Request[Principal, Any, Any]

THEMES: Final = ("auto", "light", "dark")
LANGUAGE_COOKIE: Final = "goldstream_language"
THEME_COOKIE: Final = "goldstream_theme"
_YEAR_S: Final = 365 * 86_400


class PageView(ReaderView):
    """A reader's view of the pages in one request.

    The language is that of `?lang=`, else of the cookie, else of `Accept-Language`.

    Attributes:
        theme: `light`, `dark`, or `auto` for that of the reader's system; from `?theme=`, else the cookie.
        principal: who reads.
        page: the page of the navigation that this is, or belongs to.
        request: what the browser sent.
        csrf_token: what forms send back, so that no other site can send them; empty without a session.
    """

    def __init__(
        self,
        request: PageRequest,
        policy: Policy | None = None,
        status: Status | None = None,
        csrf_token: str = "",
    ) -> None:
        query, cookies = request.query_params, request.cookies
        language = (
            parse_language(query.get("lang"))
            or parse_language(cookies.get(LANGUAGE_COOKIE))
            or preferred_language(request.headers.get("accept-language", ""))
        )
        super().__init__(language, policy, status)
        chosen = (query.get("theme"), cookies.get(THEME_COOKIE))
        self.theme: str = next((theme for theme in chosen if theme in THEMES), "auto")
        # where no route was found nobody was asked who reads: the navigation leads on, and its pages ask
        self.principal: Principal = request.scope.get("auth") or LOCAL
        self.sees_people = self.principal.has(Scope.CUSTOMERS_READ)
        self.page: Page | None = None
        self.csrf_token = csrf_token
        self.request = request

    @property
    def pages(self) -> list[Page]:
        """The pages that the reader may see."""
        return [page for page in PAGES if self.principal.has(page.scope)]

    @property
    def other_languages(self) -> list[Language]:
        """The languages that the reader can change to."""
        return [language for language in Language if language is not self.language]

    @property
    def has_session(self) -> bool:
        """Whether the reader signed in, and so can sign out."""
        return bool(self.csrf_token)

    @property
    def path(self) -> str:
        """The path as the browser sent it: `%2F` in a customer's id stays one."""
        raw = self.request.scope.get("raw_path")
        path = raw.decode("ascii", "replace").partition("?")[0] if raw else self.request.url.path
        return "/" + path.lstrip("/")  # two slashes would begin the name of another host

    def may(self, scope: str) -> bool:
        """Return whether the reader may do what needs this scope."""
        return self.principal.has(scope)

    def address_with(self, key: str, value: str) -> str:
        """Return the address of this page with one parameter set: the links that change language and theme."""
        sent = parse_qsl(self.request.scope["query_string"].decode("ascii", "replace"), keep_blank_values=True)
        return f"{self.path}?{urlencode([*(pair for pair in sent if pair[0] != key), (key, value)])}"

    def render(self, template: str, page: Page | None = None, *, status: int = 200, **values: Any) -> Response[bytes]:
        """Return a template as a page."""
        self.page = page
        html = self.fragment(template, **values)
        body, encoding = compress(html.encode(), self.request.headers.get("accept-encoding", ""))
        return Response(
            body,
            status_code=status,
            media_type="text/html",
            headers=PAGE_HEADERS | encoding,
            cookies=list(self._choices()),
        )

    def _choices(self) -> list[Cookie]:
        """Return the cookies that remember what the reader chose in this request."""
        query = self.request.query_params
        chosen = {LANGUAGE_COOKIE: parse_language(query.get("lang")), THEME_COOKIE: query.get("theme")}
        return [
            Cookie(key=name, value=value, max_age=_YEAR_S, httponly=True, samesite="strict")
            for name, value in chosen.items()
            if value is not None and (name == LANGUAGE_COOKIE or value in THEMES)
        ]


View = NamedDependency[SkipValidation[PageView]]
"""The type of the parameter `view` of a page's handler."""
