"""What a customer said of themselves: signup facts and consents per channel, read again from all that was said."""

from dataclasses import dataclass, field

CHANNELS = ("email", "sms", "push", "messenger", "call")
SIGNUP_FIELDS = ("source", "birth_date", "city", "country", "timezone", "language", "referred_by")


@dataclass
class Person:
    """Everything said, as (moment, name, value): nothing is overwritten."""

    signup_facts: list[tuple[int, str, str]] = field(default_factory=list)
    consents: list[tuple[int, str, bool]] = field(default_factory=list)

    def fact(self, name: str) -> str | None:
        """The latest value of a signup field; at the same moment the greater in UTF-8; None when never said."""
        said = [(at, value.encode(), value) for at, of, value in self.signup_facts if of == name]
        return max(said)[2] if said else None

    def consent(self, channel: str) -> str:
        """``granted``, ``refused`` or ``unknown``: the latest word on the channel; at the same moment the refusal."""
        said = [(at, not granted) for at, of, granted in self.consents if of in (channel, "all")]
        if not said:
            return "unknown"
        _, refused = max(said)
        return "refused" if refused else "granted"
