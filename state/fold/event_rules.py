"""Which event does what to a customer: `EVENT_RULES` has one row per type of event.

`state.fold.partition` decides by the row whether an event counts, `state.fold.transitions` applies it by the row.
Not in the table are an erasure, which removes the customer, and the records that belong to no customer: see
`Partition.apply`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

from state.config.policy import Policy
from state.customer.contact_profile import count_contact, remembers_event, set_consent, sign_up
from state.customer.orders import apply_order
from state.customer.profile import Profile
from state.customer.referrals import count_referral, remembers_referral
from state.customer.refunds import RefundEffect, apply_refund
from state.customer.retention import remembers_order, remembers_refund
from state.customer.traits import count_places
from state.engagement.contacts import apply_contact, revive_channels
from state.records.events import (
    ConsentChanged,
    CustomerEvent,
    CustomerReferred,
    CustomerSignedUp,
    MessageContacted,
    OrderPlaced,
    OrderRefunded,
)
from state.records.reasons import DropReason
from state.units.money import MAX_TOTAL

EventT = TypeVar("EventT", bound=CustomerEvent)


class EventRule(NamedTuple, Generic[EventT]):
    """What an event of one type does to a customer.

    Attributes:
        apply: changes the profile at a moment and returns the refunds that take effect. Its arguments are the
            customer's id, the profile, the event, the moment, the policy and the counts of what is dropped.
        is_duplicate: whether the customer has the event already, by profile, event, moment and window. A duplicate is
            counted and has no effect.
        exceeds_totals: whether the profile's sums have no room for the event, which is then dropped; None if it adds
            to no sum.
        ends_silence: whether the event ends the customer's silence; None if it never does. A backfill event does not
            end one that began after its `occurred_at`.
        supersedes_reactivations: whether the customer's runs of campaigns on `reactivations` end with it; with a
            backfill event only those that were entered at or before its `occurred_at`.
        evaluates: whether time advances for the customer before it and the customer is evaluated after it. If not, the
            event takes effect at its own moment, or at the partition's time if that is later.
        of_unknown: the reason to drop it if the customer is unknown; None if it makes them known.
        ends_erasure: whether it makes an erased customer known again, if it occurred after the erasure.
    """

    apply: Callable[[str, Profile, EventT, int, Policy, Counter[DropReason]], Sequence[RefundEffect]]
    is_duplicate: Callable[[Profile, EventT, int, int], bool]
    exceeds_totals: Callable[[Profile], bool] | None = None
    ends_silence: Callable[[EventT], bool] | None = None
    supersedes_reactivations: bool = False
    evaluates: bool = True
    of_unknown: DropReason | None = None
    ends_erasure: bool = False


def _place_order(
    _customer_id: str, profile: Profile, event: OrderPlaced, moment: int, policy: Policy, dropped: Counter[DropReason]
) -> Sequence[RefundEffect]:
    refunds = apply_order(profile, event, moment, policy, dropped)  # those that waited for the order
    if event.store_id is not None or event.channel is not None:
        count_places(profile, event)
    return refunds


def _refund(
    _customer_id: str, profile: Profile, event: OrderRefunded, moment: int, policy: Policy, dropped: Counter[DropReason]
) -> Sequence[RefundEffect]:
    return apply_refund(profile, event, moment, policy, dropped)


def _sign_up(
    _customer_id: str, profile: Profile, event: CustomerSignedUp, _moment: int, _policy: Policy, _dropped: object
) -> Sequence[RefundEffect]:
    sign_up(profile, event)
    if event.consent is not None:
        revive_channels(profile, [channel for channel, granted in event.consent.items() if granted], event)
    return ()


def _set_consent(
    _customer_id: str, profile: Profile, event: ConsentChanged, _moment: int, _policy: Policy, _dropped: object
) -> Sequence[RefundEffect]:
    set_consent(profile, event)
    if event.granted:
        revive_channels(profile, (event.channel,), event)
    return ()


def _record_contact(
    customer_id: str,
    profile: Profile,
    event: MessageContacted,
    _moment: int,
    policy: Policy,
    dropped: Counter[DropReason],
) -> Sequence[RefundEffect]:
    count_contact(profile, event)
    apply_contact(customer_id, profile, event, policy, dropped)
    return ()


def _count_referral(
    _customer_id: str, profile: Profile, event: CustomerReferred, moment: int, _policy: Policy, _dropped: object
) -> Sequence[RefundEffect]:
    count_referral(profile, event, moment)
    return ()


def _has_order(profile: Profile, event: OrderPlaced, moment: int, window_ms: int) -> bool:
    return remembers_order(profile, event.order_id, moment, window_ms)


def _has_refund(profile: Profile, event: OrderRefunded, moment: int, _window_ms: int) -> bool:
    return remembers_refund(profile, event.refund_id, moment)


def _has_event(profile: Profile, event: CustomerEvent, _moment: int, _window_ms: int) -> bool:
    return remembers_event(profile, event.event_id)


def _has_referral(profile: Profile, event: CustomerReferred, _moment: int, _window_ms: int) -> bool:
    return remembers_referral(profile, event)


def _order_exceeds_totals(profile: Profile) -> bool:
    return profile.gross > MAX_TOTAL or profile.discounts > MAX_TOTAL


def _refund_exceeds_totals(profile: Profile) -> bool:
    return profile.refunded > MAX_TOTAL


def _always(_event: CustomerEvent) -> bool:
    return True


def _grants(event: ConsentChanged) -> bool:
    return event.granted


def _grants_any(event: CustomerSignedUp) -> bool:
    return event.consent is not None and any(event.consent.values())


EVENT_RULES: Final[dict[type, EventRule[Any]]] = {
    OrderPlaced: EventRule[OrderPlaced](
        apply=_place_order,
        is_duplicate=_has_order,
        exceeds_totals=_order_exceeds_totals,
        ends_silence=_always,
        supersedes_reactivations=True,
        ends_erasure=True,
    ),
    OrderRefunded: EventRule[OrderRefunded](
        apply=_refund,
        is_duplicate=_has_refund,
        exceeds_totals=_refund_exceeds_totals,
    ),
    CustomerSignedUp: EventRule[CustomerSignedUp](
        apply=_sign_up,
        is_duplicate=_has_event,
        ends_silence=_grants_any,
        ends_erasure=True,
    ),
    ConsentChanged: EventRule[ConsentChanged](
        apply=_set_consent,
        is_duplicate=_has_event,
        ends_silence=_grants,
    ),
    MessageContacted: EventRule[MessageContacted](
        apply=_record_contact,
        is_duplicate=_has_event,
        of_unknown=DropReason.CONTACT_OF_UNKNOWN,
    ),
    CustomerReferred: EventRule[CustomerReferred](
        apply=_count_referral,
        is_duplicate=_has_referral,
        evaluates=False,
        of_unknown=DropReason.REFERRAL_OF_UNKNOWN,
    ),
}
