"""How far each source partition has come: reported by whoever reads it, gathered by whoever writes the ticks."""

from collections.abc import Mapping

import msgspec


class SourceWatermark(msgspec.Struct, frozen=True, omit_defaults=True):
    """A report on one source partition; the value of a record of `source-times`, key `topic:partition`.

    Attributes:
        position: everything below this offset is in the journal.
        time: the moment to which the partition has come: in wall mode the wall time at which its end offset was the
            position, in event mode the greatest `occurred_at` read; None if it has come to none.
        at_end: event mode: it was read to its end.
    """

    position: int
    time: int | None = None
    at_end: bool = False


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(SourceWatermark)


def encode_watermark(report: SourceWatermark) -> bytes:
    """A report as the value of a record."""
    return _encoder.encode(report)


def decode_watermark(value: bytes) -> SourceWatermark:
    """The report in a record's value."""
    return _decoder.decode(value)


def wall_watermark(
    reports: Mapping[str, SourceWatermark], sources: set[str], lateness_ms: int
) -> tuple[int | None, str | None]:
    """To what moment time has come in wall mode, and which source partition holds it.

    Returns:
        The least of all partitions' times, less the lateness, and the partition that has it; no moment while a
        partition has not reported.
    """
    least, holder = None, None
    for source in sorted(sources):
        report = reports.get(source)
        if report is None or report.time is None:
            return None, source
        if least is None or report.time < least:
            least, holder = report.time, source
    return (None if least is None else least - lateness_ms), holder


def event_watermark(
    reports: Mapping[str, SourceWatermark], sources: set[str], lateness_ms: int
) -> tuple[int | None, str | None]:
    """To what moment time has come in event mode, and which source partition holds it.

    A partition that is read to its end holds nobody back; when all are, time is the greatest moment of them all.
    """
    behind, greatest = [], None
    for source in sorted(sources):
        report = reports.get(source)
        if report is None:
            return None, source
        if report.time is not None and (greatest is None or report.time > greatest):
            greatest = report.time
        if not report.at_end:
            if report.time is None:
                return None, source
            behind.append((report.time, source))
    if behind:
        least, holder = min(behind)
        return least - lateness_ms, holder
    return (None if greatest is None else greatest - lateness_ms), None
