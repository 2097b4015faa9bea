"""What a look-up cannot answer, and why: pages show it in words, routes as a problem."""

from collections.abc import Iterable


class LookupRefused(Exception):
    """There is no such thing, or it cannot be asked for; the message says why, and what can be.

    Attributes:
        status: 404 for what does not exist, 422 for what cannot be asked.
        kind: the end of the problem's type.
    """

    def __init__(self, status: int, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind


class RedisAway(Exception):
    """Redis does not answer, so there are no look-ups; the message says why, and what to do."""


def unknown_name(kind: str, name: str, valid: Iterable[str]) -> LookupRefused:
    """Return the refusal of a segment or cell that neither the policy nor any customer has."""
    return LookupRefused(404, f"unknown-{kind}", f"there is no {kind} {name!r}; there are {', '.join(valid)}")


def unknown_customer(customer_id: str) -> LookupRefused:
    """Return the refusal of a customer who is not known."""
    detail = f"customer {customer_id!r} is not known, or was erased; check the id"
    return LookupRefused(404, "unknown-customer", detail)
