"""Read a request's body: at most so many bytes, also after unpacking, however long the client goes on sending."""

import zlib
from collections.abc import AsyncIterator
from typing import Final

MAX_BODY_BYTES: Final = 1 << 20
"""Of a body, unpacked."""

_GZIP: Final = 16 + zlib.MAX_WBITS
_STEP_BYTES: Final = 64 * 1024


MAX_IGNORED_BYTES: Final = 8 << 20
"""Of a body that is too large: what is read, so that a client that is still sending can read the answer."""


class TooLargeError(ValueError):
    """A body is larger than allowed."""

    def __init__(self) -> None:
        super().__init__(f"a body may have {MAX_BODY_BYTES} bytes uncompressed; send the events in several requests")


class BrokenGzipError(ValueError):
    """A body is not gzip although its header says so."""


async def read_body(chunks: AsyncIterator[bytes], *, is_gzip: bool) -> bytes:
    """Return the body, unpacked.

    Args:
        chunks: of the body, as they arrive.
        is_gzip: whether to unpack it.

    Raises:
        TooLargeError: as soon as it is clear; what follows is not read.
        BrokenGzipError: it cannot be unpacked.
    """
    parts, size, packed_size = [], 0, 0
    unpack = _Unpacking() if is_gzip else None
    async for chunk in chunks:
        packed_size += len(chunk)
        if packed_size > MAX_BODY_BYTES:  # also of gzip that unpacks to nothing, without end
            raise TooLargeError
        part = chunk if unpack is None else unpack.add(chunk, MAX_BODY_BYTES - size)
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise TooLargeError
        parts.append(part)
    if unpack is not None:
        unpack.finish()
    return parts[0] if len(parts) == 1 else b"".join(parts)


class _Unpacking:
    """Unpacks gzip, which may consist of several members, never much more than asked for."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)

    def add(self, packed: bytes, room: int) -> bytes:
        """Return what the next bytes contain: all of it, or more than `room`."""
        parts = []
        while packed:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP)
            try:
                part = self._member.decompress(packed, min(room + 1, _STEP_BYTES))
            except zlib.error as error:
                raise BrokenGzipError(f"the body must be gzip, as Content-Encoding says: {error}") from error
            parts.append(part)
            room -= len(part)
            if room < 0:
                break
            packed = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        return b"".join(parts)

    def finish(self) -> None:
        """Raise if something is missing at the end."""
        if not self._member.eof:
            raise BrokenGzipError("the body must be gzip, as Content-Encoding says: its end is missing")


async def ignore_rest(chunks: AsyncIterator[bytes]) -> None:
    """Read what is left of a body, within limits: the answer is lost if a connection is closed that still has input."""
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > MAX_IGNORED_BYTES:
            return
