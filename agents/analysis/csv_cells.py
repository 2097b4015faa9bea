"""Write text into cells of CSV so that a spreadsheet does not take it for a formula."""

from typing import Final

_BEGIN_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


def text_cell(text: str) -> str:
    """Return a text for a cell, behind an apostrophe if a spreadsheet would take it for a formula.

    For texts that others choose, such as ids; not for figures, which may be negative.
    """
    return f"'{text}" if text.startswith(_BEGIN_FORMULAS) else text
