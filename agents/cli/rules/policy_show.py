"""`goldstream policy show`: the active policy, and since when it is active."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.rules.rules_history import choose, load_activations, period_object, zone_of
from agents.cli.terminal.json_output import JsonOption, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from agents.control.activations import Activation
    from state.config.policy import Policy
    from streams.defaults import Language


def show_policy(
    context: typer.Context,
    ref: Annotated[
        str | None, typer.Argument(metavar="[NAME@VERSION]", help="An earlier policy.", show_default="the active one")
    ] = None,
    as_toml: Annotated[bool, typer.Option("--toml", help="Write the file as it was applied.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show the active policy, or an earlier one: since when, thresholds, segments.

    Titles of segments are in the language of the terminal, times in the policy's time zone.
    """
    settings = load_context(context, config)
    activations = load_activations(settings)
    period = choose(settings, activations.policies, ref)
    if as_toml:
        typer.echo(period.file.text, nl=not period.file.text.endswith("\n"))
    elif as_json:
        write_json({"prefix": settings.prefix, **_policy_object(period)})
    else:
        from agents.cli.reader import reader_language
        from agents.cli.terminal.render import draw

        draw(_blocks(period, zone_of(activations), reader_language()))


def _policy_object(period: "Activation[Policy]") -> dict[str, Any]:
    from agents.cli.reader import POTENTIAL_TITLES
    from state.config.policy import json_number

    policy = period.file
    segments: list[dict[str, Any]] = [
        {"name": each.name, "title": {"en": each.title_en, "ru": each.title_ru}} for each in policy.segments
    ]
    return {
        **period_object(period),
        "currency": policy.currency,
        "window_days": json_number(policy.window_days),
        "timezone": policy.timezone,
        "thresholds": {
            "recency_days": [json_number(each) for each in policy.recency_edges_text],
            "frequency": policy.frequency_edges,
            "monetary": policy.monetary_edges_text,
        },
        "segments": [*segments, {"name": "potential", "title": POTENTIAL_TITLES}],
        "rates": {currency: str(rate) for currency, rate in policy.rates.items()},
        "toml": policy.text,
    }


def _blocks(period: "Activation[Policy]", zone: str, language: "Language") -> "Iterator[RenderableType]":
    from rich.table import Table

    from agents.cli.reader import POTENTIAL_TITLES, format_local, title_of

    policy = period.file
    since = f"active since {format_local(period.since_ms, zone)}"
    if period.until_ms is not None:
        since = f"was active from {format_local(period.since_ms, zone)} to {format_local(period.until_ms, zone)}"
    yield f"{policy.ref} {since} ({zone})"
    yield f"{policy.currency}, window {policy.window_days} days, days in {policy.timezone}"
    yield ""
    thresholds = Table(box=None, header_style="bold", pad_edge=False)
    thresholds.add_column("measure")
    thresholds.add_column("thresholds")
    thresholds.add_row("recency, days", " · ".join(policy.recency_edges_text))
    thresholds.add_row("frequency, orders", " · ".join(policy.frequency_edges_text))
    thresholds.add_row(f"monetary, {policy.currency}", " · ".join(policy.monetary_edges_text))
    yield thresholds
    yield ""
    segments = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("segment", "title", "R", "F", "M", "orders"):
        segments.add_column(title)
    by_name = {segment.name: segment for segment in policy.segments}
    widths = (len(policy.recency_edges_ms), len(policy.frequency_edges), len(policy.monetary_edges_minor))
    for rule in policy.rules:
        scores = (
            "any" if len(taken) > width else ",".join(map(str, taken))
            for taken, width in zip((rule.r, rule.f, rule.m), widths, strict=True)
        )
        orders = "" if rule.orders_max is None else f"at most {rule.orders_max}"
        segments.add_row(rule.name, title_of(by_name[rule.name], language), *scores, orders)
    segments.add_row("potential", POTENTIAL_TITLES[language], "", "", "", "none")
    yield segments
