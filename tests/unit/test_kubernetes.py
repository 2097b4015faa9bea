"""The Kubernetes manifests conform to the published schemas, agree with each other, and configure a valid worker."""

import json
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import available_timezones

import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.core import TyperGroup
from typer.main import get_command

from agents.cli import app
from agents.serve.access.token_file import parse_tokens
from agents.serve.hooks.hook_file import parse_hooks
from state.config.campaigns import parse_campaigns
from state.config.policy_reader import parse_policy
from streams.defaults import campaigns_text, policy_text
from streams.settings.settings import Settings, SettingsError, load_settings
from streams.settings.settings_spec import SETTINGS
from tests.servers.certificates import Authority

ROOT: Final = Path(__file__).parents[2]
MANIFESTS: Final = ROOT / "deploy/kubernetes"
SCHEMAS: Final = sorted((ROOT / "tests/data/kubernetes").glob("v*.json"))
RUNS_WORKERS: Final = ("workers.yaml", "split.yaml")

Object = dict[str, Any]


def objects(file: str) -> list[Object]:
    """Return the objects of a file, those of a List one by one."""
    found = list(yaml.safe_load_all((MANIFESTS / file).read_text("utf-8")))
    return [each for one in found for each in (one["items"] if one["kind"] == "List" else [one])]


FILES: Final = {path.name: objects(path.name) for path in MANIFESTS.glob("*.yaml") if path.name != "kustomization.yaml"}
OBJECTS: Final = [
    pytest.param(each, id=f"{file}:{each['kind']}/{each['metadata']['name']}")
    for file, found in FILES.items()
    for each in found
]
WORKERS: Final = [
    pytest.param(file, each, id=each["metadata"]["name"])
    for file in RUNS_WORKERS
    for each in FILES[file]
    if each["kind"] == "StatefulSet"
]


@cache
def validator(schema: Path, kind: str) -> Draft202012Validator:
    """Return the validator of one kind in one version of Kubernetes."""
    bundle = json.loads(schema.read_text("utf-8"))
    return Draft202012Validator({**bundle, "$ref": f"#/$defs/{kind}"})


def kind_of(thing: Object) -> str:
    """Return the name of its schema: `statefulset-apps-v1`."""
    return "-".join([thing["kind"].lower(), *thing["apiVersion"].split("/")])


def named(kind: str, name: str) -> Object:
    """Return the first object of this kind and name; both files of workers have the same service."""
    return next(
        each for found in FILES.values() for each in found if (each["kind"], each["metadata"]["name"]) == (kind, name)
    )


def settings_of(container: Object) -> dict[str, str]:
    """Return the environment of a container, with the values of config maps and example secrets."""
    environment: dict[str, str] = {}
    for source in container["envFrom"]:
        environment |= named("ConfigMap", source["configMapRef"]["name"])["data"]
    for variable in container["env"]:
        secret = variable["valueFrom"]["secretKeyRef"]
        environment[variable["name"]] = named("Secret", secret["name"])["stringData"][secret["key"]]
    return environment


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda path: path.stem)
@pytest.mark.parametrize("thing", OBJECTS)
def test_an_object_conforms_to_the_schema_of_its_kind(thing: Object, schema: Path) -> None:
    errors = [f"{error.json_path}: {error.message}" for error in validator(schema, kind_of(thing)).iter_errors(thing)]

    assert errors == []


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda path: path.stem)
def test_the_schemas_find_an_error_deep_inside(schema: Path) -> None:
    Draft202012Validator.check_schema(json.loads(schema.read_text("utf-8")))
    wrong = json.loads(json.dumps(named("StatefulSet", "goldstream")))
    wrong["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["httpGet"]["prot"] = "http"

    assert not validator(schema, kind_of(wrong)).is_valid(wrong)


@pytest.mark.parametrize("file", RUNS_WORKERS)
def test_every_object_is_applied_once(file: str) -> None:
    applied = FILES["settings.yaml"] + FILES[file]
    names = [(each["kind"], each["metadata"]["name"]) for each in applied]

    assert len(names) == len(set(names))


def test_kustomize_applies_existing_files_and_pins_the_image() -> None:
    kustomization = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text("utf-8"))

    assert kustomization["resources"] == ["settings.yaml", "workers.yaml", "serve.yaml"]
    assert [image["name"] for image in kustomization["images"]] == ["goldstream"]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert [image["newTag"] for image in kustomization["images"]] == [version]


