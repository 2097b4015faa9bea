"""Settings: their sources and precedence, their valid values, and how errors are reported."""

import ssl
from pathlib import Path

import pytest

from streams.settings.setting_parsers import duration_ms, mask_password
from streams.settings.setting_texts import Origin, collect_texts
from streams.settings.settings import Settings, SettingsError, load_settings
from streams.settings.settings_spec import SETTINGS, describe_settings


def errors_of(environ: dict[str, str], config: Path | None = None) -> tuple[str, ...]:
    """Return the errors of invalid settings."""
    with pytest.raises(SettingsError) as caught:
        load_settings(config, environ)
    return caught.value.errors


def test_an_empty_environment_gives_the_documented_defaults() -> None:
    assert load_settings(environ={}) == Settings(
        kafka="127.0.0.1:9092",
        redis=None,
        prefix="goldstream",
        partitions=4,
        replication=1,
        time="wall",
        lateness_ms=5_000,
        policy=None,
        campaigns=None,
        http="127.0.0.1:6066",
        data=Path(".goldstream"),
        log="info",
        log_format="text",
    )


def test_an_empty_variable_counts_as_absent() -> None:
    assert load_settings(environ={variable.name: "" for variable in SETTINGS}) == Settings()


def test_the_environment_overrides_the_file_and_the_file_the_default(tmp_path: Path) -> None:
    file = tmp_path / "goldstream.toml"
    file.write_text('prefix = "from-file"\npartitions = 8\n')
    settings = load_settings(environ={"GOLDSTREAM_CONFIG": str(file), "GOLDSTREAM_PREFIX": "from-environment"})
    assert (settings.prefix, settings.partitions, settings.replication) == ("from-environment", 8, 1)


def test_the_config_option_overrides_the_config_variable(tmp_path: Path) -> None:
    named, given = tmp_path / "named.toml", tmp_path / "given.toml"
    named.write_text('prefix = "named"')
    given.write_text('prefix = "given"')
    assert load_settings(given, {"GOLDSTREAM_CONFIG": str(named)}).prefix == "given"


def test_a_path_in_the_file_is_relative_to_the_files_folder(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text("")
    file = tmp_path / "goldstream.toml"
    file.write_text('policy = "shop.toml"\ndata = "files"\n')
    settings = load_settings(file, {})
    assert (settings.policy, settings.data) == (tmp_path / "shop.toml", tmp_path / "files")


def test_the_allowed_lateness_is_0_in_event_mode_unless_it_is_set() -> None:
    assert load_settings(environ={"GOLDSTREAM_TIME": "event"}).lateness_ms == 0
    assert load_settings(environ={"GOLDSTREAM_TIME": "event", "GOLDSTREAM_LATENESS": "2s"}).lateness_ms == 2_000
    assert load_settings(environ={"GOLDSTREAM_LATENESS": "0s"}).lateness_ms == 0


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("5s", 5_000), ("500ms", 500), ("1m", 60_000), ("1m30s", 90_000), ("1.5s", 1_500), ("0s", 0), ("1h", 3_600_000)],
)
def test_a_duration_is_a_number_with_its_unit(text: str, milliseconds: int) -> None:
    assert duration_ms(text) == milliseconds


@pytest.mark.parametrize("text", ["5", "s", "-5s", "5 s", "5sec", "1.0001ms", "31d", "", "5s5", "٥s"])
def test_a_text_that_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^be "):
        duration_ms(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAFKA", "localhost"),
        ("KAFKA", "a:1,b:0"),
        ("KAFKA", ","),
        ("REDIS", "http://127.0.0.1"),
        ("REDIS", "redis://"),
        ("REDIS", "redis://host:port"),
        ("REDIS", "redis://host/first"),
        ("PREFIX", "two words"),
        ("PREFIX", "x" * 201),
        ("PARTITIONS", "0"),
        ("PARTITIONS", "four"),
        ("PARTITIONS", "²"),
        ("REPLICATION", "-1"),
        ("TIME", "sun"),
        ("LATENESS", "5"),
        ("HTTP", "6066"),
        ("HTTP", "127.0.0.1:65536"),
        ("API", "6067"),
        ("API_PROXY", "yes"),
        ("LOG", "loud"),
        ("LOG_FORMAT", "xml"),
        ("KAFKA_SECURITY", "tls"),
        ("POLICY", "no/such/file.toml"),
    ],
)
def test_an_error_names_the_variable_the_value_and_the_place(name: str, value: str) -> None:
    (error,) = errors_of({f"GOLDSTREAM_{name}": value})
    assert error.startswith(f"GOLDSTREAM_{name} ")
    assert repr(value) in error
    assert error.endswith("correct it in the environment")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAFKA", "a.example:9092, [::1]:9093"),
        ("REDIS", "rediss://user:secret@redis.example:6380/3"),
        ("HTTP", "0.0.0.0:0"),
        ("TIME", "EVENT"),
        ("LOG", "DEBUG"),
        ("PARTITIONS", "256"),
    ],
)
def test_a_well_formed_value_is_accepted(name: str, value: str) -> None:
    load_settings(environ={f"GOLDSTREAM_{name}": value})


