"""The causes of segment changes in words, in the order in which pages list them."""

from typing import Final

from agents.languages.translations import Texts, mark

CAUSES: Final = {
    "time": mark("time passed"),
    "purchase": mark("a purchase"),
    "refund": mark("a refund"),
    "signup": mark("a signup"),
    "consent": mark("a consent"),
    "policy": mark("a new policy"),
}


def cause_words(cause: str, texts: Texts) -> str:
    """Return the words of a cause; one that is not known here is shown by its name."""
    return texts.gettext(CAUSES[cause]) if cause in CAUSES else cause
