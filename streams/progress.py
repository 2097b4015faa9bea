"""How far a lane is, as records of `progress`; beside it lie the policies and campaigns that it names."""

import msgspec

from state.progress import Progress

PROGRESS_FORMAT = 1
PROGRESS_KEY = b"segment"
RULES_KEY = b"rules:"
"""What follows is the place in `control`: the policies and campaigns that the progress names."""
_PROGRESS = bytes([PROGRESS_FORMAT])


def encode_progress(progress: Progress) -> bytes:
    """Progress as a record: one byte of format version, then MessagePack."""
    return _PROGRESS + msgspec.msgpack.encode(progress)


def decode_progress(value: bytes) -> Progress:
    """The progress in a record's value.

    Raises:
        UnknownProgress: it was written by a version that this one does not know.
    """
    if value[:1] != _PROGRESS:
        raise UnknownProgress(value[0])
    return msgspec.msgpack.decode(value[1:], type=Progress)


class UnknownProgress(Exception):
    """A progress record of another format version."""

    def __init__(self, version: int) -> None:
        """Says which version was met and what to do."""
        super().__init__(
            f"progress record has format version {version}, this program knows {PROGRESS_FORMAT}: run the version of "
            "goldstream that wrote it, or a newer one"
        )
