"""The report of campaigns, read from Kafka; one is given again while there are no new outcomes.

It is read and computed in a thread: loading scipy and reading the outcomes of a year take seconds, in which the server
would answer nothing else.
"""

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from agents.reporting.reader import NoOutcomes, outcome_ends, read_outcomes
from agents.serve.lookups.days import parse_day
from agents.serve.lookups.refusals import LookupRefused
from streams.clock import Clock
from streams.settings.settings import Settings

if TYPE_CHECKING:
    from agents.reporting.report import UpliftReport

FRESH_SECONDS: Final = 10.0
"""Outcomes are published days after what they report: for so long nobody looks whether there are new ones."""
MAX_STORED: Final = 16

Days = tuple[str | None, str | None]


class _Stored(NamedTuple):
    """A report, the ends of the partitions when it was read, and when somebody last looked for later outcomes."""

    looked_at_s: float
    ends: dict[int, int]
    report: "UpliftReport | None"


class CampaignReports:
    """Reads reports, each only once at a time."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._reading = asyncio.Lock()
        self._stored: dict[Days, _Stored] = {}

    async def report(self, first_day: str | None, last_day: str | None) -> "UpliftReport | None":
        """Return the report of the entries on these days (UTC), both inclusive; None if there are no outcomes.

        Raises:
            LookupRefused: a text is not a day, or the report cannot be computed here.
            aiokafka.errors.KafkaError: the cluster cannot be reached.
        """
        for name, text in (("from", first_day), ("to", last_day)):
            if text:
                parse_day(name, text)
        days = first_day or None, last_day or None
        async with self._reading:
            stored = self._stored.get(days)
            if stored is None or self._clock.monotonic() - stored.looked_at_s >= FRESH_SECONDS:
                ends = await outcome_ends(self._settings)
                if stored is None or stored.ends != ends:
                    report = await asyncio.to_thread(_read, self._settings, days)
                else:
                    report = stored.report
                stored = _Stored(self._clock.monotonic(), ends, report)
                if len(self._stored) >= MAX_STORED:
                    self._stored.clear()
                self._stored[days] = stored
            return stored.report

    def stored(self, max_age_s: float) -> "tuple[bool, UpliftReport | None]":
        """Return whether the report of all entries was current in the last seconds, and that report; read nothing."""
        stored = self._stored.get((None, None))
        if stored is None or self._clock.monotonic() - stored.looked_at_s >= max_age_s:
            return False, None
        return True, stored.report


def _read(settings: Settings, days: Days) -> "UpliftReport | None":
    try:
        from agents.reporting.report import build_report
    except ImportError as error:
        detail = "the report needs scipy, which this server does not have; install goldstream[report]"
        raise LookupRefused(501, "no-report", detail) from error
    try:
        return build_report(asyncio.run(read_outcomes(settings, *days)))
    except NoOutcomes:
        return None
