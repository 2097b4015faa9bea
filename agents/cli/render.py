"""Tables on standard output: as wide as the terminal, but no wider than 100 columns."""

import io
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

WIDEST: Final = 100


def draw(blocks: "Iterable[RenderableType]") -> None:
    """Write the blocks one below the other, in colours where there is a terminal."""
    from rich.console import Console

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal of KOI8-R or cp866 has no charts, but has the numbers
    console = Console(highlight=False)
    console.width = min(console.width, WIDEST) if console.is_terminal else WIDEST
    for block in blocks:
        console.print(block)
