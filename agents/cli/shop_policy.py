"""The active policy, as commands show by it: the titles of its segments, and moments in its time zone."""

import asyncio
from typing import TYPE_CHECKING

from agents.cli.failures import kafka_named

if TYPE_CHECKING:
    from state.config.policy import Policy
    from streams.settings.settings import Settings


def shop_policy(settings: "Settings") -> "Policy | None":
    """Return the active policy; None before the first one.

    Raises:
        CommandFailed: Kafka cannot be reached.
    """
    from streams.kafka.control import NoControlTopic, read_control, reduce_control
    from streams.kafka.needed_rights import reading

    with kafka_named(settings, reading(settings, "control")):
        try:
            return reduce_control(asyncio.run(read_control(settings))).policy
        except NoControlTopic:
            return None


def shop_zone(settings: "Settings") -> str:
    """Return the time zone of the active policy; UTC before the first one."""
    policy = shop_policy(settings)
    return policy.timezone if policy else "UTC"
