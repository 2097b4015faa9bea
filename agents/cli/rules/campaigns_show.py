"""`goldstream campaigns show`: the active campaigns, and since when they are active."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.rules.rules_history import choose, load_activations, period_object, zone_of
from agents.cli.terminal.json_output import JsonOption, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from agents.control.activations import Activation
    from state.config.campaigns import Campaign, Campaigns

_DAY_MS: Final = 86_400_000
_HOUR_MINUTES: Final = 60


def show_campaigns(
    context: typer.Context,
    ref: Annotated[
        str | None, typer.Argument(metavar="[NAME@VERSION]", help="An earlier file.", show_default="the active one")
    ] = None,
    as_toml: Annotated[bool, typer.Option("--toml", help="Write the file as it was applied.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show the active campaigns, or earlier ones: since when, what starts each, its messages and its holdout group.

    Titles of segments are in the language of the terminal, times in the policy's time zone.
    """
    settings = load_context(context, config)
    activations = load_activations(settings)
    period = choose(settings, activations.campaigns, ref)
    if as_toml:
        typer.echo(period.file.text, nl=not period.file.text.endswith("\n"))
    elif as_json:
        write_json({"prefix": settings.prefix, **_campaigns_object(period)})
    else:
        from agents.cli.reader import POTENTIAL_TITLES, reader_language, title_of
        from agents.cli.terminal.render import draw

        language = reader_language()
        segments = activations.policies[-1].file.segments if activations.policies else ()
        titles = {segment.name: title_of(segment, language) for segment in segments}
        titles["potential"] = POTENTIAL_TITLES[language]
        draw(_blocks(period, zone_of(activations), titles))


def _campaigns_object(period: "Activation[Campaigns]") -> dict[str, Any]:
    file = period.file
    return {
        **period_object(period),
        "timezone": file.timezone,
        "control": file.control,
        "campaigns": [
            {
                "name": each.name,
                "topic": each.topic,
                "trigger": each.trigger,
                "from": list(each.from_segments),
                "to": list(each.to),
                "causes": [] if each.trigger else list(each.causes),
                "holdout": each.holdout,
                "attempts": [
                    {
                        "after_days": step.after_ms / _DAY_MS,
                        "template": step.template,
                        "incentive": step.incentive,
                        "channels": list(step.channels),
                    }
                    for step in each.steps
                ],
            }
            for each in file.campaigns
        ],
        "toml": file.text,
    }


def _blocks(period: "Activation[Campaigns]", zone: str, titles: "Mapping[str, str]") -> "Iterator[RenderableType]":
    from rich.table import Table

    from agents.cli.reader import format_local

    file = period.file
    since = f"active since {format_local(period.since_ms, zone)}"
    if period.until_ms is not None:
        since = f"were active from {format_local(period.since_ms, zone)} to {format_local(period.until_ms, zone)}"
    yield f"{file.ref} {since} ({zone})"
    yield _limits(file)
    yield ""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("campaign", "starts with", "messages: day, template, channels", "holdout"):
        table.add_column(title, overflow="fold")
    for each in file.campaigns:
        steps = "\n".join(
            f"{step.after_ms / _DAY_MS:g}  {step.template}  {', '.join(step.channels)}" for step in each.steps
        )
        table.add_row(each.name, _start(each, titles), steps, f"{each.holdout:.0%}" if each.holdout else "none")
    yield table


def _limits(file: "Campaigns") -> str:
    parts = [f"time zone of customers without one: {file.timezone}"]
    if file.quiet_hours is not None:
        begin, end = (
            f"{minute // _HOUR_MINUTES:02}:{minute % _HOUR_MINUTES:02}"
            for minute in (file.quiet_hours.from_minute, file.quiet_hours.to_minute)
        )
        parts.append(f"quiet from {begin} to {end}")
    if file.cap is not None:
        parts.append(f"at most {file.cap.messages} messages in {file.cap.within_ms / _DAY_MS:g} days")
    parts.append(f"control group {file.control:.0%}" if file.control else "no control group")
    return "; ".join(parts)


def _start(campaign: "Campaign", titles: "Mapping[str, str]") -> str:
    def named(names: "Sequence[str]") -> str:
        return ", ".join(titles.get(name, name) for name in names) or "any"

    if campaign.trigger:
        return f"{campaign.trigger} in {named(campaign.to)}"
    return f"{named(campaign.from_segments)} → {named(campaign.to)}"
