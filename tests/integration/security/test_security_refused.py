"""A wrong password, an untrusted certificate, a wrong name or port: one line names it and the remedy."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from redis.exceptions import RedisError

from agents.project.redis_connection import connect_redis, describe_redis_error
from streams.kafka.connection_diagnosis import diagnose_connection
from streams.settings.kafka_security import KafkaSecurity
from streams.settings.settings import Settings
from streams.settings.tls_files import TlsFiles
from tests.running.workers import Site
from tests.servers.certificates import Authority
from tests.servers.protected_kafka import PASSWORD, USER, ProtectedKafka
from tests.servers.protected_redis import ProtectedRedis

LASTING: Final = True
"""Whether the worker ends, or waits for somebody to mend the broker."""


def sasl(mechanism: str = "PLAIN", user: str = USER, password: str = PASSWORD) -> KafkaSecurity:
    return KafkaSecurity("sasl_ssl", mechanism, user, password)


KAFKA_REFUSES: Final = {
    "a wrong password": ("SASL", sasl(password="no"), "refuses user 'shop' by PLAIN; correct", LASTING),  # noqa: S106
    "a wrong password, scrambled": ("SASL", sasl("SCRAM-SHA-512", password="no"), "by SCRAM-SHA-512; corr", LASTING),  # noqa: S106
    "an unknown user": ("SASL", sasl("SCRAM-SHA-256", "till"), "refuses user 'till'", LASTING),
    "another mechanism": (
        "SASLOPEN",
        KafkaSecurity("sasl_plaintext", "SCRAM-SHA-256", USER, PASSWORD),
        "does not support SCRAM-SHA-256; set GOLDSTREAM_KAFKA_SASL_MECHANISM",
        LASTING,
    ),
    "a password where none is asked for": ("TLS", sasl(), "set GOLDSTREAM_KAFKA_SECURITY to ssl", LASTING),
    "another name": ("TLS/localhost", KafkaSecurity("ssl"), "for another host name (Hostname mismatch", LASTING),
    "a broker that says another name": ("MISNAMED", KafkaSecurity("ssl"), "advertised.listeners", LASTING),
    "no certificate of ours": ("MUTUAL", KafkaSecurity("ssl"), "GOLDSTREAM_KAFKA_CERTFILE", not LASTING),
    "no TLS where it is wanted": ("TLS", KafkaSecurity(), "may require TLS or a password", not LASTING),
    "no password where it is wanted": ("SASLOPEN", KafkaSecurity(), "may require TLS or a password", not LASTING),
    "TLS where there is none": ("open", KafkaSecurity("ssl"), "does not speak TLS", not LASTING),
}


@pytest.mark.parametrize("why", KAFKA_REFUSES)
async def test_a_refused_kafka_connection_is_explained(
    protected_kafka: ProtectedKafka, authority: Authority, why: str
) -> None:
    place, security, words, lasting = KAFKA_REFUSES[why]
    listener, _, host = place.partition("/")
    at = protected_kafka.bootstrap if listener == "open" else protected_kafka.at(listener, host or "127.0.0.1")
    security = replace(security, files=TlsFiles(authority.cafile if security.uses_tls else None))

    refusal = await diagnose_connection(Settings(kafka=at, kafka_security=security))

    assert refusal is not None
    assert words in refusal.message
    assert "\n" not in refusal.message
    assert refusal.is_permanent == lasting


async def test_one_server_that_accepts_is_enough(protected_kafka: ProtectedKafka, authority: Authority) -> None:
    good, bad, nobody = protected_kafka.at("TLS"), protected_kafka.at("SASL"), "127.0.0.1:1"
    security = KafkaSecurity("ssl", files=TlsFiles(authority.cafile))

    assert await diagnose_connection(Settings(kafka=f"{bad},{nobody},{good}", kafka_security=security)) is None
    assert await diagnose_connection(Settings(kafka=nobody, kafka_security=security)) is None
    refusal = await diagnose_connection(Settings(kafka=f"{nobody},{bad}", kafka_security=security))
    assert refusal is not None
    assert bad in refusal.message


@pytest.mark.timeout(100)
async def test_workers_and_commands_exit_with_one_line(
    protected_kafka: ProtectedKafka, authority: Authority, prefix: str, tmp_path: Path
) -> None:
    trusted, stranger = str(authority.cafile), str(Authority(tmp_path, "stranger").cafile)
    by_password = {"KAFKA_SECURITY": "sasl_ssl", "KAFKA_USERNAME": USER, "KAFKA_CAFILE": trusted}
    cases = {
        "refuses user 'shop' by SCRAM-SHA-512": {
            "KAFKA": protected_kafka.at("SASL"),
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_PASSWORD": "n0t-it",
            **by_password,
        },
        "is not trusted (self-signed certificate in certificate chain); set GOLDSTREAM_KAFKA_CAFILE": {
            "KAFKA": protected_kafka.at("TLS"),
            "KAFKA_SECURITY": "ssl",
            "KAFKA_CAFILE": stranger,
        },
        "is for another host name (Hostname mismatch, certificate is not valid for 'localhost')": {
            "KAFKA": protected_kafka.at("TLS", "localhost"),
            "KAFKA_SECURITY": "ssl",
            "KAFKA_CAFILE": trusted,
        },
    }
    site = Site(protected_kafka.bootstrap, prefix, tmp_path, {})
    try:
        workers = [(words, replace(site, settings=settings).worker()) for words, settings in cases.items()]
        commands = [replace(site, settings=settings).command("topics", "create") for settings in cases.values()]
        for (words, worker), command in zip(workers, await asyncio.gather(*commands), strict=True):
            assert await worker.wait_for_exit() == 1
            assert words in worker.log.splitlines()[-1]
            assert "Traceback" not in worker.log
            assert "n0t-it" not in worker.log
            assert (command.status, command.errors.count("\n")) == (1, 1)
            assert words in command.errors
    finally:
        site.close()


@pytest.fixture(scope="module")
def redis(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProtectedRedis]:
    """A Redis whose user may access the prefix `shop` only."""
    server = ProtectedRedis(tmp_path_factory.mktemp("redis"), authority, "shop")
    server.start()
    try:
        yield server
    finally:
        server.stop()


REDIS_REFUSES: Final = {
    "a wrong password": "refuses the user or the password",
    "an unknown user": "refuses the user or the password",
    "another name": "certificate is not trusted (Hostname mismatch",
    "an authority that nobody knows": "GOLDSTREAM_REDIS_CAFILE",
    "no certificate of ours": "GOLDSTREAM_REDIS_CERTFILE",
    "no TLS where it is wanted": "use rediss://",
    "another prefix": "lacks permissions",
    "nobody there": "cannot be reached",
}


@pytest.mark.parametrize("why", REDIS_REFUSES)
async def test_a_refused_redis_connection_is_explained(
    redis: ProtectedRedis, authority: Authority, tmp_path: Path, why: str
) -> None:
    ours = authority.issue("client")
    files = TlsFiles(authority.cafile, ours.certfile, ours.keyfile)
    url = {
        "a wrong password": redis.at(password="no"),  # noqa: S106
        "an unknown user": redis.at("till"),
        "another name": redis.at(host="localhost"),
        "no TLS where it is wanted": f"redis://127.0.0.1:{redis.tls_port}/0",
        "nobody there": "rediss://127.0.0.1:1/0",
    }.get(why, redis.at())
    if why == "an authority that nobody knows":
        files = replace(files, cafile=Authority(tmp_path, "stranger").cafile)
    if why == "no certificate of ours":
        files = TlsFiles(authority.cafile)

    client = connect_redis(Settings(redis=url, redis_files=files))
    with pytest.raises((RedisError, OSError)) as refused:
        await client.set("other:key" if why == "another prefix" else "shop:key", "1")
    await client.aclose()

    line = describe_redis_error(refused.value)
    assert REDIS_REFUSES[why] in line
    assert "\n" not in line
