"""Every setting of Goldstream: its name, its default, what it means, and how it is checked.

A setting comes from the environment, else from the TOML file named by `GOLDSTREAM_CONFIG` or `--config`,
else it has its default. In the file the keys are the names without `GOLDSTREAM_`, in lower case, and relative
paths start at the file's folder. Settings are read once, at the start, and all faults are reported together.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from streams.settings import setting_parsers as forms
from streams.settings.kafka_security import KafkaSecurity, checked_security
from streams.settings.settings_spec import CONFIG_VARIABLE, VARIABLES
from streams.settings.tls_files import TlsFiles, checked_files

TimeMode = Literal["wall", "event"]
LogFormat = Literal["text", "json"]
StandbyMode = Literal["off", "all"]


class SettingsError(Exception):
    """Settings that cannot be used; `errors` names each of them with its value and the way out."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        """Keep every fault."""
        super().__init__("; ".join(faults))
        self.errors = faults


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings; `redis`, `policy` and `campaigns` are None where nothing was set."""

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
    data: Path = Path(".goldstream")
    log: str = "info"
    log_format: LogFormat = "text"
    kafka_security: KafkaSecurity = field(default_factory=KafkaSecurity)
    redis_files: TlsFiles = field(default_factory=TlsFiles)

    @property
    def http_address(self) -> tuple[str, int]:
        """Host and port to listen on; port 0 means a free one."""
        return forms.host_and_port(self.http, lowest_port=0)

    @property
    def redis_shown(self) -> str:
        """The Redis URL without its password, or `none`."""
        return forms.without_password(self.redis) if self.redis else "none"

    def kafka_client(self) -> dict[str, Any]:
        """Keyword arguments with which every aiokafka client connects."""
        security = self.kafka_security
        arguments: dict[str, Any] = {
            "bootstrap_servers": self.kafka.split(","),
            "security_protocol": security.protocol.upper(),
        }
        if context := security.ssl_context():
            arguments["ssl_context"] = context
        if security.by_sasl:
            arguments["sasl_mechanism"] = security.sasl_mechanism
            arguments["sasl_plain_username"] = security.username
            arguments["sasl_plain_password"] = security.password
        return arguments


def load_settings(config: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check all settings; an empty variable counts as absent.

    Raises:
        SettingsError: with every fault at once.
    """
    environ = os.environ if environ is None else environ
    faults: list[str] = []
    file = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    written = _read_file(file, faults) if file else {}
    values: dict[str, Any] = {}
    for variable in VARIABLES:
        text, from_file = environ.get(variable.name, ""), False
        if not text:
            text, from_file = written.get(variable.key, ""), True
        if not text:
            continue
        name, place = (variable.key, str(file)) if from_file else (variable.name, "the environment")
        try:
            value = variable.read(text)
        except ValueError as fault:
            shown = forms.without_password(text) if variable.secret else text
            faults.append(f"{name} must {fault}: got {shown!r}; correct it in {place}")
            continue
        if isinstance(value, Path):
            value = file.parent / value if file and from_file else value
            if not variable.is_made and not value.is_file():
                faults.append(f"{name} names no file: got {str(value)!r}; correct it in {place}")
        values[variable.key] = value
    security = checked_security(values, faults)
    by_tls = str(values.get("redis", "")).startswith("rediss:")
    redis_files = checked_files(values, "redis", None if by_tls else "GOLDSTREAM_REDIS is no rediss:// URL", faults)
    if faults:
        raise SettingsError(tuple(faults))
    if values.get("time") == "event":
        values.setdefault("lateness", 0)
    if "lateness" in values:
        values["lateness_ms"] = values.pop("lateness")
    return Settings(**values, kafka_security=security, redis_files=redis_files)


def _read_file(file: Path, faults: list[str]) -> dict[str, str]:
    """Read the TOML file into texts by key; what is wrong with it goes to `faults`."""
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        faults.append(
            f"{file}: cannot be read ({error.strerror}); name an existing file by --config or {CONFIG_VARIABLE}"
        )
        return {}
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError
        faults.append(f"{file}: is not TOML ({error}); correct it")
        return {}
    keys = {variable.key for variable in VARIABLES}
    texts: dict[str, str] = {}
    for key, value in table.items():
        if key not in keys:
            faults.append(f"{file}: unknown setting {key!r}; goldstream --help lists all of them")
        elif isinstance(value, bool) or not isinstance(value, str | int):
            faults.append(f"{file}: {key} must be a string or a whole number: got {value!r}; correct it")
        else:
            texts[key] = str(value)
    return texts
