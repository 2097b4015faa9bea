"""The page Customer: the search, a customer with what is known at once, and their story, which is read in seconds."""

from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from agents.serve.context import Context
from agents.serve.lookups.customers.encoded_ids import decode_id
from agents.serve.pages.page_view import PageRequest, View
from agents.serve.pages.site import CUSTOMERS
from agents.serve.pages.views.customer import rhythm_of, score_texts
from agents.serve.pages.views.story import StoryView

_START: Final = "/customers/"


@get("/customers", opt={"scope": CUSTOMERS.scope}, include_in_schema=False)
async def show_search(view: View) -> Response[bytes]:
    """Show the search."""
    return view.render("customers.html", CUSTOMERS, sought=None, erased_at=None)


@post("/customers", opt={"scope": CUSTOMERS.scope}, include_in_schema=False, status_code=200)
async def search(context: Context, view: View, request: PageRequest) -> Response[Any]:
    """Go to the customer with an id. The id is in the body of the request, where no log of addresses has it."""
    sought = str((await request.form()).get("id", "")).strip()
    if sought and await context.lookups.customer(sought) is not None:
        return Redirect(_START + view.quote(sought), status_code=303)
    return view.render("customers.html", CUSTOMERS, sought=sought, erased_at=context.lookups.erased_at(sought))


@get("/customers/{customer_id:str}", opt={"scope": CUSTOMERS.scope}, include_in_schema=False)
async def show_customer(
    customer_id: FromPath[str], context: Context, view: View, request: PageRequest, part: FromQuery[str] = ""
) -> Response[bytes]:
    """Show a customer; with `?part=story` the story too, which htmx takes as a fragment."""
    customer_id = decode_id(customer_id)
    customer = await context.lookups.customer(customer_id)
    if customer is None:
        erased_at = context.lookups.erased_at(customer_id)
        return view.render("no_customer.html", CUSTOMERS, status=404, customer_id=customer_id, erased_at=erased_at)
    story = None
    if part == "story":
        story = StoryView(await context.lookups.story(customer_id), view)
        if "hx-request" in request.headers:
            return view.render("story.html", CUSTOMERS, story=story, customer=customer)
    scores = [] if view.policy is None else score_texts(customer, view.policy, view)
    rhythm = rhythm_of(customer, view.as_of)
    return view.render("customer.html", CUSTOMERS, customer=customer, scores=scores, rhythm=rhythm, story=story)
