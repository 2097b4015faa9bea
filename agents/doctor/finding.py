"""What an examination finds: one line each."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Level(StrEnum):
    """How bad it is: `warning` works now and may not last or be meant, `wrong` does not work."""

    GOOD = "good"
    WARNING = "warning"
    WRONG = "wrong"


class Finding(msgspec.Struct, frozen=True):
    """One finding.

    Attributes:
        check: what was examined: `kafka`, `topics` …
        level: how bad it is.
        message: what was found.
        remedy: what to do; None if it is good.
    """

    check: str
    level: Level
    message: str
    remedy: str | None = None


def good(check: str, message: str) -> Finding:
    """Return a finding that needs nothing."""
    return Finding(check, Level.GOOD, message)


def warning(check: str, message: str, remedy: str) -> Finding:
    """Return a finding that works, with what to do about it."""
    return Finding(check, Level.WARNING, message, remedy)


def wrong(check: str, message: str, remedy: str) -> Finding:
    """Return a finding that does not work, with what to do about it."""
    return Finding(check, Level.WRONG, message, remedy)


def split_remedy(check: str, error: str) -> Finding:
    """Return an error of the form `what is wrong; what to do` as a finding."""
    message, _, remedy = error.partition("; ")
    return wrong(check, message, remedy or "see deploy/runbook.md")


def worst(findings: Iterable[Finding]) -> Level:
    """Return the worst level; `good` if nothing was found."""
    levels = {finding.level for finding in findings}
    return next((level for level in reversed(Level) if level in levels), Level.GOOD)
