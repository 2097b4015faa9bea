"""The list of all settings: name, default, meaning and parser."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from streams.settings import setting_parsers as parsers

NAME_START = "GOLDSTREAM_"
CONFIG_VARIABLE = "GOLDSTREAM_CONFIG"


class SettingSpec(NamedTuple):
    """One setting as a user sees it.

    Attributes:
        name: of the environment variable.
        default: as text; empty for none.
        meaning: for the help and the README.
        parse: returns the value of a text, or raises ValueError whose message completes "GOLDSTREAM_X must …".
        is_secret: whether messages hide its password.
        is_created: whether its path need not exist: it is created, or only `goldstream serve` reads it.
    """

    name: str
    default: str
    meaning: str
    parse: Callable[[str], Any] = str
    is_secret: bool = False
    is_created: bool = False

    @property
    def key(self) -> str:
        """The key in the TOML file."""
        return self.name.removeprefix(NAME_START).lower()


SETTINGS: tuple[SettingSpec, ...] = (
    SettingSpec(
        "GOLDSTREAM_KAFKA",
        "127.0.0.1:9092",
        "bootstrap servers, host:port, several separated by commas",
        parsers.bootstrap_servers,
    ),
    SettingSpec(
        "GOLDSTREAM_REDIS",
        "",
        "redis:// or rediss:// URL that profiles are projected to; none: no projection",
        parsers.redis_url,
        is_secret=True,
    ),
    SettingSpec(
        "GOLDSTREAM_PREFIX", "goldstream", "prefix of the names of topics and Redis keys", parsers.topic_prefix
    ),
    SettingSpec(
        "GOLDSTREAM_SOURCES",
        "",
        "other prefixes whose source topics are read too; after a replay, the old one",
        parsers.topic_prefixes,
    ),
    SettingSpec(
        "GOLDSTREAM_PARTITIONS",
        "4",
        "partitions of the journal and the topics after it, when they are created",
        parsers.whole_number(1, 10_000),
    ),
    SettingSpec(
        "GOLDSTREAM_REPLICATION",
        "1",
        "replication factor of topics, when they are created",
        parsers.whole_number(1, 100),
    ),
    SettingSpec(
        "GOLDSTREAM_TIME",
        "wall",
        "wall: live, by the clock; event: a history, by its events alone",
        parsers.one_of("wall", "event"),
    ),
    SettingSpec(
        "GOLDSTREAM_LATENESS",
        "5s (0s in event mode)",
        "allowed lateness: how far the watermark stays behind, for late events",
        parsers.duration_ms,
    ),
    SettingSpec("GOLDSTREAM_POLICY", "", "path of the policy file; none: the built-in retail-27", Path),
    SettingSpec("GOLDSTREAM_CAMPAIGNS", "", "path of the campaigns file; none: the built-in retail", Path),
    SettingSpec(
        "GOLDSTREAM_STANDBY",
        "off",
        "all: keep the tables of all partitions in memory, for a fast takeover",
        parsers.one_of("off", "all"),
    ),
    SettingSpec(
        "GOLDSTREAM_HTTP",
        "127.0.0.1:6066",
        "host:port of metrics and health; port 0 takes a free one, which is logged",
        parsers.listen_address,
    ),
    SettingSpec(
        "GOLDSTREAM_API",
        "127.0.0.1:6067",
        "host:port of `goldstream serve`; beyond loopback only with tokens",
        parsers.listen_address,
    ),
    SettingSpec(
        "GOLDSTREAM_TOKENS",
        "",
        "path of the token file of `goldstream serve`; none: loopback only",
        Path,
        is_created=True,
    ),
    SettingSpec("GOLDSTREAM_API_CERT", "", "PEM file of the certificate of `goldstream serve`", Path, is_created=True),
    SettingSpec("GOLDSTREAM_API_KEY", "", "PEM file of the key of that certificate", Path, is_created=True),
    SettingSpec(
        "GOLDSTREAM_API_PROXY",
        "0",
        "1: a proxy that ends TLS stands before `goldstream serve`",
        parsers.flag,
    ),
    SettingSpec(
        "GOLDSTREAM_API_SECRET",
        "",
        "key of page sessions, shared by all servers; none: one in GOLDSTREAM_DATA",
        parsers.signing_secret,
        is_secret=True,
    ),
    SettingSpec("GOLDSTREAM_HOOKS", "", "path of the webhooks file of `goldstream serve`", Path, is_created=True),
    SettingSpec(
        "GOLDSTREAM_DATA",
        ".goldstream",
        "folder for the files of a worker, a server or the demo",
        Path,
        is_created=True,
    ),
    SettingSpec(
        "GOLDSTREAM_LOG",
        "info",
        "minimum log level: debug, info, warning or error",
        parsers.one_of("debug", "info", "warning", "error"),
    ),
    SettingSpec("GOLDSTREAM_LOG_FORMAT", "text", "text, or json: one object per line", parsers.one_of("text", "json")),
    SettingSpec(
        "GOLDSTREAM_KAFKA_SECURITY",
        "plaintext",
        "plaintext, ssl, sasl_plaintext or sasl_ssl",
        parsers.one_of("plaintext", "ssl", "sasl_plaintext", "sasl_ssl"),
    ),
    SettingSpec(
        "GOLDSTREAM_KAFKA_SASL_MECHANISM",
        "PLAIN",
        "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
        parsers.one_of("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
    ),
    SettingSpec("GOLDSTREAM_KAFKA_USERNAME", "", "user name for SASL"),
    SettingSpec("GOLDSTREAM_KAFKA_PASSWORD", "", "password for SASL", is_secret=True),
    SettingSpec("GOLDSTREAM_KAFKA_CAFILE", "", "PEM file of trusted authorities; none: the system's", Path),
    SettingSpec("GOLDSTREAM_KAFKA_CERTFILE", "", "PEM file of the client's certificate, for mutual TLS", Path),
    SettingSpec("GOLDSTREAM_KAFKA_KEYFILE", "", "PEM file of the client's key, for mutual TLS", Path),
    SettingSpec(
        "GOLDSTREAM_REDIS_CAFILE", "", "for rediss://, PEM file of trusted authorities besides the system's", Path
    ),
    SettingSpec("GOLDSTREAM_REDIS_CERTFILE", "", "for rediss://, PEM file of the client's certificate", Path),
    SettingSpec("GOLDSTREAM_REDIS_KEYFILE", "", "for rediss://, PEM file of the client's key", Path),
)


def describe_settings() -> list[tuple[str, str, str]]:
    """Return name, default and meaning of every setting, for `--help` and the README."""
    rows = [(spec.name, spec.default or "none", spec.meaning) for spec in SETTINGS]
    return [
        *rows,
        (CONFIG_VARIABLE, "none", "TOML file with settings: the names above without GOLDSTREAM_, in lower case"),
    ]
