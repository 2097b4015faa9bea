"""Applying the records of one journal partition in order, each at its moment."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tests.oracle import moments
from tests.oracle.active_rules import ActiveRules
from tests.oracle.campaigns.campaign_moment import supersede_outdated
from tests.oracle.campaigns.campaigns_file import Campaigns, read_campaigns
from tests.oracle.customers.arrivals import horizon_of
from tests.oracle.customers.customer import Customer
from tests.oracle.customers.event_effects import apply, is_duplicate, rate_of
from tests.oracle.daily import CustomerState
from tests.oracle.outputs import CHANGES, Output, tombstone_headers
from tests.oracle.policy import Policy, read_policy
from tests.oracle.result import LedgerEntry, Result

MAX_ID_LENGTH = 128
REMEMBERED_REFERRALS = 64
TYPES_AFTER_ERASURE = ("signup", "purchase")
"""The event types that make an erased customer known again."""


class Oracle:
    """The documented rules, applied naively. It may run any number of histories, which do not affect each other."""

    def __init__(self, prefix: str = "goldstream") -> None:
        """Create an oracle whose outputs name ``/goldstream/<prefix>`` as their source."""
        self._prefix = prefix

    def run(self, records: Iterable[Mapping[str, Any]]) -> Result:
        """Return what one partition's records must produce.

        Args:
            records: admitted events with ``type`` and the source's own fields, ``{"type": "tick", "at": ...}``,
                ``{"type": "policy", "text": ...}``, ``{"type": "campaigns", "text": ...}``. A sale without
                ``customer_id`` changes no customer, only the day's totals. In wall mode a backfill event has
                ``admitted_at``, and campaigns may have ``begins_at``. An event of an earlier format of the journal has
                ``format``.

        Raises:
            ValueError: An event precedes any policy, or could not have been admitted.
        """
        partition = Partition(self._prefix)
        for record in records:
            partition.apply(record)
        partition.close()
        return partition.result


class Partition:
    """One partition while its records are applied."""

    def __init__(self, prefix: str) -> None:
        """Create a partition without any record."""
        self.result = Result(prefix)
        self.watermark = moments.BEFORE_ALL_MS
        self.policy: Policy | None = None
        self.campaigns: Campaigns | None = None
        self.customers: dict[str, Customer] = {}

    def apply(self, record: Mapping[str, Any]) -> None:
        """Apply one record of any type; a null field counts as absent."""
        self._apply({name: value for name, value in record.items() if value is not None})

    def due_moments(self) -> list[int]:
        """Return the moments, earliest first, at which time alone may change something for a customer."""
        rules = self.active_rules()
        return sorted({at for customer in self.customers.values() for at in customer.due_moments(rules)})

    def _apply(self, record: dict[str, Any]) -> None:
        if record["type"] == "policy":
            self.activate_policy(read_policy(record["text"]))
        elif record["type"] == "campaigns":
            begins_at = record.get("begins_at")
            self.activate_campaigns(read_campaigns(record["text"]), begins_at and moments.parse(begins_at))
        elif record["type"] == "tick":
            self.apply_tick(moments.parse(record["at"]))
        elif record.get("customer_id"):
            self.apply_event(record)
            if record["type"] == "signup" and record.get("referred_by"):
                self.count_referral(record)
        else:
            self.result.daily_notes.note_anonymous_sale(record, rate_of(record, self.active_rules().policy))

    def active_rules(self) -> ActiveRules:
        """Return the rules that are active now."""
        if self.policy is None:
            message = "no event can be applied before the first policy"
            raise ValueError(message)
        return ActiveRules(self.policy, self.campaigns, self.result)

    # Ticks and files.

    def apply_tick(self, at: int) -> None:
        """Advance the watermark to ``at`` and publish everything due; a smaller tick changes nothing."""
        if at <= self.watermark:
            return
        self.watermark = self.result.watermark = at
        for customer in self.customers.values():
            customer.advance(at, self.active_rules())

    def activate_policy(self, policy: Policy) -> None:
        """Activate a policy and evaluate every customer by it; a repeat has no effect."""
        if self.policy is not None and self.policy.reference == policy.reference:
            return
        self.policy = policy
        self.result.daily_notes.timezone, self.result.daily_notes.currency = policy.timezone, policy.currency
        for customer in self.customers.values():
            customer.evaluate(max(self.watermark, customer.evaluated_at), {"kind": "policy"}, self.active_rules())

    def activate_campaigns(self, campaigns: Campaigns, begins_at: int | None) -> None:
        """Activate a campaigns file; runs of campaigns that it changes or drops are superseded.

        A file that is active already keeps its beginning.
        """
        if self.campaigns is None or self.campaigns.reference != campaigns.reference:
            self.campaigns = replace(campaigns, begins_at=begins_at)
        for customer in self.customers.values():
            customer.campaigns_since = max(self.watermark, customer.evaluated_at)
            supersede_outdated(customer.history, customer.campaigns_since, self.active_rules())

    # Events.

    def apply_event(self, event: dict[str, Any]) -> None:
        """Apply an event at its ``as_of``, or drop it, or count it as a duplicate; publish what is due before it."""
        customer = self.customers.get(event["customer_id"])
        occurred_at = moments.parse(event["occurred_at"])
        if event["type"] == "erasure":
            self.erase(event["customer_id"], customer, occurred_at)
        elif customer is not None:
            self.apply_to_customer(customer, event, occurred_at)
        elif (reason := self.drop_reason(event, occurred_at)) is not None:
            self.result.dropped[reason] += 1
        else:
            self.apply_to_customer(self.new_customer(event["customer_id"]), event, occurred_at)

    def count_referral(self, signup: dict[str, Any]) -> None:
        """Count a signup, even a duplicate or dropped one, for the customer it names, who is not evaluated."""
        referrer_id = signup["referred_by"]
        if referrer_id == signup["customer_id"] or len(referrer_id) > MAX_ID_LENGTH:
            return
        referrer = self.customers.get(referrer_id)
        if referrer is None:
            self.result.dropped["erased" if referrer_id in self.result.ledger else "referral_of_unknown"] += 1
            return
        referral = signup["customer_id"], signup["event_id"]
        if referral in referrer.history.referrals[-REMEMBERED_REFERRALS:]:
            self.result.duplicates["referral"] += 1
        else:
            referrer.history.referrals.append(referral)
            referrer.history.referred_at.append(max(moments.parse(signup["occurred_at"]), self.watermark))

    def apply_to_customer(self, customer: Customer, event: dict[str, Any], occurred_at: int) -> None:
        """Apply an event to a customer who is known or was just created."""
        rules = self.active_rules()
        as_of = max(occurred_at, self.watermark, customer.evaluated_at)
        if is_duplicate(customer.history, event, as_of):
            self.result.duplicates[event["type"]] += 1
            return
        customer.advance(as_of, rules)
        customer.horizon = max(customer.horizon, horizon_of(event) or customer.horizon)
        apply(customer.history, event, occurred_at, as_of, rules)
        segment = None if customer.last_evaluation is None else customer.last_evaluation.segment
        self.result.daily_notes.note_event(customer.history, event, as_of, segment)
        customer.evaluate(as_of, {"kind": event["type"], "event_id": event["event_id"]}, rules, event)

    def drop_reason(self, event: dict[str, Any], occurred_at: int) -> str | None:
        """Return why an event of an unknown customer is dropped, or None."""
        erased = self.result.ledger.get(event["customer_id"])
        if erased is not None and not (event["type"] in TYPES_AFTER_ERASURE and occurred_at > erased.occurred_at):
            return "erased"
        return "unknown_customer" if event["type"] == "contact" else None

    def new_customer(self, customer_id: str) -> Customer:
        """Add a customer; one who returns after an erasure continues its ``seq``."""
        erased = self.result.ledger.get(customer_id)
        customer = Customer.unknown(customer_id, self.active_rules().policy, 0 if erased is None else erased.last_seq)
        self.customers[customer_id] = customer
        return customer

    def erase(self, customer_id: str, customer: Customer | None, occurred_at: int) -> None:
        """Publish what is due, then forget everything but the last ``seq`` and the erasure's ``occurred_at``."""
        at, last_seq, erased_at = max(occurred_at, self.watermark), 0, occurred_at
        earlier = self.result.ledger.get(customer_id)
        if earlier is not None:
            last_seq, erased_at = earlier.last_seq, max(earlier.occurred_at, occurred_at)
        if customer is not None:
            at = max(at, customer.evaluated_at)
            customer.advance(at, self.active_rules())
            last_seq = customer.seq
            self.result.daily_notes.states.append(CustomerState(customer, at, None))
            del self.customers[customer_id]
        self.result.ledger[customer_id] = LedgerEntry(last_seq, erased_at)
        headers = tombstone_headers(customer_id, last_seq, moments.text(at), self.result.prefix)
        self.result.outputs.append(Output(CHANGES, customer_id, None, headers))

    def close(self) -> None:
        """Store every customer's final facts in the result."""
        for customer in self.customers.values():
            self.result.customers[customer.customer_id] = customer.facts(self.watermark, self.active_rules().policy)
