"""How long a command may take."""

from agents.cli.failures import UsageFailure


def timeout_seconds(timeout: str | None) -> float | None:
    """What `--timeout` says, in seconds; None where it was not given.

    Raises:
        Misused: it is no duration.
    """
    from streams.settings.setting_parsers import duration_ms

    try:
        return duration_ms(timeout) / 1000 if timeout else None
    except ValueError as fault:
        raise UsageFailure(f"--timeout must {fault}: got {timeout!r}") from fault
