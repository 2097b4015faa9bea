"""Report the difference between two policies: as a JSON object, and as text."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

import msgspec

from agents.analysis.backtest.result import BacktestResult, PolicyCounts
from state.config.policy import Policy
from state.records.progress import NO_WATERMARK
from state.units.counts import counted
from state.units.money import format_minor
from state.units.time_zones import load_zone
from state.units.timestamps import format_ms

_FROM_AND_TO = {"from_segment": "from", "to_segment": "to"}


class PolicySide(msgspec.Struct, frozen=True, rename={"suppressed": "kept_back"}):
    """What one of the policies does on the journal.

    Attributes:
        policy: name and version.
        window_days: as the policy writes it.
        segments: customers by segment at the end; all segments of the policy, in its order.
        reachable: likewise how many of them can be reached.
        changes: changes of segment from the start.
        sent: messages by campaign.
        suppressed: messages that were not sent, by campaign and reason.
    """

    policy: str
    window_days: str
    segments: dict[str, int]
    reachable: dict[str, int]
    changes: int
    sent: dict[str, int]
    suppressed: dict[str, dict[str, int]]


class PolicyMove(msgspec.Struct, frozen=True, rename=_FROM_AND_TO):
    """Customers who are in one segment by A and in another by B.

    Attributes:
        net: their net revenue within A's window, in major units.
        reachable: how many of them can be reached.
    """

    from_segment: str
    to_segment: str
    customers: int
    net: str
    reachable: int


class TopMover(msgspec.Struct, frozen=True, rename=_FROM_AND_TO):
    """One of the customers who move.

    Attributes:
        net: net revenue within A's window, in major units.
        lifetime_value: lifetime net revenue, in major units.
    """

    customer_id: str
    from_segment: str
    to_segment: str
    net: str
    lifetime_value: str


class BacktestReport(msgspec.Struct, frozen=True, rename={"top_movers": "dearest"}):
    """The difference between policies A and B.

    Attributes:
        as_of: the time that the journal has reached; None before the first tick.
        records: the number of records read.
        currency: of all sums, which are net revenue within A's window, in major units.
        campaigns: name and version of the campaigns file used with both.
        customers: all customers; `net` is their revenue.
        moved: those whose segments by A and B differ; `moved_net` is their revenue, and
            `moved_reachable` how many of them can be reached.
        moves: by pair of segments, most customers first.
        top_movers: the customers who move with the most revenue, highest first.
    """

    as_of: str | None
    records: int
    currency: str
    campaigns: str
    customers: int
    net: str
    moved: int
    moved_net: str
    moved_reachable: int
    moves: list[PolicyMove]
    top_movers: list[TopMover]
    a: PolicySide
    b: PolicySide


def backtest_report(policies: tuple[Policy, Policy], campaigns: str, result: BacktestResult) -> BacktestReport:
    """Return the report of a result, with sums in major units.

    Args:
        policies: A and B.
        campaigns: name and version of the campaigns used with both.
        result: of the whole journal.
    """
    a, b = policies

    def money(minor: int) -> str:
        return format_minor(minor, a.digits)

    moves = [(segments, count) for segments, count in result.customers.items() if segments[0] != segments[1]]
    moves.sort(key=lambda move: (-move[1], move[0]))
    return BacktestReport(
        as_of=None if result.watermark_ms == NO_WATERMARK else format_ms(result.watermark_ms),
        records=result.record_count,
        currency=a.currency,
        campaigns=campaigns,
        customers=result.customers.total(),
        net=money(result.net.total()),
        moved=sum(count for _, count in moves),
        moved_net=money(sum(result.net[segments] for segments, _ in moves)),
        moved_reachable=sum(result.reachable[segments] for segments, _ in moves),
        moves=[
            PolicyMove(*segments, count, money(result.net[segments]), result.reachable[segments])
            for segments, count in moves
        ],
        top_movers=[
            TopMover(mover.customer_id, mover.from_segment, mover.to_segment, money(mover.net), money(mover.lifetime))
            for mover in result.top_movers
        ],
        a=_side(a, result, 0, result.a),
        b=_side(b, result, 1, result.b),
    )


def _side(policy: Policy, result: BacktestResult, index: int, counts: PolicyCounts) -> PolicySide:
    customers: Counter[str] = Counter()
    reachable: Counter[str] = Counter()
    for segments, count in result.customers.items():
        customers[segments[index]] += count
        reachable[segments[index]] += result.reachable[segments]
    suppressed: dict[str, dict[str, int]] = {}
    for (campaign, reason), count in sorted(counts.suppressed.items()):
        suppressed.setdefault(campaign, {})[reason] = count
    return PolicySide(
        policy=policy.ref,
        window_days=policy.window_days,
        segments={name: customers[name] for name in policy.segment_names},
        reachable={name: reachable[name] for name in policy.segment_names},
        changes=counts.changes,
        sent=dict(sorted(counts.sent.items())),
        suppressed=suppressed,
    )


def report_lines(
    report: BacktestReport, zone: str = "UTC", titles: Mapping[str, str] = MappingProxyType({})
) -> Iterator[str]:
    """Yield the report as lines of text and tables, with moments in a time zone, and segments by their titles."""

    def called(name: str) -> str:
        return titles.get(name, name)

    a, b = report.a, report.b
    when = "before any time"
    if report.as_of:
        local = datetime.fromisoformat(report.as_of).astimezone(load_zone(zone))
        when = f"as of {local:%Y-%m-%d %H:%M} ({zone})"
    yield f"A is {a.policy}, B is {b.policy}; campaigns {report.campaigns} with both"
    yield f"{counted(report.customers, 'customer')} {when}, {counted(report.records, 'record')} of the journal"
    yield (
        f"{report.moved:,} of them ({_share(report.moved, report.customers)}) are in another segment by B, with "
        f"{_thousands(report.moved_net)} of {_thousands(report.net)} {report.currency} net revenue of the last "
        f"{a.window_days} days"
    )
    yield ""
    segments = list(dict.fromkeys((*a.segments, *b.segments)))
    rows = [_counts_row(called(name), a.segments.get(name, 0), b.segments.get(name, 0)) for name in segments]
    yield from _table(("segment", "A", "B", "B - A"), rows)
    if report.moves:
        yield ""
        rows = [
            (called(move.from_segment), called(move.to_segment), f"{move.customers:,}", _thousands(move.net))
            for move in report.moves
        ]
        yield from _table(("from (A)", "to (B)", "customers", f"net, {report.currency}"), rows, text_columns=2)
        yield ""
        rows = [
            (
                mover.customer_id,
                called(mover.from_segment),
                called(mover.to_segment),
                _thousands(mover.net),
                _thousands(mover.lifetime_value),
            )
            for mover in report.top_movers
        ]
        heads = ("greatest among them", "from (A)", "to (B)", f"net, {report.currency}", "lifetime value")
        yield from _table(heads, rows, text_columns=3)
    yield ""
    rows = [_counts_row(name, a.sent.get(name, 0), b.sent.get(name, 0)) for name in sorted({*a.sent, *b.sent})]
    rows.append(_counts_row("all", sum(a.sent.values()), sum(b.sent.values())))
    yield from _table(("messages sent", "A", "B", "B - A"), rows)
    yield ""
    yield from _table(("changes of segment", "A", "B", "B - A"), [_counts_row("all", a.changes, b.changes)])


def _counts_row(name: str, a: int, b: int) -> tuple[str, ...]:
    return name, f"{a:,}", f"{b:,}", f"{b - a:+,}" if a != b else "0"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int = 1) -> Iterator[str]:
    """Yield the heads and rows: the first columns are texts, aligned left, the others figures, aligned right."""
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    for row in (heads, *rows):
        cells = [
            f"{cell:<{width}}" if column < text_columns else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "0%"


def _thousands(major: str) -> str:
    """Return a sum with commas between thousands."""
    sign, digits = ("-", major[1:]) if major.startswith("-") else ("", major)
    whole, point, rest = digits.partition(".")
    return f"{sign}{int(whole):,}{point}{rest}"
