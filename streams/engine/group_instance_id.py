"""The name of this worker in its groups, which survives a restart: static membership gives its partitions back."""

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAX_WORKERS = 256


@contextmanager
def claim_instance_id(data: Path) -> Iterator[str]:
    """Yield a name from the data folder that no other running worker of this folder uses.

    Args:
        data: the worker's data folder, created if it does not exist.

    Raises:
        OSError: the folder is not writable, or too many workers share it.
    """
    data.mkdir(parents=True, exist_ok=True)
    for number in range(MAX_WORKERS):
        with (data / f"worker-{number}.id").open("a+", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            os.register_at_fork(after_in_child=file.close)  # or a child that dies late would keep the name taken
            file.seek(0)
            name = file.read().strip()
            if not name:
                name = uuid.uuid4().hex[:12]
                file.write(name)
                file.flush()
            yield name
            return
    raise OSError(f"{data}: more than {MAX_WORKERS} workers share this folder; give each its own")
