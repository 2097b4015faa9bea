"""Parse the values of options that several commands have; an invalid value is an error of usage."""

from typing import Annotated

import typer

from agents.cli.failures import UsageFailure

FirstDayOption = Annotated[str | None, typer.Option("--from", metavar="DAY", help="First day, such as 2026-05-01.")]
LastDayOption = Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day, itself included.")]
TimeoutOption = Annotated[
    str | None,
    typer.Option("--timeout", metavar="DURATION", help="Give up after this time, such as 5m.", show_default="never"),
]


def parse_day(option: str, text: str | None) -> str | None:
    """Return a date as `2026-05-12`; None if the option is absent.

    Raises:
        UsageFailure: it is no date.
    """
    from datetime import date

    try:
        return date.fromisoformat(text).isoformat() if text else None
    except ValueError as error:
        raise UsageFailure(f"{option} must be a date, such as 2026-05-12: got {text!r}") from error


def parse_period(first: str | None, last: str | None) -> tuple[str | None, str | None]:
    """Return the days given as `--from` and `--to`.

    Raises:
        UsageFailure: one is no date, or the first comes after the last.
    """
    days = parse_day("--from", first), parse_day("--to", last)
    if days[0] and days[1] and days[0] > days[1]:
        raise UsageFailure(f"--from must not be after --to: got {first} and {last}")
    return days


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
