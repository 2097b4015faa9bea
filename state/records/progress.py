"""How far a journal partition has come. A struct of msgspec: this module is never compiled (decision 0007)."""

import msgspec

NO_WATERMARK = -(1 << 62)
"""The time of a partition that no tick has reached."""


class Progress(msgspec.Struct, array_like=True):
    """How far a partition has come: written down after everything that came of the records up to `offset`.

    Attributes:
        offset: the next journal offset to apply.
        watermark: the partition's time, in milliseconds.
        advance_offset: the greatest `advance` applied, -1 if none.
        sources: for each source partition the highest offset applied.
        policy_offset: place in `control` of the policy in force, -1 if there is none; `campaigns_offset` likewise.
    """

    offset: int = 0
    watermark: int = NO_WATERMARK
    advance_offset: int = -1
    sources: dict[tuple[str, int], int] = {}
    policy_offset: int = -1
    campaigns_offset: int = -1
