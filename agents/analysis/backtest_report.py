"""What two policies make of the same journal, told: as a JSON object, and in words."""

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from agents.analysis.backtest import BacktestResult, PolicyCounts
from state.config.policy import Policy
from state.records.progress import BEFORE_TIME
from state.units.money import format_minor
from state.units.timestamps import format_ms


class PolicySide(msgspec.Struct, frozen=True):
    """What one of the policies makes of the journal.

    Attributes:
        segments: customers by segment at the end; all of the policy's, in its order.
        changes: of segment, from the beginning on; `sent` messages by campaign, `suppressed` by campaign and reason.
    """

    policy: str
    window_days: str
    segments: dict[str, int]
    changes: int
    sent: dict[str, int]
    suppressed: dict[str, dict[str, int]]


class PolicyMove(msgspec.Struct, frozen=True, rename={"was": "from", "now": "to"}):
    """Customers who are in one segment by A and in another by B; `net` by A's window, in major units."""

    from_segment: str
    to_segment: str
    customers: int
    net: str


class TopMover(msgspec.Struct, frozen=True, rename={"was": "from", "now": "to"}):
    """One of those who move; `net` by A's window, `lifetime_value` ever, in major units."""

    customer_id: str
    from_segment: str
    to_segment: str
    net: str
    lifetime_value: str


class BacktestReport(msgspec.Struct, frozen=True):
    """The difference between two policies.

    Attributes:
        as_of: the moment to which time came; None if it never did.
        records: of the journal that were read.
        net: what all customers brought in within A's window; `moved_net` those who move.
        moves: most customers first; `top_movers` those who move who brought in most, first.
    """

    as_of: str | None
    records: int
    currency: str
    campaigns: str
    customers: int
    net: str
    moved: int
    moved_net: str
    moves: list[PolicyMove]
    top_movers: list[TopMover]
    a: PolicySide
    b: PolicySide


def backtest_report(policies: tuple[Policy, Policy], campaigns: str, compared: BacktestResult) -> BacktestReport:
    """What was compared, in major units; `campaigns` is name and version of the file that went with both."""
    one, other = policies

    def money(minor: int) -> str:
        return format_minor(minor, one.digits)

    moves = [(move, count) for move, count in compared.customers.items() if move[0] != move[1]]
    moves.sort(key=lambda each: (-each[1], each[0]))
    return BacktestReport(
        as_of=None if compared.watermark_ms == BEFORE_TIME else format_ms(compared.watermark_ms),
        records=compared.record_count,
        currency=one.currency,
        campaigns=campaigns,
        customers=compared.customers.total(),
        net=money(compared.net.total()),
        moved=sum(count for _, count in moves),
        moved_net=money(sum(compared.net[move] for move, _ in moves)),
        moves=[PolicyMove(*move, count, money(compared.net[move])) for move, count in moves],
        top_movers=[
            TopMover(m.customer_id, m.from_segment, m.to_segment, money(m.net), money(m.lifetime))
            for m in compared.top_movers
        ],
        a=_side(one, compared, 0, compared.a),
        b=_side(other, compared, 1, compared.b),
    )


def _side(policy: Policy, compared: BacktestResult, which: int, counted: PolicyCounts) -> PolicySide:
    segments: Counter[str] = Counter()
    for move, count in compared.customers.items():
        segments[move[which]] += count
    kept_back: dict[str, dict[str, int]] = {}
    for (campaign, reason), count in sorted(counted.suppressed.items()):
        kept_back.setdefault(campaign, {})[reason] = count
    return PolicySide(
        policy=policy.ref,
        window_days=policy.window_days,
        segments={name: segments[name] for name in policy.segment_names},
        changes=counted.changes,
        sent=dict(sorted(counted.sent.items())),
        suppressed=kept_back,
    )


def report_lines(found: BacktestReport) -> Iterator[str]:
    """The difference in words and tables."""
    a, b = found.a, found.b
    when = f"as of {found.as_of[:16].replace('T', ' ')}" if found.as_of else "before any time"
    yield f"A is {a.policy}, B is {b.policy}; campaigns {found.campaigns} with both"
    yield f"{found.customers:,} customers {when} (UTC), {found.records:,} records of the journal"
    yield (
        f"{found.moved:,} of them ({_share(found.moved, found.customers)}) are in another segment by B, with "
        f"{_sum(found.moved_net)} of {_sum(found.net)} {found.currency} net revenue of the last {a.window_days} days"
    )
    yield ""
    names = list(dict.fromkeys((*a.segments, *b.segments)))
    counts = [(name, a.segments.get(name, 0), b.segments.get(name, 0)) for name in names]
    yield from _columns(("segment", "A", "B", "B - A"), [_compared(*each) for each in counts])
    if found.moves:
        yield ""
        rows = [(move.from_segment, move.to_segment, f"{move.customers:,}", _sum(move.net)) for move in found.moves]
        yield from _columns(("from (A)", "to (B)", "customers", f"net, {found.currency}"), rows, texts=2)
        yield ""
        dearest = [
            (m.customer_id, m.from_segment, m.to_segment, _sum(m.net), _sum(m.lifetime_value)) for m in found.top_movers
        ]
        heads = ("greatest among them", "from (A)", "to (B)", f"net, {found.currency}", "lifetime value")
        yield from _columns(heads, dearest, texts=3)
    yield ""
    sent = [(name, a.sent.get(name, 0), b.sent.get(name, 0)) for name in sorted({*a.sent, *b.sent})]
    sent.append(("all", sum(a.sent.values()), sum(b.sent.values())))
    yield from _columns(("messages sent", "A", "B", "B - A"), [_compared(*each) for each in sent])
    yield ""
    yield from _columns(("changes of segment", "A", "B", "B - A"), [_compared("all", a.changes, b.changes)])


def _compared(name: str, one: int, other: int) -> tuple[str, ...]:
    return name, f"{one:,}", f"{other:,}", f"{other - one:+,}" if one != other else "0"


def _columns(heads: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> Iterator[str]:
    """Rows under their heads: the first columns are texts, the others figures."""
    widths = [max(len(row[place]) for row in (heads, *rows)) for place in range(len(heads))]
    for row in (heads, *rows):
        cells = [
            f"{cell:<{width}}" if place < texts else f"{cell:>{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "0%"


def _sum(major: str) -> str:
    """A sum with thousands apart."""
    sign, digits = ("-", major[1:]) if major.startswith("-") else ("", major)
    whole, point, rest = digits.partition(".")
    return f"{sign}{int(whole):,}{point}{rest}"
