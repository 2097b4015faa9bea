"""Signup facts and consents per channel, read again from everything the customer declared."""

from dataclasses import dataclass, field

CHANNELS = ("email", "sms", "push", "messenger", "call")
SIGNUP_FIELDS = ("source", "birth_date", "city", "country", "timezone", "language", "referred_by")


@dataclass
class Person:
    """Everything declared, as (moment, name, value): nothing is overwritten."""

    signup_facts: list[tuple[int, str, str]] = field(default_factory=list)
    consents: list[tuple[int, str, bool]] = field(default_factory=list)

    def fact(self, name: str) -> str | None:
        """Return a signup field's latest value, at equal moments the greatest in UTF-8; None if never declared."""
        declared = [(at, value.encode(), value) for at, of, value in self.signup_facts if of == name]
        return max(declared)[2] if declared else None

    def granted_at(self, channel: str) -> list[int]:
        """Return the moments of all consents that grant the channel."""
        return [at for at, of, granted in self.consents if granted and of in (channel, "all")]

    def consent(self, channel: str) -> str:
        """Return ``granted``, ``refused`` or ``unknown``: the channel's latest consent, at equal moments a refusal."""
        declared = [(at, not granted) for at, of, granted in self.consents if of in (channel, "all")]
        if not declared:
            return "unknown"
        _, refused = max(declared)
        return "refused" if refused else "granted"
