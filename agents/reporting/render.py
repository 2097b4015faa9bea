"""The report drawn for a terminal: a block for each campaign, at most 100 columns wide."""

from collections.abc import Iterator
from typing import Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agents.reporting.report import Brought, CampaignReport, Report
from state.records.reasons import Group

_NONE: Final = "-"


def report_blocks(report: Report) -> Iterator[RenderableType]:
    """The report from top to bottom."""
    days = report.first if report.first == report.last else f"{report.first} to {report.last}"
    yield Text(f"what began {days} (UTC) and whose attribution days are over; money in {report.currency}")
    for each in report.campaigns:
        yield Text()
        yield _table(each)
        yield Padding(_done(each), (0, 0, 0, 2))
        yield Padding(Text(each.words, style="bold" if each.verdict == "difference" else ""), (0, 0, 0, 2))


def _table(each: CampaignReport) -> Table:
    table = Table(box=None, padding=(0, 0, 0, 1), pad_edge=False)
    table.add_column(Text(each.campaign, style="bold"), min_width=21)
    for title, width in (("treated", 14), ("held back", 14), ("uplift", 15)):
        table.add_column(title, width=width, justify="right")
    table.add_column("95 % interval", width=32, justify="right")
    treated, held_back = each.treated, each.held_back
    held = ", ".join(f"{each.begun[group]:,} {group}" for group in (Group.HOLDOUT, Group.CONTROL) if each.begun[group])
    table.add_row("  begun", f"{treated.heads:,}", f"{held_back.heads:,}", "", held)
    if (treated.heads, held_back.heads) != (treated.customers, held_back.customers):
        table.add_row("  customers", f"{treated.customers:,}", f"{held_back.customers:,}")
    response = each.response_uplift
    table.add_row(
        "  response",
        *(_share(group) for group in (treated, held_back)),
        *((_points(response.value), _between(_points(response.low), _points(response.high))) if response else ()),
    )
    net, more, roi = each.net_uplift, each.incremental_revenue, each.roi
    table.add_row(
        "  net per head",
        *(_grouped(group.net_per_head) for group in (treated, held_back)),
        *((_signed(net.value), _between(_signed(net.low), _signed(net.high))) if net else ()),
    )
    if more:
        table.add_row(
            "  incremental revenue", "", "", _signed(more.value), _between(_signed(more.low), _signed(more.high))
        )
    if roi:
        table.add_row("  return on cost, ROI", "", "", _ratio(roi.value), _between(_ratio(roi.low), _ratio(roi.high)))
    return table


def _done(each: CampaignReport) -> Text:
    counts = ("sent", each.sent), ("opened", each.opened), ("clicked", each.clicked), ("redeemed", each.redeemed)
    return Text(", ".join(f"{count:,} {name}" for name, count in counts) + f"; cost {_grouped(each.cost)}", style="dim")


def _share(group: Brought) -> str:
    return _NONE if group.response is None else f"{group.response * 100:.1f} %"


def _points(share: float) -> str:
    return f"{share * 100:+.1f} pt"


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:+,.2f}"


def _signed(money: str | None) -> str:
    return "" if money is None else _grouped(money) if money.startswith("-") else f"+{_grouped(money)}"


def _grouped(money: str | None) -> str:
    """`-1,234.50` of `-1234.50`."""
    if money is None:
        return _NONE
    whole, point, cents = money.removeprefix("-").partition(".")
    return f"{'-' if money.startswith('-') else ''}{int(whole):,}{point}{cents}"


def _between(low: str, high: str) -> str:
    return f"{low} … {high}" if low or high else ""
