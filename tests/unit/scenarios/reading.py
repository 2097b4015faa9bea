"""Scenarios in Markdown: a heading, campaigns files, and a table of At, Event and Want.

A moment is ``2026-03-01 12:00`` in UTC; a row without a date has that of the row above. A row without an event only
states what must be published at its moment. Several outputs are separated by ``;``.

| event | |
|---|---|
| ``buys 1000`` | orders are numbered |
| ``gives back 1000 of order 1`` | a refund |
| ``signs up`` | also ``signs up zone=Europe/Berlin email=yes sms=no`` |
| ``grants email``, ``refuses all`` | consents |
| ``clicks c:2:soon:1`` | a contact on a message, by its id; ``bounces c:2:soon:1 for good`` |
| ``file 2`` | the second campaigns file is activated |
| ``is erased`` | an erasure |

Any event may end in ``backfill``, in ``dated 2026-01-05 12:00`` if it occurred before the moment at which it arrives,
and in ``admitted 2026-03-05 12:00``, the clock at which history was admitted in wall mode; otherwise it is admitted in
event mode.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tests.oracle import moments

CUSTOMER: Final = "c"
_CONTACTS: Final = {
    "opens": "opened",
    "clicks": "clicked",
    "redeems": "redeemed",
    "bounces": "bounced",
    "unsubscribes from": "unsubscribed",
    "complains about": "complained",
}
_GRANTED: Final = {"yes": True, "no": False}


@dataclass
class Scenario:
    """A scenario.

    Attributes:
        title: its heading.
        files: campaigns files; the first one is active from the beginning.
        steps: events and files in order, each with its moment.
        wants: all expected outputs in order: the moment and the words.
        end: the moment of the last row, to which time advances.
    """

    title: str
    files: list[str] = field(default_factory=list)
    steps: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    wants: list[tuple[str, str]] = field(default_factory=list)
    end: int = 0

    def add(self, at: str, event: str, wants: str) -> None:
        """Add a row."""
        moment = moments.from_datetime(datetime.fromisoformat(at))
        if event:
            self.steps.append((moment, _event(self, moment, event)))
        self.wants += [(moments.text(moment), want.strip()) for want in wants.split(";") if want.strip()]
        self.end = moment


def read_scenarios(path: Path) -> list[Scenario]:
    """Return the scenarios of a file.

    Raises:
        ValueError: A row has an unknown event.
    """
    scenarios: list[Scenario] = []
    text, day = "", ""
    fenced = False
    for line in path.read_text().splitlines():
        if line.startswith("```"):
            fenced = not fenced
            if not fenced:
                scenarios[-1].files.append(text)
            text = ""
        elif fenced:
            text += line + "\n"
        elif line.startswith("## "):
            scenarios.append(Scenario(line.removeprefix("## ")))
        elif line.startswith("| ") and not line.startswith("| At "):
            at, event, wants = (cell.strip() for cell in line[1:-1].split("|"))
            day = at[:10] if len(at) > len("00:00:00") else day
            scenarios[-1].add(at if len(at) > len("00:00:00") else f"{day} {at}", event, wants)
    return scenarios


def _event(scenario: Scenario, at: int, words: str) -> dict[str, Any]:
    """Return the step of a row."""
    is_backfill, words = " backfill" in words, words.replace(" backfill", "")
    words, occurred_at = _take_moment(words, "dated")
    words, admitted_at = _take_moment(words, "admitted")
    number = len(scenario.steps) + 1
    event: dict[str, Any] = {
        "event_id": f"e{number}",
        "customer_id": CUSTOMER,
        "occurred_at": occurred_at or moments.text(at),
    }
    event |= {"backfill": is_backfill} | ({} if admitted_at is None else {"admitted_at": admitted_at})
    verb, _, rest = words.partition(" ")
    if verb == "file":
        return {"type": "campaigns", "text": scenario.files[int(rest) - 1]}
    if words == "is erased":
        return {**event, "type": "erasure"}
    if verb == "buys":
        order = 1 + sum(step["type"] == "purchase" for _, step in scenario.steps)
        return {**event, "type": "purchase", "order_id": f"order {order}", "amount": rest, "currency": "RUB"}
    if match := re.fullmatch(r"gives back (\S+) of (order \d+)", words):
        amount, order_id = match.groups()
        return {**event, "type": "refund", "refund_id": f"r{number}", "amount": amount, "order_id": order_id} | {
            "currency": "RUB"
        }
    if verb in ("grants", "refuses"):
        return {**event, "type": "consent", "channel": rest, "granted": verb == "grants"}
    if words.startswith("signs up"):
        return {**event, "type": "signup", **_signup(words.split()[2:])}
    for phrase, kind in _CONTACTS.items():
        if words.startswith(f"{phrase} "):
            message_id, _, rest = words.removeprefix(f"{phrase} ").partition(" ")
            return {**event, "type": "contact", "kind": kind, "message_id": message_id, "permanent": rest == "for good"}
    message = f"{scenario.title}: unknown event {words!r}; see {__name__}"
    raise ValueError(message)


def _take_moment(words: str, name: str) -> tuple[str, str | None]:
    """Return the words without ``<name> <moment>``, and the moment; None if they have none."""
    found = re.search(rf" {name} (\d{{4}}-\d\d-\d\d \d\d:\d\d)", words)
    if found is None:
        return words, None
    return words.replace(found[0], ""), moments.text(moments.from_datetime(datetime.fromisoformat(found[1])))


def _signup(words: list[str]) -> dict[str, Any]:
    facts = dict(each.split("=") for each in words)
    consent = {channel: _GRANTED[word] for channel, word in facts.items() if word in _GRANTED}
    names = {"timezone": "zone", "language": "language", "birth_date": "birth_date"}
    return {name: facts.get(word) for name, word in names.items()} | {"consent": consent}
