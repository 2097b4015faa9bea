"""How a segment appears in a chart."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SegmentLook:
    """A segment's looks.

    Attributes:
        name: as in the policy.
        title: in the reader's language.
        css: the class that sets its colour, such as `seg-0`.
    """

    name: str
    title: str
    css: str
