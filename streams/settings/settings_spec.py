"""The list of all settings: name, default, meaning and parser."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from streams.settings import setting_parsers as forms

NAME_START = "GOLDSTREAM_"
CONFIG_VARIABLE = "GOLDSTREAM_CONFIG"


class Variable(NamedTuple):
    """One setting as a user sees it."""

    name: str
    default: str
    meaning: str
    read: Callable[[str], Any] = str
    secret: bool = False
    is_made: bool = False  # a path that need not exist yet

    @property
    def key(self) -> str:
        """The key in the TOML file."""
        return self.name.removeprefix(NAME_START).lower()


VARIABLES: tuple[Variable, ...] = (
    Variable(
        "GOLDSTREAM_KAFKA",
        "127.0.0.1:9092",
        "bootstrap servers, host:port, several separated by commas",
        forms.bootstrap_servers,
    ),
    Variable(
        "GOLDSTREAM_REDIS",
        "",
        "redis:// or rediss:// URL that profiles are projected to; none: no projection",
        forms.redis_url,
        secret=True,
    ),
    Variable("GOLDSTREAM_PREFIX", "goldstream", "prefix of the names of topics and Redis keys", forms.topic_prefix),
    Variable(
        "GOLDSTREAM_SOURCES",
        "",
        "other prefixes whose source topics are read too; after a replay, the old one",
        forms.topic_prefixes,
    ),
    Variable(
        "GOLDSTREAM_PARTITIONS",
        "4",
        "partitions of the journal and the topics after it, when they are created",
        forms.whole_number(1, 10_000),
    ),
    Variable(
        "GOLDSTREAM_REPLICATION",
        "1",
        "replication factor of topics, when they are created",
        forms.whole_number(1, 100),
    ),
    Variable(
        "GOLDSTREAM_TIME",
        "wall",
        "wall: live, by the clock; event: a history, by its events alone",
        forms.one_of("wall", "event"),
    ),
    Variable(
        "GOLDSTREAM_LATENESS",
        "5s (0s in event mode)",
        "allowed lateness: how far the watermark stays behind, for late events",
        forms.duration_ms,
    ),
    Variable("GOLDSTREAM_POLICY", "", "path of the policy file; none: the built-in retail-27", Path),
    Variable("GOLDSTREAM_CAMPAIGNS", "", "path of the campaigns file; none: the built-in retail", Path),
    Variable(
        "GOLDSTREAM_STANDBY",
        "off",
        "all: keep the tables of all partitions in memory, for a fast takeover",
        forms.one_of("off", "all"),
    ),
    Variable(
        "GOLDSTREAM_HTTP",
        "127.0.0.1:6066",
        "host:port of metrics and health; port 0 takes a free one, which is logged",
        forms.listen_address,
    ),
    Variable("GOLDSTREAM_DATA", ".goldstream", "folder for the files of a worker or the demo", Path, is_made=True),
    Variable(
        "GOLDSTREAM_LOG",
        "info",
        "minimum log level: debug, info, warning or error",
        forms.one_of("debug", "info", "warning", "error"),
    ),
    Variable("GOLDSTREAM_LOG_FORMAT", "text", "text, or json: one object per line", forms.one_of("text", "json")),
    Variable(
        "GOLDSTREAM_KAFKA_SECURITY",
        "plaintext",
        "plaintext, ssl, sasl_plaintext or sasl_ssl",
        forms.one_of("plaintext", "ssl", "sasl_plaintext", "sasl_ssl"),
    ),
    Variable(
        "GOLDSTREAM_KAFKA_SASL_MECHANISM",
        "PLAIN",
        "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
        forms.one_of("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
    ),
    Variable("GOLDSTREAM_KAFKA_USERNAME", "", "user name for SASL"),
    Variable("GOLDSTREAM_KAFKA_PASSWORD", "", "password for SASL", secret=True),
    Variable("GOLDSTREAM_KAFKA_CAFILE", "", "PEM file of trusted authorities; none: the system's", Path),
    Variable("GOLDSTREAM_KAFKA_CERTFILE", "", "PEM file of the client's certificate, for mutual TLS", Path),
    Variable("GOLDSTREAM_KAFKA_KEYFILE", "", "PEM file of the client's key, for mutual TLS", Path),
    Variable(
        "GOLDSTREAM_REDIS_CAFILE", "", "for rediss://, PEM file of trusted authorities besides the system's", Path
    ),
    Variable("GOLDSTREAM_REDIS_CERTFILE", "", "for rediss://, PEM file of the client's certificate", Path),
    Variable("GOLDSTREAM_REDIS_KEYFILE", "", "for rediss://, PEM file of the client's key", Path),
)


def describe_settings() -> list[tuple[str, str, str]]:
    """Return name, default and meaning of every setting, for `--help` and the README."""
    rows = [(variable.name, variable.default or "none", variable.meaning) for variable in VARIABLES]
    return [
        *rows,
        (CONFIG_VARIABLE, "none", "TOML file with settings: the names above without GOLDSTREAM_, in lower case"),
    ]
