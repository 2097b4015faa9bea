"""The oracle: what docs/topics.md says must follow from one journal partition, computed naively from its whole history.

It judges the product and so shares nothing with it: standard library only, nothing from ``state``, ``streams`` or
``agents``. Nothing is kept up incrementally that can be counted again: at each moment of judgement frequency, monetary,
recency and the lifetime sums come from the full lists of orders and refunds. Slow and plain on purpose; exact numbers
only (int, Decimal, Fraction).

Along the data: ``moments``, ``quiet`` and ``money`` read the values, ``policy`` scores, ``history`` and
``correspondence`` remember, ``campaigning`` decides who is written to, ``letters`` and ``outputs`` word what is
published, ``journal`` runs the steps in order.
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
from tests.oracle.result import Erased, Facts, Result

__all__ = [
    "Erased",
    "Facts",
    "Oracle",
    "Output",
    "Result",
    "change_headers",
    "message_headers",
    "read_json",
    "suppression_headers",
    "tombstone_headers",
]
