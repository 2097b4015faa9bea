"""Signing in: a token, pasted once, opens a session in the browser. Signing out ends it."""

from typing import Any, Final

from litestar import Response, get, post
from litestar.response import Redirect

from agents.serve.access.origins import refuse_foreign_origin
from agents.serve.access.scopes import Scope
from agents.serve.context import Context
from agents.serve.pages.page_view import PageRequest, PageView, View

_FIRST_PAGE: Final = "/"


@get("/login", opt={"scope": Scope.NONE}, include_in_schema=False)
async def show_login(view: View) -> Response[bytes]:
    """Show the form."""
    return login_page(view, _FIRST_PAGE)


@post("/login", opt={"scope": Scope.NONE}, include_in_schema=False, status_code=200)
async def sign_in(context: Context, view: View, request: PageRequest) -> Response[Any]:
    """Open a session, and go where the reader wanted to go."""
    refuse_foreign_origin(request)
    form = await request.form()
    following = safe_path(str(form.get("next", "")))
    session = context.access.sign_in(str(form.get("token", "")))
    if session is None or context.access.sessions is None:
        return login_page(view, following, refused=True)
    return Redirect(following, status_code=303, cookies=[context.access.sessions.cookie(session)])


@post("/logout", opt={"scope": Scope.NONE}, include_in_schema=False, status_code=200)
async def sign_out(context: Context) -> Response[Any]:
    """End the session of this browser."""
    cookies = [] if context.access.sessions is None else [context.access.sessions.cookie(None)]
    return Redirect(_FIRST_PAGE, status_code=303, cookies=cookies)


def login_page(view: PageView, following: str, *, refused: bool = False, status: int = 200) -> Response[bytes]:
    """Return the form; `following` is where it leads."""
    return view.render("login.html", status=403 if refused else status, following=safe_path(following), refused=refused)


def safe_path(path: str) -> str:
    """Return a path of this server; for anything that could lead elsewhere the first page."""
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_own and path != "/logout" else _FIRST_PAGE
