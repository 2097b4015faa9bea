"""The fields of one published object, read one by one; what is wrong with them is collected, not raised.

Every reader gives back a value of its kind whatever it finds, so that the whole record is looked at before the first
reason that fits is told.
"""

from collections.abc import Callable, Collection
from typing import Final

from state.intake.admission_result import REJECTION_REASONS, Rejected, RejectionReason
from state.intake.json_payload import JsonNumber
from state.records.events import MAX_ID
from state.units.money import is_number
from state.units.timestamps import parse_rfc3339

_SHOWN: Final = 80


class FieldReader:
    """The fields of an object; one that is null counts as absent."""

    def __init__(self, found: dict[str, object]) -> None:
        """Take the object's fields."""
        self._found = found
        self._faults: dict[RejectionReason, str] = {}

    def blame(self, reason: RejectionReason, name: str, expected: str) -> None:
        """Note that a field is not what is expected; only the first fault of a reason is kept."""
        got = "nothing" if self.is_absent(name) else show(self._found[name])
        self._faults.setdefault(reason, f"{name} {expected}: got {got}")

    def verdict(self) -> Rejected | None:
        """The first reason that fits, if any does."""
        return next(
            (Rejected(reason, self._faults[reason]) for reason in REJECTION_REASONS if reason in self._faults), None
        )

    def is_absent(self, name: str) -> bool:
        """Whether the field is not there."""
        return self._found.get(name) is None

    def identifier(self, name: str, *, most: int | None = MAX_ID) -> str:
        """A required string of at least one character."""
        text = self._string(name)
        if text and (most is None or len(text) <= most):
            return text
        length = f"1 to {most} characters" if most else "at least 1 character"
        self.blame("invalid", name, f"must be a string of {length}")
        return ""

    def identifier_if_any(self, name: str) -> str:
        """An optional id; empty if it is absent."""
        return "" if self.is_absent(name) or self._found[name] == "" else self.identifier(name)

    def text(
        self, name: str, expected: str = "must be a string", fits: Callable[[str], bool] | None = None
    ) -> str | None:
        """An optional string, for which an empty one counts as absent."""
        if self.is_absent(name):
            return None
        text = self._string(name)
        if text is None or (text and fits is not None and not fits(text)):
            self.blame("invalid", name, expected)
        return text or None

    def string(self, name: str) -> str:
        """A required string of any length."""
        text = self._string(name)
        if text is None:
            self.blame("invalid", name, "must be a string")
            return ""
        return text

    def choice(self, name: str, choices: Collection[str]) -> str:
        """A required string out of a closed set."""
        text = self._string(name)
        if text is None or text not in choices:
            self.blame("invalid", name, f"must be one of {', '.join(choices)}")
            return ""
        return text

    def flag(self, name: str, *, required: bool = False) -> bool | None:
        """A boolean; None if it is absent."""
        found = self._found.get(name)
        if isinstance(found, bool) or (found is None and not required):
            return found
        self.blame("invalid", name, "must be true or false")
        return None

    def moment(self, name: str) -> int:
        """A required moment, in milliseconds."""
        text = self._string(name)
        try:
            if text is not None:
                return parse_rfc3339(text)
            self.blame("invalid", name, "must be an RFC 3339 moment with an offset, such as 2026-05-12T09:30:00Z")
        except ValueError as error:
            self.blame("invalid", name, str(error))
        return 0

    def number(self, name: str, *, required: bool = False) -> str | None:
        """The text of a number, which may stand in quotes; None if it is absent."""
        found = self._found.get(name)
        if found is None and not required:
            return None
        if isinstance(found, str) and is_number(found):
            return str(found)
        self.blame("invalid", name, "must be a decimal number, such as 12.40, in quotes or not")
        return None

    def flags(self, name: str, choices: Collection[str]) -> dict[str, bool] | None:
        """An optional object of booleans, whose keys are of a closed set; a boolean that is null is not there."""
        if self.is_absent(name):
            return None
        found = self._found[name]
        if not isinstance(found, dict):
            self.blame("invalid", name, "must be an object of booleans")
            return None
        flags = {}
        for key, flag in found.items():
            if isinstance(flag, bool) and key in choices:
                flags[key] = flag
            elif flag is not None:
                wrong = f"{name} must hold true or false for any of {', '.join(choices)}: got {show(key)}: {show(flag)}"
                self._faults.setdefault("invalid", wrong)
        return flags or None

    def _string(self, name: str) -> str | None:
        """The string in a field; None if it is none, or if it could not be written as UTF-8."""
        found = self._found.get(name)
        if not isinstance(found, str) or isinstance(found, JsonNumber):
            return None
        try:
            found.encode()
        except UnicodeEncodeError:
            return None
        return found


def show(found: object) -> str:
    """A value of a field for people: short, and of printable characters only."""
    match found:
        case None:
            return "null"
        case bool():
            return "true" if found else "false"
        case str():
            shown = found[:_SHOWN] if isinstance(found, JsonNumber) else repr(found[:_SHOWN])
            return shown if len(found) <= _SHOWN and len(shown) <= _SHOWN + 2 else shown[:_SHOWN] + "…"
        case list():
            return "an array"
        case _:
            return "an object"
