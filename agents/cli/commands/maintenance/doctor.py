"""`goldstream doctor`: examine everything that Goldstream needs, and say what to do about what is wrong."""

import asyncio
from typing import TYPE_CHECKING, Final

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import DONE, FAILED
from agents.cli.terminal.json_output import JsonOption, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.doctor.finding import Finding
    from streams.settings.settings import Settings

_STYLES: Final = {"good": "green", "warning": "yellow", "wrong": "bold red"}


def doctor(
    context: typer.Context,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Examine brokers, topics, permissions, rules, workers, watermark, dead letters, clock, Redis and HTTP server.

    Each line is good, a warning or wrong, with the remedy. The status is 1 if anything is wrong. Nothing changes,
    except that a key of the prefix is written to Redis and deleted.
    """
    import logging

    from agents.doctor.finding import Level, worst

    settings = load_context(context, config)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it would log is a finding
    findings = asyncio.run(_examine_all(settings))
    level = worst(findings)
    if as_json:
        write_json({"prefix": settings.prefix, "worst": level.value, "findings": findings})
    else:
        _draw(findings)
    raise typer.Exit(FAILED if level is Level.WRONG else DONE)


async def _examine_all(settings: "Settings") -> "list[Finding]":
    from agents.doctor.examination import examine
    from agents.serve.examination import examine_server
    from streams.clock import SYSTEM_CLOCK

    return await examine(settings, SYSTEM_CLOCK) + await examine_server(settings)


def _draw(findings: "Sequence[Finding]") -> None:
    from rich.table import Table
    from rich.text import Text

    from agents.cli.terminal.render import draw

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        text = Text(finding.message)
        if finding.remedy:
            text.append(f"\n→ {finding.remedy}", style="italic")
        table.add_row(Text(finding.level.value, style=_STYLES[finding.level.value]), finding.check, text)
    draw([table])
