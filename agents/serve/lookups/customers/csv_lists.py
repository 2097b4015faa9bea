"""Whole lists of customers as CSV, written as they are read: a part at a time, in the order of the list."""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

from litestar.response import Stream

from agents.analysis.csv_cells import text_cell
from agents.serve.lookups.answers import Customer, CustomerPage, FlowCustomers
from agents.serve.lookups.projections.ranked_lists import ListPart

PART: Final = 500
"""Customers that are read at a time."""
MEDIA_TYPE: Final = "text/csv"  # UTF-8, which the response adds

_TEXTS: Final = frozenset({"customer_id", "segment", "favourite_store", "favourite_channel", "channels"})
"""Columns whose contents others have chosen; the rest are our own numbers, flags and moments."""
_COLUMNS: Final = tuple(name for name in Customer.__struct_fields__ if name not in ("next_down", "next_up"))
_NEXT: Final = ("next_down_at", "next_down_to", "next_up_to", "next_up_orders", "next_up_spend")


def file_name(name: str, part: ListPart) -> str:
    """Return the name of the file of a list, which says whether it has only some of the customers."""
    return name if part.reachable is None else f"{name}-{'reachable' if part.reachable else 'not-reachable'}"


def csv_response(name: str, rows: AsyncIterator[str]) -> Stream:
    """Return the response that streams a list; browsers store it as a file of this name."""
    safe = "".join(character if character.isascii() and character.isalnum() else "-" for character in name)
    headers = {"content-disposition": f'attachment; filename="{safe}.csv"', "cache-control": "no-store"}
    return Stream(rows, media_type=MEDIA_TYPE, headers=headers)


async def customer_rows(read: Callable[[str | None], Awaitable[CustomerPage]]) -> AsyncIterator[str]:
    """Yield the lines of a list of customers; `read` returns the part after a cursor.

    The first part is read before the response begins, so that what cannot be read is refused with a status.
    """
    page = await read(None)
    yield _lines([(*_COLUMNS, *_NEXT)])
    while True:
        yield _lines(map(_cells, page.customers))
        if page.cursor is None:
            return
        page = await read(page.cursor)


async def flow_rows(read: Callable[[str | None], Awaitable[FlowCustomers]]) -> AsyncIterator[str]:
    """Yield the lines of the customers of a flow; `moved_from` is empty for those who were not known before."""
    page = await read(None)
    moved = ("moved_from", "moved_to", "moved_by", "moved_at")
    yield _lines([("customer_id", *moved, *_COLUMNS[1:], *_NEXT)])
    empty = [""] * (len(_COLUMNS) - 1 + len(_NEXT))
    while True:
        yield _lines(
            [
                text_cell(each.customer_id),
                *(each.from_segment or "", each.to_segment, each.cause, each.at),
                *(empty if each.customer is None else _cells(each.customer)[1:]),
            ]
            for each in page.customers
        )
        if page.cursor is None:
            return
        page = await read(page.cursor)


async def begun(rows: AsyncIterator[str]) -> AsyncIterator[str]:
    """Return the lines, once the first is there: what cannot be read is refused now.

    Raises:
        LookupRefused: there is no such list.
        RedisAway: Redis cannot be reached.
    """
    first = await anext(rows)

    async def all_rows() -> AsyncIterator[str]:
        yield first
        async for each in rows:
            yield each

    return all_rows()


def _cells(customer: Customer) -> list[Any]:
    cells = [_cell(name, getattr(customer, name)) for name in _COLUMNS]
    down, up = customer.next_down, customer.next_up
    cells += [down.at, down.to] if down else ["", ""]
    cells += [up.to, up.orders or "", up.spend or ""] if up else ["", "", ""]
    return cells


def _cell(name: str, value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list):
        value = " ".join(value)
    return text_cell(value) if name in _TEXTS else value


def _lines(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()
