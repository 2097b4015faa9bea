"""What a request may do: the scopes that routes need, and the principal that has some."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """A scope that a route needs, by its name in the token file.

    `NONE` is for routes that are open to all. A hook of `/segment/v1` needs `hook_scope(name)`, which is not listed.
    """

    NONE = ""
    EVENTS_WRITE = "events:write"
    ERASURES_WRITE = "erasures:write"
    CUSTOMERS_READ = "customers:read"
    AGGREGATES_READ = "aggregates:read"
    POLICY_WRITE = "policy:write"
    ADMIN = "admin"


HOOK_SCOPE_START: Final = "hooks:"


def hook_scope(name: str) -> str:
    """Return the scope of `/segment/v1` with the settings of a hook."""
    return HOOK_SCOPE_START + name


@dataclass(frozen=True, slots=True)
class Principal:
    """Who sends a request: `request.auth`.

    Attributes:
        token_id: the id in the token; empty without one.
        name: of the token, for pages and messages.
        scopes: what it may do, as in the token file.
        rate: events per second; None for no limit.
    """

    token_id: str
    name: str
    scopes: frozenset[str]
    rate: float | None = None

    def has(self, scope: str) -> bool:
        """Return whether it may do what needs this scope; `admin` may do all."""
        return not scope or scope in self.scopes or Scope.ADMIN in self.scopes

    def lacks(self, scopes: Collection[str]) -> list[str]:
        """Return those of several scopes that it lacks."""
        return [scope for scope in scopes if not self.has(scope)]


ANONYMOUS: Final = Principal("", "anonymous", frozenset())
"""A request without a token, where tokens are in force."""
LOCAL: Final = Principal("", "local", frozenset({Scope.ADMIN}))
"""Any request to a server without tokens, which listens on loopback only."""
