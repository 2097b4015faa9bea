"""Write tables to standard output, as wide as the terminal but at most 100 columns."""

import io
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

MAX_WIDTH: Final = 100


def draw(blocks: "Iterable[RenderableType]") -> None:
    """Write the blocks below each other, in colour if standard output is a terminal."""
    from rich.console import Console

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a KOI8-R or cp866 terminal has no block characters, but the numbers
    console = Console(highlight=False)
    console.width = min(console.width, MAX_WIDTH) if console.is_terminal else MAX_WIDTH
    for block in blocks:
        console.print(block)
