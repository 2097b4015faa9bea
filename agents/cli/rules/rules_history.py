"""`goldstream policy history` and `campaigns history`; what both `show` commands have in common."""

import asyncio
from typing import TYPE_CHECKING, Any

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, kafka_named
from agents.cli.terminal.json_output import JsonOption, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.control.activations import Activation, Activations, File
    from streams.settings.settings import Settings


def policy_history(context: typer.Context, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show which policies were active, from when to when, and what each one changed.

    The latest one is active. Times are those at which `control` got each policy, in the policy's time zone.
    """
    settings = load_context(context, config)
    activations = load_activations(settings)
    _write_history(settings, activations.policies, zone_of(activations), as_json=as_json)


def campaigns_history(context: typer.Context, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show which campaigns files were active, from when to when, and what each one changed.

    The latest one is active. Times are those at which `control` got each file, in the policy's time zone.
    """
    settings = load_context(context, config)
    activations = load_activations(settings)
    _write_history(settings, activations.campaigns, zone_of(activations), as_json=as_json)


def load_activations(settings: "Settings") -> "Activations":
    """Read from `control` what was active when.

    Raises:
        CommandFailed: there is no such topic, or Kafka cannot be reached.
    """
    from agents.control.activations import read_activations
    from streams.kafka.control import NoControlTopic, read_control
    from streams.kafka.needed_rights import reading

    with kafka_named(settings, reading(settings, "control")):
        try:
            return read_activations(asyncio.run(read_control(settings)))
        except NoControlTopic as error:
            raise CommandFailed(str(error)) from error


def zone_of(activations: "Activations") -> str:
    """Return the shop's time zone, which no policy of a prefix changes; UTC before the first one."""
    return activations.policies[-1].file.timezone if activations.policies else "UTC"


def choose(settings: "Settings", periods: "Sequence[Activation[File]]", ref: str | None) -> "Activation[File]":
    """Return the latest period, or the latest one of `name@version`.

    Raises:
        CommandFailed: there is none.
    """
    chosen = [each for each in periods if ref in (None, each.file.ref)]
    if chosen:
        return chosen[-1]
    if not periods:
        raise CommandFailed(
            f"nothing is active under the prefix {settings.prefix}; correct GOLDSTREAM_PREFIX, or start a worker first"
        )
    refs = ", ".join(dict.fromkeys(each.file.ref for each in periods))
    raise CommandFailed(f"{ref} was never active under the prefix {settings.prefix}; valid values: {refs}")


def period_object(period: "Activation[File]") -> dict[str, Any]:
    """Return a period for `--json`; moments in UTC."""
    from state.units.timestamps import format_ms

    def moment(ms: int | None) -> str | None:
        return None if ms is None or ms < 0 else format_ms(ms)

    return {
        "ref": period.file.ref,
        "name": period.file.name,
        "version": period.file.version,
        "since": moment(period.since_ms),
        "until": moment(period.until_ms),
        "is_active": period.until_ms is None,
        "control_offset": period.offset,
        "changed": list(period.changed),
    }


def _write_history(settings: "Settings", periods: "Sequence[Activation[File]]", zone: str, *, as_json: bool) -> None:
    if as_json:
        objects = [period_object(period) for period in periods]
        write_json({"prefix": settings.prefix, "history": objects})
        return
    choose(settings, periods, None)
    from rich.table import Table

    from agents.cli.reader import format_local
    from agents.cli.terminal.render import draw

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("file", f"since ({zone})", "until", "changed"):
        table.add_column(title, overflow="fold")
    for period in periods:
        until = "active" if period.until_ms is None else format_local(period.until_ms, zone)
        table.add_row(period.file.ref, format_local(period.since_ms, zone), until, ", ".join(period.changed))
    draw([table])
