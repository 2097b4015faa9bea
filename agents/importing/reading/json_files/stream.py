"""Read JSON piece by piece: only one value at a time is in memory."""

from collections.abc import Callable, Iterator
from json import JSONDecodeError
from typing import Any, Final

from agents.importing.findings import FileError
from agents.importing.reading.json_files.flattening import DECODER

MAX_VALUE: Final = 16 * 1024 * 1024
_CHUNK_LETTERS: Final = 256 * 1024
_SPACE: Final = " \t\r\n\ufeff"


class JsonStream:
    """Reads values one after the other.

    Args:
        read: returns the next characters of a text, at most as many as it is asked for; none at the end.
    """

    def __init__(self, read: Callable[[int], str]) -> None:
        self._read = read
        self._text = ""
        self._at = 0
        self._ended = False
        self._line = 1
        self._counted = 0

    @property
    def line(self) -> int:
        """The line of what comes next."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def peek(self) -> str:
        """Return the next character that is no space; an empty text at the end."""
        while True:
            text, at = self._text, self._at
            while at < len(text) and text[at] in _SPACE:
                at += 1
            self._at = at
            if at < len(text) or self._ended:
                return text[at : at + 1]
            self._more()

    def take(self, sign: str) -> bool:
        """Return whether the next character is a sign; if so, go behind it."""
        found = self.peek() == sign
        self._at += found
        return found

    def value(self) -> Any:
        """Return the next value; numbers are `NumberText`.

        Raises:
            FileError: it is not JSON, is too large or is nested too deeply. The message lacks the file's name.
        """
        opening = self.peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._at)
            except JSONDecodeError as error:
                if not self._ended and len(self._text) - self._at < MAX_VALUE:
                    self._more()
                    continue
                line = self.line + self._text.count("\n", self._at, error.pos)
                large = "" if self._ended else f", or has a value of more than {MAX_VALUE:,} characters"
                raise FileError(f"is not JSON ({error.msg}, line {line}){large}; export it again") from error
            except RecursionError as error:
                raise FileError(f"is nested too deeply on line {self.line}; export it as a table") from error
            if end == len(self._text) and not self._ended and opening not in '{["':
                self._more()  # the number may go on
                continue
            self._at = end
            return value

    def elements(self) -> Iterator[None]:
        """Stop at the beginning of each element of an array; each must be read before the next."""
        self._expect("[")
        if self.take("]"):
            return
        while True:
            yield
            if not self.take(","):
                self._expect("]")
                return

    def members(self) -> Iterator[str]:
        """Yield the name of each member of an object; its value must be read before the next."""
        self._expect("{")
        if self.take("}"):
            return
        while True:
            name = self.value()
            self._expect(":")
            yield str(name)
            if not self.take(","):
                self._expect("}")
                return

    def _expect(self, sign: str) -> None:
        if not self.take(sign):
            found = repr(self.peek()) if self.peek() else "the end of the file"
            raise FileError(f"is not JSON ({sign!r} is missing before {found}, line {self.line}); export it again")

    def _more(self) -> None:
        """Read more text: as much as there is unread, so that a long value is not scanned often."""
        self._line = self.line
        rest = self._text[self._at :]
        more = self._read(max(_CHUNK_LETTERS, len(rest)))
        self._ended = not more
        self._text = rest + more
        self._at = self._counted = 0
