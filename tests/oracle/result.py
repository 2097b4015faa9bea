"""The result of a run of the oracle, and a customer's final facts."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from tests.oracle import moments, money
from tests.oracle.daily import DailyNotes
from tests.oracle.outputs import CHANGES, MESSAGE_TYPES, SUPPRESSIONS, JsonObject, Output


@dataclass(frozen=True)
class Facts:
    """A customer's final state. Moments are milliseconds, money is base minor units."""

    customer_id: str
    segment: str
    cell: str
    seq: int
    since: int
    as_of: int
    """The last moment at which an event was applied, something was due, or a policy was activated."""
    policy: str
    currency: str
    frequency: int
    monetary: int
    first_order_at: int | None
    last_order_at: int | None
    lifetime_orders: int
    lifetime_value: int
    average_check: int
    gross: int
    discounts: int
    discounted_orders: int
    discount_share: Decimal
    refunded: int
    refund_count: int
    consents: dict[str, str]
    """``granted``, ``refused`` or ``unknown`` for each of the five channels."""
    signup: dict[str, str | None]
    contacts: dict[str, int]
    """Count by kind; kinds that never occurred are absent."""

    def redis_fields(self) -> dict[str, str | None]:
        """Return the hash of ``<prefix>:customer:<id>`` by the names of docs/customers.md; None for no value."""
        return {
            "segment": self.segment,
            "cell": self.cell,
            "seq": str(self.seq),
            "since": moments.text(self.since),
            "last_order_at": None if self.last_order_at is None else moments.text(self.last_order_at),
            "frequency": str(self.frequency),
            "monetary": money.major_text(self.monetary, self.currency),
            "currency": self.currency,
            "average_check": money.major_text(self.average_check, self.currency),
            "lifetime_value": money.major_text(self.lifetime_value, self.currency),
            "lifetime_orders": str(self.lifetime_orders),
            "policy": self.policy,
            "as_of": moments.text(self.as_of),
        }


@dataclass(frozen=True)
class LedgerEntry:
    """A customer's entry in the erasure ledger: the last ``seq``, and the latest erasure's ``occurred_at``."""

    last_seq: int
    occurred_at: int


@dataclass
class Result:
    """Everything published, in order, and everything known at the end."""

    prefix: str
    outputs: list[Output] = field(default_factory=list)
    customers: dict[str, Facts] = field(default_factory=dict)
    ledger: dict[str, LedgerEntry] = field(default_factory=dict)
    duplicates: Counter[str] = field(default_factory=Counter)
    """By type of event."""
    dropped: Counter[str] = field(default_factory=Counter)
    """``excess``, ``order_never_came``, ``no_rate`` (refunds), ``unknown_customer``, ``unknown_message`` and
    ``cost_without_rate`` (contacts), ``referral_of_unknown`` (signups), ``erased``."""

    conditions_checked: set[str] = field(default_factory=set)
    """The conditions of `where` that were checked for an entry that matched otherwise."""
    rules_met: set[str] = field(default_factory=set)
    """Rules on silent history and on revived channels that have made a difference."""
    daily_notes: DailyNotes = field(default_factory=DailyNotes)
    """The notes from which the daily totals are counted."""
    watermark: int = moments.BEFORE_ALL_MS
    """The final watermark."""

    def _values(self, *topics: str) -> Iterator[JsonObject]:
        return (output.value for output in self.outputs if output.topic in topics and output.value is not None)

    @property
    def changes(self) -> list[JsonObject]:
        """Return the values on ``segment-changes``, without tombstones."""
        return list(self._values(CHANGES))

    @property
    def tombstones(self) -> list[str]:
        """Return the ``ce_id`` of each erasure's tombstone."""
        return [output.headers["ce_id"] for output in self.outputs if output.value is None]

    @property
    def messages(self) -> list[JsonObject]:
        """Return the values on ``offers`` and ``reactivations`` together; `outputs` has the topics."""
        return list(self._values(*MESSAGE_TYPES))

    @property
    def suppressions(self) -> list[JsonObject]:
        """Return the values on ``suppressions``."""
        return list(self._values(SUPPRESSIONS))

    def of(self, customer_id: str) -> list[Output]:
        """Return one customer's outputs in order; outputs of different customers have no order."""
        return [output for output in self.outputs if output.key == customer_id]
