"""A profile as Redis shows it: the fields of the hash of a customer."""

from state.decide import average_check
from state.moments import format_ms
from state.money import format_minor
from state.profile import Profile


def customer_row(profile: Profile, currency: str, digits: int) -> dict[str, str | int]:
    """The hash of a customer; money in major units, what is not known an empty text."""
    return {
        "segment": profile.segment,
        "cell": profile.cell,
        "seq": profile.seq,
        "since": format_ms(profile.since),
        "last_order_at": _moment(profile.last_order_at),
        "first_order_at": _moment(profile.first_order_at),
        "frequency": profile.frequency,
        "monetary": format_minor(profile.monetary, digits),
        "currency": currency,
        "average_check": format_minor(average_check(profile), digits),
        "lifetime_value": format_minor(profile.net, digits),
        "lifetime_orders": profile.lifetime_orders,
        "policy": profile.policy,
        "as_of": format_ms(profile.judged),
    }


def _moment(at: int | None) -> str:
    return "" if at is None else format_ms(at)
