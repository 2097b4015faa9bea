"""Look-ups that identify customers."""

from collections.abc import Awaitable, Callable
from functools import partial
from hashlib import blake2b
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.enums import MediaType
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from agents.customer_view.story import Story
from agents.serve.access.scopes import Scope
from agents.serve.context import Context
from agents.serve.lookups.answers import (
    Customer,
    CustomerPage,
    CustomersById,
    FlowCustomers,
    Rejected,
)
from agents.serve.lookups.customers.csv_lists import PART, begun, csv_response, customer_rows, file_name, flow_rows
from agents.serve.lookups.customers.encoded_ids import decode_id
from agents.serve.lookups.lookups import MAX_IDS, MAX_REJECTED, FlowsAsked
from agents.serve.lookups.projections.flow_lookup import Counting
from agents.serve.lookups.projections.ranked_lists import ListPart
from agents.serve.lookups.query import (
    LIST_ASKED,
    After,
    AnyRequest,
    Asked,
    Before,
    Cause,
    FirstDay,
    LastDay,
    ListAsked,
    RejectedLimit,
)
from agents.serve.problems import Problem

OPT: Final = {"scope": Scope.CUSTOMERS_READ}
_CSV: Final = {
    200: ResponseSpec(
        CustomerPage, generate_examples=False, description="a part of the list; the whole list as CSV if asked for"
    )
}
_encode: Final = msgspec.json.Encoder().encode


DescribedStory: Final = msgspec.defstruct(
    "CustomerStory",
    [
        (each.encode_name, list[dict[str, Any]] if each.name == "next" else each.type)
        for each in msgspec.structs.fields(Story)
    ],
)
"""The story for the OpenAPI document, whose generator has no unions of structs without a tag, as `next` is."""


class IdsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The customers that are asked for, up to 100."""

    ids: list[str]


@get(
    "/v1/customers/{customer_id:str}",
    opt=OPT,
    operation_id="getCustomer",
    responses={
        200: ResponseSpec(Customer, generate_examples=False),
        304: ResponseSpec(None, generate_examples=False, description="unchanged since the given ETag"),
    },
)
async def get_customer(customer_id: FromPath[str], request: AnyRequest, context: Context) -> Response[Any]:
    """Return a customer as of now."""
    return await _customer(decode_id(customer_id), request, context)


@get("/v1/customers/lookup", opt=OPT, include_in_schema=False)
async def get_customer_called_lookup(request: AnyRequest, context: Context) -> Response[Any]:
    """Return the customer with the id `lookup`, whose path would otherwise be that of another route."""
    return await _customer("lookup", request, context)


@post("/v1/customers/lookup", opt=OPT, operation_id="lookUpCustomers", status_code=200)
async def look_up_customers(data: JSONBody[IdsRequest], context: Context) -> CustomersById:
    """Return up to 100 customers by id, for clients that keep ids out of addresses."""
    if len(data.ids) > MAX_IDS:
        raise Problem(422, "ids", f"at most {MAX_IDS} ids can be looked up at once: got {len(data.ids)}")
    return CustomersById(await context.lookups.customers(data.ids))


@get(
    "/v1/customers/{customer_id:str}/story",
    opt=OPT,
    operation_id="getCustomerStory",
    responses={200: ResponseSpec(DescribedStory, generate_examples=False)},
)
async def get_story(customer_id: FromPath[str], context: Context) -> Response[Any]:
    """Return a customer's story, as `goldstream customer ID --json`; it is read from Kafka, which takes seconds."""
    return Response(await context.lookups.story(decode_id(customer_id)))


async def _customers(
    name: str, read: Callable[[ListPart], Awaitable[CustomerPage]], asked: ListAsked
) -> Stream | Response[Any]:
    """Return a page; or a CSV file of all pages, of which the first is read before the answer begins."""
    part = asked.part
    if asked.as_csv:
        rows = customer_rows(lambda place: read(ListPart(PART, place, part.reachable)))
        return csv_response(file_name(name, part), await begun(rows))
    return Response(await read(part))


@get("/v1/customers", opt=OPT, operation_id="getCustomers", responses=_CSV, dependencies=LIST_ASKED)
async def get_customers(context: Context, asked: Asked) -> Stream | Response[Any]:
    """Return all customers, by monetary, highest first."""
    return await _customers("customers", context.lookups.all_customers, asked)


@get(
    "/v1/segments/{name:str}/customers",
    opt=OPT,
    operation_id="getSegmentCustomers",
    responses=_CSV,
    dependencies=LIST_ASKED,
)
async def get_segment_customers(name: FromPath[str], context: Context, asked: Asked) -> Stream | Response[Any]:
    """Return the customers of a segment, by monetary, highest first."""
    return await _customers(f"segment-{name}", partial(context.lookups.segment_customers, name), asked)


@get(
    "/v1/cells/{cell:str}/customers", opt=OPT, operation_id="getCellCustomers", responses=_CSV, dependencies=LIST_ASKED
)
async def get_cell_customers(cell: FromPath[str], context: Context, asked: Asked) -> Stream | Response[Any]:
    """Return the customers of a cell, by monetary, highest first."""
    return await _customers(f"cell-{cell}", partial(context.lookups.cell_customers, [cell]), asked)


@get(
    "/v1/flows/customers",
    opt=OPT,
    operation_id="getFlowCustomers",
    responses={
        200: ResponseSpec(
            FlowCustomers, generate_examples=False, description="a part of the list; the whole list as CSV if asked for"
        )
    },
    dependencies=LIST_ASKED,
)
async def get_flow_customers(
    context: Context,
    asked: Asked,
    first_day: FirstDay = None,
    last_day: LastDay = None,
    before: Before = None,
    after: After = None,
    cause: Cause = None,
) -> Stream | Response[Any]:
    """Return who moved from one segment to another, the latest move first, each customer once."""
    lookups, part, flows = context.lookups, asked.part, FlowsAsked(first_day, last_day, before, after, cause)
    if asked.as_csv:
        rows = flow_rows(
            lambda place: lookups.flow_customers(flows, ListPart(PART, place, part.reachable), Counting.NONE)
        )
        return csv_response(file_name(f"moved-{before or 'any'}-{after or 'any'}", part), await begun(rows))
    return Response(await lookups.flow_customers(flows, part, Counting.BEGUN))


@get("/v1/rejected", opt=OPT, operation_id="getRejected")
async def get_rejected(context: Context, limit: RejectedLimit = MAX_REJECTED) -> Rejected:
    """Return the last rejected records, newest first."""
    return await context.lookups.rejected(limit)


async def _customer(customer_id: str, request: AnyRequest, context: Context) -> Response[Any]:
    customer = await context.lookups.customer(customer_id)
    if customer is None:
        raise context.lookups.missing(customer_id)
    body = _encode(customer)
    etag = f'"{blake2b(body, digest_size=9).hexdigest()}"'
    headers = {"etag": etag, "cache-control": "private, no-cache"}
    known = request.headers.get("if-none-match")
    if known is not None and (
        known.strip() == "*" or etag in [each.strip().removeprefix("W/") for each in known.split(",")]
    ):
        return Response(None, status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=MediaType.JSON)


ROUTES: Final[list[ControllerRouterHandler]] = [
    get_customer,
    get_customer_called_lookup,
    look_up_customers,
    get_story,
    get_customers,
    get_segment_customers,
    get_cell_customers,
    get_flow_customers,
    get_rejected,
]
