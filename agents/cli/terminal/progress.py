"""The progress of a command on standard error: a bar on a terminal, elsewhere a line every ten seconds."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Final

from agents.cli.failures import print_error
from agents.cli.terminal.quiet import is_quiet
from streams.clock import SYSTEM_CLOCK, Clock
from streams.telemetry.log_throttle import LogThrottle

LINE_SECONDS: Final = 10.0


@contextlib.contextmanager
def progress_of(task: str, total: float | None, clock: Clock = SYSTEM_CLOCK) -> Iterator[Callable[[float], None]]:
    """Show the progress of a task.

    Args:
        task: what is being done.
        total: how much there is to do; None if unknown.
        clock: says when a line is due.

    Yields:
        A function to call with the amount done, as often as convenient.
    """
    if is_quiet():
        yield lambda _done: None
        return
    if not sys.stderr.isatty():
        yield _lines(task, total, clock)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task_id = bar.add_task(task, total=total)

        def show(done: float) -> None:
            bar.update(task_id, completed=done)

        yield show


def _lines(task: str, total: float | None, clock: Clock) -> Callable[[float], None]:
    """Return a function that writes a line when one is due: the first after ten seconds."""
    throttle = LogThrottle(clock, LINE_SECONDS)
    throttle.skip()

    def show(done: float) -> None:
        if throttle.should_log():
            amount = f"{done:,.0f}" if not total else f"{min(1.0, done / total):.0%}"
            print_error(f"goldstream: {task}: {amount}")

    return show
