"""Prometheus' configuration, alerts, runbook and dashboard refer only to what exists."""

import json
import re
import shutil
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from prometheus_client import generate_latest

from streams.telemetry.metrics import describe_metrics, worker_registry
from tests.fault.alerts.metric_names import (
    TARGET_LABELS,
    Use,
    alert_text_labels,
    grouping_labels,
    kept_labels,
    labels_of,
    legend_labels,
    uses,
)
from tests.fault.alerts.scenarios import SCENARIOS
from tests.servers.promtool import run_promtool

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
RULES: Final = DEPLOY / "prometheus/rules/goldstream.yml"
RULE_TESTS: Final = DEPLOY / "prometheus/rules/tests/goldstream_test.yml"
DASHBOARD: Final[dict[str, Any]] = json.loads((DEPLOY / "grafana/dashboards/goldstream.json").read_text("utf-8"))
PANELS: Final[list[dict[str, Any]]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
ALERTS: Final[list[dict[str, Any]]] = [
    rule for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"] for rule in group["rules"]
]
KNOWN: Final = {metric.name: (metric.kind, metric.labels) for metric in describe_metrics()}
# Values for Grafana's variables, which promtool does not know.
GRAFANA_VARIABLES: Final = {"$job": "goldstream", "$instance": ".+", "$__rate_interval": "1m"}


def assert_labels_exist(expression: str, shown: frozenset[str]) -> None:
    """Check that the metrics of an expression carry every label that it selects, groups by or shows."""
    named = list(uses(expression))
    if not named:
        return
    carried: frozenset[str] = TARGET_LABELS
    for use in named:
        labels = labels_of(use, KNOWN)
        assert use.labels <= labels, f"{use.metric} has no label {sorted(use.labels - labels)}"
        carried |= labels
    unknown = (grouping_labels(expression) | shown) - carried
    assert not unknown, f"no metric of {expression} has the label {sorted(unknown)}"
    kept = kept_labels(expression)
    assert kept is None or shown <= kept, f"{expression} does not keep the label {sorted(shown - kept)}"


def test_promtool_accepts_the_configuration_with_its_rules(tmp_path: Path) -> None:
    """`promtool check config` follows `rule_files` too, and wants the token, which every operator creates."""
    copied = shutil.copytree(DEPLOY / "prometheus", tmp_path / "prometheus")
    (copied / "serve.token").write_text("gs_example_token")
    run_promtool("check", "config", "--lint=all", "--lint-fatal", copied / "prometheus.yml")


def test_promtool_accepts_the_rules() -> None:
    """`promtool check rules` with every lint on."""
    run_promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)


def test_every_alert_fires_when_it_should_and_only_then() -> None:
    """`promtool test rules` runs the scenarios next to the rules."""
    run_promtool("test", "rules", RULE_TESTS)


def test_every_alert_has_a_scenario() -> None:
    """An alert that no test has fired may never fire."""
    tested = set(re.findall(r"alert(?:name[:=]|name: )\s*\"?(\w+)", RULE_TESTS.read_text("utf-8")))

    assert {alert["alert"] for alert in ALERTS} <= tested


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alert_names_only_metrics_and_labels_that_exist(alert: dict[str, Any]) -> None:
    """Expression and texts, queries in the texts included."""
    texts = " ".join(alert["annotations"].values())

    assert_labels_exist(alert["expr"], alert_text_labels(texts))
    for use in uses(texts):
        labels_of(use, KNOWN)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alert_links_to_its_section_of_the_runbook(alert: dict[str, Any]) -> None:
    """The section states what it means, what to look at and what to do."""
    name = alert["alert"]
    runbook = (DEPLOY / "runbook.md").read_text("utf-8")
    sections = {part.split("\n", 1)[0].strip(): part for part in re.split(r"^## ", runbook, flags=re.MULTILINE)[1:]}

    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert set(alert["annotations"]) == {"summary", "description", "runbook"}
    assert alert["annotations"]["runbook"] == f"deploy/runbook.md#{name.lower()}"
    assert all(mark in sections[name] for mark in ("**Means.**", "**Look at.**", "**Do.**"))


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alert_was_triggered_once_and_the_runbook_states_how(alert: dict[str, Any]) -> None:
    """By `python -m tests.fault.alerts`, which takes too long to run here."""
    runbook = (DEPLOY / "runbook.md").read_text("utf-8")
    section = re.split(r"^## ", runbook.partition(f"## {alert['alert']}\n")[2], flags=re.MULTILINE)[0]

    assert any(alert["alert"] in caused for _, _, caused in SCENARIOS.values())
    assert re.search(r"^\*\*Tried\.\*\* [^*]+ fired\s+after\s+[\d.]+\s+(s|min)", section, flags=re.MULTILINE)


def test_the_runbook_has_no_section_without_an_alert_and_no_dead_link() -> None:
    """Sections and links follow the alerts when these are renamed."""
    runbook = (DEPLOY / "runbook.md").read_text("utf-8")
    sections = set(re.findall(r"^## (\w+)", runbook, flags=re.MULTILINE))
    links = set(re.findall(r"\]\(#([\w-]+)\)", runbook))

    assert sections == {alert["alert"] for alert in ALERTS}
    assert links <= {section.lower() for section in sections}


