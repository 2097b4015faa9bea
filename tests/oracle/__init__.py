"""The oracle: what one journal partition must produce, computed naively from its whole history.

It is a second implementation of docs/topics.md, docs/campaigns.md and docs/customers.md, and shares no code with the
product; it imports the standard library and the `tzdata` package only. It maintains no running totals: at each
evaluation it counts recency, frequency, monetary and the lifetime sums again from all orders and refunds. It is slow
and simple on purpose, and computes with exact numbers only (int, Decimal, Fraction).

In the order of the data flow: ``moments``, ``quiet_hours`` and ``money`` read values, ``policy`` scores, ``history``
and ``campaign_history`` keep what happened, ``campaign_moment`` decides what is sent, ``messages`` and ``outputs``
write the published values, and ``journal`` applies the records in order.
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
