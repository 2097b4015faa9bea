"""A progress bar on standard error where that is a terminal, and nothing where it is not."""

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress_of(what: str, total: float | None) -> Iterator[Callable[[float], None]]:
    """Show how far something has come.

    Args:
        what: what is being done.
        total: how much there is to do; None if nobody knows.

    Yields:
        A function to call with how much has been done, as often as one likes.
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
        task = bar.add_task(what, total=total)

        def show(done: float) -> None:
            bar.update(task, completed=done)

        yield show
