"""The page Customer: the search with a list of all, a customer as known at once, and the story, read in seconds."""

from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from agents.serve.context import Context, ServeContext
from agents.serve.lookups.customers.encoded_ids import decode_id
from agents.serve.lookups.lookups import DEFAULT_LIMIT
from agents.serve.pages.page_view import PageRequest, PageView, View
from agents.serve.pages.site import CUSTOMERS
from agents.serve.pages.views.customer import rhythm_of, score_texts
from agents.serve.pages.views.people import list_view, read_part
from agents.serve.pages.views.story import StoryView

_START: Final = "/customers/"


@get("/customers", opt={"scope": CUSTOMERS.scope}, include_in_schema=False)
async def show_search(context: Context, view: View, request: PageRequest) -> Response[bytes]:
    """Show the search, and all customers, the most valuable first."""
    return await _search_page(context, view, request)


@post("/customers", opt={"scope": CUSTOMERS.scope}, include_in_schema=False, status_code=200)
async def search(context: Context, view: View, request: PageRequest) -> Response[Any]:
    """Go to the customer with an id. The id is in the body of the request, where no log of addresses has it."""
    sought = str((await request.form()).get("id", "")).strip()
    if sought and await context.lookups.customer(sought) is not None:
        return Redirect(_START + view.quote(sought), status_code=303)
    return await _search_page(context, view, request, sought)


async def _search_page(
    context: ServeContext, view: PageView, request: PageRequest, sought: str | None = None
) -> Response[bytes]:
    """Return the search with the list of all customers; `sought` is an id that was not found."""
    part = read_part(request.query_params, DEFAULT_LIMIT)
    people = await context.lookups.all_customers(part)
    counts = people.total, people.reachable
    csv = "/v1/customers?format=csv"
    return view.render(
        "customers.html",
        CUSTOMERS,
        sought=sought,
        erased_at=None if sought is None else context.lookups.erased_at(sought),
        people=people,
        listing=list_view(CUSTOMERS.path, {}, csv, part, counts, cursor=people.cursor, view=view),
    )


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
