"""The run of one journal partition: its steps in order, each judged at its moment."""

from collections.abc import Iterable, Mapping
from typing import Any

from tests.oracle import moments
from tests.oracle.active_rules import ActiveRules
from tests.oracle.campaign_moment import keep_to_file
from tests.oracle.campaigns import Campaigns, read_campaigns
from tests.oracle.customer import Customer
from tests.oracle.daily import CustomerState
from tests.oracle.event_effects import apply, grants, rate_of, repeats
from tests.oracle.outputs import CHANGES, Output, tombstone_headers
from tests.oracle.policy import Policy, read_policy
from tests.oracle.result import LedgerEntry, Result

LONGEST_ID = 128
REMEMBERED_REFERRALS = 64
RETURNING = ("signup", "purchase")
"""The types that make an erased customer known again."""


class Oracle:
    """The documented rules, read naively. One oracle may run any number of histories; none affects the next."""

    def __init__(self, prefix: str = "goldstream") -> None:
        """Outputs name ``/goldstream/<prefix>`` as their source."""
        self._prefix = prefix

    def run(self, steps: Iterable[Mapping[str, Any]]) -> Result:
        """What one partition's steps must give.

        Args:
            steps: Admitted events with ``type`` and the source's own fields, ``{"type": "tick", "at": ...}``,
                ``{"type": "policy", "text": ...}``, ``{"type": "campaigns", "text": ...}``. A sale without
                ``customer_id`` changes no customer, only the day's totals.

        Raises:
            ValueError: An event comes before any policy, or could not have been admitted.
        """
        partition = Partition(self._prefix)
        for step in steps:
            partition.take(step)
        partition.close()
        return partition.result


