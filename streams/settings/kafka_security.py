"""The settings of TLS and SASL for Kafka, validated together."""

import ssl
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from streams.settings.tls_files import TlsFiles, parse_tls_files

SecurityProtocol = Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]

_SASL_KEYS = ("sasl_mechanism", "username", "password")


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """How connections to Kafka are encrypted and authenticated."""

    protocol: SecurityProtocol = "plaintext"
    sasl_mechanism: str = "PLAIN"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    files: TlsFiles = field(default_factory=TlsFiles)

    @property
    def uses_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.protocol.endswith("ssl")

    @property
    def uses_sasl(self) -> bool:
        """Whether clients authenticate by user name and password."""
        return self.protocol.startswith("sasl")

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return a TLS context, or None where the protocol has no TLS.

        Raises:
            OSError: a file cannot be read or is not PEM (`ssl.SSLError` is an `OSError`).
        """
        return self.files.context() if self.uses_tls else None


def parse_security(values: dict[str, Any], errors: list[str]) -> KafkaSecurity:
    """Remove the settings of TLS and SASL from `values` and validate them together; add errors to `errors`."""
    given = {key: values.pop(f"kafka_{key}", None) for key in _SASL_KEYS}
    protocol = cast("SecurityProtocol", values.pop("kafka_security", "plaintext"))
    security = KafkaSecurity(protocol, **{key: value for key, value in given.items() if value is not None})
    if security.uses_sasl:
        errors.extend(
            f"GOLDSTREAM_KAFKA_{key.upper()} is needed where GOLDSTREAM_KAFKA_SECURITY is {protocol}: got nothing"
            for key in ("username", "password")
            if not given[key]
        )
    else:
        errors.extend(
            f"GOLDSTREAM_KAFKA_{key.upper()} is set but GOLDSTREAM_KAFKA_SECURITY is {protocol}, which does not use "
            f"it; set that, or remove {key}"
            for key in _SASL_KEYS
            if given[key]
        )
    unused_because = None if security.uses_tls else f"GOLDSTREAM_KAFKA_SECURITY is {protocol}"
    files = parse_tls_files(values, "kafka", unused_because, errors)
    return KafkaSecurity(protocol, security.sasl_mechanism, security.username, security.password, files)
