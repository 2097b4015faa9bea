"""The bytes of a file, decompressed if it is gzip, with bounds on what a damaged or hostile file can do."""

import contextlib
import gzip
import io
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from agents.importing.findings import FileError

CHUNK_BYTES: Final = 1024 * 1024
_GZIP_MAGIC: Final = b"\x1f\x8b\x08"
# Rows that differ do not compress like this: each needs some bytes for its number, moment and sum.
_MAX_RATIO: Final = 250
_RATIO_FROM_BYTES: Final = 1024**3


class ByteSource:
    """A regular file, from which the bytes can be read more than once.

    Attributes:
        path: the file.
        size: its size in bytes.
        compressed: it is gzip.

    Raises:
        FileError: there is no such file, it cannot be read, or it is empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._raw: BinaryIO | None = None
        with file_errors(path):
            status = path.stat()
            if stat.S_ISDIR(status.st_mode):
                raise FileError(f"{path} is a directory; name the files in it")
            if not stat.S_ISREG(status.st_mode):
                raise FileError(f"{path} is not a regular file; save its contents to a file")
            self.size = status.st_size
            with path.open("rb") as file:
                self.compressed = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        if not self.size:
            raise FileError(f"{path} is empty; export it again")

    def head(self, size: int) -> bytes:
        """Return the first bytes, decompressed.

        Raises:
            FileError: the file cannot be read.
        """
        with self.opened() as file:
            return file.read(size)

    def chunks(self) -> Iterator[bytes]:
        """Yield all bytes, decompressed.

        Raises:
            FileError: the file cannot be read.
        """
        with self.opened() as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def position(self) -> int:
        """Return how many of the file's bytes have been read by the last reader."""
        return self._raw.tell() if self._raw and not self._raw.closed else 0

    @contextlib.contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Return the file opened for reading, decompressed, as a context manager.

        Raises:
            FileError: the file cannot be read; also for what is read from it in the context.
        """
        with file_errors(self.path), self.path.open("rb") as raw:
            self._raw = raw
            yield cast("BinaryIO", io.BufferedReader(_Unzipped(self, raw), CHUNK_BYTES)) if self.compressed else raw


class _Unzipped(io.RawIOBase):
    """Decompresses, and stops at a file that unpacks to far more than any export would."""

    def __init__(self, source: ByteSource, raw: BinaryIO) -> None:
        self._source = source
        self._gzip = gzip.GzipFile(fileobj=raw)
        self._unpacked = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        data = self._gzip.read(len(view))
        view[: len(data)] = data
        self._unpacked += len(data)
        if self._unpacked > max(_RATIO_FROM_BYTES, _MAX_RATIO * self._source.size):
            raise FileError(
                f"{self._source.path} unpacks to more than {_MAX_RATIO} times its size, as no export does; "
                "unpack it with gunzip and look at it"
            )
        return len(data)


@contextlib.contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Raise what goes wrong while a file is read as FileError, in one line."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FileError(f"{path} is damaged or cut off ({one_line(error)}); download it again") from error
    except UnicodeError as error:
        raise FileError(f"{path} is not in this encoding ({one_line(error)}); give another --encoding") from error
    except FileNotFoundError as error:
        raise FileError(f"{path} does not exist; name an existing file") from error
    except OSError as error:
        raise FileError(f"{path} cannot be read ({error.strerror or one_line(error)}); check the file") from error


def one_line(error: BaseException) -> str:
    """Return the first line of an error's message."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
