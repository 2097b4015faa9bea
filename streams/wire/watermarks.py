"""Watermarks of source partitions: reported by the workers that read them, combined by the one that writes ticks."""

from collections.abc import Mapping
from typing import Final

import msgspec

FOLDED: Final = "folded"
"""In place of the topic: a report of how far the lane of a journal partition is, while it is behind (`folded:3`)."""


class SourceWatermark(msgspec.Struct, frozen=True, omit_defaults=True):
    """A report on one source partition: the value of a record of `source-times` with the key `topic:partition`.

    Attributes:
        position: everything below this offset is in the journal.
        time: the watermark in milliseconds; None if there is none yet. In wall mode it is the wall time at which the
            end offset was `position`, in event mode the greatest `occurred_at` read.
        at_end: event mode: whether the partition is read to its end.
    """

    position: int
    time: int | None = None
    at_end: bool = False


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(SourceWatermark)


def encode_watermark(report: SourceWatermark) -> bytes:
    """Return the value of the record of a report."""
    return _encoder.encode(report)


def decode_watermark(value: bytes) -> SourceWatermark:
    """Return the report in a record's value.

    Raises:
        msgspec.DecodeError: it is no such value.
    """
    return _decoder.decode(value)


def wall_watermark(
    reports: Mapping[str, SourceWatermark], sources: set[str], lateness_ms: int
) -> tuple[int | None, str | None]:
    """Combine the watermarks of all source partitions in wall mode.

    Returns:
        The minimum less the allowed lateness, and the partition that has it. While a partition has not reported, None
        and that partition.
    """
    minimum, slowest = None, None
    for source in sorted(sources):
        report = reports.get(source)
        if report is None or report.time is None:
            return None, source
        if minimum is None or report.time < minimum:
            minimum, slowest = report.time, source
    return (None if minimum is None else minimum - lateness_ms), slowest


def event_watermark(
    reports: Mapping[str, SourceWatermark], sources: set[str], lateness_ms: int
) -> tuple[int | None, str | None]:
    """Combine the watermarks of all source partitions in event mode.

    A partition that is read to its end does not count. When all are, the watermark is the maximum of them.

    Returns:
        As `wall_watermark`; the partition is None when all are read to their ends.
    """
    unfinished, maximum = [], None
    for source in sorted(sources):
        report = reports.get(source)
        if report is None:
            return None, source
        if report.time is not None and (maximum is None or report.time > maximum):
            maximum = report.time
        if not report.at_end:
            if report.time is None:
                return None, source
            unfinished.append((report.time, source))
    if unfinished:
        minimum, slowest = min(unfinished)
        return minimum - lateness_ms, slowest
    return (None if maximum is None else maximum - lateness_ms), None
