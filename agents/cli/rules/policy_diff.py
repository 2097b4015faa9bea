"""`goldstream policy diff`: compare two policies by replaying the journal in memory. It writes nothing to Kafka."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, kafka_named
from agents.cli.option_values import parse_moment
from agents.cli.rules.control_rules import read_active_rules, warn_of_missing_segments
from agents.cli.terminal.json_output import JsonOption, write_json
from agents.cli.terminal.progress import progress_of

if TYPE_CHECKING:
    from agents.analysis.backtest.report import BacktestReport
    from state.config.active_rules import ActiveRules
    from state.config.campaigns import Campaigns
    from state.config.policy import Policy
    from streams.settings.settings import Settings


def diff(
    context: typer.Context,
    a: Annotated[Path, typer.Argument(metavar="A", help="TOML file of a policy.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="TOML file of another policy.")],
    campaigns: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Campaigns for both.", show_default="the active ones, else the configured ones"
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", "--to", metavar="TIME", help="Its end, RFC 3339.", show_default="the journal's end"),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Compare two policies: which customers would be in another segment, and which messages would be sent.

    Replays the journal in memory with each policy, active from its beginning. With --until, the replay ends where the
    watermark reaches that moment; later events do not count.
    """
    from agents.analysis.backtest.report import report_lines
    from agents.cli.reader import reader_language, titles_of
    from streams.settings.rules_files import parse_policy_file

    settings = load_context(context, config)
    policies = parse_policy_file(a), parse_policy_file(b)
    until_ms = None if until is None else parse_moment("--until", until)
    with kafka_named(settings):
        report = _compare(settings, (a, b), policies, campaigns, until_ms)
    if as_json:
        write_json(report)
    else:
        language = reader_language()
        titles = titles_of(policies[0], language) | titles_of(policies[1], language)
        for line in report_lines(report, policies[0].timezone, titles):
            typer.echo(line)


def _compare(
    settings: "Settings",
    files: tuple[Path, Path],
    policies: "tuple[Policy, Policy]",
    campaigns_file: Path | None,
    until_ms: int | None,
) -> "BacktestReport":
    from agents.analysis.backtest.report import backtest_report
    from agents.analysis.backtest.runner import BacktestFailed, BacktestTask, run_backtest

    rules, ends = asyncio.run(_rules_and_journal_ends(settings))
    _check_currencies(files, policies, rules)
    campaigns = _campaigns(settings, campaigns_file, rules, policies)
    for policy in policies:
        warn_of_missing_segments(campaigns, policy)
    task = BacktestTask(settings, ends, (policies[0].text, policies[1].text), campaigns.text, until_ms)
    with progress_of(f"replaying {settings.prefix}", 2 * sum(ends.values())) as show:
        try:
            return backtest_report(policies, campaigns.ref, run_backtest(task, show))
        except BacktestFailed as error:
            raise CommandFailed(str(error)) from error


async def _rules_and_journal_ends(settings: "Settings") -> "tuple[ActiveRules, dict[int, int]]":
    from agents.analysis.journal_ends import EmptyJournal, journal_ends

    rules = await read_active_rules(settings)
    try:
        return rules, await journal_ends(settings, rules)
    except EmptyJournal as error:
        raise CommandFailed(str(error)) from error


def _check_currencies(files: tuple[Path, Path], policies: "tuple[Policy, Policy]", rules: "ActiveRules") -> None:
    """Refuse a policy with another currency than the journal, whose amounts were converted at admission.

    Raises:
        CommandFailed: with one line for each such file.
    """
    assert rules.policy is not None
    currency = rules.policy.currency
    errors = [
        f"{file}: currency must be {currency}, that of the journal: got {policy.currency}; another currency needs "
        f"`goldstream replay --into PREFIX --policy {file}`"
        for file, policy in zip(files, policies, strict=True)
        if policy.currency != currency
    ]
    if errors:
        raise CommandFailed(*errors)


def _campaigns(
    settings: "Settings", file: Path | None, rules: "ActiveRules", policies: "tuple[Policy, Policy]"
) -> "Campaigns":
    """Return the campaigns of both replays: those of the file, else the active ones, else the configured ones."""
    from streams.settings.rules_files import configured_campaigns, parse_campaigns_file

    campaigns = parse_campaigns_file(file, None) if file else rules.campaigns
    return configured_campaigns(settings, policies[0]) if campaigns is None else campaigns