def test_the_runbook_names_only_metrics_and_panels_that_exist() -> None:
    """Metrics in code, panels in italics."""
    runbook = (DEPLOY / "runbook.md").read_text("utf-8")
    titles = [panel["title"] for panel in PANELS] + [DASHBOARD["title"]]

    for use in uses(runbook):
        if use.metric.rstrip("_") != "goldstream":
            labels_of(use, KNOWN)
    for name in re.findall(r"(?<!\*)\*([A-Z][^*\n]+)\*(?!\*)", runbook):
        assert any(title.startswith(name) for title in titles), f"no panel is called {name!r}"


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: str(panel["title"]))
def test_a_panel_names_only_metrics_and_labels_that_exist(panel: dict[str, Any]) -> None:
    """Each query, with the labels of its legend."""
    for target in panel["targets"]:
        assert_labels_exist(target["expr"], legend_labels(target["legendFormat"]))


def test_panels_of_the_process_name_only_metrics_that_every_worker_has() -> None:
    """They come from prometheus_client's own collectors."""
    exposed = generate_latest(worker_registry()).decode()
    expressions = " ".join(target["expr"] for panel in PANELS for target in panel["targets"])
    named = set(re.findall(r"\b(?:process|python)_\w+", expressions))

    assert named
    assert [name for name in named if f"\n{name}" not in exposed] == []


def test_promtool_parses_the_query_of_every_panel(tmp_path: Path) -> None:
    """The queries are written as recording rules, with Grafana's variables replaced."""
    rules = []
    for panel in PANELS:
        for target in panel["targets"]:
            expression = target["expr"]
            for variable, value in GRAFANA_VARIABLES.items():
                expression = expression.replace(variable, value)
            rules.append({"record": f"panel:{panel['id']}:{target['refId']}", "expr": expression})
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), "utf-8")

    run_promtool("check", "rules", path)


def test_every_metric_of_goldstream_is_on_the_dashboard() -> None:
    """A metric that is never shown is not worth its series."""
    shown = {use.metric for panel in PANELS for target in panel["targets"] for use in uses(target["expr"])}
    shown |= {name.removesuffix(suffix) for name in shown for suffix in ("_bucket", "_count", "_sum")}

    assert set(KNOWN) <= shown


def test_panels_have_unique_ids_and_do_not_overlap() -> None:
    """The grid is 24 wide; a panel that overlaps another hides it."""
    places = {panel["id"]: panel["gridPos"] for panel in DASHBOARD["panels"]}
    cells = {
        number: {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        for number, at in places.items()
    }

    assert len(places) == len(DASHBOARD["panels"])
    assert all(at["x"] >= 0 and at["x"] + at["w"] <= 24 and at["w"] > 0 and at["h"] > 0 for at in places.values())
    assert not [(one, other) for one, other in combinations(places, 2) if cells[one] & cells[other]]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: str(panel["title"]))
def test_a_panel_has_a_unit_fitting_its_metric(panel: dict[str, Any]) -> None:
    """Lengths of time in seconds, rates per second, memory in bytes; a state or a count in none of these."""
    unit = panel["fieldConfig"]["defaults"]["unit"]
    expressions = " ".join(target["expr"] for target in panel["targets"])
    is_length = re.search(r"goldstream_\w+_seconds", expressions)

    if panel["type"] == "heatmap":
        assert panel["options"]["yAxis"]["unit"] == "s"
    elif "goldstream_clock_time_seconds" in expressions:
        assert unit == "dateTimeAsIso"
        assert expressions.count("1000 * ") == len(panel["targets"])
    elif is_length:
        assert unit == "s"
    elif "_bytes" in expressions:
        assert unit == "bytes"
    elif "rate(" in expressions and "process_cpu" not in expressions and " / " not in expressions:
        assert unit == ("short" if "batch_records" in expressions else "cps")
    else:
        assert unit in {"short", "none"}


def test_the_dashboard_reads_from_the_provisioned_data_source() -> None:
    """Panels use the variable, the variable accepts any Prometheus, and one is provisioned."""
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text("utf-8"))
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}

    assert [source["type"] for source in sources["datasources"]] == ["prometheus"]
    assert set(variables) == {"datasource", "job", "instance"}
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"${datasource}"}
    for name in ("job", "instance"):
        for use in uses(variables[name]["definition"]):
            assert labels_of(use, KNOWN) >= {"job", "instance"}


def test_a_histogram_must_be_named_by_its_series() -> None:
    """`goldstream_flush_seconds` alone is no series: the checks above must not accept it."""
    with pytest.raises(KeyError):
        labels_of(Use("goldstream_flush_seconds", frozenset()), KNOWN)
    with pytest.raises(KeyError):
        labels_of(Use("goldstream_customers_total", frozenset()), KNOWN)

    assert labels_of(Use("goldstream_flush_seconds_bucket", frozenset()), KNOWN) == {"stage", "le", *TARGET_LABELS}
