"""The report about a file: what it contains, how it was read, what was left out. For people, and as JSON."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from agents.importing.findings import Assumption
from state.units.counts import counted
from state.units.money import DIGITS, format_minor
from state.units.timestamps import format_ms

_WIDTH: Final = 18
_TEXT_WIDTH: Final = 98
_FIELD_OPTION: Final = "--field "
_DOUBTFUL: Final = frozenset(
    {"status.other", "status.column", "customers", "customers.phones", "orders.changed", "columns.equal", "refunds"}
    | {"amount.unit"}
)
"""Subjects of assumptions that may be wrong, whose effect on the figures people should look at."""
_REASONS: Final = {
    "known": "imported before, or came by a hook",
    "other_customer": "the order is known with another customer",
    "unknown_order": "refunds that name nobody, of orders that are neither in the files nor known",
    "erased": "before its customer was erased",
    "unreadable": "could not be read",
    "total_row": "a row of totals",
    "test_order": "a test order",
    "status": "a status that does not count",
}


class ImportReport(msgspec.Struct, kw_only=True):
    """What is known about a file once it is understood.

    Attributes:
        platform: what it was read as, such as `shopify`.
        import_id: the import.
        rows: rows read.
        events: what is published, or would be, by kind.
        orders: with anonymous ones.
        anonymous: orders without a customer.
        refunds: how many.
        signups: how many.
        customers: different ids.
        gross_minor, refunds_minor: of known and anonymous orders together, in minor units of `currency`.
        currency: of the sums.
        first_ms, last_ms: the first and the last moment; None without events.
        reachable: how many customers can be reached, by channel.
        assumptions: how the file was read.
        left_out: reason, count, first lines and first detail.
        samples: events as JSON.
    """

    platform: str
    import_id: str
    rows: int
    events: Counter[str]
    orders: int
    anonymous: int
    refunds: int
    signups: int
    customers: int
    gross_minor: int
    refunds_minor: int
    currency: str
    first_ms: int | None
    last_ms: int | None
    reachable: dict[str, int]
    assumptions: Sequence[Assumption]
    left_out: Sequence[tuple[str, int, list[int], str]]
    samples: Sequence[bytes]

    def to_json(self) -> bytes:
        """Return the report as a JSON object (docs/import/README.md)."""
        return msgspec.json.encode(
            {
                "platform": self.platform,
                "rows": self.rows,
                "events": dict(self.events),
                "orders": self.orders,
                "customers": self.customers,
                "anonymous": self.anonymous,
                "gross": self._money(self.gross_minor),
                "refunds": self._money(self.refunds_minor),
                "net": self._money(self.gross_minor - self.refunds_minor),
                "currency": self.currency,
                "first_at": None if self.first_ms is None else format_ms(self.first_ms),
                "last_at": None if self.last_ms is None else format_ms(self.last_ms),
                "assumed": self._assumed(),
                "left_out": [
                    {"reason": reason, "count": count, "lines": lines} for reason, count, lines, _ in self.left_out
                ],
                "samples": [msgspec.Raw(each) for each in self.samples],
                "import_id": self.import_id,
            }
        )

    def _assumed(self) -> dict[str, str]:
        """Return the assumptions by subject; several files can have several about one."""
        values: dict[str, list[str]] = {}
        for each in dict.fromkeys(self.assumptions):
            values.setdefault(each.subject, []).append(each.value)
        return {subject: "; ".join(dict.fromkeys(found)) for subject, found in values.items()}

    def to_lines(self) -> Iterator[str]:
        """Yield the report for people, line by line."""
        yield from self._content()
        doubtful = [each for each in dict.fromkeys(self.assumptions) if each.subject in _DOUBTFUL]
        if doubtful:
            yield ""
            yield "please check"
            yield from self._read_as(doubtful)
        if self.assumptions:
            yield ""
            yield "read as"
            yield from self._read_as([each for each in dict.fromkeys(self.assumptions) if each not in doubtful])
        if self.left_out:
            yield ""
            yield "left out"
            for reason, count, lines, detail in self.left_out:
                yield _row(reason, f"{count:,}{_explanation(reason, detail)}: {_lines_text(lines, count)}")
        if self.samples:
            yield ""
            yield "samples"
            for sample in self.samples:
                yield f"  {sample.decode()}"

    def _read_as(self, assumptions: Sequence[Assumption]) -> Iterator[str]:
        """Yield what was assumed; the columns of fields with the same evidence share a line."""
        columns: dict[str, list[str]] = {}
        others = []
        for each in assumptions:
            if each.option.startswith(_FIELD_OPTION):
                columns.setdefault(each.evidence, []).append(f"{each.subject} = {each.value}")
            else:
                option = f"; {each.option} decides otherwise" if each.option else ""
                others.append(_row(each.subject, f"{each.value} ({each.evidence}{option})"))
        for evidence, fields in columns.items():
            yield _row("columns", f"{'; '.join(fields)} ({evidence}; {_FIELD_OPTION}FIELD=COLUMN decides otherwise)")
        yield from others

    def _content(self) -> Iterator[str]:
        share = f"{self.anonymous / self.orders:.0%}" if self.orders else "0%"
        yield _row("platform", self.platform)
        yield _row("rows", f"{self.rows:,}")
        yield _row("orders", f"{self.orders:,}, of which {self.anonymous:,} without a customer ({share})")
        yield _row("refunds", f"{self.refunds:,}")
        yield _row("signups", f"{self.signups:,}")
        yield _row("customers", f"{self.customers:,}")
        yield _row("gross", f"{self._grouped(self.gross_minor)} {self.currency}")
        yield _row("refunded", f"{self._grouped(self.refunds_minor)} {self.currency}")
        yield _row("net", f"{self._grouped(self.gross_minor - self.refunds_minor)} {self.currency}")
        if self.first_ms is not None and self.last_ms is not None:
            yield _row("moments", f"{format_ms(self.first_ms)} to {format_ms(self.last_ms)}")
        yield _row("reachable", self._reachable())
        new = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.events.items()))
        yield _row("to publish", f"{counted(self.events.total(), 'event')} ({new})" if new else "nothing")

    def _reachable(self) -> str:
        by_channel = ", ".join(f"{count:,} by {channel}" for channel, count in sorted(self.reachable.items()) if count)
        if by_channel:
            return f"{by_channel}, of {counted(self.customers, 'customer')}"
        return "nobody: without consent, the built-in campaigns send no message"

    def _money(self, minor: int) -> str:
        return format_minor(minor, DIGITS[self.currency])

    def _grouped(self, minor: int) -> str:
        major, point, rest = self._money(minor).partition(".")
        return f"{int(major):,}{point}{rest}" if minor >= 0 else f"-{self._grouped(-minor)}"


def _row(label: str, text: str) -> str:
    """Return a label and a text; a long one goes on below, in its column."""
    lines = textwrap.wrap(text, _TEXT_WIDTH, break_long_words=False, break_on_hyphens=False)
    gap = "\n" + " " * (2 + _WIDTH)
    return f"  {label:<{_WIDTH}}{' ' if len(label) >= _WIDTH else ''}{gap.join(lines)}"


def _explanation(reason: str, detail: str) -> str:
    words = detail or _REASONS.get(reason, "")
    return f" ({words})" if words else ""


def _lines_text(lines: Sequence[int], count: int) -> str:
    named = ", ".join(map(str, lines))
    more = " …" if count > len(lines) else ""
    return f"line {named}" if len(lines) == 1 and not more else f"lines {named}{more}"