SERVER: Final = next(each for each in FILES["serve.yaml"] if each["kind"] == "StatefulSet")


def test_the_server_gets_valid_settings_that_let_it_listen(tmp_path: Path) -> None:
    """It listens beyond loopback, so it needs tokens, and the Ingress before it."""
    pod = SERVER["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    environment = settings_of(container)
    pem = Authority(tmp_path).cafile
    for name in ("KAFKA_CAFILE", "REDIS_CAFILE", "POLICY", "CAMPAIGNS", "TOKENS", "HOOKS"):
        path = environment[f"GOLDSTREAM_{name}"]
        assert mounted(pod, path), f"{name}: nothing is mounted at {path}"
        environment[f"GOLDSTREAM_{name}"] = str(pem)
    settings = load_settings(environ=environment)
    host, port = settings.api_address
    assert (host, port) == ("0.0.0.0", container["ports"][0]["containerPort"])  # noqa: S104 - within the pod
    assert settings.api_proxy
    assert settings.api_secret
    secret = named("Secret", "goldstream-serve")["stringData"]
    assert parse_tokens(secret["tokens.toml"])
    assert parse_hooks(secret["hooks.toml"], Path("hooks.toml")) == {}


def test_the_server_keeps_its_spool_has_time_to_stop_and_no_privileges() -> None:
    worker = named("StatefulSet", "goldstream")["spec"]["template"]["spec"]
    pod = SERVER["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    data = next(mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "data")
    assert Path(container["args"][container["args"].index("--spool") + 1]).is_relative_to(data)
    assert [claim["metadata"]["name"] for claim in SERVER["spec"]["volumeClaimTemplates"]] == ["data"]
    for key in ("securityContext", "enableServiceLinks", "terminationGracePeriodSeconds"):
        assert pod[key] == worker[key]
    assert container["securityContext"] == worker["containers"][0]["securityContext"]
    assert [container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("readiness", "liveness")] == ["/ready", "/health"]
    labels = SERVER["spec"]["template"]["metadata"]["labels"]
    assert SERVER["spec"]["selector"]["matchLabels"] == labels
    workers = named("Service", "goldstream")["spec"]["selector"]
    assert not workers.items() <= labels.items(), "Prometheus would take it for a worker"
    assert named("Service", "goldstream-serve")["spec"]["selector"].items() <= labels.items()


@pytest.mark.parametrize(("file", "workers"), WORKERS)
def test_selectors_budgets_and_services_select_their_pods(file: str, workers: Object) -> None:
    spec = workers["spec"]
    labels = spec["template"]["metadata"]["labels"]
    budgets = [each["spec"] for each in FILES[file] if each["kind"] == "PodDisruptionBudget"]
    service = named("Service", spec["serviceName"])["spec"]
    apart = spec["template"]["spec"]["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]

    assert spec["selector"]["matchLabels"] == labels
    assert sum(budget["selector"]["matchLabels"].items() <= labels.items() for budget in budgets) == 1
    assert all(budget["maxUnavailable"] == 1 for budget in budgets)
    assert service["selector"].items() <= labels.items()
    assert [each["podAffinityTerm"]["labelSelector"]["matchLabels"] for each in apart] == [labels]


@pytest.mark.parametrize(("file", "workers"), WORKERS)
def test_a_worker_is_started_with_valid_arguments(file: str, workers: Object) -> None:
    del file
    (container,) = workers["spec"]["template"]["spec"]["containers"]
    command, *options = container["args"]
    group = get_command(app)

    assert isinstance(group, TyperGroup)
    group.commands[command].make_context(command, list(options))


@pytest.mark.parametrize(("file", "workers"), WORKERS)
def test_a_worker_gets_valid_settings(file: str, workers: Object, tmp_path: Path) -> None:
    """Paths name mounted files."""
    del file
    pod = workers["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    environment = settings_of(container)
    paths = {variable.name for variable in SETTINGS if variable.parse is Path and not variable.is_created}
    pem = Authority(tmp_path).cafile
    for name in paths & environment.keys():
        assert mounted(pod, environment[name]), f"{name}: nothing is mounted at {environment[name]}"
        environment[name] = str(pem)

    assert environment.keys() <= {variable.name for variable in SETTINGS}
    settings: Settings = load_settings(environ=environment)
    assert f":{container['ports'][0]['containerPort']}" in settings.http
    assert {"name": "data", "mountPath": str(settings.data)} in container["volumeMounts"]
    assert (settings.replication, settings.kafka_security.protocol) == (3, "sasl_ssl")
    environment["GOLDSTREAM_KAFKA_PASSWORD"] = ""
    with pytest.raises(SettingsError):
        load_settings(environ=environment)


def mounted(pod: Object, path: str) -> bool:
    """Return whether a config map or a secret provides this file at its mount path."""
    (container,) = pod["containers"]
    for mount in container["volumeMounts"]:
        if Path(path).parent == Path(mount["mountPath"]):
            volume = next(each for each in pod["volumes"] if each["name"] == mount["name"])
            if "secret" in volume:
                key = next(item["key"] for item in volume["secret"]["items"] if item["path"] == Path(path).name)
                return key in named("Secret", volume["secret"]["secretName"])["stringData"]
            return Path(path).name in named("ConfigMap", volume["configMap"]["name"])["data"]
    return False


@pytest.mark.parametrize(("file", "workers"), WORKERS)
def test_a_worker_has_stable_storage_time_to_stop_and_no_privileges(file: str, workers: Object) -> None:
    del file
    spec = workers["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    (claim,) = spec["volumeClaimTemplates"]
    http = (ROOT / "agents/worker/http_server.py").read_text("utf-8")
    probes = [container["readinessProbe"], container["livenessProbe"]]

    assert claim["metadata"]["name"] in {mount["name"] for mount in container["volumeMounts"]}
    assert pod["terminationGracePeriodSeconds"] > 30
    assert [probe["httpGet"]["path"] for probe in probes] == ["/ready", "/health"]
    assert all(f'add_get("{probe["httpGet"]["path"]}"' in http for probe in probes)
    assert container["livenessProbe"]["periodSeconds"] * container["livenessProbe"]["failureThreshold"] >= 300
    assert container["resources"]["limits"].keys() == {"memory"}
    assert container["resources"]["requests"]["memory"] == container["resources"]["limits"]["memory"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["securityContext"]["runAsNonRoot"]
    user = re.findall(r"^USER (\d+):(\d+)$", (ROOT / "deploy/Dockerfile").read_text("utf-8"), flags=re.MULTILINE)[-1]
    assert user == (str(pod["securityContext"]["runAsUser"]), str(pod["securityContext"]["runAsGroup"]))
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False


def test_prometheus_scrapes_the_port_of_the_worker() -> None:
    for file in RUNS_WORKERS:
        for each in FILES[file]:
            if each["kind"] != "StatefulSet":
                continue
            template = each["spec"]["template"]
            port = template["spec"]["containers"][0]["ports"][0]["containerPort"]
            assert template["metadata"]["annotations"] == {
                "prometheus.io/scrape": "true",
                "prometheus.io/port": str(port),
                "prometheus.io/path": "/metrics",
            }


def test_the_rules_of_the_manifest_are_the_built_in_ones() -> None:
    rules = named("ConfigMap", "goldstream-rules")["data"]

    assert rules == {"policy.toml": policy_text(), "campaigns.toml": campaigns_text()}
    policy = parse_policy(rules["policy.toml"], available_timezones())
    parse_campaigns(rules["campaigns.toml"], policy.segment_names, available_timezones())


def test_separate_stages_differ_only_in_name_stage_and_size() -> None:
    """`split.yaml` agrees with `workers.yaml` in everything else."""
    combined = named("StatefulSet", "goldstream")["spec"]
    for each in FILES["split.yaml"]:
        if each["kind"] != "StatefulSet":
            continue
        part = each["spec"]
        stage = part["template"]["metadata"]["labels"]["app.kubernetes.io/component"]
        assert each["metadata"]["name"] == f"goldstream-{stage}"
        (own,), (other,) = part["template"]["spec"]["containers"], combined["template"]["spec"]["containers"]
        assert own["args"] == [*other["args"], "--only", stage]
        assert {**own, "args": 0, "resources": 0} == {**other, "args": 0, "resources": 0}
        for key in ("volumes", "securityContext", "terminationGracePeriodSeconds"):
            assert part["template"]["spec"][key] == combined["template"]["spec"][key]
        assert part["volumeClaimTemplates"] == combined["volumeClaimTemplates"]
