"""Comparisons of two policies in the background, one at a time: each reads the whole journal with all cores."""

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING, Final

import msgspec
from aiokafka.errors import KafkaError

from agents.analysis.backtest.report import BacktestReport, backtest_report
from agents.analysis.backtest.runner import BacktestFailed, BacktestTask, run_backtest
from agents.analysis.journal_ends import EmptyJournal, journal_ends
from agents.serve.lookups.answers import PolicyDiff
from agents.serve.lookups.refusals import LookupRefused
from state.config.campaigns import Campaigns
from state.config.policy import Policy
from streams.errors import describe_error
from streams.kafka.control import NoControlTopic, read_control, reduce_control
from streams.settings.rules_files import configured_campaigns
from streams.settings.settings import Settings

if TYPE_CHECKING:
    from state.config.active_rules import ActiveRules

log = logging.getLogger(__name__)

DIFF_RUNNING: Final = "diff-running"
"""The kind of the refusal of a second comparison at a time."""

MAX_STORED: Final = 16
"""Comparisons whose results can be asked for: the last ones of this process."""


class _Stopped(Exception):
    pass


class PolicyDiffs:
    """The comparisons of this process."""

    def __init__(self, settings: Settings, stopping: asyncio.Event) -> None:
        self._settings = settings
        self._stopping = stopping
        self._diffs: dict[str, PolicyDiff] = {}
        self._policies: dict[str, tuple[Policy, Policy]] = {}
        self._running: asyncio.Task[None] | None = None
        self._is_preparing = False

    @property
    def is_busy(self) -> bool:
        """Whether one is running, or about to."""
        return self._is_preparing or (self._running is not None and not self._running.done())

    def find(self, diff_id: str) -> PolicyDiff | None:
        """Return a comparison; None if this process has it not, or not any more."""
        return self._diffs.get(diff_id)

    def policies_of(self, diff_id: str) -> tuple[Policy, Policy]:
        """Return the policies A and B of a comparison that `find` has."""
        return self._policies[diff_id]

    async def begin(self, a: Policy | None, b: Policy, campaigns: Campaigns | None) -> PolicyDiff:
        """Begin a comparison, and return it.

        Args:
            a: the active policy by default.
            b: the other one.
            campaigns: for both; the active ones by default.

        Raises:
            LookupRefused: another one is running, or there is nothing to compare on.
            aiokafka.errors.KafkaError: the cluster cannot be reached.
        """
        if self.is_busy:
            raise LookupRefused(409, DIFF_RUNNING, "another comparison is running; wait until it is done")
        self._is_preparing = True
        try:
            task, policies, campaigns_ref = await self._prepare(a, b, campaigns)
        finally:
            self._is_preparing = False
        diff_id = secrets.token_hex(8)
        self._diffs[diff_id] = PolicyDiff(diff_id, "running", 0.0, policies[0].ref, policies[1].ref, None, None)
        self._policies[diff_id] = policies
        while len(self._diffs) > MAX_STORED:
            oldest = next(iter(self._diffs))
            del self._diffs[oldest], self._policies[oldest]
        self._running = asyncio.create_task(self._run(diff_id, task, policies, campaigns_ref), name="policy diff")
        return self._diffs[diff_id]

    async def close(self) -> None:
        """Wait for a comparison to end, which it does soon once the server stops."""
        if self._running is not None:
            await asyncio.gather(self._running, return_exceptions=True)

    async def _prepare(
        self, a: Policy | None, b: Policy, campaigns: Campaigns | None
    ) -> tuple[BacktestTask, tuple[Policy, Policy], str]:
        try:
            rules = reduce_control(await read_control(self._settings))
            ends = await journal_ends(self._settings, rules)
        except (NoControlTopic, EmptyJournal) as error:
            raise LookupRefused(409, "no-journal", str(error)) from error
        assert rules.policy is not None
        policies = a or rules.policy, b
        _check_currencies(policies, rules)
        campaigns = campaigns or rules.campaigns or configured_campaigns(self._settings, policies[0])
        texts = policies[0].text, policies[1].text
        return BacktestTask(self._settings, ends, texts, campaigns.text, None), policies, campaigns.ref

    async def _run(self, diff_id: str, task: BacktestTask, policies: tuple[Policy, Policy], campaigns: str) -> None:
        total = max(1, 2 * sum(task.ends.values()))

        def show(done: int) -> None:
            if self._stopping.is_set():
                raise _Stopped
            self._change(diff_id, progress=min(1.0, round(done / total, 4)))

        try:
            result = await asyncio.to_thread(run_backtest, task, show)
        except _Stopped:
            self._change(diff_id, state="failed", detail="the server stops; begin the comparison again")
        except (BacktestFailed, KafkaError, OSError) as error:
            self._change(diff_id, state="failed", detail=describe_error(error))
        except Exception:
            log.exception("the comparison of %s and %s failed", policies[0].ref, policies[1].ref)
            self._change(diff_id, state="failed", detail="the server has a fault, which is in its log")
        else:
            report = backtest_report(policies, campaigns, result)
            self._change(diff_id, state="done", progress=1.0, result=report)

    def _change(self, diff_id: str, **fields: str | float | BacktestReport) -> None:
        diff = self._diffs.get(diff_id)
        if diff is not None:
            self._diffs[diff_id] = msgspec.structs.replace(diff, **fields)


def without_names(diff: PolicyDiff) -> PolicyDiff:
    """Return a comparison without the ids of customers, for those who may only see figures."""
    if diff.result is None:
        return diff
    return msgspec.structs.replace(diff, result=msgspec.structs.replace(diff.result, top_movers=[]))


def _check_currencies(policies: tuple[Policy, Policy], rules: "ActiveRules") -> None:
    assert rules.policy is not None
    currency = rules.policy.currency
    for policy in policies:
        if policy.currency != currency:
            detail = f"currency must be {currency}, that of the journal: got {policy.currency} in {policy.ref}"
            raise LookupRefused(422, "currency", detail)
