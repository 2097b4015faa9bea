"""What programs check before they begin is what deploy/README.md lists."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from streams.kafka.needed_rights import (
    STAGES,
    NeededRights,
    describe_missing,
    importing,
    publishing,
    reading,
    receiving_replay,
    replaying,
    resending,
    serving,
    working,
    writing,
)
from streams.kafka.permissions import MissingRight
from streams.kafka.topics import TOPIC_SPECS, Topics
from streams.settings.settings import Settings
from tests.integration.security.listed_rights import listed_rights

OLD: Final = Settings(prefix="old")
NEW: Final = Settings(prefix="new")
WITH_HOOKS: Final = replace(OLD, hooks=Path("hooks.toml"))
NAMES: Final = [
    *(Topics(prefix).full(spec.name) for prefix in ("old", "new") for spec in TOPIC_SPECS),
    *(f"{prefix}.{stage}" for prefix in ("old", "new") for stage in STAGES),
]


def _together(*needed: NeededRights) -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for each in needed:
        for name, operations in (*each.topics.items(), *each.groups.items()):
            found[name].update(operations)
    return _without_implied(found)


def _without_implied(rights: dict[str, set[str]]) -> dict[str, set[str]]:
    return {name: each - {"Describe"} if each & {"Read", "Write"} else each for name, each in rights.items()}


CHECKED: Final[dict[str, Callable[[], dict[str, set[str]]]]] = {
    "`worker`, `doctor`, `topics`": lambda: _together(working(OLD)),
    "`serve`": lambda: _together(serving(OLD)),
    "`import`": lambda: _together(importing(OLD, "events")),
    "`simulate`": lambda: _together(publishing(OLD, "events")),
    "`policy apply`, `campaigns apply`, `advance`": lambda: _together(writing(OLD, "control", asks_workers=True)),
    "`erase`": lambda: _together(writing(OLD, "erasures", asks_workers=True)),
    "`rejected resend`": lambda: _together(resending(OLD), publishing(OLD, "events")),
    "`replay`": lambda: _together(replaying(OLD), receiving_replay(NEW)),
    "all other commands, which only read": lambda: _together(reading(OLD)),
}


def _listed(*programs: str) -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for program in programs:
        for kind, name, operations in listed_rights("old", "new")[program]:
            if kind != "transactional id":  # cannot be asked for; a lane that lacks it says so
                matching = [
                    each for each in NAMES if each.startswith(name) and each.endswith(".v1") == (kind == "topic")
                ]
                for each in matching if name.endswith(".") else [name]:
                    found[each].update(set(operations) - {"Create"})  # which a broker names when it refuses
    return _without_implied(found)


@pytest.mark.parametrize("program", CHECKED)
def test_a_program_checks_what_is_listed_for_it(program: str) -> None:
    assert CHECKED[program]() == _listed(program)


def test_a_server_with_webhooks_checks_what_is_listed_besides() -> None:
    assert _together(serving(WITH_HOOKS)) == _listed("`serve`", "`serve` with webhooks, besides")


def test_many_topics_with_the_same_missing_rights_are_one_line() -> None:
    missing = [MissingRight("topic", f"t{n}", ("Read", "Write")) for n in range(5)]
    missing += [MissingRight("group", "g", ("Describe",))]
    assert describe_missing(missing) == (
        "the Kafka user lacks Read, Write on topics t0, t1, t2 and 2 more; Describe on group g; "
        "grant it (deploy/README.md lists what is needed)"
    )
