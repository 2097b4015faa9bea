"""A customer's hash in Redis, as an answer."""

from collections.abc import Sequence

import msgspec

from agents.serve.lookups.answers import Customer, NextDown, NextUp


def customer_answer(customer_id: str, flat: Sequence[str]) -> Customer | None:
    """Return a customer from the reply to HGETALL; None if there is no such hash."""
    if not flat:
        return None
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    get = fields.get
    next_down, next_up, gap, overdue = get("next_down"), get("next_up"), get("order_gap_days"), get("overdue")
    return Customer(
        customer_id=customer_id,
        segment=fields["segment"],
        cell=fields["cell"],
        seq=int(fields["seq"]),
        since=fields["since"],
        last_order_at=get("last_order_at") or None,
        first_order_at=get("first_order_at") or None,
        frequency=int(fields["frequency"]),
        monetary=fields["monetary"],
        currency=fields["currency"],
        average_check=fields["average_check"],
        lifetime_value=fields["lifetime_value"],
        lifetime_orders=int(fields["lifetime_orders"]),
        policy=fields["policy"],
        as_of=fields["as_of"],
        next_down=msgspec.json.decode(next_down, type=NextDown) if next_down else None,
        next_up=msgspec.json.decode(next_up, type=NextUp) if next_up else None,
        discount_seeker=get("discount_seeker") == "1",
        difficult=get("difficult") == "1",
        favourite_store=get("favourite_store") or None,
        favourite_channel=get("favourite_channel") or None,
        referrals=int(get("referrals") or 0),
        order_gap_days=float(gap) if gap else None,
        overdue=float(overdue) if overdue else None,
        reachable=get("reachable") == "1",
        channels=(get("channels") or "").split(),
    )
