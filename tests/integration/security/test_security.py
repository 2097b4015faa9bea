"""With TLS, a password or a client certificate everything works as it does in plaintext."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest

from streams.kafka.reader import read_range
from streams.kafka.topics import check_topics, create_topics
from streams.kafka.writing.publisher import Publisher
from streams.settings.kafka_security import KafkaSecurity
from streams.settings.settings import Settings
from streams.settings.tls_files import TlsFiles
from tests.integration.security.listed_rights import WORKERS_ROW, listed_rights
from tests.oracle import Oracle
from tests.records.kafka_records import publish, read
from tests.retail.comparison import assert_published, assert_redis, redis_contents, redis_shows_all
from tests.retail.rules import STEPPE
from tests.retail.year import draw_year
from tests.running.workers import Site
from tests.servers.certificates import Authority, Certificate
from tests.servers.protected_kafka import PASSWORD, USER, WORKER, ProtectedKafka
from tests.servers.protected_redis import ProtectedRedis

PARTITIONS = 2
SASL = {"KAFKA_SECURITY": "sasl_ssl", "KAFKA_USERNAME": USER, "KAFKA_PASSWORD": PASSWORD}


class Papers(NamedTuple):
    """The certificates of a test."""

    authority: Authority
    ours: Certificate

    @property
    def redis(self) -> dict[str, str]:
        """Return the Redis settings that name them."""
        files = {"CAFILE": self.authority.cafile, "CERTFILE": self.ours.certfile, "KEYFILE": self.ours.keyfile}
        return {f"REDIS_{name}": str(file) for name, file in files.items()}

    @property
    def in_url(self) -> str:
        """Return the same as URL parameters for the tests' own clients."""
        files = {"ca_certs": self.authority.cafile, "certfile": self.ours.certfile, "keyfile": self.ours.keyfile}
        return "?" + urlencode({f"ssl_{name}": file for name, file in files.items()})


@pytest.fixture
def papers(authority: Authority) -> Papers:
    """The certificates of the tests' own clients."""
    return Papers(authority, authority.issue("client"))


@pytest.fixture
def site(protected_kafka: ProtectedKafka, authority: Authority, prefix: str, tmp_path: Path) -> Iterator[Site]:
    """A site whose broker the tests reach in plaintext, and workers by their settings."""
    settings = {"KAFKA_CAFILE": str(authority.cafile), "PARTITIONS": str(PARTITIONS), "TIME": "event"}
    place = Site(protected_kafka.bootstrap, prefix, tmp_path, settings)
    try:
        yield place
    finally:
        place.close()


@pytest.fixture
def redis(authority: Authority, prefix: str, tmp_path: Path) -> Iterator[ProtectedRedis]:
    """A Redis whose user may access this prefix only."""
    server = ProtectedRedis(tmp_path, authority, prefix)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.timeout(180)
async def test_a_year_over_tls_with_minimal_rights_equals_the_oracle(
    protected_kafka: ProtectedKafka, redis: ProtectedRedis, site: Site, papers: Papers, seed: int
) -> None:
    year = draw_year(seed, STEPPE, 60)
    site.settings |= STEPPE.settings(site.directory) | SASL | papers.redis | {"REDIS": redis.at()}
    site.settings |= {"KAFKA": protected_kafka.at("SASL"), "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512"}
    site.settings["KAFKA_USERNAME"] = WORKER
    stranger = await site.command("topics", "create")
    assert (stranger.status, "let this user create topics" in stranger.errors) == (1, True), stranger.errors

    await protected_kafka.allow(WORKER, *listed_rights(site.prefix)[WORKERS_ROW])
    assert (await site.command("topics", "create")).status == 0
    await publish(site.kafka, site.topic("events"), [record for record in year.records if record.key])
    worker = site.worker()
    assert (await site.command("advance", "--to", year.ends_at)).status == 0
    expected = Oracle(site.prefix).run(
        [step for step in year.steps() if step["type"] in ("policy", "campaigns", "tick") or step.get("customer_id")]
    )
    await assert_published(site.kafka, site.prefix, expected, PARTITIONS)
    url = redis.at() + papers.in_url
    await redis_shows_all(site.kafka, url, site.prefix)
    await assert_redis(url, site.prefix, expected, year.ends_at)

    (site.directory / "one.csv").write_text("customer,date,amount,order\nnew-one,2026-03-01,700,o-1\n")
    assert (await site.command("import", "one.csv", "--topic", "purchases")).status == 0
    await site.advance("2026-03-02T00:00:00Z")
    story = await site.command("customer", "new-one", "--json")
    assert (story.status, '"new-one"' in story.out) == (0, True), story.errors
    await redis_shows_all(site.kafka, url, site.prefix)
    shown = await redis_contents(url, site.prefix)
    redis.flush()
    assert (await site.command("rebuild-redis", "--yes")).status == 0
    again = await redis_contents(url, site.prefix)
    assert {key for key in shown if ":customer:" in key} == {key for key in again if ":customer:" in key}
    assert await worker.stop() == 0


