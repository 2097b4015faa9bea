"""Forecast the messages of the next days from what is due by time alone, as if nobody bought. It writes nothing."""

from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

from agents.analysis.customer_tables import read_customer_tables
from state.config.active_rules import ActiveRules
from state.config.ruleset import Ruleset
from state.fold.transitions import FoldCounters, advance_time
from state.records.outputs import MessageSent, Output
from state.units.local_days import LocalDays, format_day
from streams.settings.settings import Settings

_SHOW_EVERY: Final = 1_000


class DayMessages(NamedTuple):
    """What is counted: the local day as `2026-05-12`, the campaign and the channel."""

    day: str
    campaign: str
    channel: str


class Forecast(NamedTuple):
    """The messages of the next days.

    Attributes:
        as_of_ms: the lowest watermark of the partitions; None before the first tick.
        days: the local days, the first one from now on.
        messages: how many, by day, campaign and channel.
    """

    as_of_ms: int | None
    days: list[str]
    messages: Counter[DayMessages]


async def forecast_messages(
    settings: Settings, rules: ActiveRules, days: int, on_progress: Callable[[float], None]
) -> Forecast:
    """Let time alone go on for all customers, and count the messages that it makes due.

    Args:
        settings: of the prefix.
        rules: the active ones, with a policy.
        days: how many local days in the policy's time zone, the present one included.
        on_progress: called with the share of partitions that are done, from 0 to 1.

    Raises:
        FatalError: another version wrote a record, or something is missing.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    assert rules.policy is not None
    ruleset = Ruleset(rules.policy, rules.campaigns, rules.begins_at)
    calendar = LocalDays(rules.policy.timezone)
    counted: Counter[tuple[int, str, str]] = Counter()
    counters, outputs = FoldCounters(), list[Output]()
    watermarks: list[int] = []
    async for part in read_customer_tables(settings):
        if part.watermark_ms is None:
            continue
        watermarks.append(part.watermark_ms)
        (table,) = part.tables
        last_day = calendar.bounds_and_day(part.watermark_ms)[2] + days - 1
        until = calendar.bounds(last_day)[1] - 1
        due = [customer_id for customer_id in table.ids() if table.due(customer_id) <= until]
        for done, customer_id in enumerate(due, 1):
            profile = table.get(customer_id)
            if profile is not None:
                advance_time(customer_id, profile, until, ruleset, outputs, counters)
            for sent in outputs:
                if isinstance(sent, MessageSent):
                    day = calendar.bounds_and_day(sent.at)[2]
                    counted[day, sent.value.campaign, sent.value.channel] += 1
            outputs.clear()
            if done % _SHOW_EVERY == 0:
                on_progress((part.number + done / len(due)) / part.partitions)
        on_progress((part.number + 1) / part.partitions)
    if not watermarks:
        return Forecast(None, [], Counter())
    first_day = calendar.bounds_and_day(min(watermarks))[2]
    shown = range(first_day, first_day + days)
    messages = Counter(
        {
            DayMessages(format_day(day), campaign, channel): count
            for (day, campaign, channel), count in counted.items()
            if day in shown
        }
    )
    return Forecast(min(watermarks), [format_day(day) for day in shown], messages)
