"""Parse the values of options that several commands have; an invalid value is an error of usage."""

from agents.cli.failures import UsageFailure


def parse_moment(option: str, text: str) -> int:
    """Return a moment in RFC 3339 as milliseconds since 1970.

    Raises:
        UsageFailure: it is not RFC 3339 with an offset.
    """
    from state.units.timestamps import parse_rfc3339

    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise UsageFailure(
            f"{option} must be RFC 3339 with an offset, such as 2026-01-01T00:00:00Z: got {text!r}"
        ) from error


def parse_timeout(text: str | None) -> float | None:
    """Return the duration given as `--timeout`, in seconds; None if the option is absent.

    Raises:
        UsageFailure: it is not a duration.
    """
    from streams.settings.setting_parsers import duration_ms

    try:
        return duration_ms(text) / 1000 if text else None
    except ValueError as error:
        raise UsageFailure(f"--timeout must {error}: got {text!r}") from error


def check_currency(code: str) -> str:
    """Return the currency given as `--currency`.

    Raises:
        UsageFailure: it is not an ISO 4217 code.
    """
    from state.units.money import DIGITS

    if code not in DIGITS:
        raise UsageFailure(f"--currency must be an ISO 4217 code, such as RUB: got {code!r}")
    return code
