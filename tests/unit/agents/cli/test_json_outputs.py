"""The field names in the JSON of commands are a public format, independent of the names in code."""

import msgspec
import pytest

from agents.customer_view.story import Facts, Story
from agents.customer_view.story_runs import RunStory
from agents.customer_view.story_traits import NextDown, NextUp, Traits
from agents.health.ratios import DayRatios
from agents.reporting.report import (
    CampaignReport,
    GroupResult,
    MoneyEstimate,
    RatioEstimate,
    ShareEstimate,
    UpliftReport,
)


@pytest.mark.parametrize(
    ("struct", "names"),
    [
        (
            Story,
            (
                "customer_id partition as_of policy window_days segment cell since seq facts signup consents contacts "
                "traits orders runs silenced_by dead_channels changes messages kept_back next"
            ),
        ),
        (
            Facts,
            (
                "currency first_order_at last_order_at frequency monetary lifetime_orders lifetime_value average_check "
                "discount_share refunded refunds"
            ),
        ),
        (
            RunStory,
            "campaign began began_at group attempts sent opened clicked redeemed to_come silent_at outcome_at",
        ),
        (
            Traits,
            (
                "next_down next_up discount_seeker difficult favourite_store favourite_channel referrals "
                "order_gap_days overdue"
            ),
        ),
        (NextDown, "at to"),
        (NextUp, "to orders spend"),
        (
            DayRatios,
            (
                "check first_order_share first_revenue_share average_check average_check_by_segment golden_share "
                "golden_revenue_share reachable_share"
            ),
        ),
        (UpliftReport, "currency first last confidence repeats campaigns"),
        (
            CampaignReport,
            (
                "campaign begun sent opened clicked redeemed cost treated held_back response_uplift net_uplift "
                "incremental_revenue roi held_back_needed treated_needed verdict words"
            ),
        ),
        (GroupResult, "heads customers responded response net net_per_head"),
        (ShareEstimate, "value low high"),
        (MoneyEstimate, "value low high"),
        (RatioEstimate, "value low high"),
    ],
)
def test_json_keeps_the_names_and_order_of_its_fields(struct: type[msgspec.Struct], names: str) -> None:
    assert [field.encode_name for field in msgspec.structs.fields(struct)] == names.split()
