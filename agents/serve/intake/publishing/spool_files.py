"""Records in files: each is on disk before `append` returns, and what a crash has left incomplete is noticed.

A file is a sequence of frames: the length of the payload, a checksum, the time, the payload. A crash can only leave an
incomplete frame at the end of the last file, which is cut off: no request was answered on it. The file `delivered`
says where the first record is that has not been delivered; it may lag behind, since delivering twice does no harm.
Nothing here may be called by two threads at once.
"""

import contextlib
import fcntl
import logging
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec

from agents.serve.intake.publishing.outgoing_record import OutgoingRecord
from streams.errors import FatalError

log = logging.getLogger(__name__)

FILE_BYTES: Final = 16 << 20
"""A file that is this long is followed by another one."""

_FRAME: Final = struct.Struct(">IIq")
_SUFFIX: Final = ".spool"
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(OutgoingRecord).decode


class Position(NamedTuple):
    """A place between two records."""

    file: int
    offset: int


class StoredRecord(NamedTuple):
    """A record and where it is.

    Attributes:
        stored_at_ms: when it was stored.
        end: the place after it.
        size: of its frame, in bytes.
    """

    record: OutgoingRecord
    stored_at_ms: int
    end: Position
    size: int


def encode_frames(records: Sequence[OutgoingRecord], now_ms: int) -> bytes:
    """Return what `SpoolFiles.append` writes for some records."""
    frames = []
    for record in records:
        payload = _encode(record)
        frames += [_FRAME.pack(len(payload), _checksum(now_ms, payload), now_ms), payload]
    return b"".join(frames)


def _checksum(stored_at_ms: int, payload: bytes) -> int:
    return zlib.crc32(payload, stored_at_ms & 0xFFFFFFFF)


class SpoolFiles:
    """The files of a folder, which only one process can open.

    Attributes:
        delivered: where the first record is that is not known to be delivered.
    """

    def __init__(self, folder: Path) -> None:
        """Open the folder, which is made if there is none.

        Raises:
            FatalError: another process uses it, or it cannot be written.
        """
        self._folder = folder
        self._lock = _lock(folder)
        self._cut_off()
        self.delivered = self._first_undelivered()
        self._remove_below(self.delivered.file)
        self._number = max([*self._numbers(), self.delivered.file])
        self._open: BinaryIO | None = None
        self._size = 0

    def close(self) -> None:
        """Let other processes use the folder."""
        self._close_file()
        self._lock.close()

    def append(self, frames: bytes) -> None:
        """Store frames, and return when they are on disk.

        Raises:
            OSError: they could not be stored; none of them is there.
        """
        file = self._file()
        try:
            file.write(frames)
            file.flush()
            os.fdatasync(file.fileno())
        except OSError:
            self._open = None
            with contextlib.suppress(OSError):  # what cannot be cut off either is incomplete, or delivered as well
                file.close()
            with contextlib.suppress(OSError):
                os.truncate(self._path(self._number), self._size)
            raise
        self._size += len(frames)

    def read(self, begin: Position) -> Iterator[StoredRecord]:
        """Yield the records from a place on."""
        for number in self._numbers():
            if number >= begin.file:
                yield from self._read_file(number, begin.offset if number == begin.file else 0)

    def mark(self, delivered: Position) -> None:
        """Note that everything below a place is delivered, and remove the files of which that is true."""
        if self._open is not None and delivered == (self._number, self._size):
            self._close_file()
            self._number += 1
            delivered = Position(self._number, 0)
        temporary = self._folder / "delivered.new"
        temporary.write_text(f"{delivered.file} {delivered.offset}\n")
        temporary.replace(self._folder / "delivered")
        self.delivered = delivered
        self._remove_below(delivered.file)

    def _file(self) -> BinaryIO:
        """Return the file to append to."""
        if self._open is not None and self._size >= FILE_BYTES:
            self._close_file()
            self._number += 1
        if self._open is None:
            self._open = self._path(self._number).open("ab")
            self._size = self._open.tell()
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return self._open

    def _close_file(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def _read_file(self, number: int, begin: int) -> Iterator[StoredRecord]:
        """Yield the records of a file up to its end, or to where it is damaged."""
        with self._path(number).open("rb") as file:
            file.seek(begin)
            at = begin
            while len(header := file.read(_FRAME.size)) == _FRAME.size:
                length, checksum, stored_at_ms = _FRAME.unpack(header)
                payload = file.read(length)
                if len(payload) < length or checksum != _checksum(stored_at_ms, payload):
                    return
                size = _FRAME.size + length
                at += size
                yield StoredRecord(_decode(payload), stored_at_ms, Position(number, at), size)

    def _cut_off(self) -> None:
        """Cut off what a crash has left incomplete in the last file, and report other damage."""
        numbers = self._numbers()
        for number in numbers:
            end = max((stored.end.offset for stored in self._read_file(number, 0)), default=0)
            path = self._path(number)
            size = path.stat().st_size
            if size == end:
                continue
            if number == numbers[-1]:
                log.warning("%s: cut off an incomplete record of %d bytes", path, size - end)
                os.truncate(path, end)
            else:
                log.error("%s is damaged: %d bytes from %d on cannot be delivered", path, size - end, end)

    def _first_undelivered(self) -> Position:
        numbers = self._numbers()
        try:
            file, offset = map(int, (self._folder / "delivered").read_text().split())
        except (OSError, ValueError):
            return Position(numbers[0] if numbers else 1, 0)
        if file in numbers:
            return Position(file, min(offset, self._path(file).stat().st_size))
        return Position(min((number for number in numbers if number > file), default=file + 1), 0)

    def _numbers(self) -> list[int]:
        return sorted(int(path.stem) for path in self._folder.glob(f"*{_SUFFIX}") if path.stem.isdecimal())

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:012d}{_SUFFIX}"

    def _remove_below(self, number: int) -> None:
        for each in self._numbers():
            if each < number:
                self._path(each).unlink(missing_ok=True)


def _lock(folder: Path) -> BinaryIO:
    """Return what to close to let other processes use the folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / "lock").open("wb")
    except OSError as error:
        raise FatalError(
            f"--spool must be a folder that can be written: got {folder} ({error.strerror}); correct its owner or "
            "choose another one"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise FatalError(
            f"--spool must be a folder that no other process uses: got {folder}; give each server its own"
        ) from None
    return lock
