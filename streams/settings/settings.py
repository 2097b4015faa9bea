"""The settings of a process, read once at its start from the environment and a file.

A setting comes from the environment, else from the TOML file named by `--config` or `GOLDSTREAM_CONFIG`, else it has
its default. In the file the keys are the names without `GOLDSTREAM_`, in lower case, and relative paths start at the
file's folder. All errors are reported together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from streams.settings import setting_parsers as parsers
from streams.settings.kafka_security import KafkaSecurity, parse_security
from streams.settings.setting_texts import Origin, collect_texts
from streams.settings.tls_files import TlsFiles, parse_tls_files

TimeMode = Literal["wall", "event"]
LogFormat = Literal["text", "json"]
StandbyMode = Literal["off", "all"]


class SettingsError(Exception):
    """Settings are invalid; each of `errors` names one with its value and the remedy."""

    def __init__(self, errors: tuple[str, ...]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Settings:
    """Valid settings; those without a default are None where nothing is set."""

    kafka: str = "127.0.0.1:9092"
    redis: str | None = field(default=None, repr=False)
    prefix: str = "goldstream"
    sources: tuple[str, ...] = ()
    partitions: int = 4
    replication: int = 1
    time: TimeMode = "wall"
    lateness_ms: int = 5_000
    policy: Path | None = None
    campaigns: Path | None = None
    standby: StandbyMode = "off"
    http: str = "127.0.0.1:6066"
    api: str = "127.0.0.1:6067"
    tokens: Path | None = None
    api_cert: Path | None = None
    api_key: Path | None = None
    api_proxy: bool = False
    api_secret: str | None = field(default=None, repr=False)
    hooks: Path | None = None
    data: Path = Path(".goldstream")
    log: str = "info"
    log_format: LogFormat = "text"
    kafka_security: KafkaSecurity = field(default_factory=KafkaSecurity)
    redis_files: TlsFiles = field(default_factory=TlsFiles)

    @property
    def http_address(self) -> tuple[str, int]:
        """The host and the port to listen on; port 0 takes a free one."""
        return parsers.host_and_port(self.http, lowest_port=0)

    @property
    def api_address(self) -> tuple[str, int]:
        """The host and the port on which `goldstream serve` listens; port 0 takes a free one."""
        return parsers.host_and_port(self.api, lowest_port=0)

    @property
    def redis_masked(self) -> str:
        """The Redis URL without its password, or `none`."""
        return parsers.mask_password(self.redis) if self.redis else "none"

    @property
    def uses_tls(self) -> bool:
        """Whether connections to Kafka or Redis are encrypted."""
        return self.kafka_security.uses_tls or (self.redis or "").startswith("rediss:")

    def kafka_client(self) -> dict[str, Any]:
        """Return the keyword arguments with which every aiokafka client connects."""
        security = self.kafka_security
        arguments: dict[str, Any] = {
            "bootstrap_servers": self.kafka.split(","),
            "security_protocol": security.protocol.upper(),
        }
        if context := security.ssl_context():
            arguments["ssl_context"] = context
        if security.uses_sasl:
            arguments["sasl_mechanism"] = security.sasl_mechanism
            arguments["sasl_plain_username"] = security.username
            arguments["sasl_plain_password"] = security.password
        return arguments


def load_settings(config: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read and validate all settings; an empty variable counts as absent.

    Raises:
        SettingsError: with all errors.
    """
    errors: list[str] = []
    values: dict[str, Any] = {}
    for given in collect_texts(config, environ, errors).values():
        if given.origin is Origin.DEFAULT and given.spec.key != "lateness":  # whose default depends on the mode
            continue
        try:
            value = given.spec.parse(given.text)
        except ValueError as error:
            errors.append(f"{given.name} must {error}: got {given.shown!r}; correct it in {given.place}")
            continue
        if isinstance(value, Path):
            value = given.path
            if not given.spec.is_created and not value.is_file():
                errors.append(f"{given.name} must be an existing file: got {str(value)!r}; correct it in {given.place}")
        values[given.spec.key] = value
    security = parse_security(values, errors)
    uses_tls = str(values.get("redis", "")).startswith("rediss:")
    redis_files = parse_tls_files(
        values, "redis", None if uses_tls else "GOLDSTREAM_REDIS is not a rediss:// URL", errors
    )
    if errors:
        raise SettingsError(tuple(errors))
    values["lateness_ms"] = values.pop("lateness")
    return Settings(**values, kafka_security=security, redis_files=redis_files)
