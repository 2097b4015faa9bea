"""The oracle: what must follow from one journal partition, computed naively from its whole history.

It implements docs/topics.md, docs/campaigns.md and docs/customers.md a second time and shares no code with the product:
standard library only. Nothing is maintained incrementally that can be counted again: at each evaluation frequency,
monetary, recency and the lifetime sums are computed from the full lists of orders and refunds. Slow and simple on
purpose; exact numbers only (int, Decimal, Fraction).

Along the data: ``moments``, ``quiet_hours`` and ``money`` read the values, ``policy`` scores, ``history`` and
``campaign_history`` remember, ``campaign_moment`` decides what is sent, ``messages`` and ``outputs`` write the values
that are published, ``journal`` runs the steps in order.
"""

from tests.oracle.journal import Oracle
from tests.oracle.outputs import (
    Output,
    change_headers,
    message_headers,
    read_json,
    suppression_headers,
    tombstone_headers,
)
from tests.oracle.result import Facts, LedgerEntry, Result

__all__ = [
    "Facts",
    "LedgerEntry",
    "Oracle",
    "Output",
    "Result",
    "change_headers",
    "message_headers",
    "read_json",
    "suppression_headers",
    "tombstone_headers",
]