class Partition:
    """One partition while its steps are taken."""

    def __init__(self, prefix: str) -> None:
        """Begin before the first step."""
        self.result = Result(prefix)
        self.time = moments.BEFORE_ALL_MS
        self.policy: Policy | None = None
        self.campaigns: Campaigns | None = None
        self.customers: dict[str, Customer] = {}

    def take(self, step: Mapping[str, Any]) -> None:
        """Take one step of any type; what is null in it counts as absent."""
        self._take({name: value for name, value in step.items() if value is not None})

    def due_moments(self) -> list[int]:
        """The moments, earliest first, at which time alone may change something of anyone, by what is known now."""
        desk = self.desk()
        return sorted({at for customer in self.customers.values() for at in customer.due_moments(desk)})

    def _take(self, step: dict[str, Any]) -> None:
        if step["type"] == "policy":
            self.take_policy(read_policy(step["text"]))
        elif step["type"] == "campaigns":
            self.take_campaigns(read_campaigns(step["text"]))
        elif step["type"] == "tick":
            self.take_tick(moments.parse(step["at"]))
        elif step.get("customer_id"):
            self.take_event(step)
            if step["type"] == "signup" and step.get("referred_by"):
                self.refer(step)
        else:
            self.result.diary.sell_to_nobody(step, rate_of(step, self.desk().policy))

    def desk(self) -> ActiveRules:
        """What is in force now."""
        if self.policy is None:
            message = "no event can be applied before the first policy"
            raise ValueError(message)
        return ActiveRules(self.policy, self.campaigns, self.result)

    # Ticks and files.

    def take_tick(self, at: int) -> None:
        """Bring time to ``at`` and emit what fell due for anyone; a smaller tick changes nothing."""
        if at <= self.time:
            return
        self.time = self.result.time = at
        for customer in self.customers.values():
            customer.advance(at, self.desk())

    def take_policy(self, policy: Policy) -> None:
        """Put a policy in force and judge every customer by it; a repeat has no effect."""
        if self.policy is not None and self.policy.reference == policy.reference:
            return
        self.policy = policy
        self.result.diary.timezone, self.result.diary.currency = policy.timezone, policy.currency
        for customer in self.customers.values():
            customer.evaluate(max(self.time, customer.judged_at), {"kind": "policy"}, self.desk())

    def take_campaigns(self, campaigns: Campaigns) -> None:
        """Put a campaigns file in force; runs of what it changes or drops are superseded."""
        self.campaigns = campaigns
        for customer in self.customers.values():
            customer.file_since = max(self.time, customer.judged_at)
            keep_to_file(customer.history, customer.file_since, self.desk())

    # Events.

    def take_event(self, event: dict[str, Any]) -> None:
        """Judge an event at its ``as_of``: drop it, or count a duplicate, or emit what was due and then apply it."""
        customer = self.customers.get(event["customer_id"])
        occurred_at = moments.parse(event["occurred_at"])
        if event["type"] == "erasure":
            self.erase(event["customer_id"], customer, occurred_at)
        elif customer is not None:
            self.judge_event(customer, event, occurred_at)
        elif (reason := self.refusal(event, occurred_at)) is not None:
            self.result.dropped[reason] += 1
        else:
            self.judge_event(self.welcome(event["customer_id"]), event, occurred_at)

    def refer(self, signup: dict[str, Any]) -> None:
        """Count a signup for the customer whom it names, whatever became of it; that one is not judged by it."""
        referrer_id = signup["referred_by"]
        if referrer_id == signup["customer_id"] or len(referrer_id) > LONGEST_ID:
            return
        referrer = self.customers.get(referrer_id)
        if referrer is None:
            self.result.dropped["erased" if referrer_id in self.result.ledger else "referral_of_unknown"] += 1
            return
        this = signup["customer_id"], signup["event_id"]
        if this in referrer.history.brought[-REMEMBERED_REFERRALS:]:
            self.result.duplicates["referral"] += 1
        else:
            referrer.history.brought.append(this)
            referrer.history.brought_at.append(max(moments.parse(signup["occurred_at"]), self.time))

    def judge_event(self, customer: Customer, event: dict[str, Any], occurred_at: int) -> None:
        """Apply an event to a customer who is known, or just becomes so."""
        desk = self.desk()
        as_of = max(occurred_at, self.time, customer.judged_at)
        if repeats(customer.history, event, as_of):
            self.result.duplicates[event["type"]] += 1
            return
        customer.advance(as_of, desk)
        apply(customer.history, event, occurred_at, as_of, desk)
        segment = None if customer.standing is None else customer.standing.segment
        self.result.diary.meet(customer.history, event, as_of, segment)
        customer.evaluate(
            as_of,
            {"kind": event["type"], "event_id": event["event_id"]},
            desk,
            backfill=event.get("backfill", False),
            grants=grants(event),
        )

    def refusal(self, event: dict[str, Any], occurred_at: int) -> str | None:
        """Why an event makes nobody known, if so."""
        erased = self.result.ledger.get(event["customer_id"])
        if erased is not None and not (event["type"] in RETURNING and occurred_at > erased.occurred_at):
            return "erased"
        return "unknown_customer" if event["type"] == "contact" else None

    def welcome(self, customer_id: str) -> Customer:
        """A new customer, or one who comes back after an erasure and counts ``seq`` on."""
        erased = self.result.ledger.get(customer_id)
        customer = Customer.unknown(customer_id, self.desk().policy, 0 if erased is None else erased.last_seq)
        self.customers[customer_id] = customer
        return customer

    def erase(self, customer_id: str, customer: Customer | None, occurred_at: int) -> None:
        """Forget everything but the last ``seq`` and the erasure's ``occurred_at``, after what was due before it."""
        at, last_seq, erased_at = max(occurred_at, self.time), 0, occurred_at
        earlier = self.result.ledger.get(customer_id)
        if earlier is not None:
            last_seq, erased_at = earlier.last_seq, max(earlier.occurred_at, occurred_at)
        if customer is not None:
            at = max(at, customer.judged_at)
            customer.advance(at, self.desk())
            last_seq = customer.seq
            self.result.diary.stood.append(CustomerState(customer, at, None))
            del self.customers[customer_id]
        self.result.ledger[customer_id] = LedgerEntry(last_seq, erased_at)
        headers = tombstone_headers(customer_id, last_seq, moments.text(at), self.result.prefix)
        self.result.outputs.append(Output(CHANGES, customer_id, None, headers))

    def close(self) -> None:
        """Write down where everyone ended up."""
        for customer in self.customers.values():
            self.result.customers[customer.customer_id] = customer.facts(self.time, self.desk().policy)
