"""What all bytes of a text file are like: whether they are UTF-8, and which lines show the encoding if not."""

from collections import Counter
from typing import Final

_ASCII: Final = bytes(range(128))
_NOT_ASCII: Final = bytes(range(128, 256))
_LINES_PER_BYTE: Final = 20
"""Lines to remember for each byte outside ASCII, so that rare letters are in the sample, too."""
_MAX_LINE: Final = 1_000
_MAX_SAMPLE: Final = 32 * 1024
_ENOUGH_LINES: Final = 10_000
_RARE_SHARE: Final = 0.005


class ByteSurvey:
    """Looks at all bytes of a file, chunk by chunk.

    Attributes:
        valid_bytes: bytes outside ASCII that are part of valid UTF-8.
        invalid_bytes: those that are not; beyond some thousands of lines they are no longer counted.
        invalid_lines: lines that are not valid UTF-8; beyond some thousands they are no longer counted.
        first_line: the number of the first line that is not valid UTF-8.
        first_invalid: its first bytes.
        nul: there are NUL bytes.
        quotes: there are quotes.
    """

    def __init__(self) -> None:
        self.valid_bytes = 0
        self.invalid_bytes = 0
        self.invalid_lines = 0
        self.first_line = 0
        self.first_invalid = b""
        self.nul = False
        self.quotes = False
        self._rest = b""
        self._line = 1
        self._counts: Counter[int] = Counter()
        self._sample: list[bytes] = []

    def add(self, chunk: bytes) -> None:
        """Look at the next bytes."""
        end = chunk.rfind(b"\n") + 1
        if end:
            self._look_at(self._rest + chunk[:end])
            self._rest = chunk[end:]
        else:  # a chunk without the end of a line; only the line's letters at the cut are judged wrongly
            self._look_at(self._rest)
            self._rest = chunk

    def end(self) -> None:
        """Look at the last line."""
        self._look_at(self._rest)
        self._rest = b""

    def sample(self, *, without_rare: bool = False) -> bytes:
        """Return lines that are not UTF-8, among them some with every byte that occurs.

        Args:
            without_rare: without lines that have bytes which very few lines have.
        """
        rarest = _RARE_SHARE * self.invalid_lines
        rare = {byte for byte, count in self._counts.items() if count < rarest} if without_rare else set()
        lines = [line for line in self._sample if not rare.intersection(line)]
        sample = b"\n".join(lines)
        if len(sample) <= _MAX_SAMPLE:
            return sample
        return b"\n".join(lines[:: len(sample) // _MAX_SAMPLE + 1])

    def _look_at(self, block: bytes) -> None:
        self.nul = self.nul or 0 in block
        self.quotes = self.quotes or b'"' in block
        if not block.isascii():
            self._look_at_letters(block)
        self._line += block.count(b"\n")

    def _look_at_letters(self, block: bytes) -> None:
        try:
            block.decode()
        except UnicodeDecodeError:
            letters = set(block.translate(None, _ASCII))
            known = self.invalid_lines > _ENOUGH_LINES and self.invalid_bytes > self.valid_bytes
            if not known or any(self._counts[byte] < _LINES_PER_BYTE for byte in letters):
                self._look_at_lines(block)
        else:
            self.valid_bytes += _letters(block)

    def _look_at_lines(self, block: bytes) -> None:
        for number, line in enumerate(block.split(b"\n"), self._line):
            if line.isascii():
                continue
            try:
                line.decode()
                self.valid_bytes += _letters(line)
            except UnicodeDecodeError:
                if not self.invalid_lines:
                    self.first_line = number
                    self.first_invalid = line[:_MAX_LINE]
                self.invalid_lines += 1
                letters = _letters(line)
                invalid = sum("\udc80" <= letter <= "\udcff" for letter in line.decode(errors="surrogateescape"))
                self.invalid_bytes += invalid
                self.valid_bytes += letters - invalid
                self._remember(line)

    def _remember(self, line: bytes) -> None:
        letters = set(line[:_MAX_LINE].translate(None, _ASCII))
        if any(self._counts[byte] < _LINES_PER_BYTE for byte in letters):
            self._sample.append(line[:_MAX_LINE])
        self._counts.update(letters)


def _letters(content: bytes) -> int:
    """Return how many bytes are outside ASCII."""
    return len(content) - len(content.translate(None, _NOT_ASCII))
