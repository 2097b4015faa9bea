"""Read the active policy and campaigns from the topic `control`, for commands that apply or compare rules."""

from typing import TYPE_CHECKING

from agents.cli.failures import CommandFailed, print_error

if TYPE_CHECKING:
    from state.config.active_rules import ActiveRules
    from state.config.campaigns import Campaigns
    from state.config.policy import Policy
    from streams.settings.settings import Settings


async def read_active_rules(settings: "Settings") -> "ActiveRules":
    """Read `control` to its end.

    Raises:
        CommandFailed: the topic does not exist.
    """
    from streams.kafka.control import NoControlTopic, read_control, reduce_control

    try:
        return reduce_control(await read_control(settings))
    except NoControlTopic as error:
        raise CommandFailed(str(error)) from error


def warn_of_missing_segments(campaigns: "Campaigns", policy: "Policy") -> None:
    """Print a warning for each segment that the campaigns name and the policy does not have."""
    from streams.settings.rules_files import missing_segments

    for error in missing_segments(campaigns, policy):
        print_error(f"goldstream: warning: {campaigns.ref} does not fit {policy.ref}: {error}")
