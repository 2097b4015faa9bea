"""Erasing a customer from their page: behind a scope, and behind their id typed once more."""

from typing import Any, Final

import msgspec
from litestar import Response, post

from agents.serve.access.scopes import Scope
from agents.serve.context import Context
from agents.serve.intake.answers import no_policy, not_published
from agents.serve.intake.intake import NoPolicyError
from agents.serve.intake.publishing.event_publisher import NotPublishedError
from agents.serve.intake.sent_events import SentEvent
from agents.serve.pages.page_view import PageRequest, View
from agents.serve.pages.site import CUSTOMERS
from agents.serve.problems import Problem
from state.units.timestamps import format_ms

_KIND: Final = "erasure"


@post("/erase", opt={"scope": Scope.ERASURES_WRITE}, include_in_schema=False, status_code=200)
async def erase(context: Context, view: View, request: PageRequest) -> Response[Any]:
    """Publish the erasure, and say that it was; the id is in the body, where no log of addresses has it."""
    form = await request.form()
    customer_id, typed = str(form.get("id", "")), str(form.get("confirm", "")).strip()
    if not customer_id or typed != customer_id.strip():
        return view.render("erased.html", CUSTOMERS, status=422, customer_id=customer_id, is_confirmed=False)
    now_ms = context.clock.wall_ms()
    as_of = view.as_of if context.settings.time == "event" else None
    event = {
        "event_id": f"page-{now_ms}",
        "customer_id": customer_id,
        "occurred_at": as_of or format_ms(now_ms),
    }
    context.access.charge(request, request.auth, 1)
    try:
        checked = context.intake.check([SentEvent(msgspec.json.encode(event), _KIND, is_kind_fixed=True)])
        await context.intake.publish(checked)
    except NoPolicyError as error:
        raise no_policy(error) from error
    except NotPublishedError as error:
        raise not_published(error) from error
    if checked.refused:
        raise Problem(422, "erasure", checked.refused[0].detail)
    return view.render("erased.html", CUSTOMERS, customer_id=customer_id, is_confirmed=True)
