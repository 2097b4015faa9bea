"""The policy and the campaigns that are configured: the files that the settings name, else the built-in ones."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from state.config.campaigns import Campaigns, parse_campaigns
from state.config.config_errors import ConfigErrors
from state.config.policy import Policy, parse_policy
from state.units.time_zones import zone_names
from streams.defaults import campaigns_text, policy_text
from streams.settings.settings import Settings

Parsed = TypeVar("Parsed")


def read_rules_file(path: Path) -> str:
    """Read a policy or campaigns file; a byte order mark is no part of it.

    Raises:
        Faults: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigErrors([f"{path} cannot be read ({error.strerror}); name a file that is there"]) from error
    except UnicodeDecodeError as error:
        raise ConfigErrors([f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8"]) from error


def configured_policy(settings: Settings) -> str:
    """The text of the configured policy, else of the built-in one; not yet checked."""
    return read_rules_file(settings.policy) if settings.policy else policy_text()


def configured_campaigns(settings: Settings) -> str:
    """The text of the configured campaigns, else of the built-in ones; not yet checked."""
    return read_rules_file(settings.campaigns) if settings.campaigns else campaigns_text()


def parse_policy_file(path: Path) -> Policy:
    """The policy in a file, checked.

    Raises:
        Faults: each names the file.
    """
    text = read_rules_file(path)
    return _named(str(path), lambda: parse_policy(text, zone_names()))


def parse_campaigns_file(path: Path, policy: Policy | None) -> Campaigns:
    """The campaigns in a file, checked against the segments of a policy where there is one.

    Raises:
        Faults: each names the file.
    """
    text = read_rules_file(path)
    segments = policy.segment_names if policy else None
    return _named(str(path), lambda: parse_campaigns(text, segments, zone_names()))


def parse_configured_policy(settings: Settings) -> Policy:
    """The configured policy, checked.

    Raises:
        Faults: each names the file.
    """
    return parse_policy_file(settings.policy) if settings.policy else parse_policy(policy_text())


def parse_configured_campaigns(settings: Settings, policy: Policy) -> Campaigns:
    """The configured campaigns, checked against the policy's segments where they are the user's own.

    Raises:
        Faults: each names the file.
    """
    return parse_campaigns_file(settings.campaigns, policy) if settings.campaigns else parse_campaigns(campaigns_text())


def _named(place: str, parse: Callable[[], Parsed]) -> Parsed:
    try:
        return parse()
    except ConfigErrors as error:
        raise ConfigErrors([f"{place}: {fault}" for fault in error.errors]) from error