def test_all_errors_are_reported_together(tmp_path: Path) -> None:
    file = tmp_path / "goldstream.toml"
    file.write_text('partitions = 0\nprefiks = "x"\nreplication = true\n')
    errors = errors_of({"GOLDSTREAM_TIME": "sun"}, file)
    assert [error.split(" must")[0] for error in errors] == [
        f"{file}: prefiks is unknown; did you mean prefix?",
        f"{file}: replication",
        "partitions",
        "GOLDSTREAM_TIME",
    ]
    assert f"got '0'; correct it in {file}" in errors[2]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("GOLDSTREAM_PARTITION", "did you mean GOLDSTREAM_PARTITIONS?"),
        ("GOLDSTREAM_KAFKA_USER", "did you mean GOLDSTREAM_KAFKA_USERNAME?"),
        ("GOLDSTREAM_ZZZ", "remove it; `goldstream settings` lists all settings"),
    ],
)
def test_an_unknown_variable_is_refused(name: str, remedy: str) -> None:
    assert errors_of({name: "12", "HOME": "/"}) == (f"{name} is unknown in the environment; {remedy}",)


@pytest.mark.parametrize(
    "name",
    [
        "GOLDSTREAM_SERVICE_HOST",
        "GOLDSTREAM_SERVICE_PORT_HTTP",
        "GOLDSTREAM_PORT",
        "GOLDSTREAM_PORT_6066_TCP_ADDR",
        "GOLDSTREAM_SEGMENT_SERVICE_HOST",
        "GOLDSTREAM_SEGMENT_PORT_6066_TCP",
    ],
)
def test_what_kubernetes_injects_for_a_service_is_ignored(name: str) -> None:
    assert load_settings(environ={name: "tcp://10.0.0.1:6066"}) == Settings()


def test_settings_of_the_http_server_are_no_error_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "goldstream.toml"
    file.write_text('api = "127.0.0.1:6067"\ntokens = "tokens.toml"\n')
    settings = load_settings(file, environ={"GOLDSTREAM_API": "127.0.0.1:0", "GOLDSTREAM_HOOKS": "hooks.toml"})
    assert (settings.api_address, settings.tokens) == (("127.0.0.1", 0), tmp_path / "tokens.toml")
    assert settings.hooks == Path("hooks.toml"), "only the HTTP server needs the file"


def test_every_setting_has_its_text_and_origin(tmp_path: Path) -> None:
    file = tmp_path / "goldstream.toml"
    file.write_text('prefix = "shop"\npartitions = 12\ntime = "event"\ndata = "files"\n')
    environ = {"GOLDSTREAM_PARTITIONS": "8", "GOLDSTREAM_REDIS": "redis://u:secret@h", "GOLDSTREAM_KAFKA_PASSWORD": "x"}
    errors: list[str] = []
    texts = collect_texts(file, environ, errors)
    assert errors == []
    assert list(texts) == [spec.key for spec in SETTINGS]
    assert {key: (each.shown, each.origin) for key, each in texts.items() if each.text} == {
        "kafka": ("127.0.0.1:9092", Origin.DEFAULT),
        "redis": ("redis://u:***@h", Origin.ENVIRONMENT),
        "prefix": ("shop", Origin.FILE),
        "partitions": ("8", Origin.ENVIRONMENT),
        "replication": ("1", Origin.DEFAULT),
        "time": ("event", Origin.FILE),
        "lateness": ("0s", Origin.DEFAULT),
        "standby": ("off", Origin.DEFAULT),
        "http": ("127.0.0.1:6066", Origin.DEFAULT),
        "api": ("127.0.0.1:6067", Origin.DEFAULT),
        "api_proxy": ("0", Origin.DEFAULT),
        "data": (str(tmp_path / "files"), Origin.FILE),
        "log": ("info", Origin.DEFAULT),
        "log_format": ("text", Origin.DEFAULT),
        "kafka_security": ("plaintext", Origin.DEFAULT),
        "kafka_sasl_mechanism": ("PLAIN", Origin.DEFAULT),
        "kafka_password": ("***", Origin.ENVIRONMENT),
    }


