"""Read currencies as people write them: codes in any case, ISO numbers, signs and words."""

import tomllib
import unicodedata
from collections.abc import Collection, Sequence
from functools import cache
from importlib.resources import files
from typing import Final

from state.units.currencies import DIGITS

_REMOVED: Final = str.maketrans("", "", " .\u00a0\u202f\u200e\u200f")
_APOSTROPHES: Final = str.maketrans("’‘ʻʼ`", "'''''")
_LONGEST: Final = 40


def read_currency(text: str, known: Collection[str] = ()) -> str | None:
    """Return the ISO code of a currency; None if the text is none, or may be one of several.

    Args:
        text: A code, an ISO number such as 643, a sign or a word.
        known: Codes known otherwise (the option, the policy, other cells): they decide what `$` or `руб.` means.
    """
    return choose_currency(currency_candidates(text), known)


def choose_currency(candidates: Sequence[str], known: Collection[str]) -> str | None:
    """Return which of the candidates for a text is meant; None if there is none, or that is not certain.

    Args:
        candidates: As `currency_candidates` returns them.
        known: Codes known otherwise. If just one of the candidates is known, it is meant.
    """
    fitting = [code for code in candidates if code in known]
    if len(candidates) > 1 and len(fitting) == 1:
        return fitting[0]
    return candidates[0] if len(candidates) == 1 or tuple(candidates) in _table().usual else None


def currency_candidates(text: str) -> tuple[str, ...]:
    """Return the ISO codes of the currencies that a text can mean, the usual one first; empty: it is no currency."""
    if len(text) > _LONGEST:
        return ()
    code = text.strip().upper()
    return (code,) if code in DIGITS else _table().candidates.get(_normalized(text), ())


class _Table:
    def __init__(self) -> None:
        written = tomllib.loads(files(__package__).joinpath("currencies.toml").read_text(encoding="utf-8"))
        numbers = written["numeric"]["codes"].split()
        self.usual = frozenset(tuple(codes.split()) for codes in written["usual"].values())
        self.candidates: dict[str, tuple[str, ...]] = {
            **{_normalized(word): (code,) for code, words in written["certain"].items() for word in words.split()},
            **{_normalized(word): tuple(codes.split()) for word, codes in written["usual"].items()},
            **{_normalized(word): tuple(codes.split()) for word, codes in written["ambiguous"].items()},
            **{number: (code,) for number, code in zip(numbers[::2], numbers[1::2], strict=True)},
        }


@cache
def _table() -> _Table:
    return _Table()


def _normalized(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold().translate(_REMOVED).translate(_APOSTROPHES)
