"""The pages, in the order of the navigation: the only list of them."""

from typing import Final, NamedTuple

from agents.languages.translations import mark
from agents.serve.access.scopes import Scope


class Page(NamedTuple):
    """A page of the navigation.

    Attributes:
        path: its address.
        title: in English; translated where it is shown.
        scope: what a reader needs to see it. Others do not see it in the navigation.
    """

    path: str
    title: str
    scope: Scope


NOW: Final = Page("/", mark("Now"), Scope.AGGREGATES_READ)
SEGMENTS: Final = Page("/segments", mark("Segments"), Scope.AGGREGATES_READ)
FLOWS: Final = Page("/flows", mark("Flows"), Scope.AGGREGATES_READ)
HEALTH: Final = Page("/daily", mark("Health"), Scope.AGGREGATES_READ)
CUSTOMERS: Final = Page("/customers", mark("Customer"), Scope.CUSTOMERS_READ)
CAMPAIGNS: Final = Page("/campaigns", mark("Campaigns"), Scope.AGGREGATES_READ)
WHAT_IF: Final = Page("/what-if", mark("What-if"), Scope.AGGREGATES_READ)
REJECTED: Final = Page("/rejected", mark("Rejected"), Scope.CUSTOMERS_READ)

PAGES: Final = (NOW, SEGMENTS, FLOWS, HEALTH, CUSTOMERS, CAMPAIGNS, WHAT_IF, REJECTED)
