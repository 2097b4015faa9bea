"""What a look-up cannot answer, and why: pages show it in words, routes as a problem."""

from collections.abc import Iterable
from typing import Any


class LookupRefused(Exception):
    """There is no such thing, or it cannot be asked for; the message says why, and what can be.

    Attributes:
        status: 404 for what does not exist, 422 for what cannot be asked, 503 for what the server may not do.
        kind: the end of the problem's type.
        members: further members of the problem.
    """

    def __init__(self, status: int, kind: str, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.members = members
        self.status = status
        self.kind = kind


class RedisAway(Exception):
    """Redis does not answer, so there are no look-ups; the message says why, and what to do."""


def unknown_name(kind: str, name: str, valid: Iterable[str]) -> LookupRefused:
    """Return the refusal of a segment or cell that neither the policy nor any customer has."""
    return LookupRefused(404, f"unknown-{kind}", f"there is no {kind} {name!r}; there are {', '.join(valid)}")


def unknown_customer(customer_id: str, *, may_be_erased: bool) -> LookupRefused:
    """Return the refusal of a customer who is not known; whether they were erased may not be known either."""
    what = "is not known, or was erased" if may_be_erased else "is not known"
    return LookupRefused(404, "unknown-customer", f"customer {customer_id!r} {what}; check the id")


def erased_customer(customer_id: str, erased_at: str) -> LookupRefused:
    """Return the refusal of a customer about whom nothing is known since an erasure."""
    detail = (
        f"customer {customer_id!r} was erased on {erased_at}, and nothing is known since; a later signup or purchase "
        "makes them known again"
    )
    return LookupRefused(404, "erased-customer", detail, erased_at=erased_at)
