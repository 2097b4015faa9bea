"""TLS and SASL towards Kafka: the settings checked together, and the TLS context made of them."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from streams.variables import NAME_START

SecurityProtocol = Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """How a connection to Kafka is protected and who we say we are."""

    protocol: SecurityProtocol = "plaintext"
    sasl_mechanism: str = "PLAIN"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    cafile: Path | None = None
    certfile: Path | None = None
    keyfile: Path | None = None

    def ssl_context(self) -> ssl.SSLContext | None:
        """Build the TLS context, or None where the protocol has no TLS.

        Raises:
            OSError: a file cannot be read or is no PEM file (`ssl.SSLError` is an `OSError`).
        """
        if self.protocol not in ("ssl", "sasl_ssl"):
            return None
        context = ssl.create_default_context(cafile=str(self.cafile) if self.cafile else None)
        if self.certfile:
            context.load_cert_chain(str(self.certfile), str(self.keyfile) if self.keyfile else None)
        return context


def checked_security(values: dict[str, Any], faults: list[str]) -> KafkaSecurity:
    """Take the settings of TLS and SASL out of `values` and check them together."""
    given = {key: values.pop(f"kafka_{key}", None) for key in KafkaSecurity.__slots__ if key != "protocol"}
    protocol = cast("SecurityProtocol", values.pop("kafka_security", "plaintext"))
    by_sasl, by_tls = protocol.startswith("sasl"), protocol.endswith("ssl")
    if by_sasl:
        faults.extend(
            f"{NAME_START}KAFKA_{key.upper()} is needed where GOLDSTREAM_KAFKA_SECURITY is {protocol}: got nothing"
            for key in ("username", "password")
            if not given[key]
        )
    unused = [key for key in ("sasl_mechanism", "username", "password") if given[key] and not by_sasl]
    unused += [key for key in ("cafile", "certfile", "keyfile") if given[key] and not by_tls]
    faults.extend(
        f"{NAME_START}KAFKA_{key.upper()} is set but GOLDSTREAM_KAFKA_SECURITY is {protocol}, which does not use it; "
        f"set GOLDSTREAM_KAFKA_SECURITY or leave it out"
        for key in unused
    )
    if given["keyfile"] and not given["certfile"]:
        faults.append("GOLDSTREAM_KAFKA_CERTFILE must be set with GOLDSTREAM_KAFKA_KEYFILE: got nothing; set both")
    security = KafkaSecurity(protocol, **{key: value for key, value in given.items() if value is not None})
    if not faults:
        try:
            security.ssl_context()
        except OSError as error:
            files = [str(file) for file in (security.cafile, security.certfile, security.keyfile) if file]
            faults.append(
                f"the TLS files {', '.join(files) or 'of the system'} cannot be used ({error}); they must be PEM"
            )
    return security
