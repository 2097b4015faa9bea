"""Decide what of a file is published: what is not known, not erased, and of refunds what was not refunded before."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from agents.importing.events.customer_ids import bounded_id, refunded_id
from agents.importing.events.imported_event import ImportedEvent
from agents.importing.publication.event_spool import SpooledEvent
from agents.importing.publication.known_events import Known
from state.records.erasure import Erasure
from state.units.money import DIGITS, format_minor, parse_minor
from streams.tables.announced_events import event_id_of
from streams.tables.order_ledger import (
    NO_ERASURE,
    ORDER,
    REFUNDS,
    Announcement,
    LedgerEntry,
    PlatformDetails,
    customer_part,
    entry_key,
    with_part,
)

KNOWN: Final = "known"
"""Reason for leaving out: it was imported before, or came by a hook."""
OTHER_CUSTOMER: Final = "other_customer"
"""Reason for leaving out: the order is known with another customer."""
UNKNOWN_ORDER: Final = "unknown_order"
"""Reason for leaving out: a refund that names nobody, and whose order is neither in the files nor known."""
ERASED: Final = "erased"
"""Reason for leaving out: it happened before its customer was erased."""


class PlannedEvent(NamedTuple):
    """An event to publish.

    Attributes:
        event: the event; of a refund that has grown, with the difference.
        entry: its entry in the ledger once it is published; None for an erasure, which has none.
        announced: its entry before it is published; None if it need not be announced, or is announced already.
    """

    event: ImportedEvent
    entry: LedgerEntry | None
    announced: LedgerEntry | None = None


class ImportPlan:
    """Decides about the events of a file, one after the other and in order; as often as needed, with the same result.

    Attributes:
        known: what the ledger knows of them.
    """

    def __init__(
        self,
        known: Known,
        erasures: Mapping[bytes, Erasure],
        import_id: str,
        route: str,
        *,
        allow_anonymous: bool = False,
    ) -> None:
        """Take what the ledgers know.

        Args:
            known: of the order ledger.
            erasures: of the erasure ledger, by the customer's part of the key.
            import_id: the import that publishes.
            route: of new entries, such as `import:shopify`.
            allow_anonymous: whether refunds that name nobody may be of unknown orders.
        """
        self.known = known
        self._erasures = erasures
        self._import_id = import_id
        self._route = route
        self._allow_anonymous = allow_anonymous
        self._erased_orders: set[bytes] = set()
        self._totals: dict[bytes, tuple[int, ...]] = {}

    def decide(self, number: int, spooled: SpooledEvent) -> PlannedEvent | str:
        """Return what to publish of the event with this number, or the reason to leave it out."""
        spooled = self.with_owner(number, spooled)
        event, erasure = spooled.event, None
        if self._erasures and event.customer_id:
            erasure = self._erasures.get(customer_part(spooled.key or entry_key(event.customer_id, ORDER, "")))
        if event.kind == "erasure":
            is_done = erasure is not None and event.occurred_at_ms <= erasure.occurred_at
            return KNOWN if is_done else PlannedEvent(event, None)
        if self.known.published[number]:
            return KNOWN
        if number in self.known.others.numbers:
            return OTHER_CUSTOMER
        if erasure is not None and self._is_erased(spooled, erasure):
            return ERASED
        erasure_offset = NO_ERASURE if erasure is None else erasure.offset
        if spooled.entry_kind == REFUNDS:
            return self._decide_refund(number, spooled, erasure_offset)
        if number in self.known.of_known_orders:
            event = _of_order(event)
        elif event.mentioned_order and not (event.customer_id or self._allow_anonymous):
            return UNKNOWN_ORDER
        details = self._details(event) if event.order_reference else None
        entry = LedgerEntry(
            spooled.entry_kind, event.customer_id, spooled.entry_id, self._route, ((self._import_id, 0),), None,
            erasure_offset, details,
        )  # fmt: skip
        return PlannedEvent(event, entry, None if event.customer_id else self._announced(entry, ()))

    def with_owner(self, number: int, spooled: SpooledEvent) -> SpooledEvent:
        """Return a refund as one of the customer whom the ledger has for its order, if the file does not name them."""
        owner = self.known.owners.get(number)
        if owner is None:
            return spooled
        fields = msgspec.json.decode(spooled.event.value) | {"customer_id": owner}
        if not owner:
            del fields["customer_id"]
        event = spooled.event._replace(customer_id=owner, value=msgspec.json.encode(fields))
        return spooled._replace(event=event, key=entry_key(owner, spooled.entry_kind, spooled.entry_id))

    def _details(self, event: ImportedEvent) -> PlatformDetails:
        """Return by which number webhooks of the platform name an order."""
        return PlatformDetails(bounded_id(self._route.partition(":")[2], event.order_reference))

    def unsettled(self, number: int, spooled: SpooledEvent) -> list[PlannedEvent]:
        """Return the refunds that an earlier import has announced, and perhaps published, with the same ids and sums.

        They are published before anything else, so that what was refunded so far is certain. Where there is no
        customer, they would count twice: `agents.importing.publication.ledger_reading` looks for them.
        """
        spooled = self.with_owner(number, spooled)
        entry = self.known.entries.get(number)
        if entry is None or entry.announced is None or spooled.entry_kind != REFUNDS or not entry.customer_id:
            return []
        parts = entry.announced.parts(entry.refunded)
        return [
            PlannedEvent(_with_refunded(spooled.event, total, amount), entry.confirmed(total))
            for amount, total in parts
        ]

    def settle(self, number: int, *, is_published: bool, refunded: int | None = None) -> LedgerEntry | None:
        """Note whether what the ledger announces of an event is published, or will be before anything else.

        Args:
            number: of the event.
            is_published: whether anything of it is.
            refunded: of the refunds of an order, up to which total; None: all.

        Returns:
            The entry, which announces nothing any more; None if nothing of the event is published.
        """
        entry = self.known.entries.pop(number)
        if is_published:
            entry = entry.confirmed(refunded)
        elif entry.published:
            entry = msgspec.structs.replace(entry.with_event(b""), announced=None)
        else:
            return None
        if entry.kind == REFUNDS:
            self.known.entries[number] = entry
        else:
            self.known.published[number] = 1
        return entry

    def announced_ids(self, number: int, spooled: SpooledEvent) -> dict[str, int | None]:
        """Return the ids of what the ledger announces of an event: of refunds their own, with the totals after them."""
        entry = self.known.entries[number]
        assert entry.announced is not None
        if spooled.entry_kind == REFUNDS:
            return {refund_id(spooled.event, total): total for _, total in entry.announced.parts(entry.refunded)}
        return {event_id_of(entry.announced_event or spooled.event.value): None}

    def settle_beside(self, number: int, entry: LedgerEntry, *, is_published: bool) -> LedgerEntry:
        """Note whether a refund that a hook has announced beside the refunds of an order is published.

        Returns:
            Its entry: if it is not published, the total that this import publishes contains it.
        """
        assert entry.details is not None
        sums = self.known.beside.sums
        if is_published:
            sums[number] = sums.get(number, 0) + entry.details.minor
            return entry.confirmed()
        details = msgspec.structs.replace(entry.details, is_contained=True)
        return msgspec.structs.replace(entry, details=details).confirmed()

    def _is_erased(self, spooled: SpooledEvent, erasure: Erasure) -> bool:
        """Return whether an event is part of what was erased: by its own moment, or as the refund of such an order."""
        event = spooled.event
        if event.occurred_at_ms <= erasure.occurred_at:
            if spooled.entry_kind == ORDER:
                self._erased_orders.add(spooled.key)
            return True
        return bool(event.order_id) and entry_key(event.customer_id, ORDER, event.order_id) in self._erased_orders

    def _decide_refund(self, number: int, spooled: SpooledEvent, erasure_offset: int) -> PlannedEvent | str:
        """Return a refund, or of one that is published in part what its order's total lacks.

        An order may have several; the total after each identifies it.
        """
        event, total = spooled.event, spooled.event.refunded_minor
        assert total is not None
        own_begin = total - _amount(event)
        earlier: tuple[int, ...] = ()
        if own_begin:  # the total after the refund before it
            earlier = (*(each for each in self._totals.get(spooled.key, ()) if each < own_begin), own_begin)
            self._totals[spooled.key] = earlier
        known = self.known.entries.get(number)
        refunded, published, route, details = (0, (), self._route, None) if known is None else (
            known.refunded, known.published, known.route, known.details
        )  # fmt: skip
        beside = self.known.beside.sums.get(number, 0)
        refunded += beside
        if total <= refunded:
            return KNOWN
        entry = LedgerEntry(
            REFUNDS, event.customer_id, spooled.entry_id, route,
            with_part(published, self._import_id, total - refunded), None, erasure_offset, details,
        )  # fmt: skip
        if refunded > own_begin:
            event = _with_refunded(event, total, total - refunded)
        steps = tuple(each for each in earlier if each > refunded)
        return PlannedEvent(event, entry, self._announced(entry, published, steps, beside))

    def _announced(
        self, entry: LedgerEntry, published: tuple[tuple[str, int], ...], steps: tuple[int, ...] = (), beside: int = 0
    ) -> LedgerEntry:
        """Return the announcement of an entry, of which so much is published."""
        announcement = Announcement(self._import_id, entry.refunded + beside, steps=steps, beside=beside)
        return msgspec.structs.replace(entry, published=published, announced=announcement)


class _Refund(msgspec.Struct):
    currency: str
    amount: str


def _amount(event: ImportedEvent) -> int:
    """Return the amount of a refund, in minor units."""
    refund = msgspec.json.decode(event.value, type=_Refund)
    return parse_minor(refund.amount, DIGITS[refund.currency])


def refund_id(event: ImportedEvent, refunded: int) -> str:
    """Return the id of the refund of a refund column after which this sum is refunded of the order."""
    digits = DIGITS[msgspec.json.decode(event.value, type=_Refund).currency]
    return refunded_id(event.order_id, format_minor(refunded, digits))


def _with_refunded(event: ImportedEvent, refunded: int, amount: int) -> ImportedEvent:
    """Return the refund of an order with another sum, after which `refunded` is refunded of it in all."""
    fields = msgspec.json.decode(event.value)
    old_id, new_id = fields["refund_id"], refund_id(event, refunded)
    fields |= {
        "event_id": fields["event_id"].replace(old_id, new_id),
        "refund_id": new_id,
        "amount": format_minor(amount, DIGITS[fields["currency"]]),
    }
    return event._replace(value=msgspec.json.encode(fields), refunded_minor=refunded)


def _of_order(event: ImportedEvent) -> ImportedEvent:
    """Return a refund as one of the order that it mentions."""
    fields = msgspec.json.decode(event.value) | {"order_id": event.mentioned_order}
    return event._replace(order_id=event.mentioned_order, value=msgspec.json.encode(fields))
