"""Render the campaign report for a terminal: one block per campaign, at most 100 columns wide."""

from collections.abc import Iterator, Mapping
from typing import Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agents.reporting.report import CampaignReport, GroupResult, UpliftReport
from state.records.reasons import Group

_NONE: Final = "-"


def report_blocks(report: UpliftReport) -> Iterator[RenderableType]:
    """Yield the parts of the report from top to bottom."""
    days = report.first_day if report.first_day == report.last_day else f"{report.first_day} to {report.last_day}"
    yield Text(f"campaign entries {days} (UTC) whose attribution days are over; money in {report.currency}")
    for campaign in report.campaigns:
        yield Text()
        yield _table(campaign)
        yield Padding(_message_counts(campaign, report.contacts_of(campaign)), (0, 0, 0, 2))
        style = "bold" if campaign.verdict == "difference" else ""
        yield Padding(Text(campaign.conclusion, style=style), (0, 0, 0, 2))


def _table(campaign: CampaignReport) -> Table:
    table = Table(box=None, padding=(0, 0, 0, 1), pad_edge=False)
    table.add_column(Text(campaign.campaign, style="bold"), min_width=21)
    for title, width in (("treated", 14), ("comparison", 14), ("uplift", 15)):
        table.add_column(title, width=width, justify="right")
    table.add_column("95 % interval", width=32, justify="right")
    treated, comparison = campaign.treated, campaign.comparison
    parts = ", ".join(
        f"{campaign.entries[group]:,} {group}" for group in (Group.HOLDOUT, Group.CONTROL) if campaign.entries[group]
    )
    table.add_row("  entries", f"{treated.entries:,}", f"{comparison.entries:,}", "", parts)
    if (treated.entries, comparison.entries) != (treated.customers, comparison.customers):
        table.add_row("  customers", f"{treated.customers:,}", f"{comparison.customers:,}")
    response = campaign.response_uplift
    table.add_row(
        "  response",
        *(_share(group) for group in (treated, comparison)),
        *((_points(response.value), _interval(_points(response.low), _points(response.high))) if response else ()),
    )
    net, incremental, roi = campaign.net_uplift, campaign.incremental_revenue, campaign.roi
    table.add_row(
        "  net per entry",
        *(_grouped(group.net_per_entry) for group in (treated, comparison)),
        *((_signed(net.value), _interval(_signed(net.low), _signed(net.high))) if net else ()),
    )
    if incremental:
        table.add_row(
            "  incremental revenue",
            "",
            "",
            _signed(incremental.value),
            _interval(_signed(incremental.low), _signed(incremental.high)),
        )
    if roi:
        table.add_row("  return on cost, ROI", "", "", _ratio(roi.value), _interval(_ratio(roi.low), _ratio(roi.high)))
    return table


def _message_counts(campaign: CampaignReport, contacts: Mapping[str, int | None]) -> Text:
    reported = [f"{count:,} {name}" for name, count in contacts.items() if count is not None]
    missing = ", ".join(name for name, count in contacts.items() if count is None)
    text = ", ".join((f"{campaign.sent:,} sent", *reported))
    return Text(f"{text}; {f'{missing}: not reported; ' * bool(missing)}cost {_grouped(campaign.cost)}", style="dim")


def _share(group: GroupResult) -> str:
    return _NONE if group.response is None else f"{group.response * 100:.1f} %"


def _points(share: float) -> str:
    return f"{share * 100:+.1f} pt"


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:+,.2f}"


def _signed(money: str | None) -> str:
    return "" if money is None else _grouped(money) if money.startswith("-") else f"+{_grouped(money)}"


def _grouped(money: str | None) -> str:
    """Format `-1234.50` as `-1,234.50`."""
    if money is None:
        return _NONE
    whole, point, cents = money.removeprefix("-").partition(".")
    return f"{'-' if money.startswith('-') else ''}{int(whole):,}{point}{cents}"


def _interval(low: str, high: str) -> str:
    return f"{low} … {high}" if low or high else ""
