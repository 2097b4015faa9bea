"""TLS and SASL towards Kafka: the settings checked together, and the TLS context made of them."""

import ssl
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from streams.settings.tls_files import TlsFiles, checked_files

SecurityProtocol = Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]

_OF_SASL = ("sasl_mechanism", "username", "password")


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """How a connection to Kafka is protected and who we say we are."""

    protocol: SecurityProtocol = "plaintext"
    sasl_mechanism: str = "PLAIN"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    files: TlsFiles = field(default_factory=TlsFiles)

    @property
    def by_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.protocol.endswith("ssl")

    @property
    def by_sasl(self) -> bool:
        """Whether we say who we are by name and password."""
        return self.protocol.startswith("sasl")

    def ssl_context(self) -> ssl.SSLContext | None:
        """Build the TLS context, or None where the protocol has no TLS.

        Raises:
            OSError: a file cannot be read or is no PEM file (`ssl.SSLError` is an `OSError`).
        """
        return self.files.context() if self.by_tls else None


def checked_security(values: dict[str, Any], faults: list[str]) -> KafkaSecurity:
    """Take the settings of TLS and SASL out of `values` and check them together."""
    given = {key: values.pop(f"kafka_{key}", None) for key in _OF_SASL}
    protocol = cast("SecurityProtocol", values.pop("kafka_security", "plaintext"))
    security = KafkaSecurity(protocol, **{key: value for key, value in given.items() if value is not None})
    if security.by_sasl:
        faults.extend(
            f"GOLDSTREAM_KAFKA_{key.upper()} is needed where GOLDSTREAM_KAFKA_SECURITY is {protocol}: got nothing"
            for key in ("username", "password")
            if not given[key]
        )
    else:
        faults.extend(
            f"GOLDSTREAM_KAFKA_{key.upper()} is set but GOLDSTREAM_KAFKA_SECURITY is {protocol}, which does not use "
            f"it; set that, or leave {key} out"
            for key in _OF_SASL
            if given[key]
        )
    unused_because = None if security.by_tls else f"GOLDSTREAM_KAFKA_SECURITY is {protocol}"
    files = checked_files(values, "kafka", unused_because, faults)
    return KafkaSecurity(protocol, security.sasl_mechanism, security.username, security.password, files)
