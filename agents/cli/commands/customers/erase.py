"""`goldstream erase`: remove everything known about a customer, or prove that it was removed."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Final

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, UsageFailure, kafka_named
from agents.cli.option_values import parse_moment, parse_timeout
from agents.cli.publishing import ensure_topics, publish_all
from agents.cli.terminal.asking import YesOption, check_can_ask, confirm
from agents.cli.terminal.json_output import JsonOption, write_json
from agents.cli.terminal.progress import progress_of
from state.units.counts import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.customer_view.erasure_proof import ErasureProof
    from streams.settings.settings import Settings

_SOURCE: Final = "erasures"
_WAIT_SECONDS: Final = 60.0
_LOOK_AGAIN_S: Final = 0.5


def erase(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    customer_id: Annotated[str, typer.Argument(metavar="ID", help="The customer's id.")],
    wants_proof: Annotated[
        bool, typer.Option("--proof", help="Change nothing: show the entry of the erasure ledger and what is left.")
    ] = False,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When it was asked for, RFC 3339; needed in event mode.", show_default="now"),
    ] = None,
    timeout: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="How long to wait until a worker has applied it.", show_default="1m"),
    ] = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Remove everything known about a customer, for good, from all topics, Redis and every replay.

    It shows what is known and asks; then it publishes an erasure, waits until a worker has applied it, and shows the
    proof. Events of the customer from before that moment no longer count; a later signup or purchase makes them known
    again, from nothing. With --proof, the status is 1 if there is no erasure, or something is left.
    """
    settings = load_context(context, config)
    timeout_s = parse_timeout(timeout) or _WAIT_SECONDS
    if not 0 < len(customer_id) <= 128:
        raise UsageFailure(f"ID must have 1 to 128 characters: got {len(customer_id)}")
    if wants_proof:
        with kafka_named(settings):
            proof = asyncio.run(_proof(settings, customer_id))
    else:
        proof = _erase(settings, customer_id, at, timeout_s, yes=yes)
    _show(proof, as_json=as_json)
    if not proof.is_complete:
        raise CommandFailed("the erasure is not complete yet; look again in a minute (goldstream erase --proof ID)")


async def _proof(settings: "Settings", customer_id: str) -> "ErasureProof":
    from agents.customer_view.erasure_proof import read_proof

    proof = await read_proof(settings, customer_id)
    if proof is None:
        raise CommandFailed(
            f"the erasure ledger of {settings.prefix} has no entry of customer {customer_id!r}, who was never erased; "
            "check the id"
        )
    return proof


def _erase(settings: "Settings", customer_id: str, at: str | None, timeout_s: float, *, yes: bool) -> "ErasureProof":
    import json
    from hashlib import sha256

    from state.units.timestamps import format_ms
    from streams.clock import SYSTEM_CLOCK
    from streams.kafka.needed_rights import writing

    if at is None and settings.time == "event":
        raise UsageFailure(
            "--at must be given in event mode, which never reads the clock; give the time of the request"
        )
    at_ms = SYSTEM_CLOCK.wall_ms() if at is None else parse_moment("--at", at)
    check_can_ask(yes=yes)
    with kafka_named(settings, writing(settings, _SOURCE, asks_workers=True)):
        known = asyncio.run(_describe(settings, customer_id))
        typer.echo(known, err=True)
        confirm("Erase everything known about this customer? It cannot be undone.", yes=yes)
        event_id = f"erase-{sha256(f'{customer_id}:{at_ms}'.encode()).hexdigest()[:24]}"
        event = {"event_id": event_id, "customer_id": customer_id, "occurred_at": format_ms(at_ms)}
        asyncio.run(ensure_topics(settings, _SOURCE))
        publish_all(settings, _SOURCE, [(customer_id.encode(), json.dumps(event).encode())], 1)
        with progress_of("seconds waited for a worker to apply the erasure", None) as show:
            return asyncio.run(_wait(settings, customer_id, at_ms, timeout_s, show))


async def _describe(settings: "Settings", customer_id: str) -> str:
    """Return in one line what is known about the customer."""
    from agents.customer_view.story_reader import CustomerErased, NoCustomers, read_story

    try:
        story = await read_story(settings, customer_id)
    except (NoCustomers, CustomerErased) as error:
        return str(error)
    if story is None:
        return f"customer {customer_id!r} is not known under the prefix {settings.prefix}"
    facts = story.facts
    return (
        f"customer {customer_id!r} under the prefix {settings.prefix}: {story.segment} since {story.since}, "
        f"{counted(facts.lifetime_orders, 'order')}, {facts.lifetime_value} {facts.currency}"
    )


async def _wait(
    settings: "Settings", customer_id: str, at_ms: int, timeout_s: float, on_waited: "Callable[[float], None]"
) -> "ErasureProof":
    """Wait until the ledger has this erasure and nothing is left; return the proof, complete or not, after the timeout.

    Raises:
        CommandFailed: no worker has applied it in time.
    """
    from agents.control.activation_effect import stage_runs
    from agents.customer_view.erasure_proof import read_erasure, read_proof
    from streams.clock import SYSTEM_CLOCK

    published = f"the erasure of {customer_id!r} is published"
    if not await stage_runs(settings):
        raise CommandFailed(f"{published}, but no worker runs; start one: `goldstream worker`")
    started_s = SYSTEM_CLOCK.monotonic()
    deadline_s = started_s + timeout_s
    while True:
        on_waited(SYSTEM_CLOCK.monotonic() - started_s)
        erasure = await read_erasure(settings, customer_id)
        if erasure is not None and erasure.occurred_at >= at_ms:
            proof = await read_proof(settings, customer_id)
            if proof is not None and (proof.is_complete or SYSTEM_CLOCK.monotonic() > deadline_s):
                return proof
        if SYSTEM_CLOCK.monotonic() > deadline_s:
            raise CommandFailed(f"{published}, and no worker has applied it within {timeout_s:.0f} s")
        await SYSTEM_CLOCK.sleep(_LOOK_AGAIN_S)


def _show(proof: "ErasureProof", *, as_json: bool) -> None:
    if as_json:
        import msgspec

        write_json({**msgspec.structs.asdict(proof), "is_complete": proof.is_complete})
        return
    typer.echo(f"customer {proof.customer_id!r} was erased on {proof.erased_at}")
    typer.echo(f"  erasure ledger   SHA-256 of the id {proof.id_sha256}")
    typer.echo(
        f"  journal          {proof.journal}; everything of the customer up to there is dropped, in every replay"
    )
    for name, is_done, done in (
        ("table", proof.is_profile_gone, "no profile from before the erasure"),
        ("segment-changes", proof.is_tombstone_published, f"tombstone after change {proof.last_seq}"),
        ("Redis", proof.is_gone_from_redis, "nothing"),
        ("order ledger", proof.are_orders_gone, "no orders from before the erasure"),
    ):
        typer.echo(f"  {name:<16} {'not looked at' if is_done is None else done if is_done else 'not done yet'}")
    if proof.is_known_again:
        typer.echo("  since then       a later signup or purchase has made the customer known again")