def test_a_short_secret_of_page_sessions_is_refused_and_not_shown() -> None:
    (error,) = errors_of({"GOLDSTREAM_API_SECRET": "drowssap"})
    assert "at least 32 characters" in error
    assert "drowssap" not in error


def test_a_redis_password_without_a_scheme_is_not_shown() -> None:
    (error,) = errors_of({"GOLDSTREAM_REDIS": "user:secret@host"})
    assert "secret" not in error


def test_a_file_that_is_missing_or_not_toml_is_an_error(tmp_path: Path) -> None:
    assert "cannot be read" in errors_of({"GOLDSTREAM_CONFIG": str(tmp_path / "nowhere.toml")})[0]
    broken = tmp_path / "broken.toml"
    broken.write_bytes(b"prefix = \xff")
    assert "is not TOML" in errors_of({}, broken)[0]


def test_passwords_are_never_shown() -> None:
    (error,) = errors_of({"GOLDSTREAM_REDIS": "http://user:secret@host"})
    assert "secret" not in error
    settings = load_settings(
        environ={
            "GOLDSTREAM_REDIS": "redis://user:secret@host:6379",
            "GOLDSTREAM_KAFKA_SECURITY": "sasl_plaintext",
            "GOLDSTREAM_KAFKA_USERNAME": "shop",
            "GOLDSTREAM_KAFKA_PASSWORD": "secret",
        }
    )
    assert "secret" not in repr(settings)
    assert settings.redis_masked == "redis://user:***@host:6379"
    assert mask_password("redis://:secret@h") == "redis://:***@h"


def test_without_security_the_kafka_client_gets_only_servers() -> None:
    assert load_settings(environ={"GOLDSTREAM_KAFKA": "a:1, b:2"}).kafka_client() == {
        "bootstrap_servers": ["a:1", "b:2"],
        "security_protocol": "PLAINTEXT",
    }


def test_with_sasl_ssl_the_kafka_client_gets_a_tls_context_and_credentials() -> None:
    arguments = load_settings(
        environ={
            "GOLDSTREAM_KAFKA_SECURITY": "sasl_ssl",
            "GOLDSTREAM_KAFKA_SASL_MECHANISM": "scram-sha-512",
            "GOLDSTREAM_KAFKA_USERNAME": "shop",
            "GOLDSTREAM_KAFKA_PASSWORD": "secret",
        }
    ).kafka_client()
    assert isinstance(arguments.pop("ssl_context"), ssl.SSLContext)
    assert arguments == {
        "bootstrap_servers": ["127.0.0.1:9092"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "shop",
        "sasl_plain_password": "secret",
    }


def test_inconsistent_security_settings_are_refused(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("no key")
    assert len(errors_of({"GOLDSTREAM_KAFKA_SECURITY": "sasl_ssl"})) == len(("username", "password"))
    assert "does not use it" in errors_of({"GOLDSTREAM_KAFKA_USERNAME": "shop"})[0]
    assert "does not use it" in errors_of({"GOLDSTREAM_KAFKA_KEYFILE": str(key)})[0]
    tls = {"GOLDSTREAM_KAFKA_SECURITY": "ssl", "GOLDSTREAM_KAFKA_KEYFILE": str(key)}
    assert "CERTFILE must be set" in errors_of(tls)[0]
    assert "must be PEM" in errors_of(tls | {"GOLDSTREAM_KAFKA_CERTFILE": str(key)})[0]


def test_tls_files_for_redis_require_a_rediss_url(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("no key")
    assert "is not a rediss:// URL, which does not use it" in errors_of({"GOLDSTREAM_REDIS_CAFILE": str(key)})[0]
    tls = {"GOLDSTREAM_REDIS": "rediss://host:6379", "GOLDSTREAM_REDIS_KEYFILE": str(key)}
    assert "GOLDSTREAM_REDIS_CERTFILE must be set" in errors_of(tls)[0]
    assert "must be PEM" in errors_of({**tls, "GOLDSTREAM_REDIS_CERTFILE": str(key)})[0]


def test_the_description_has_every_setting_with_its_default() -> None:
    described = {name: default for name, default, _ in describe_settings()}
    assert described["GOLDSTREAM_HTTP"] == "127.0.0.1:6066"
    assert described["GOLDSTREAM_REDIS"] == "none"
    assert set(described) == {variable.name for variable in SETTINGS} | {"GOLDSTREAM_CONFIG"}
