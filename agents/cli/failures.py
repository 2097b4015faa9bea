"""How a command ends when it cannot do its work: one line on standard error, and the status.

Status 0: done. 1: failed. 2: used wrongly, which includes settings that cannot be used.
"""

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, cast

import typer

if TYPE_CHECKING:
    from streams.settings.settings import Settings

DONE: Final = 0
FAILED: Final = 1
MISUSED: Final = 2

# Typer has carried its own copy of Click since 0.26: the bases of a public class are the same in both.
UsageError = cast("type[Exception]", typer.BadParameter.__mro__[1])


class CommandFailed(Exception):
    """A command could not do its work; each of `lines` says what is wrong, with what value, and what to do."""

    status = FAILED

    def __init__(self, *lines: str) -> None:
        """Keep the lines to be shown."""
        super().__init__("\n".join(lines))
        self.lines = lines


class UsageFailure(CommandFailed):
    """A command was used wrongly."""

    status = MISUSED


def one_line(misuse: Exception) -> str:
    """What Typer says of a command used wrongly, without its line breaks and its full stop."""
    said = misuse.format_message() if hasattr(misuse, "format_message") else str(misuse)
    return " ".join(said.replace("Value error, ", "").split()).rstrip(".")


def print_error(line: str) -> None:
    """Write a line to standard error, whatever is in it and whatever the terminal can show."""
    text = " ".join(line.splitlines())
    with contextlib.suppress(BrokenPipeError):
        sys.stderr.write(text.encode(sys.stderr.encoding or "utf-8", "backslashreplace").decode() + "\n")
        sys.stderr.flush()


@contextlib.contextmanager
def kafka_named(settings: "Settings") -> Iterator[None]:
    """Turn what the client of Kafka raises into one line that names the cluster, and what keeps us out of it.

    Not for use within an event loop: the cluster is asked why.

    Raises:
        CommandFailed: in place of the client's errors.
    """
    from aiokafka import errors

    from streams.kafka.connection_diagnosis import diagnose_connection

    bootstrap = settings.kafka
    try:
        yield
    except (errors.KafkaConnectionError, errors.NodeNotReadyError) as error:
        refusal = asyncio.run(diagnose_connection(settings))
        way = "start it, or correct GOLDSTREAM_KAFKA or GOLDSTREAM_KAFKA_SECURITY"
        raise CommandFailed(refusal.message if refusal else f"Kafka cannot be reached at {bootstrap}; {way}") from error
    except errors.KafkaTimeoutError as error:
        raise CommandFailed(f"Kafka at {bootstrap} did not answer in time ({error}); look at the broker") from error
    except errors.KafkaError as error:
        raise CommandFailed(f"Kafka at {bootstrap} refused: {error}; look at the broker and its rights") from error
