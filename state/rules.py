"""What is in force in a journal partition."""

import msgspec

from state.campaigns import Campaigns
from state.policy import Policy


class Rules(msgspec.Struct, frozen=True):
    """The policy by which customers are judged, and the campaigns that follow; None until the first ones come."""

    policy: Policy
    campaigns: Campaigns | None
