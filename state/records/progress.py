"""The progress of a journal partition. Its Struct is why this module is never compiled (decision 0007)."""

import msgspec

NO_WATERMARK = -(1 << 62)
"""The watermark of a partition before its first tick."""


class Progress(msgspec.Struct, array_like=True):
    """How far a partition has been applied. It is written after all outputs of the records below `offset`.

    Attributes:
        offset: The next journal offset to apply.
        watermark: The partition's time, in milliseconds.
        advance_offset: The greatest `Tick.advance` applied; -1 if none.
        sources: The highest offset applied from each source partition (topic, partition).
        policy_offset: Offset of the active policy in `control`; -1 if none.
        campaigns_offset: Offset of the active campaigns in `control`; -1 if none.
        begins_at: `CampaignsApplied.begins_at` of the active campaigns.
    """

    offset: int = 0
    watermark: int = NO_WATERMARK
    advance_offset: int = -1
    sources: dict[tuple[str, int], int] = {}
    policy_offset: int = -1
    campaigns_offset: int = -1
    begins_at: int | None = None
