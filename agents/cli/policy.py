"""`goldstream policy suggest` and `goldstream policy diff`: what helps to choose a policy. Neither writes to Kafka."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, UsageFailure, kafka_named, print_error
from agents.cli.progress import progress_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.analysis.backtest_report import BacktestReport
    from agents.importing.mapping import Mapping
    from state.config.active_rules import ActiveRules
    from state.config.campaigns import Campaigns
    from state.config.policy import Policy
    from streams.settings.settings import Settings


def suggest(
    context: typer.Context,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]…", help="CSV, JSON Lines or Parquet, as `import` reads them.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the policy here; to standard output unless given.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option("--map", metavar="FILE", help="TOML file that says which column is what.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="Of rows that have none; the policy's currency.")] = None,
    config: ConfigOption = None,
) -> None:
    """Suggest a policy from how customers of this shop buy, with the reasons in its comments.

    The history is that of files, or without any the journal. Customers become at risk when three of four of those who
    return would have returned, and churned when the chance that they return has fallen below a tenth.
    """
    from agents.importing.row_reader import FileError
    from state.suggestion.suggest import InsufficientHistory

    settings = load_context(context, config)
    try:
        text = _from_files(settings, files, mapping, currency) if files else _from_journal(settings)
    except (FileError, InsufficientHistory) as error:
        raise CommandFailed(str(error)) from error
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
        print_error(f"goldstream: written to {output}; look it through, then `goldstream policy check {output}`")


def _from_files(settings: "Settings", files: list[Path], mapping: Path | None, currency: str | None) -> str:
    from agents.analysis.policy_suggestion import suggest_from_files
    from streams.settings.rules_files import configured_policy

    with progress_of("reading", 1.0) as show:
        return suggest_from_files(files, _mapping(mapping, currency), configured_policy(settings), show, print_error)


def _mapping(file: Path | None, currency: str | None) -> "Mapping":
    import msgspec

    from agents.importing.mapping import Mapping, read_mapping
    from state.units.money import DIGITS

    mapping = read_mapping(file) if file else Mapping()
    if currency is None:
        return mapping
    if currency not in DIGITS:
        raise UsageFailure(f"--currency must be an ISO 4217 code, such as RUB: got {currency!r}")
    return msgspec.structs.replace(mapping, constants=mapping.constants | {"currency": currency})


def _from_journal(settings: "Settings") -> str:
    with kafka_named(settings), progress_of(f"reading the journal of {settings.prefix}", 1.0) as show:
        return asyncio.run(_read_journal(settings, show))


async def _read_journal(settings: "Settings", show: "Callable[[float], None]") -> str:
    from agents.analysis.journal_reader import EmptyJournal
    from agents.analysis.policy_suggestion import suggest_from_journal
    from state.records.events import UnknownFormatVersion
    from streams.kafka.control import NoControlTopic
    from streams.kafka.reader import OffsetTruncated

    try:
        return await suggest_from_journal(settings, show)
    except (NoControlTopic, EmptyJournal, UnknownFormatVersion, OffsetTruncated) as error:
        raise CommandFailed(str(error)) from error


def diff(
    context: typer.Context,
    a: Annotated[Path, typer.Argument(metavar="A", help="TOML file of a policy.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="TOML file of another one.")],
    campaigns: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Campaigns for both; those in force, else the configured ones.")
    ] = None,
    to: Annotated[
        str | None, typer.Option(metavar="TIME", help="Up to a moment, RFC 3339 with an offset; the journal's end.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write a JSON object.")] = False,
    config: ConfigOption = None,
) -> None:
    """Compare two policies: who would be in another segment, and which messages would have been sent.

    The journal is replayed with each of them, in force from its beginning, in memory: nothing is written. With --to it
    ends where time has come to that moment, and what occurred later does not count.
    """
    import msgspec

    from agents.analysis.backtest_report import report_lines
    from streams.settings.rules_files import parse_policy_file

    settings = load_context(context, config)
    policies = parse_policy_file(a), parse_policy_file(b)
    until = None if to is None else _moment(to)
    with kafka_named(settings):
        found = _difference(settings, (a, b), policies, campaigns, until)
    if as_json:
        typer.echo(msgspec.json.encode(found))
    else:
        for line in report_lines(found):
            typer.echo(line)


def _difference(
    settings: "Settings",
    files: tuple[Path, Path],
    policies: "tuple[Policy, Policy]",
    given: Path | None,
    until: int | None,
) -> "BacktestReport":
    from agents.analysis.backtest_report import backtest_report
    from agents.analysis.backtest_runner import BacktestFailed, BacktestTask, run_backtest

    rules, ends = asyncio.run(_journal(settings))
    _refuse_other_currencies(files, policies, rules)
    campaigns = _campaigns(settings, given, rules, policies)
    job = BacktestTask(settings, ends, (policies[0].text, policies[1].text), campaigns.text, until)
    with progress_of(f"replaying {settings.prefix}", 2 * sum(ends.values())) as show:
        try:
            return backtest_report(policies, campaigns.ref, run_backtest(job, show))
        except BacktestFailed as error:
            raise CommandFailed(str(error)) from error


async def _journal(settings: "Settings") -> "tuple[ActiveRules, dict[int, int]]":
    """What is in force, and how far the journal goes."""
    from agents.analysis.journal_reader import EmptyJournal, journal_ends
    from streams.kafka.control import NoControlTopic, read_control, reduce_control

    try:
        rules = reduce_control(await read_control(settings))
        return rules, await journal_ends(settings, rules)
    except (NoControlTopic, EmptyJournal) as error:
        raise CommandFailed(str(error)) from error


def _refuse_other_currencies(files: tuple[Path, Path], policies: "tuple[Policy, Policy]", rules: "ActiveRules") -> None:
    """A journal has its sums in one currency, converted when they were admitted."""
    assert rules.policy is not None
    journals = rules.policy.currency
    faults = [
        f"{file}: currency must be {journals}, that of the journal: got {policy.currency}; another one takes "
        f"`goldstream replay --into PREFIX --policy {file}`"
        for file, policy in zip(files, policies, strict=True)
        if policy.currency != journals
    ]
    if faults:
        raise CommandFailed(*faults)


def _campaigns(
    settings: "Settings", given: Path | None, rules: "ActiveRules", policies: "tuple[Policy, Policy]"
) -> "Campaigns":
    """The campaigns that go with both; says which of them know segments that a policy has not."""
    from state.config.campaigns import parse_campaigns
    from state.config.config_errors import ConfigErrors
    from streams.settings.rules_files import configured_campaigns, parse_campaigns_file

    campaigns = parse_campaigns_file(given, None) if given else rules.campaigns
    if campaigns is None:
        campaigns = configured_campaigns(settings, policies[0])
    for policy in policies:
        try:
            parse_campaigns(campaigns.text, policy.segment_names)
        except ConfigErrors as error:
            for fault in error.errors:
                print_error(f"goldstream: warning: {campaigns.ref} does not fit {policy.ref}: {fault}")
    return campaigns


def _moment(to: str) -> int:
    from state.units.timestamps import parse_rfc3339

    try:
        return parse_rfc3339(to)
    except ValueError as error:
        raise UsageFailure(f"--to must be RFC 3339 with an offset, such as 2026-01-01T00:00:00Z: got {to!r}") from error
