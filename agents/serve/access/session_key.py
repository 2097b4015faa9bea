"""The key that signs page sessions: that of GOLDSTREAM_API_SECRET, else one that is generated once and stored."""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

from agents.serve.access.private_files import check_private

FILE_NAME: Final = "session-key"
KEY_BYTES: Final = 32


def session_key(secret: str | None, folder: Path) -> str:
    """Return the key; without a secret, that in the folder, which servers with the same folder share.

    Raises:
        OSError: the file can be neither read nor created.
        ConfigErrors: others may read it.
    """
    if secret is not None:
        return secret
    path = folder / FILE_NAME
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _create(path)
    with path.open(encoding="ascii") as file:
        check_private(path, os.fstat(file.fileno()))
        return file.read().strip()


def _create(path: Path) -> None:
    """Create the file with its content, unless another server has done so meanwhile."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)
