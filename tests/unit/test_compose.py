"""The compose file, the image and the servers' settings agree with each other and with their published schemas.

There is no Docker engine where these tests run: only the files are checked. `make image` builds the image.
"""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.core import TyperGroup
from typer.main import get_command

from agents.cli import app
from streams.settings.settings_spec import SETTINGS

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
SCHEMA: Final = json.loads((ROOT / "tests/data/compose/compose-spec.json").read_text("utf-8"))
DOCKERFILE: Final = (DEPLOY / "Dockerfile").read_text("utf-8")
PROPERTIES: Final = dict(
    line.split("=", 1)
    for line in (DEPLOY / "kafka/server.properties").read_text("utf-8").splitlines()
    if "=" in line and not line.startswith("#")
)
UNITS: Final = {"s": 1, "m": 60}


def seconds(text: str) -> int:
    """Parse a duration of the compose file."""
    return int(text[:-1]) * UNITS[text[-1]]


def binds(service: dict[str, Any]) -> list[Path]:
    """Return the files and folders of the checkout that a service mounts."""
    return [ROOT / volume.split(":")[0] for volume in service.get("volumes", []) if volume.startswith(".")]


def test_the_compose_file_conforms_to_the_compose_specification() -> None:
    """The schema is that of Compose's own loader; see tests/data/compose/README.md."""
    Draft202012Validator.check_schema(SCHEMA)
    errors = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(SCHEMA).iter_errors(COMPOSE)]

    assert errors == []


def test_the_schema_finds_an_error() -> None:
    """A schema that accepts everything would prove nothing."""
    wrong = {"services": {"goldstream": {"image": "goldstream", "restart_polcy": "always"}}}

    assert not Draft202012Validator(SCHEMA).is_valid(wrong)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_restarts_and_listens_on_this_machine_only(name: str) -> None:
    """An image without a version changes over time; a port without an address is open to the network."""
    service = SERVICES[name]

    assert re.fullmatch(r"[\w./-]+:v?\d+(\.\d+)+[\w.-]*|goldstream:local", service["image"])
    assert service["restart"] == "unless-stopped"
    assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", []))
    assert "healthcheck" in service or "demo" in service.get("profiles", [])


@pytest.mark.parametrize("name", SERVICES)
def test_mounts_dependencies_and_volumes_of_a_service_exist(name: str) -> None:
    """Files of the checkout, services with a health check, named volumes."""
    service = SERVICES[name]

    assert [path for path in binds(service) if not path.exists()] == []
    for other, dependency in service.get("depends_on", {}).items():
        assert dependency["condition"] == "service_started" or "healthcheck" in SERVICES[other]
    for volume in service.get("volumes", []):
        assert volume.startswith((".", "/")) or volume.split(":")[0] in COMPOSE["volumes"]


def test_goldstream_gets_only_settings_that_exist() -> None:
    """A misspelt variable would be ignored, or stop the worker."""
    known = {variable.name for variable in SETTINGS}

    for name in ("goldstream", "shop"):
        assert set(SERVICES[name]["environment"]) <= known
    assert set(re.findall(r"\b(GOLDSTREAM_[A-Z_]+)=", DOCKERFILE)) <= known


@pytest.mark.parametrize("name", ["goldstream", "shop"])
def test_a_container_runs_a_command_that_exists(name: str) -> None:
    """The command line's own parser accepts its options; nothing is run."""
    command, *options = SERVICES[name]["command"]
    group = get_command(app)

    assert isinstance(group, TyperGroup)
    group.commands[command].make_context(command, list(options))


def test_the_worker_gets_the_time_that_it_needs_to_stop() -> None:
    """A worker promises to stop within 30 seconds; a shorter grace would kill it in the middle of a flush."""
    assert seconds(SERVICES["goldstream"]["stop_grace_period"]) == 30


def test_addresses_and_ports_agree_between_the_files() -> None:
    """Kafka's listeners, Redis, the worker's metrics, Prometheus' targets and Grafana's data source."""
    environment = SERVICES["goldstream"]["environment"]
    scrape = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text("utf-8"))["scrape_configs"]
    targets = next(job for job in scrape if job["job_name"] == "goldstream")["dns_sd_configs"][0]
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text("utf-8"))
    http_port = environment["GOLDSTREAM_HTTP"].rpartition(":")[2]

    assert f"INTERNAL://{environment['GOLDSTREAM_KAFKA']}" in PROPERTIES["advertised.listeners"].split(",")
    assert environment["GOLDSTREAM_REDIS"] == "redis://redis:6379/0"
    assert (targets["names"], str(targets["port"])) == (["goldstream"], http_port)
    assert f":{http_port}/ready" in SERVICES["goldstream"]["healthcheck"]["test"][-1]
    assert SERVICES["goldstream"]["ports"][0].endswith(f":{http_port}")
    assert f"EXPOSE {http_port}" in DOCKERFILE
    assert [source["url"] for source in sources["datasources"]] == ["http://prometheus:9090"]


def test_a_program_on_the_host_reaches_kafka_by_its_advertised_address() -> None:
    """Kafka sends its clients to the advertised address: it must be the published one."""
    address, published, inside = SERVICES["kafka"]["ports"][0].split(":")

    assert f"HOST://{address}:{published}" in PROPERTIES["advertised.listeners"].split(",")
    assert f"HOST://:{inside}" in PROPERTIES["listeners"].split(",")


def test_kafka_keeps_its_data_in_the_volume_and_creates_no_topics_by_itself() -> None:
    """Data outside the volume is lost with the container; a topic created by a typing error swallows events."""
    assert f"kafka:{PROPERTIES['log.dirs']}" in SERVICES["kafka"]["volumes"]
    assert PROPERTIES["auto.create.topics.enable"] == "false"


def test_redis_evicts_nothing() -> None:
    """An evicted key is a customer who silently vanishes from look-ups."""
    settings = (DEPLOY / "redis/redis.conf").read_text("utf-8")

    assert "\nmaxmemory-policy noeviction\n" in settings
    assert "\nappendonly yes\n" in settings


def test_the_dashboard_is_where_grafana_looks_for_it() -> None:
    """The provider's path is the mounted folder, and the home page is one of its files."""
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/goldstream.yml").read_text("utf-8"))
    path = provider["providers"][0]["options"]["path"]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]

    assert f"./deploy/grafana/dashboards:{path}:ro" in SERVICES["grafana"]["volumes"]
    assert (DEPLOY / "grafana/dashboards" / Path(home).relative_to(path)).is_file()


def test_the_image_is_built_from_existing_files_and_nothing_else() -> None:
    """Every copied path exists and is allowed by the ignore file, which first excludes everything."""
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, flags=re.MULTILINE)
        for source in line.split()[:-1]
    ]

    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert {line for line in ignored if line.startswith("!")} == {f"!{source}" for source in copied}
    assert next(line for line in ignored if not line.startswith("#")) == "*"


def test_the_image_does_not_run_as_root_and_names_no_registry() -> None:
    """The user is numeric, so that a cluster that refuses root can check it; packages come from pip's settings."""
    users = re.findall(r"^USER (.+)$", DOCKERFILE, flags=re.MULTILINE)

    assert users
    assert not users[-1].startswith(("root", "0"))
    assert "://" not in DOCKERFILE


def test_every_decision_is_in_the_index_once() -> None:
    """A decision that is missing from the index is not found."""
    index = (DEPLOY / "decisions/README.md").read_text("utf-8")
    pages = sorted(path.name for path in (DEPLOY / "decisions").glob("[0-9]*.md"))

    assert sorted(re.findall(r"\]\(([0-9][\w.-]+\.md)\)", index)) == pages
