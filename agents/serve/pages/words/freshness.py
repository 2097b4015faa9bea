"""As of when the figures of a page are, and how far the watermark lags, in words."""

from typing import Final, NamedTuple

from agents.languages.formats import Formats
from agents.languages.translations import Texts
from agents.serve.lookups.answers import Status

LATE_SECONDS: Final = 60.0
"""A lag that readers are warned of. The usual one is the allowed lateness, a few seconds."""


class Freshness(NamedTuple):
    """How current the figures are.

    Attributes:
        as_of: the watermark; None before the first tick.
        lag: how far it lags, and what holds it back.
        is_late: whether that is unusual.
        policy: in force, as `name@version`; None before the first one.
    """

    as_of: str | None
    lag: str
    is_late: bool
    policy: str | None


def freshness_of(status: Status, texts: Texts, formats: Formats) -> Freshness:
    """Return how current everything is, from the status of the look-ups."""
    _ = texts.gettext
    lag, is_late = status.lag_seconds, False
    if status.time == "event":
        text = _("history: time follows the events")
    elif lag is None or lag < LATE_SECONDS:
        text = _("up to date")
    else:
        is_late = True
        text = _("%(duration)s behind") % {"duration": formats.duration(lag)}
        if status.held_back_by is not None:
            text = _("%(behind)s, waiting for %(source)s") % {"behind": text, "source": status.held_back_by}
    return Freshness(status.as_of, text, is_late, None if status.policy is None else status.policy.ref)
