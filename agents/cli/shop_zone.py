"""The shop's time zone: that of the active policy, in which commands show moments."""

import asyncio
from typing import TYPE_CHECKING

from agents.cli.failures import kafka_named

if TYPE_CHECKING:
    from streams.settings.settings import Settings


def shop_zone(settings: "Settings") -> str:
    """Return the `timezone` of the active policy; UTC before the first one.

    Raises:
        CommandFailed: Kafka cannot be reached.
    """
    from streams.kafka.control import NoControlTopic, read_control, reduce_control

    with kafka_named(settings):
        try:
            policy = reduce_control(asyncio.run(read_control(settings))).policy
        except NoControlTopic:
            return "UTC"
    return policy.timezone if policy else "UTC"
