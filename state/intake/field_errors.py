"""What happens at an error in a field: the fast route stops, the thorough route collects all of them."""

from collections.abc import Mapping, Sequence
from typing import Final, NoReturn, Protocol

from msgspec import Raw

from state.intake.admission_result import Rejected
from state.records.reasons import RejectionReason

_SHOWN_CHARACTERS: Final = 80
_RANKS: Final = {reason: rank for rank, reason in enumerate(RejectionReason)}


class FieldErrors(Protocol):
    """Receives the errors that the conversion of an event finds."""

    def add_error(self, reason: RejectionReason, name: str, expected: str) -> None:
        """Report that the field `name` is not as expected; the caller continues with a placeholder."""


class NotAdmissible(ValueError):
    """A field has an error."""


class FailFast:
    """Raises at the first error, without saying what it is."""

    def add_error(self, _reason: RejectionReason, name: str, _expected: str) -> NoReturn:
        """Raise NotAdmissible."""
        raise NotAdmissible(name)


class CollectedErrors:
    """All errors in the fields of one object, from which the rejection is chosen."""

    def __init__(self, found: Mapping[str, object], names: Sequence[str]) -> None:
        """Start without errors.

        Args:
            found: The object's fields.
            names: The known fields. Of several errors with the same reason, that of the earliest field is chosen.
        """
        self._found = found
        self._names = names
        self._errors: list[tuple[int, int, Rejected]] = []

    def add_error(self, reason: RejectionReason, name: str, expected: str, got: str | None = None) -> None:
        """Note an error; `got` describes what was found if showing the field's value does not."""
        rejected = Rejected(reason, f"{name} {expected}: got {got or show_field(self._found, name)}")
        self._errors.append((_RANKS[reason], self._names.index(name), rejected))

    def rejection(self) -> Rejected | None:
        """Return the first error in the order of reasons, then of fields; None without errors."""
        return min(self._errors, key=lambda error: error[:2])[2] if self._errors else None


def show_field(found: Mapping[str, object], name: str) -> str:
    """Return a field's value for people."""
    return show(found[name]) if name in found else "nothing"


def show(found: object) -> str:
    """Return a JSON value for people: short, and of printable characters only."""
    match found:
        case None:
            return "null"
        case bool():
            return "true" if found else "false"
        case Raw():
            return _shorten(str(found, "utf-8"), _SHOWN_CHARACTERS)
        case str():
            return _shorten(repr(found[: _SHOWN_CHARACTERS + 1]), _SHOWN_CHARACTERS + len("''"))
        case list():
            return "an array"
        case _:
            return "an object"


def _shorten(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:_SHOWN_CHARACTERS] + "…"
