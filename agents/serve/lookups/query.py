"""The parameters of look-ups, as the document describes them."""

from typing import Annotated, Any, Final, NamedTuple

from litestar import Request
from litestar.di import NamedDependency, Provide
from litestar.params import HeaderParameter, QueryParameter, SkipValidation

from agents.serve.access.scopes import Principal
from agents.serve.lookups.lookups import DEFAULT_LIMIT, MAX_LIMIT, MAX_REJECTED
from agents.serve.lookups.projections.ranked_lists import ListPart

AnyRequest = Request[Principal, Any, Any]

Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=MAX_LIMIT, description="customers in one answer")]
RejectedLimit = Annotated[int, QueryParameter(name="limit", ge=1, le=MAX_REJECTED, description="records")]
Cursor = Annotated[str | None, QueryParameter(name="cursor", description="of the preceding answer")]
FirstDay = Annotated[str | None, QueryParameter(name="from", description="first day, such as 2026-05-12")]
LastDay = Annotated[str | None, QueryParameter(name="to", description="last day, inclusive")]
Cause = Annotated[
    str | None, QueryParameter(name="cause", description="only changes by this cause, such as `time` or `purchase`")
]
Before = Annotated[
    str | None,
    QueryParameter(
        name="before",
        description="only from this segment, or from several with commas between them; `none`: customers who were not "
        "known before, `!none`: who were",
    ),
]
After = Annotated[str | None, QueryParameter(name="after", description="only to this segment")]
Reachable = Annotated[
    bool | None,
    QueryParameter(name="reachable", description="only customers who can be reached now; `false`: who cannot"),
]
ToSegment = Annotated[str | None, QueryParameter(name="segment", description="only changes to this segment")]
Format = Annotated[
    str | None, QueryParameter(name="format", description="`csv` for links, which cannot send `Accept: text/csv`")
]
LastEventId = Annotated[str | None, HeaderParameter(name="Last-Event-ID", description="the last id that was received")]


class ListAsked(NamedTuple):
    """What is asked for of a list of customers.

    Attributes:
        part: the one to return.
        as_csv: whether the client asks for the whole list as CSV instead.
    """

    part: ListPart
    as_csv: bool


def read_list_asked(
    request: AnyRequest,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    reachable: Reachable = None,
    output: Format = None,
) -> ListAsked:
    """Return what the parameters that all lists of customers have ask for."""
    as_csv = output == "csv" or "text/csv" in request.headers.get("accept", "")
    return ListAsked(ListPart(limit, cursor, reachable), as_csv)


LIST_ASKED: Final = {"asked": Provide(read_list_asked, sync_to_thread=False)}
"""The dependencies of a handler with a parameter `asked`."""
Asked = NamedDependency[SkipValidation[ListAsked]]
"""The type of that parameter."""
