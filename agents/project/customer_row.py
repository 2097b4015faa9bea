"""The hash of a customer in Redis."""

from agents.project.base_totals import usable_channels
from state.customer.profile import Profile
from state.customer.segment_forecast import NextDrop, NextRise, SegmentForecast
from state.customer.traits import average_check, is_difficult, is_discount_seeker, most_frequent, referrals, usual_gap
from state.units.money import format_minor
from state.units.timestamps import DAY_MS, format_ms


def customer_row(profile: Profile, forecast: SegmentForecast) -> dict[str, str | int]:
    """Return the fields of the hash: money in major units, flags as 0 or 1, unknown values as empty texts.

    Args:
        profile: as its record in the changelog has it, without the chunks of a long history.
        forecast: by the policy that the customer was last evaluated with.
    """
    policy = forecast.policy
    digits = policy.digits
    channels = usable_channels(profile)
    if profile.chunks or profile.refund_chunks:  # the orders are in other records, so what follows from them is stored
        stored = profile.forecast
        drop = None if stored is None or stored.drop_at is None else NextDrop(stored.drop_at, stored.drop_to)
        gap_ms = None if stored is None else stored.usual_gap_ms
    else:
        drop = forecast.next_drop(profile)
        gap_ms = usual_gap(profile, policy.window_ms)
    return {
        "segment": profile.segment,
        "cell": profile.cell,
        "seq": profile.seq,
        "since": format_ms(profile.since),
        "last_order_at": _format_moment(profile.last_order_at),
        "first_order_at": _format_moment(profile.first_order_at),
        "frequency": profile.frequency,
        "monetary": format_minor(profile.monetary, digits),
        "currency": policy.currency,
        "average_check": format_minor(average_check(profile), digits),
        "lifetime_value": format_minor(profile.lifetime_net, digits),
        "lifetime_orders": profile.lifetime_orders,
        "policy": profile.policy,
        "as_of": format_ms(profile.evaluated_at),
        "next_down": "" if drop is None else f'{{"at":"{format_ms(drop.at)}","to":"{drop.to}"}}',
        "next_up": _format_rise(forecast.next_rise(profile), digits),
        "discount_seeker": int(is_discount_seeker(profile, policy)),
        "difficult": int(is_difficult(profile)),
        "favourite_store": most_frequent(profile.stores) or "",
        "favourite_channel": most_frequent(profile.channels) or "",
        "referrals": referrals(profile),
        "order_gap_days": "" if gap_ms is None else format_days(gap_ms),
        "overdue": format_overdue(gap_ms, profile.last_order_at, profile.evaluated_at),
        "reachable": int(bool(channels)),
        "channels": " ".join(channels),
    }


def format_days(gap_ms: int) -> str:
    """Return a duration in days, truncated to three decimals, without trailing zeros: `30.5`."""
    days, rest = divmod(gap_ms * 1000 // DAY_MS, 1000)
    return f"{days}.{rest:03}".rstrip("0") if rest else f"{days}"


def format_overdue(gap_ms: int | None, last_order_at: int | None, as_of_ms: int) -> str:
    """Return the time since the last order as a multiple of the usual gap, truncated to two decimals: `1.37`.

    Empty without a gap or an order.
    """
    if not gap_ms or last_order_at is None:
        return ""
    multiple, rest = divmod((as_of_ms - last_order_at) * 100 // gap_ms, 100)
    return f"{multiple}.{rest:02}"


def _format_rise(rise: NextRise | None, digits: int) -> str:
    """Return what leads to a better segment as JSON: `{"to":"golden","orders":2}`."""
    if rise is None:
        return ""
    orders = "" if rise.orders is None else f',"orders":{rise.orders}'
    spend = "" if rise.spend is None else f',"spend":"{format_minor(rise.spend, digits)}"'
    return f'{{"to":"{rise.to}"{orders}{spend}}}'


def _format_moment(at: int | None) -> str:
    return "" if at is None else format_ms(at)