@pytest.mark.timeout(120)
async def test_a_worker_continues_while_redis_refuses_its_certificate(
    protected_kafka: ProtectedKafka, redis: ProtectedRedis, site: Site, papers: Papers
) -> None:
    site.settings |= papers.redis | {"REDIS": redis.at(password="wrong")}  # noqa: S106 - that is the point
    site.settings |= {"KAFKA": protected_kafka.at("MUTUAL"), "KAFKA_SECURITY": "ssl"}
    site.settings |= {"KAFKA_CERTFILE": str(papers.ours.certfile), "KAFKA_KEYFILE": str(papers.ours.keyfile)}
    (site.directory / "one.csv").write_text("customer,date,amount,order\nnew-one,2026-03-01,700,o-1\n")

    worker = site.worker()
    assert (await site.command("import", "one.csv", "--timezone", "UTC")).status == 0
    await site.advance("2026-03-02T00:00:00Z")

    assert len(await read(site.kafka, site.topic("segment-changes"))) == 1
    line = await worker.wait_for_log("Redis is down")
    assert "refuses the user or the password" in line
    assert "GOLDSTREAM_REDIS" in line
    assert "wrong" not in worker.log
    assert (await worker.metrics()).total("goldstream_redis_up") == 0
    assert await worker.get("/health") == (200, "ok\n")
    rebuilt = await site.command("rebuild-redis", "--yes")
    assert (rebuilt.status, rebuilt.errors.count("\n")) == (1, 1)
    assert "refuses the user or the password" in rebuilt.errors
    assert await worker.stop() == 0


@pytest.mark.parametrize(
    ("listener", "security"),
    [
        ("TLS", KafkaSecurity("ssl")),
        ("SASL", KafkaSecurity("sasl_ssl", "PLAIN", USER, PASSWORD)),
        ("SASL", KafkaSecurity("sasl_ssl", "SCRAM-SHA-256", USER, PASSWORD)),
        ("SASLOPEN", KafkaSecurity("sasl_plaintext", "PLAIN", USER, PASSWORD)),
    ],
    ids=["TLS", "PLAIN over TLS", "SCRAM-SHA-256 over TLS", "PLAIN in the open"],
)
async def test_every_protection_creates_topics_writes_and_reads(
    protected_kafka: ProtectedKafka, authority: Authority, prefix: str, listener: str, security: KafkaSecurity
) -> None:
    files = TlsFiles(authority.cafile) if security.uses_tls else TlsFiles()
    protected = KafkaSecurity(security.protocol, security.sasl_mechanism, security.username, security.password, files)
    settings = Settings(kafka=protected_kafka.at(listener), prefix=prefix, partitions=1, kafka_security=protected)

    assert all(report.created for report in await create_topics(settings))
    assert not any(report.error for report in await check_topics(settings))
    topic = f"{prefix}.events.v1"
    async with Publisher(settings, topic) as publisher:
        await publisher.publish(b"c-1", b"{}")
    found = [record.value async for batch in read_range(settings.kafka_client(), topic, 0) for record in batch]

    assert found == [b"{}"]
