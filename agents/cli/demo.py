"""`goldstream demo`: everything embedded, a shop's real history, live in the terminal."""

import asyncio
import logging
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed

if TYPE_CHECKING:
    from agents.demo.stack import Stack

_LATER: Final = "1999-07-01T00:00:00Z"


def demo(
    context: typer.Context,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Take only the first N customers.")] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="No live screen, only the summary; so without a terminal.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave broker, Redis and worker running until Ctrl-C, for other commands.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """See it work: an embedded broker and Redis, and 69,659 real purchases of 23,570 customers, live in the terminal.

    Nothing is left behind but the summary. The demo has policy, campaigns and topics of its own; of the settings it
    obeys only GOLDSTREAM_DATA, in which it keeps a folder while it runs, and GOLDSTREAM_LOG=debug.
    """
    from aiokafka.errors import KafkaError

    from agents.demo.embedded.broker import EmbeddedError
    from agents.demo.interrupts import Interrupted, run_interruptible
    from agents.demo.stack import StackError

    settings = load_context(context, config)
    if settings.log != "debug":
        logging.disable()  # the screen belongs to the demo, and what goes wrong is said in one line
    live = not plain and sys.stdout.isatty()
    try:
        asyncio.run(run_interruptible(_demo(settings.data, limit, live=live, keep=keep)))
    except (StackError, EmbeddedError) as error:
        raise CommandFailed(str(error)) from error
    except KafkaError as error:
        raise CommandFailed(f"the demo's embedded broker does not answer ({error}); try it again") from error
    except Interrupted as error:
        ending = CommandFailed(f"{error}; everything is stopped and removed")
        ending.status = error.status
        raise ending from error


async def _demo(data: Path, limit: int | None, *, live: bool, keep: bool) -> None:
    import contextlib

    from agents.customer_view.story_text import story_lines
    from agents.demo.embedded.empty_fetches import pausing_after_empty_fetches
    from agents.demo.interrupts import run_until_interrupted
    from agents.demo.run import DemoRun, read_history
    from agents.demo.screen import Screen, live_screen
    from agents.demo.stack import Stack
    from agents.demo.summary import summary_lines
    from streams.clock import SYSTEM_CLOCK
    from streams.settings.rules_files import configured_policy

    began = SYSTEM_CLOCK.monotonic()
    events, outcome = read_history(limit)
    with contextlib.closing(Stack(data, SYSTEM_CLOCK)) as stack, pausing_after_empty_fetches(SYSTEM_CLOCK):
        segments = configured_policy(stack.settings).segment_names
        screen = Screen(segments, len(events), SYSTEM_CLOCK)
        async with live_screen(screen) if live else contextlib.nullcontext():
            await stack.start()
            run = DemoRun(stack, screen, events, outcome, SYSTEM_CLOCK)
            await run.run()
            story = await run.story()
        outcome.total_s = SYSTEM_CLOCK.monotonic() - began
        for line in summary_lines(outcome, run.tally, segments):
            typer.echo(line)
        if story is not None:
            typer.echo("\nthe story of a customer")
            for line in story_lines(story):
                typer.echo(f"  {line}")
        customer_id = story.customer_id if story else "c-00001"
        typer.echo("\n" + (_while_it_runs(stack, customer_id) if keep else _what_next()))
        if keep:
            sys.stdout.flush()
            await run_until_interrupted(stack.watch())


def _what_next() -> str:
    me = _me()
    policy = _shown(Path(__file__).parents[1] / "demo" / "cdnow.toml")
    rows = [
        ("demo --keep", "it stays: ask it about customers, let time go on"),
        (f"policy check {policy}", "the rules by which segments were made"),
        ("simulate --customers 100 --out shop.jsonl", "a plausible shop, from a seed"),
        ("import shop.jsonl --dry-run", "your own data: CSV, JSON Lines, Parquet"),
        ("--help", "all commands and settings"),
    ]
    width = max(len(arguments) for arguments, _ in rows)
    return "\n".join(["what to try next", *(f"  {me} {arguments:<{width}}  # {why}" for arguments, why in rows)])


def _while_it_runs(stack: "Stack", customer_id: str) -> str:
    from agents.demo.stack import environment_variables

    me = _me()
    exports = " ".join(f"{name}={shlex.quote(text)}" for name, text in environment_variables(stack.settings).items())
    purchase = (
        f'{{"type": "purchase", "event_id": "p-1", "order_id": "o-1", "customer_id": "{customer_id}", '
        '"occurred_at": "1999-07-02T12:00:00Z", "amount": "30.00", "currency": "USD"}'
    )
    return f"""it runs on until Ctrl-C; in another terminal:

export {exports}
{me} customer {customer_id}
{me} advance --to {_LATER}          # let time go on, and ask again
echo '{purchase}' > purchase.jsonl
{me} import purchase.jsonl          # they buy something: ask again
curl -s http://{stack.settings.http}/metrics | grep goldstream_customers
"""


def _me() -> str:
    """How this command is called here."""
    return "goldstream" if shutil.which("goldstream") else _shown(Path(sys.argv[0]))


def _shown(path: Path) -> str:
    """A path as one would type it here."""
    try:
        return shlex.quote(str(path.absolute().relative_to(Path.cwd())))
    except ValueError:
        return shlex.quote(str(path))
