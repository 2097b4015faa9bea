"""What a page needs to know of its reader and its moment: language, theme, who they are, as of when the figures are."""

from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from agents.languages.formats import Formats
from agents.languages.translations import Language, parse_language, preferred_language, texts_in
from agents.serve.access.scopes import ANONYMOUS, Principal
from agents.serve.pages.freshness import Freshness, freshness_of
from agents.serve.pages.page_headers import PAGE_HEADERS, compress
from agents.serve.pages.segment_names import SegmentNames
from agents.serve.pages.site import PAGES, Page
from agents.serve.pages.templating import render
from state.config.policy import Policy
from state.units.time_zones import load_zone

PageRequest = Request[Any, Any, Any]

THEMES: Final = ("auto", "light", "dark")
LANGUAGE_COOKIE: Final = "goldstream_language"
THEME_COOKIE: Final = "goldstream_theme"
_YEAR_S: Final = 365 * 86_400


class PageView:
    """A reader's view of the pages in one request.

    Attributes:
        language: from `?lang=`, else the cookie, else `Accept-Language`.
        theme: `light`, `dark`, or `auto` for that of the reader's system; from `?theme=`, else the cookie.
        principal: who reads.
        page: the page of the navigation that this is, or belongs to.
        texts: the translations.
        formats: how numbers, money, days and moments are written: `f` in templates.
        policy: the active one; None before the first one.
        segments: their titles, shapes and colours.
        freshness: as of when the figures are; None on a page without figures.
    """

    def __init__(self, request: PageRequest, policy: Policy | None = None, status: Any | None = None) -> None:
        query, cookies = request.query_params, request.cookies
        self.request = request
        self.language: Language = (
            parse_language(query.get("lang"))
            or parse_language(cookies.get(LANGUAGE_COOKIE))
            or preferred_language(request.headers.get("accept-language", ""))
        )
        chosen = (query.get("theme"), cookies.get(THEME_COOKIE))
        self.theme: str = next((theme for theme in chosen if theme in THEMES), "auto")
        self.principal: Principal = request.scope.get("auth") or ANONYMOUS
        self.page: Page | None = None
        self.texts = texts_in(self.language)
        self.formats = Formats(self.language, load_zone(None if policy is None else policy.timezone))
        self.policy = policy
        self.segments = SegmentNames(policy, self.language)
        self.freshness: Freshness | None = None if status is None else freshness_of(status, self.texts, self.formats)

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
        return bool(self.principal.token_id)

    @property
    def csrf_token(self) -> str:
        """What a form sends back, so that no other site can send it."""
        return ""

    def may(self, scope: str) -> bool:
        """Return whether the reader may do what needs this scope."""
        return self.principal.has(scope)

    def address_with(self, key: str, value: str) -> str:
        """Return the address of this page with one parameter set: the links that change language and theme."""
        query = [(name, text) for name, text in _query(self.request) if name != key]
        return f"{_path(self.request)}?{urlencode([*query, (key, value)])}"

    def render(self, template: str, page: Page | None = None, *, status: int = 200, **values: Any) -> Response[bytes]:
        """Return a template as a page; it finds the view as `view` and its formats as `f`."""
        self.page = page
        html = render(self.language, template, view=self, f=self.formats, **values)
        body, encoding = compress(html.encode(), self.request.headers.get("accept-encoding", ""))
        return Response(
            body,
            status_code=status,
            media_type="text/html; charset=utf-8",
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


def _path(request: PageRequest) -> str:
    """Return the path as the browser sent it: `%2F` in a customer's id stays one."""
    raw = request.scope.get("raw_path")
    path = raw.decode("ascii", "replace").partition("?")[0] if raw else request.url.path
    return "/" + path.lstrip("/")  # two slashes would begin the name of another host


def _query(request: PageRequest) -> list[tuple[str, str]]:
    return parse_qsl(request.scope["query_string"].decode("ascii", "replace"), keep_blank_values=True)
