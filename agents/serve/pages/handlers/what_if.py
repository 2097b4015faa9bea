"""The page What-if: edit the policy, compare it with the active one in the background, download it, and apply it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from agents.languages.translations import mark
from agents.serve.access.scopes import Scope
from agents.serve.context import Context, ServeContext
from agents.serve.lookups.answers import PolicyDiff
from agents.serve.lookups.policies.activation import apply_policy
from agents.serve.lookups.policies.diffs import DIFF_RUNNING, without_names
from agents.serve.lookups.refusals import LookupRefused
from agents.serve.pages.page_headers import PAGE_HEADERS
from agents.serve.pages.page_view import PageRequest, PageView, View
from agents.serve.pages.site import WHAT_IF
from agents.serve.pages.views.policy_draft import (
    MEASURES,
    NotEditable,
    draft,
    edges_of,
    edits,
    flaw_in_words,
    is_same_otherwise,
    measure_titles,
)
from agents.serve.pages.views.what_if import WhatIfView
from state.config.config_errors import ConfigErrors
from state.config.policy_reader import parse_policy

MAX_TEXT: Final = 1 << 18
"""Characters of a policy that the form takes: many times the largest with 1,000 cells."""

_APPLIED: Final = {
    "now": mark("%(ref)s is on its way: it is in force within seconds."),
    "before": mark("%(ref)s was in force already."),
}
_SCOPE: Final = {"scope": WHAT_IF.scope}


@get("/what-if", opt=_SCOPE, include_in_schema=False)
async def show_what_if(context: Context, view: View, draft: FromQuery[str] = "") -> Response[bytes]:
    """Show the thresholds of the active policy, to be edited; or those of a comparison, to be edited further."""
    if view.policy is None or context.policy_diffs.find(draft) is None:
        return _form(view)
    _, edited = context.policy_diffs.policies_of(draft)
    return _form(view, values=edges_of(edited), text=edited.text)


@post("/what-if", opt=_SCOPE, include_in_schema=False, status_code=200)
async def compare(request: PageRequest, context: Context, view: View) -> Response[Any]:
    """Begin the comparison of the edited policy with the active one, and go to its page."""
    form = await request.form()
    text, values = str(form.get("text", ""))[:MAX_TEXT], None
    try:
        if form.get("mode") != "text":
            if view.policy is None:
                return _form(view)
            values = {
                measure: tuple(str(value).strip().replace(",", ".") for value in form.getall(measure, []))
                for measure in MEASURES
            }
            flaw = flaw_in_words(values, view)
            if flaw:
                return _form(view, values=values, flaw=flaw)
            text = draft(view.policy, values)
        policy = parse_policy(text)
        diff = await context.policy_diffs.begin(None, policy, None)
    except NotEditable as error:
        return _form(view, values=values, error=str(error))
    except ConfigErrors as error:
        return _form(view, values=values, text=text or None, error="; ".join(error.errors))
    except LookupRefused as refusal:
        if refusal.kind == DIFF_RUNNING:
            busy = view.texts.gettext("Another comparison is running: wait until it is done.")
            return _form(view, values=values, text=text, flaw=busy)
        return _form(view, values=values, text=text, error=str(refusal))
    return Redirect(f"/what-if/{diff.id}", status_code=303)


@get("/what-if/{diff_id:str}", opt=_SCOPE, include_in_schema=False)
async def show_comparison(
    diff_id: FromPath[str], request: PageRequest, context: Context, view: View
) -> Response[bytes]:
    """Show a comparison: its progress, or its result. The progress alone is for the page, which asks every second."""
    diff = _find(diff_id, context, view)
    if request.query_params.get("part") == "progress":
        if diff.state == "running":
            return view.render("what_if_progress.html", diff=diff)
        response = view.render("what_if_progress.html", diff=diff)
        response.headers["HX-Refresh"] = "true"  # the page itself shows the result
        return response
    notice = _APPLIED.get(request.query_params.get("applied", ""), "")
    return _result(
        diff, context, view, notice=view.texts.gettext(notice) % {"ref": diff.b} if notice else "", tone="good"
    )


@get("/what-if/{diff_id:str}/policy.toml", opt=_SCOPE, include_in_schema=False)
async def download(diff_id: FromPath[str], context: Context, view: View) -> Response[bytes]:
    """Send the edited policy as a file."""
    diff = _find(diff_id, context, view)
    return Response(
        context.policy_diffs.policies_of(diff.id)[1].text.encode(),
        media_type="application/toml",
        headers=PAGE_HEADERS | {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(_file_name(diff))}"},
    )


@post("/what-if/{diff_id:str}/apply", opt={"scope": Scope.POLICY_WRITE}, include_in_schema=False, status_code=200)
async def apply(diff_id: FromPath[str], request: PageRequest, context: Context, view: View) -> Response[Any]:
    """Activate the edited policy, if the reader typed its name and version."""
    diff = _find(diff_id, context, view)
    if str((await request.form()).get("confirmation", "")).strip() != diff.b:
        return _result(diff, context, view, confirmation_wrong=True)
    try:
        applied = await apply_policy(context.settings, context.policy_diffs.policies_of(diff.id)[1].text)
    except ConfigErrors as error:
        return _result(diff, context, view, notice="; ".join(error.errors), tone="bad")
    return Redirect(f"/what-if/{diff.id}?applied={'now' if applied.applied else 'before'}", status_code=303)


def _form(
    view: PageView,
    *,
    values: Mapping[str, Sequence[str]] | None = None,
    text: str | None = None,
    flaw: str = "",
    error: str = "",
) -> Response[bytes]:
    """Return the page with both forms: what was sent, else the active policy; `flaw` is in the reader's words."""
    policy = view.policy
    return view.render(
        "what_if.html",
        WHAT_IF,
        status=422 if error or flaw else 200,
        policy=policy,
        titles=measure_titles(view),
        values=values or ({} if policy is None else edges_of(policy)),
        text=text or ("" if policy is None else policy.text),
        text_open=values is None and bool(error or flaw),
        flaw=flaw,
        error=error,
    )


def _result(
    diff: PolicyDiff,
    context: ServeContext,
    view: PageView,
    *,
    confirmation_wrong: bool = False,
    notice: str = "",
    tone: str = "",
) -> Response[bytes]:
    policies = context.policy_diffs.policies_of(diff.id)
    return view.render(
        "what_if_result.html",
        WHAT_IF,
        status=422 if confirmation_wrong else 200,
        diff=diff,
        edits=edits(*policies, view),
        edits_more=not is_same_otherwise(*policies),
        result=None if diff.result is None else WhatIfView(diff.result, view),
        file_name=_file_name(diff),
        may_apply=view.may(Scope.POLICY_WRITE),
        confirmation_wrong=confirmation_wrong,
        notice=notice,
        notice_tone=tone,
    )


def _find(diff_id: str, context: Context, view: PageView) -> PolicyDiff:
    """Return a comparison; without names for those who may not see customers.

    Raises:
        NotFoundException: this process does not have it, or not any more.
    """
    diff = context.policy_diffs.find(diff_id)
    if diff is None:
        raise NotFoundException
    return diff if view.may(Scope.CUSTOMERS_READ) else without_names(diff)


def _file_name(diff: PolicyDiff) -> str:
    return f"{diff.b.replace('@', '-')}.toml"
