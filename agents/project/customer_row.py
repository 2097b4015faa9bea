"""A profile as Redis shows it: the fields of the hash of a customer."""

from state.customer.averages import average_check
from state.customer.profile import Profile
from state.customer.segment_forecast import NextDrop, NextRise, SegmentForecast
from state.customer.traits import is_difficult, is_discount_seeker, most_frequent, referrals, usual_gap
from state.units.money import format_minor
from state.units.timestamps import DAY_MS, format_ms


def customer_row(profile: Profile, prospects: SegmentForecast) -> dict[str, str | int]:
    """The hash of a customer; money in major units, flags 0 or 1, what is not known an empty text.

    Args:
        profile: as its record in the changelog has it, without the chunks of a long history.
        prospects: of the policy by which the customer was last judged.
    """
    policy = prospects.policy
    digits = policy.digits
    if profile.chunks or profile.refund_chunks:  # its orders are elsewhere
        outlook = profile.forecast
        down = None if outlook is None or outlook.drop_at is None else NextDrop(outlook.drop_at, outlook.drop_to)
        gap = None if outlook is None else outlook.usual_gap_ms
    else:
        down = prospects.next_drop(profile)
        gap = usual_gap(profile, policy.window_ms)
    return {
        "segment": profile.segment,
        "cell": profile.cell,
        "seq": profile.seq,
        "since": format_ms(profile.since),
        "last_order_at": _moment(profile.last_order_at),
        "first_order_at": _moment(profile.first_order_at),
        "frequency": profile.frequency,
        "monetary": format_minor(profile.monetary, digits),
        "currency": policy.currency,
        "average_check": format_minor(average_check(profile), digits),
        "lifetime_value": format_minor(profile.lifetime_net, digits),
        "lifetime_orders": profile.lifetime_orders,
        "policy": profile.policy,
        "as_of": format_ms(profile.evaluated_at),
        "next_down": "" if down is None else f'{{"at":"{format_ms(down.at)}","to":"{down.to}"}}',
        "next_up": _up(prospects.next_rise(profile), digits),
        "discount_seeker": int(is_discount_seeker(profile, policy)),
        "difficult": int(is_difficult(profile)),
        "favourite_store": most_frequent(profile.stores) or "",
        "favourite_channel": most_frequent(profile.channels) or "",
        "referrals": referrals(profile),
        "order_gap_days": "" if gap is None else gap_days(gap),
        "overdue": overdue_words(gap, profile.last_order_at, profile.evaluated_at),
    }


def gap_days(gap_ms: int) -> str:
    """A span in days, cut to three digits after the point, without zeros at the end: `30.5`."""
    days, rest = divmod(gap_ms * 1000 // DAY_MS, 1000)
    return f"{days}.{rest:03}".rstrip("0") if rest else f"{days}"


def overdue_words(gap: int | None, last_order_at: int | None, moment: int) -> str:
    """The time since the last order as a multiple of the usual gap, cut to two digits: `1.37`; empty without a gap."""
    if not gap or last_order_at is None:
        return ""
    multiple, rest = divmod((moment - last_order_at) * 100 // gap, 100)
    return f"{multiple}.{rest:02}"


def _up(up: NextRise | None, digits: int) -> str:
    """What brings a better segment as a JSON text: `{"to":"golden","orders":2}`."""
    if up is None:
        return ""
    orders = "" if up.orders is None else f',"orders":{up.orders}'
    spend = "" if up.spend is None else f',"spend":"{format_minor(up.spend, digits)}"'
    return f'{{"to":"{up.to}"{orders}{spend}}}'


def _moment(at: int | None) -> str:
    return "" if at is None else format_ms(at)
