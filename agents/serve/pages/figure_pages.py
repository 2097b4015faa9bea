"""The pages of figures: Flows, Health, Campaigns, What-if and Rejected."""

from typing import Final

from litestar.types import ControllerRouterHandler

from agents.serve.pages import campaigns, daily, flows, rejected, what_if

HANDLERS: Final[tuple[ControllerRouterHandler, ...]] = (
    flows.show_flows,
    flows.show_flow_customers,
    daily.show_daily,
    daily.show_figure,
    campaigns.show_campaigns,
    what_if.show_what_if,
    what_if.compare,
    what_if.show_comparison,
    what_if.download,
    what_if.apply,
    rejected.show_rejected,
)
