"""How a command fails: one line per error on standard error, and the exit status.

Status 0: done. 1: failed. 2: used wrongly, which includes invalid settings.
"""

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, cast

import typer

if TYPE_CHECKING:
    from streams.kafka.needed_rights import NeededRights
    from streams.settings.settings import Settings

DONE: Final = 0
FAILED: Final = 1
MISUSED: Final = 2

# Typer has carried its own copy of Click since 0.26: the bases of a public class are the same in both.
UsageError = cast("type[Exception]", typer.BadParameter.__mro__[1])


class CommandFailed(Exception):
    """A command failed; each of `lines` names what is wrong, the value and the remedy."""

    status = FAILED

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class UsageFailure(CommandFailed):
    """A command was used wrongly."""

    status = MISUSED


def one_line(error: Exception) -> str:
    """Return Typer's message about wrong usage without line breaks and full stop."""
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    return " ".join(message.replace("Value error, ", "").split()).rstrip(".")


def print_error(line: str) -> None:
    """Write a line to standard error, escaping what the terminal's encoding does not have."""
    text = " ".join(line.splitlines())
    with contextlib.suppress(BrokenPipeError):
        sys.stderr.write(text.encode(sys.stderr.encoding or "utf-8", "backslashreplace").decode() + "\n")
        sys.stderr.flush()


@contextlib.contextmanager
def kafka_named(settings: "Settings", needed: "NeededRights | None" = None) -> Iterator[None]:
    """Turn errors of the Kafka client into one line that names the cluster and, where it can be found, the cause.

    Not for use within an event loop: it runs one to check rights, and one to diagnose the connection.

    Args:
        settings: of the cluster.
        needed: the rights of the command, which are checked before it begins, where the cluster knows its users; None:
            it only reads.

    Raises:
        CommandFailed: in place of the client's errors; a right is missing.
    """
    from aiokafka import errors

    from streams.errors import FatalError
    from streams.kafka.connection_diagnosis import diagnose_connection
    from streams.kafka.needed_rights import check_rights, reading

    bootstrap = settings.kafka
    try:
        asyncio.run(check_rights(settings, needed or reading(settings)))
        yield
    except FatalError as error:
        raise CommandFailed(str(error)) from error
    except (errors.KafkaConnectionError, errors.NodeNotReadyError) as error:
        refusal = asyncio.run(diagnose_connection(settings))
        remedy = "start it, or correct GOLDSTREAM_KAFKA or GOLDSTREAM_KAFKA_SECURITY"
        message = refusal.message if refusal else f"Kafka cannot be reached at {bootstrap}; {remedy}"
        raise CommandFailed(message) from error
    except errors.KafkaTimeoutError as error:
        raise CommandFailed(f"Kafka at {bootstrap} did not answer in time ({error}); check the broker") from error
    except errors.KafkaError as error:
        raise CommandFailed(f"Kafka at {bootstrap} refused: {error}; check the broker and its permissions") from error
