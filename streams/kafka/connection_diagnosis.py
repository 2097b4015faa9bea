"""Why a connection to Kafka fails: a certificate, a password, a wrong port.

aiokafka reports only that it cannot connect. So after a failure each server is tried once more, and its answer is
described with the remedy.
"""

import ssl
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from aiokafka import errors
from aiokafka.conn import AIOKafkaConnection, collect_hosts, create_conn
from aiokafka.protocol.metadata import MetadataRequest

from streams.settings.kafka_security import KafkaSecurity
from streams.settings.settings import Settings

TIMEOUT_MS: Final = 5_000

# OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH.
_EXPIRED: Final = 10
_FOR_ANOTHER_NAME: Final = (62, 64)


class Diagnosis(NamedTuple):
    """Why the connection fails and the remedy, in one line; `is_permanent` if trying again will not help."""

    message: str
    is_permanent: bool


async def diagnose_connection(settings: Settings) -> Diagnosis | None:
    """Try the servers of the settings, then the brokers that they name.

    Returns:
        None if one accepts the connection, or if all refuse it because nothing listens there.
    """
    brokers: list[tuple[str, int]] = []
    diagnoses: list[Diagnosis | None] = []
    for host, port, _ in collect_hosts(settings.kafka.split(","), randomize=False):
        diagnosis = await _try_connection(settings, host, port, brokers)
        if brokers:
            break
        diagnoses.append(diagnosis)
    if not brokers:
        return _worst(diagnoses)
    diagnoses = [await _try_connection(settings, host, port, []) for host, port in brokers]
    return (
        _worst(diagnoses) if all(diagnoses) else next((each for each in diagnoses if each and each.is_permanent), None)
    )


def _worst(diagnoses: Sequence[Diagnosis | None]) -> Diagnosis | None:
    failures = [each for each in diagnoses if each]
    return next((each for each in failures if each.is_permanent), failures[0] if failures else None)


async def _try_connection(settings: Settings, host: str, port: int, brokers: list[tuple[str, int]]) -> Diagnosis | None:
    """Connect as any client does, and add the brokers of the cluster to `brokers`."""
    arguments = settings.kafka_client()
    del arguments["bootstrap_servers"]
    connection: AIOKafkaConnection | None = None
    try:
        connection = await create_conn(host, port, request_timeout_ms=TIMEOUT_MS, **arguments)
        metadata: Any = await connection.send(MetadataRequest([]))
        brokers.extend((broker[1], broker[2]) for broker in metadata.brokers)
    except (OSError, errors.KafkaError) as error:  # a TimeoutError is an OSError
        return _describe(f"{host}:{port}", error, settings.kafka_security)
    finally:
        if connection is not None:
            connection.close()
    return None


def _describe(server: str, error: Exception, security: KafkaSecurity) -> Diagnosis | None:
    uses_tls, uses_sasl = security.uses_tls, security.uses_sasl
    match error:
        case ssl.SSLCertVerificationError():
            return Diagnosis(_describe_certificate(server, error), is_permanent=True)
        case errors.SaslAuthenticationFailed() | errors.AuthenticationFailedError():
            remedy = "GOLDSTREAM_KAFKA_USERNAME, GOLDSTREAM_KAFKA_PASSWORD or GOLDSTREAM_KAFKA_SASL_MECHANISM"
            problem = (
                f"Kafka at {server} refuses user {security.username!r} by {security.sasl_mechanism}; correct {remedy}"
            )
            return Diagnosis(problem, is_permanent=True)
        case errors.UnsupportedSaslMechanismError():
            problem = f"Kafka at {server} does not support {security.sasl_mechanism}"
            return Diagnosis(
                f"{problem}; set GOLDSTREAM_KAFKA_SASL_MECHANISM to one that it supports", is_permanent=True
            )
        case errors.IllegalSaslStateError():
            problem = f"Kafka at {server} does not use SASL on this port"
            remedy = f"set GOLDSTREAM_KAFKA_SECURITY to {'ssl' if uses_tls else 'plaintext'}, or use its SASL port"
            return Diagnosis(f"{problem}; {remedy}", is_permanent=True)
        case errors.KafkaConnectionError() if uses_tls and not uses_sasl:
            problem = (
                f"Kafka at {server} closes the connection after the TLS handshake; it may require a client certificate"
            )
            remedy = "GOLDSTREAM_KAFKA_CERTFILE and GOLDSTREAM_KAFKA_KEYFILE, signed by an authority that it trusts"
            return Diagnosis(
                f"{problem} ({remedy}) or a password (GOLDSTREAM_KAFKA_SECURITY=sasl_ssl)", is_permanent=False
            )
        case errors.KafkaConnectionError():
            problem = f"Kafka at {server} closes the connection; this port may require TLS or a password"
            return Diagnosis(
                f"{problem}: correct GOLDSTREAM_KAFKA_SECURITY, which is {security.protocol}", is_permanent=False
            )
        case TimeoutError():
            problem = f"Kafka at {server} accepts the connection and does not answer, or cannot be reached"
            return Diagnosis(f"{problem}; check the broker and the network", is_permanent=False)
        case ConnectionRefusedError():
            return None
        case ssl.SSLError() | ConnectionError() if uses_tls:
            problem = f"Kafka at {server} does not speak TLS ({_reason(error)})"
            return Diagnosis(f"{problem}; correct GOLDSTREAM_KAFKA_SECURITY, or use its TLS port", is_permanent=False)
    return Diagnosis(
        f"Kafka cannot be reached at {server} ({_reason(error)}); correct GOLDSTREAM_KAFKA", is_permanent=False
    )


def _describe_certificate(server: str, error: ssl.SSLCertVerificationError) -> str:
    why = error.verify_message.rstrip(".")
    if error.verify_code in _FOR_ANOTHER_NAME:
        remedy = "use the host name of the certificate in GOLDSTREAM_KAFKA and the broker's advertised.listeners"
        return f"the certificate of Kafka at {server} is for another host name ({why}); {remedy}"
    if error.verify_code == _EXPIRED:
        return f"the certificate of Kafka at {server} has expired; renew it on the broker"
    remedy = "set GOLDSTREAM_KAFKA_CAFILE to the PEM file of the authority that signed it"
    return f"the certificate of Kafka at {server} is not trusted ({why}); {remedy}"


def _reason(error: Exception) -> str:
    said = (error.strerror if isinstance(error, OSError) else "") or str(error)
    return " ".join(said.split()) or type(error).__name__
