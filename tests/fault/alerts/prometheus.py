"""A real Prometheus with the alert rules of deploy/."""

import asyncio
import json
import re
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Final

import yaml

from agents.demo.embedded.child_process import Child
from agents.demo.embedded.loopback import HOST, free_port
from tests.servers import program

RULES: Final = Path(__file__).parents[3] / "deploy/prometheus/rules/goldstream.yml"
SCRAPE_S: Final = 5.0
EVALUATE_S: Final = 15.0

_UNITS: Final = {"s": 1, "m": 60, "h": 3600}
_LENGTH: Final = re.compile(r"(\d+)([smh])(?=[:\]])")


class Prometheus:
    """A Prometheus that scrapes workers on fixed ports, each under the job of its scenario."""

    def __init__(self, directory: Path, targets: dict[str, list[int]], speed: float) -> None:
        """Write its configuration; the durations in the rules are divided by `speed`."""
        directory.mkdir(parents=True)
        (directory / "rules.yml").write_text(yaml.safe_dump(faster(yaml.safe_load(RULES.read_text("utf-8")), speed)))
        jobs = [
            {"job_name": job, "static_configs": [{"targets": [f"{HOST}:{port}" for port in ports]}]}
            for job, ports in targets.items()
        ]
        times = {"scrape_interval": _text(SCRAPE_S / speed), "evaluation_interval": _text(EVALUATE_S / speed)}
        settings = {"global": times, "rule_files": ["rules.yml"], "scrape_configs": jobs}
        (directory / "prometheus.yml").write_text(yaml.safe_dump(settings))
        self._port = free_port()
        argv = [program("prometheus", "prometheus"), f"--config.file={directory / 'prometheus.yml'}"]
        argv += [f"--storage.tsdb.path={directory / 'data'}", f"--web.listen-address={HOST}:{self._port}"]
        self.child = Child(argv, log=directory / "log.txt")

    async def firing(self, job: str) -> set[str]:
        """Return the firing alerts of a job; an alert without a job belongs to every job."""
        alerts = (await self._ask("alerts"))["alerts"]
        return {
            each["labels"]["alertname"]
            for each in alerts
            if each["state"] == "firing" and each["labels"].get("job", job) == job
        }

    async def value(self, expression: str) -> float | None:
        """Return the value of the only series of an expression; None if there is none."""
        result = (await self._ask("query?" + urllib.parse.urlencode({"query": expression})))["result"]
        return float(result[0]["value"][1]) if result else None

    async def _ask(self, what: str) -> Any:
        url = f"http://{HOST}:{self._port}/api/v1/{what}"

        def get() -> Any:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.loads(answer.read())["data"]

        try:
            return await asyncio.to_thread(get)
        except OSError:
            return {"alerts": [], "result": []}


def faster(rules: Any, speed: float) -> Any:
    """Return the rules with their durations divided: `for`, and ranges in expressions; thresholds stay."""
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule["expr"] = _LENGTH.sub(lambda found: _text(int(found[1]) * _UNITS[found[2]] / speed), rule["expr"])
            if "for" in rule:
                rule["for"] = _LENGTH.sub(
                    lambda found: _text(int(found[1]) * _UNITS[found[2]] / speed), f"{rule['for']}]"
                ).rstrip("]")
    return rules


def _text(seconds: float) -> str:
    return f"{max(1, round(seconds))}s"
