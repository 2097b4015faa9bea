"""Why Kafka does not let us in: a certificate, a password or a dead port, aiokafka says but that it cannot connect.

So when a client has failed, the servers are asked once more, one by one, and what each of them says is put into words.
"""

import ssl
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from aiokafka import errors
from aiokafka.conn import AIOKafkaConnection, collect_hosts, create_conn
from aiokafka.protocol.metadata import MetadataRequest

from streams.settings.kafka_security import KafkaSecurity
from streams.settings.settings import Settings

PATIENCE_MS: Final = 5_000

# OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH.
_EXPIRED: Final = 10
_FOR_ANOTHER_NAME: Final = (62, 64)


class Diagnosis(NamedTuple):
    """What keeps us out, and what to do about it, in one line; `is_permanent` if trying again cannot mend it."""

    message: str
    is_permanent: bool


async def diagnose_connection(settings: Settings) -> Diagnosis | None:
    """Ask the servers of the settings, then the brokers that they name; None if one lets us in, or nobody is there."""
    named: list[tuple[str, int]] = []
    found: list[Diagnosis | None] = []
    for host, port, _ in collect_hosts(settings.kafka.split(","), randomize=False):
        refusal = await _ask(settings, host, port, named)
        if named:
            break
        found.append(refusal)
    if not named:
        return _worst(found)
    brokers = [await _ask(settings, host, port, []) for host, port in named]
    return _worst(brokers) if all(brokers) else next((each for each in brokers if each and each.is_permanent), None)


def _worst(found: Sequence[Diagnosis | None]) -> Diagnosis | None:
    refusals = [each for each in found if each]
    return next((each for each in refusals if each.is_permanent), refusals[0] if refusals else None)


async def _ask(settings: Settings, host: str, port: int, named: list[tuple[str, int]]) -> Diagnosis | None:
    """Connect as any client does, and ask for the brokers, which are added to `named`."""
    arguments = settings.kafka_client()
    del arguments["bootstrap_servers"]
    connection: AIOKafkaConnection | None = None
    try:
        connection = await create_conn(host, port, request_timeout_ms=PATIENCE_MS, **arguments)
        metadata: Any = await connection.send(MetadataRequest([]))
        named.extend((broker[1], broker[2]) for broker in metadata.brokers)
    except (OSError, errors.KafkaError) as error:  # a TimeoutError is an OSError
        return _in_words(f"{host}:{port}", error, settings.kafka_security)
    finally:
        if connection is not None:
            connection.close()
    return None


def _in_words(server: str, error: Exception, security: KafkaSecurity) -> Diagnosis | None:
    tls, sasl = security.by_tls, security.by_sasl
    match error:
        case ssl.SSLCertVerificationError():
            return Diagnosis(_of_certificate(server, error), is_permanent=True)
        case errors.SaslAuthenticationFailed() | errors.AuthenticationFailedError():
            way = "GOLDSTREAM_KAFKA_USERNAME, GOLDSTREAM_KAFKA_PASSWORD or GOLDSTREAM_KAFKA_SASL_MECHANISM"
            words = f"Kafka at {server} refuses user {security.username!r} by {security.sasl_mechanism}; correct {way}"
            return Diagnosis(words, is_permanent=True)
        case errors.UnsupportedSaslMechanismError():
            words = f"Kafka at {server} does not take {security.sasl_mechanism}"
            return Diagnosis(f"{words}; set GOLDSTREAM_KAFKA_SASL_MECHANISM to one that it takes", is_permanent=True)
        case errors.IllegalSaslStateError():
            words = f"Kafka at {server} asks nobody for a password on this port"
            way = f"set GOLDSTREAM_KAFKA_SECURITY to {'ssl' if tls else 'plaintext'}, or name its port for SASL"
            return Diagnosis(f"{words}; {way}", is_permanent=True)
        case errors.KafkaConnectionError() if tls and not sasl:
            words = f"Kafka at {server} ends the connection after the TLS handshake; it may want a client's certificate"
            way = "GOLDSTREAM_KAFKA_CERTFILE and GOLDSTREAM_KAFKA_KEYFILE, of an authority that it trusts"
            return Diagnosis(f"{words} ({way}) or a password (GOLDSTREAM_KAFKA_SECURITY=sasl_ssl)", is_permanent=False)
        case errors.KafkaConnectionError():
            words = f"Kafka at {server} closes the connection; this port may want TLS or a password"
            return Diagnosis(f"{words}: correct GOLDSTREAM_KAFKA_SECURITY, {security.protocol} now", is_permanent=False)
        case TimeoutError():
            words = f"Kafka at {server} accepts the connection and says nothing, or cannot be reached"
            return Diagnosis(f"{words}; look at the broker and at what lies between", is_permanent=False)
        case ConnectionRefusedError():
            return None
        case ssl.SSLError() | ConnectionError() if tls:
            words = f"Kafka at {server} does not speak TLS ({_plainly(error)})"
            return Diagnosis(
                f"{words}; correct GOLDSTREAM_KAFKA_SECURITY, or name its port for TLS", is_permanent=False
            )
    return Diagnosis(
        f"Kafka cannot be reached at {server} ({_plainly(error)}); correct GOLDSTREAM_KAFKA", is_permanent=False
    )


def _of_certificate(server: str, error: ssl.SSLCertVerificationError) -> str:
    why = error.verify_message.rstrip(".")
    if error.verify_code in _FOR_ANOTHER_NAME:
        way = "let GOLDSTREAM_KAFKA and the broker's advertised.listeners name it as the certificate does"
        return f"the certificate of Kafka at {server} is for another name ({why}); {way}"
    if error.verify_code == _EXPIRED:
        return f"the certificate of Kafka at {server} has expired; renew it on the broker"
    way = "name the PEM file of the authority that signed it by GOLDSTREAM_KAFKA_CAFILE"
    return f"the certificate of Kafka at {server} is not trusted ({why}); {way}"


def _plainly(error: Exception) -> str:
    said = (error.strerror if isinstance(error, OSError) else "") or str(error)
    return " ".join(said.split()) or type(error).__name__
