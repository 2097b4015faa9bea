"""`goldstream demo`: a shop's real history on an embedded broker, live in the terminal."""

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

_ADVANCE_TO: Final = "1999-07-01T00:00:00Z"


def demo(
    context: typer.Context,
    limit: Annotated[
        int | None, typer.Option("--customers", "--limit", min=1, metavar="N", help="Use only the first N customers.")
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="No live screen, only the summary; the default without a terminal.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave broker, Redis and worker running until Ctrl-C, for other commands.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """See it work: an embedded broker and Redis, and 69,659 real purchases of 23,570 customers, live in the terminal.

    Its page shows the same in a browser while the history plays, until Ctrl-C; without a terminal it prints its summary
    and exits. Leaves nothing behind but the summary. The demo has its own policy, campaigns and topics. It uses
    two settings: GOLDSTREAM_DATA, where it stores its files while it runs, and GOLDSTREAM_LOG=debug.
    """
    from aiokafka.errors import KafkaError

    from agents.demo.embedded.broker import EmbeddedError
    from agents.demo.interrupts import Interrupted, run_interruptible
    from agents.demo.stack import StackError

    settings = load_context(context, config)
    if settings.log != "debug":
        logging.disable()  # log lines would break the screen, and errors are reported in one line
    live = not plain and sys.stdout.isatty()
    try:
        asyncio.run(run_interruptible(_demo(settings.data, limit, live=live, keep=keep)))
    except (StackError, EmbeddedError) as error:
        raise CommandFailed(str(error)) from error
    except KafkaError as error:
        raise CommandFailed(f"the demo's embedded broker does not answer ({error}); run the demo again") from error
    except Interrupted as error:
        failure = CommandFailed(f"{error}; everything is stopped and removed")
        failure.status = error.status
        raise failure from error


async def _demo(data: Path, limit: int | None, *, live: bool, keep: bool) -> None:
    import contextlib
    import gc

    from agents.customer_view.story_text import story_lines
    from agents.demo.embedded.empty_fetches import pausing_after_empty_fetches
    from agents.demo.interrupts import run_until_interrupted
    from agents.demo.run import DemoRun, read_history
    from agents.demo.screen import Screen, live_screen
    from agents.demo.stack import Stack
    from agents.demo.summary import summary_lines
    from streams.clock import SYSTEM_CLOCK
    from streams.settings.rules_files import configured_policy

    started_s = SYSTEM_CLOCK.monotonic()
    gc.disable()  # what it keeps, it keeps to the end, and there are no cycles to be found
    stays = live or keep
    stack = Stack(data, SYSTEM_CLOCK, has_pages=stays)
    with contextlib.closing(stack), pausing_after_empty_fetches(SYSTEM_CLOCK):
        if stack.page is not None:
            typer.echo(f"the demo's page is {stack.page}")
            sys.stdout.flush()
        events, result = read_history(limit)
        segments = configured_policy(stack.settings).segment_names
        screen = Screen(segments, len(events), SYSTEM_CLOCK)
        screen.page = stack.page
        async with live_screen(screen) if live else contextlib.nullcontext():
            await stack.start()
            run = DemoRun(stack, screen, events, result, SYSTEM_CLOCK)
            await run.run()
            story = await run.story()
        result.total_s = SYSTEM_CLOCK.monotonic() - started_s
        for line in summary_lines(result, run.tally, segments):
            typer.echo(line)
        if story is not None:
            typer.echo("\nthe story of a customer")
            for line in story_lines(story):
                typer.echo(f"  {line}")
        customer_id = story.customer_id if story else "c-00001"
        typer.echo("\n" + (_commands_for_running_demo(stack, customer_id) if stays else _next_commands()))
        if stays:
            sys.stdout.flush()
            await run_until_interrupted(stack.watch())


def _next_commands() -> str:
    program = _program()
    policy = _typed_path(Path(__file__).parents[3] / "demo" / "cdnow.toml")
    rows = [
        ("demo --keep", "keep it running: look up customers, advance time"),
        (f"policy check {policy}", "the rules behind the segments"),
        ("simulate --customers 100 --out shop.jsonl", "a plausible shop from a seed"),
        ("import shop.jsonl --dry-run", "your own data: CSV, JSON Lines, Parquet"),
        ("--help", "all commands and settings"),
    ]
    width = max(len(arguments) for arguments, _ in rows)
    return "\n".join(
        ["what to try next", *(f"  {program} {arguments:<{width}}  # {comment}" for arguments, comment in rows)]
    )


def _commands_for_running_demo(stack: "Stack", customer_id: str) -> str:
    from agents.demo.stack import environment_variables

    program = _program()
    exports = " ".join(f"{name}={shlex.quote(text)}" for name, text in environment_variables(stack.settings).items())
    purchase = (
        f'{{"type": "purchase", "event_id": "p-1", "order_id": "o-1", "customer_id": "{customer_id}", '
        '"occurred_at": "1999-07-02T12:00:00Z", "amount": "30.00", "currency": "USD"}'
    )
    page = "" if stack.page is None else f"its page: {stack.page}\n"
    return f"""{page}it keeps running until Ctrl-C; in another terminal:

export {exports}
{program} customer {customer_id}
{program} advance --to {_ADVANCE_TO}          # advance time, and look again
echo '{purchase}' > purchase.jsonl
{program} import purchase.jsonl          # they buy something: look again
curl -s http://{stack.settings.http}/metrics | grep goldstream_customers
"""


def _program() -> str:
    """Return how the user would call this command here."""
    return "goldstream" if shutil.which("goldstream") else _typed_path(Path(sys.argv[0]))


def _typed_path(path: Path) -> str:
    """Return a path as the user would type it here, quoted for a shell."""
    try:
        return shlex.quote(str(path.absolute().relative_to(Path.cwd())))
    except ValueError:
        return shlex.quote(str(path))
