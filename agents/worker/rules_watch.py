"""Log and expose the active rules."""

import logging
from importlib.metadata import version as installed_version
from typing import NamedTuple

from agents.control.control_follower import ControlFollower
from state.config.campaigns import Campaigns
from state.config.policy import Policy
from streams.telemetry.metrics import Metrics
from streams.telemetry.waits import Wait, Waits

log = logging.getLogger(__name__)


def version() -> str:
    """Return the installed version of goldstream."""
    return installed_version("goldstream")


class ConfiguredRules(NamedTuple):
    """The policy and campaigns of the settings, which apply until `control` has others."""

    policy: Policy
    campaigns: Campaigns


async def watch_rules(follower: ControlFollower, configured: ConfiguredRules, metrics: Metrics, waits: Waits) -> None:
    """Log each change of the active rules, and expose them in `goldstream_build_info`, until cancelled.

    Args:
        follower: knows the active rules.
        configured: what is logged if it is not what is active.
        metrics: where they are exposed.
        waits: reports waits of more than 10 s.
    """
    with waits.on(Wait.READING, "records of control"):
        await follower.caught_up.wait()
    with waits.on(Wait.POLICY, "the first policy and campaigns"):
        await follower.wait(lambda: follower.rules.policy is not None and follower.rules.campaigns is not None)
    _log_overridden_files(follower, configured)
    active = _active_refs(follower)
    while True:
        metrics.set_build(version(), active["policy"], active["campaigns"])
        await follower.wait(lambda active=active: _active_refs(follower) != active)  # type: ignore[misc]
        before, active = active, _active_refs(follower)
        for kind, ref in active.items():
            if ref != before[kind]:
                log.info("%s %s is active, in place of %s", kind, ref, before[kind])


def _log_overridden_files(follower: ControlFollower, configured: ConfiguredRules) -> None:
    """Warn where the rules in `control`, which apply, are not those of the settings."""
    active, (policy, campaigns) = follower.rules, configured
    if active.policy is not None and not _is_same(active.policy, policy):
        log.warning("active is policy %s of the topic control, not the configured %s", active.policy.ref, policy.ref)
    if active.campaigns is not None and not _is_same(active.campaigns, campaigns):
        log.warning("active are campaigns %s of the topic control, not %s", active.campaigns.ref, campaigns.ref)


def _is_same(one: Policy | Campaigns, other: Policy | Campaigns) -> bool:
    """Return whether two files say the same; layout and comments make no difference."""
    return one.ref == other.ref and one.contents() == other.contents()


def _active_refs(follower: ControlFollower) -> dict[str, str]:
    """Return `name@version` of the active policy and campaigns, empty where there are none."""
    rules = {"policy": follower.rules.policy, "campaigns": follower.rules.campaigns}
    return {kind: file.ref if file else "" for kind, file in rules.items()}
