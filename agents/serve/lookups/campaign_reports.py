"""The report of campaigns, read from Kafka; one that was read a moment ago is given again."""

import asyncio
from typing import TYPE_CHECKING, Final

from agents.reporting.reader import NoOutcomes, read_outcomes
from agents.serve.lookups.days import parse_day
from agents.serve.lookups.refusals import LookupRefused
from streams.clock import Clock
from streams.settings.settings import Settings

if TYPE_CHECKING:
    from agents.reporting.report import UpliftReport

FRESH_SECONDS: Final = 10.0
"""Outcomes are published days after what they report, so a report of a few seconds ago is as good as a new one."""
MAX_STORED: Final = 16

Days = tuple[str | None, str | None]


class CampaignReports:
    """Reads reports, each only once at a time."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._reading = asyncio.Lock()
        self._stored: dict[Days, tuple[float, UpliftReport | None]] = {}

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
            read_at_s, report = self._stored.get(days, (0.0, None))
            if days in self._stored and self._clock.monotonic() - read_at_s < FRESH_SECONDS:
                return report
            report = await self._read(days)
            if len(self._stored) >= MAX_STORED:
                self._stored.clear()
            self._stored[days] = self._clock.monotonic(), report
            return report

    def stored(self, max_age_s: float) -> "tuple[bool, UpliftReport | None]":
        """Return whether the report of all entries was read in the last seconds, and that report; read nothing."""
        read_at_s, report = self._stored.get((None, None), (0.0, None))
        is_stored = (None, None) in self._stored and self._clock.monotonic() - read_at_s < max_age_s
        return is_stored, report if is_stored else None

    async def _read(self, days: Days) -> "UpliftReport | None":
        try:
            from agents.reporting.report import build_report
        except ImportError as error:
            detail = "the report needs scipy, which this server does not have; install goldstream[report]"
            raise LookupRefused(501, "no-report", detail) from error
        try:
            sums = await read_outcomes(self._settings, *days)
        except NoOutcomes:
            return None
        return await asyncio.to_thread(build_report, sums)
