"""The policy and campaigns files: those that the settings name, else the built-in ones."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from state.config.campaigns import Campaigns, parse_campaigns
from state.config.config_errors import ConfigErrors
from state.config.policy import Policy
from state.config.policy_reader import parse_policy
from state.units.time_zones import zone_names
from streams.defaults import campaigns_text, policy_text
from streams.settings.settings import Settings

Parsed = TypeVar("Parsed")


def configured_policy(settings: Settings) -> Policy:
    """Return the policy of the settings, validated.

    Raises:
        ConfigErrors: each error names the file.
    """
    return parse_policy_file(settings.policy) if settings.policy else parse_policy(policy_text())


def configured_campaigns(settings: Settings, policy: Policy) -> Campaigns:
    """Return the campaigns of the settings, validated; a user's own also against the segments of the policy.

    Raises:
        ConfigErrors: each error names the file.
    """
    return parse_campaigns_file(settings.campaigns, policy) if settings.campaigns else parse_campaigns(campaigns_text())


def parse_policy_file(path: Path) -> Policy:
    """Return the policy in a file, validated.

    Raises:
        ConfigErrors: each error names the file.
    """
    return _parse(path, lambda text: parse_policy(text, zone_names()))


def parse_campaigns_file(path: Path, policy: Policy | None) -> Campaigns:
    """Return the campaigns in a file, validated; with a policy, also against its segments.

    Raises:
        ConfigErrors: each error names the file.
    """
    segments = policy.segment_names if policy else None
    return _parse(path, lambda text: parse_campaigns(text, segments, zone_names()))


def missing_segments(campaigns: Campaigns, policy: Policy) -> tuple[str, ...]:
    """Return an error for each segment that the campaigns name and the policy does not have.

    No customer can enter a campaign through such a segment.
    """
    try:
        parse_campaigns(campaigns.text, policy.segment_names)
    except ConfigErrors as errors:
        return errors.errors
    return ()


def _parse(path: Path, parse: Callable[[str], Parsed]) -> Parsed:
    text = _read(path)
    try:
        return parse(text)
    except ConfigErrors as errors:
        raise ConfigErrors([f"{path}: {error}" for error in errors.errors]) from errors


def _read(path: Path) -> str:
    """Return the text of a file without its byte order mark."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigErrors([f"{path} cannot be read ({error.strerror}); name an existing file"]) from error
    except UnicodeDecodeError as error:
        raise ConfigErrors([f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8"]) from error
