"""A progress bar on standard error if it is a terminal; nothing otherwise."""

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress_of(task: str, total: float | None) -> Iterator[Callable[[float], None]]:
    """Show the progress of a task.

    Args:
        task: what is being done.
        total: how much there is to do; None if unknown.

    Yields:
        A function to call with the amount done, as often as convenient.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
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
