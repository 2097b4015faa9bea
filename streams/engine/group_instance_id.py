"""This worker's lasting name: with it, it gets its partitions back at once after a restart (static membership)."""

import fcntl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOST_WORKERS = 256


@contextmanager
def claim_instance_id(data: Path) -> Iterator[str]:
    """A name that lies in the data folder and that no other running worker of the folder has.

    Args:
        data: the worker's data folder; it is made if it is not there.

    Raises:
        OSError: the folder cannot be written, or too many workers share it.
    """
    data.mkdir(parents=True, exist_ok=True)
    for number in range(MOST_WORKERS):
        with (data / f"worker-{number}.id").open("a+", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            file.seek(0)
            name = file.read().strip()
            if not name:
                name = uuid.uuid4().hex[:12]
                file.write(name)
                file.flush()
            yield name
            return
    raise OSError(f"{data}: more than {MOST_WORKERS} workers share this folder; give them folders of their own")
