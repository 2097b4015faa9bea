"""Understand files that a test writes: the same steps as the command, without Kafka."""

import json
from collections.abc import Mapping as Contents
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from agents.importing.events.imported_event import ImportedEvent
from agents.importing.findings import Assumption
from agents.importing.mapping.mapping import Mapping
from agents.importing.mapping.mapping_reader import read_mapping
from agents.importing.reading.opening import open_sources
from agents.importing.staging.stage import stage
from agents.importing.understanding import PolicyInfo, Totals, UnderstandOptions, understand

ROUBLES = PolicyInfo("RUB", {"EUR": Decimal("98.40")})
UTC = Mapping(timezone="UTC")


class Understood(msgspec.Struct):
    """What was understood of files.

    Attributes:
        events: the contents of the events, in their order.
        imported: the events themselves.
        left_out: reason to count and first lines.
        assumed: subject to value.
        assumptions: the same with their evidence.
        asked: keys of questions.
    """

    platform: str
    mapping: Mapping
    totals: Totals
    events: list[dict[str, Any]]
    imported: list[ImportedEvent]
    left_out: dict[str, tuple[int, list[int]]]
    assumed: dict[str, str]
    assumptions: list[Assumption]
    asked: dict[str, str]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of a kind."""
        return [event for event in self.events if event["type"] == kind]

    def amounts(self, kind: str = "purchase") -> dict[str, str]:
        """Return the amounts of orders, or of refunds, by id."""
        return {event[f"{'order' if kind == 'purchase' else 'refund'}_id"]: event["amount"] for event in self.of(kind)}

    def customers(self) -> list[str | None]:
        """Return the customers of the orders, in their order."""
        return [event.get("customer_id") for event in self.of("purchase")]


def understand_files(
    folder: Path,
    files: Contents[str, str | bytes],
    mapping: Mapping | str = UTC,
    policy: PolicyInfo = ROUBLES,
    options: UnderstandOptions | None = None,
) -> Understood:
    """Write files, and return what is understood of them; a mapping can be the text of a mapping file."""
    paths = []
    for name, content in files.items():
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        paths.append(path)
    if isinstance(mapping, str):
        (folder / "map.toml").write_text(mapping)
        mapping = read_mapping(folder / "map.toml")
    sources = [source for path in paths for source in open_sources(path, mapping.read_options())]
    with stage(sources, lambda _: None) as staging:
        found = understand(staging, mapping, policy, options or UnderstandOptions(import_id="test"))
        imported = [] if found.questions else list(found.events())
        return Understood(
            found.platform,
            found.mapping,
            found.totals,
            [json.loads(event.value) for event in imported],
            imported,
            {reason: (count, lines) for reason, count, lines, _ in found.left_out.rows()},
            {assumption.subject: assumption.value for assumption in found.assumptions},
            found.assumptions,
            {question.key: question.option for question in found.questions},
        )


def understand_text(folder: Path, text: str, mapping: Mapping | str = UTC, policy: PolicyInfo = ROUBLES) -> Understood:
    """Return what is understood of one CSV file."""
    return understand_files(folder, {"orders.csv": text}, mapping, policy)
