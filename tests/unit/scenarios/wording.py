"""Outputs in the words of the Want column."""

from typing import Any, Final

from tests.oracle import Output

_SILENCE: Final = ("silence-began", "silence-ended")


def wanted(output: Output) -> tuple[str, str]:
    """Return the moment of a record and its words."""
    value = output.value
    if value is None:
        return output.headers["ce_time"], "is erased"
    if output.topic == "segment-changes":
        return value["effective_at"], f"becomes {value['to']}"
    if output.topic == "suppressions":
        return value["at"], _suppressed(value)
    return value["due_at"], _sent(value)


def _sent(message: dict[str, Any]) -> str:
    channels = " or ".join((message["channel"], *message["other_channels"]))
    until = "" if message["expires_at"] is None else f" until {message['expires_at'][:16].replace('T', ' ')}"
    return f"{message['campaign']} {message['attempt']} by {channels}{until}"


def _suppressed(value: dict[str, Any]) -> str:
    if value["reason"] in _SILENCE:
        return f"{value['reason'].replace('-', ' ')} by {value['campaign']}"
    step = "" if value["attempt"] is None else f" {value['attempt']}"
    return f"{value['campaign']}{step} suppressed: {value['reason']}"
