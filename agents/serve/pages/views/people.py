"""What a list of customers shows besides them: which of them it has, where it goes on, and the file of all of them."""

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlencode

from agents.languages.translations import mark
from agents.serve.lookups.projections.ranked_lists import ListPart
from agents.serve.pages.page_view import PageView

REACHABLE: Final = "reachable"
_FLAGS: Final = {"true": True, "false": False}
_CHOICES: Final = (("", mark("All")), ("true", mark("Reachable")), ("false", mark("Not reachable")))


class ReachChoice(NamedTuple):
    """A link to the customers with some reach.

    Attributes:
        words: which of them.
        customers: how many; None while they are not counted.
        href: address of the list.
        is_current: whether this is the list.
    """

    words: str
    customers: int | None
    href: str
    is_current: bool


class ListView(NamedTuple):
    """The addresses of a list of customers, of which the page shows a part.

    Attributes:
        choices: all customers, those who can be reached, those who cannot.
        csv: address of the file with the whole list.
        start: address of the first part; None if this is it.
        following: address of the next part; None if this is the last one.
    """

    choices: list[ReachChoice]
    csv: str
    start: str | None
    following: str | None


def read_part(query: Mapping[str, str], limit: int) -> ListPart:
    """Return the part of a list that a page's address asks for."""
    return ListPart(limit, query.get("cursor") or None, _FLAGS.get(query.get(REACHABLE, "")))


def list_view(
    path: str,
    query: dict[str, str],
    csv: str,
    part: ListPart,
    counts: tuple[int | None, int | None],
    *,
    cursor: str | None,
    view: PageView,
) -> ListView:
    """Return the addresses of a list.

    Args:
        path: of the page.
        query: the other parameters of its address.
        csv: path of the file, which takes the same parameters; its own ones may follow a question mark.
        part: that the page shows.
        counts: customers of the whole list, and those of them who can be reached; None while they are not counted.
        cursor: of the next part.
        view: of the reader.
    """
    total, reachable = counts
    flag = {None: "", True: "true", False: "false"}[part.reachable]
    others = None if total is None or reachable is None else total - reachable
    shown = query | _flagged(flag)
    return ListView(
        [
            ReachChoice(view.texts.gettext(words), count, address(path, query | _flagged(each)), each == flag)
            for (each, words), count in zip(_CHOICES, (total, reachable, others), strict=True)
        ],
        address(csv, shown),
        address(path, shown) if part.cursor is not None else None,
        address(path, shown | {"cursor": cursor}) if cursor is not None else None,
    )


def address(path: str, query: Mapping[str, str]) -> str:
    """Return an address with parameters."""
    return f"{path}{'&' if '?' in path else '?'}{urlencode(query)}" if query else path


def _flagged(flag: str) -> dict[str, str]:
    return {REACHABLE: flag} if flag else {}
