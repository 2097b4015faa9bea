"""The examples in the help of each command: a test checks that there are two of each, and that Typer accepts them.

The order of the entries is that of the commands in the help of their group.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Example(NamedTuple):
    """An example: what it is for, and what follows `goldstream`."""

    purpose: str
    arguments: str


EXAMPLES: Final[Mapping[str, tuple[Example, ...]]] = {
    "": (
        Example("see it work, with everything embedded", "demo"),
        Example("write settings, policy and campaigns files for a shop", "init"),
        Example("check everything that Goldstream needs", "doctor"),
    ),
    "demo": (
        Example("watch 69,659 real purchases, live in the terminal", "demo"),
        Example("fewer customers; leave it running for other commands", "demo --customers 2000 --keep"),
    ),
    "init": (
        Example("ask, and write the files into this folder", "init"),
        Example(
            "without questions", "init shop --currency RUB --timezone Europe/Moscow --window-days 365 --partitions 12"
        ),
    ),
    "worker": (
        Example("run all stages", "worker"),
        Example("run one stage, with the settings of a file", "worker --only admit --config goldstream.toml"),
    ),
    "serve": (
        Example("serve HTTP at GOLDSTREAM_API", "serve"),
        Example("accept webhooks also while Kafka is away", "serve --spool spool"),
    ),
    "import": (
        Example("report what a file says, and publish nothing", "import orders_export.csv --dry-run"),
        Example(
            "say what the file does not, and remember it",
            "import export.xlsx --timezone Europe/Moscow --currency RUB --write-map shop.toml",
        ),
    ),
    "rejected": (
        Example("what was rejected, and why", "rejected show"),
        Example("send it again once the cause is removed", "rejected resend --reason currency"),
    ),
    "rejected show": (
        Example("the last rejected events", "rejected show"),
        Example("those with an invalid field, for a program", "rejected show --reason invalid --limit 100 --json"),
    ),
    "rejected resend": (
        Example("after the policy got a rate", "rejected resend --reason currency"),
        Example("what would be sent again of one topic", "rejected resend --source purchases --dry-run"),
    ),
    "simulate": (
        Example("a year of 1,000 customers, as history", "simulate"),
        Example("present events, 50 a second, until Ctrl-C", "simulate --live --rate 50"),
    ),
    "advance": (
        Example("end a history in event mode", "advance --to 2026-01-01T00:00:00Z"),
        Example("give up after five minutes", "advance --to 2026-01-01T00:00:00+03:00 --timeout 5m"),
    ),
    "policy": (
        Example("what is active", "policy show"),
        Example("who would move with another policy", "policy apply shop.toml --dry-run"),
    ),
    "policy check": (
        Example("report all errors of a file", "policy check shop.toml"),
        Example("the same for a program", "policy check shop.toml --json"),
    ),
    "policy apply": (
        Example("show who would move, ask, and activate it", "policy apply shop.toml"),
        Example("where a segment is renamed; for scripts", "policy apply shop.toml --campaigns offers.toml --yes"),
    ),
    "policy show": (
        Example("thresholds and segments of the active policy", "policy show"),
        Example("the file of an earlier one", "policy show retail-27@1 --toml"),
    ),
    "policy history": (
        Example("what was active when", "policy history"),
        Example("the same for a program", "policy history --json"),
    ),
    "policy suggest": (
        Example("from files, in their currency", "policy suggest orders_export.csv --out shop.toml"),
        Example("from the journal", "policy suggest --out next.toml"),
    ),
    "policy diff": (
        Example("compare two policies over the whole history", "policy diff now.toml next.toml"),
        Example("up to a moment", "policy diff now.toml next.toml --until 2026-01-01T00:00:00Z --json"),
    ),
    "campaigns": (
        Example("what will be sent in the next week", "campaigns forecast"),
        Example("what the campaigns have brought", "campaigns report"),
    ),
    "campaigns check": (
        Example("report all errors of a file", "campaigns check offers.toml"),
        Example("against the segments of another policy", "campaigns check offers.toml --policy shop.toml"),
    ),
    "campaigns apply": (
        Example("show what would be sent, ask, and activate it", "campaigns apply offers.toml"),
        Example("only show it", "campaigns apply offers.toml --dry-run"),
    ),
    "campaigns show": (
        Example("the active campaigns", "campaigns show"),
        Example("the file of an earlier version", "campaigns show retail@1 --toml"),
    ),
    "campaigns history": (
        Example("what was active when", "campaigns history"),
        Example("the same for a program", "campaigns history --json"),
    ),
    "campaigns forecast": (
        Example("messages of the next seven days", "campaigns forecast"),
        Example("of the next month, for a program", "campaigns forecast --days 30 --json"),
    ),
    "campaigns try": (
        Example("what a file would do on today's customers", "campaigns try next.toml"),
        Example("within a week", "campaigns try next.toml --days 7"),
    ),
    "campaigns report": (
        Example("uplift of all campaigns so far", "campaigns report"),
        Example("of those who entered in May", "campaigns report --from 2026-05-01 --to 2026-05-31"),
    ),
    "health": (
        Example("the last 30 days", "health"),
        Example("a month, for a program", "health --from 2026-05-01 --to 2026-05-31 --json"),
    ),
    "customer": (
        Example("everything about a customer", "customer c-17"),
        Example("the same for a program", "customer c-17 --json"),
    ),
    "segment": (
        Example("who spent most of those at risk", "segment at_risk --limit 50"),
        Example("all golden customers, for a spreadsheet", "segment golden --csv golden.csv"),
    ),
    "erase": (
        Example("show what is known, ask, and erase it everywhere", "erase c-17"),
        Example("prove that it is gone", "erase c-17 --proof --json"),
    ),
    "doctor": (
        Example("examine everything", "doctor"),
        Example("for a monitoring system: status 1 if anything is wrong", "doctor --json"),
    ),
    "settings": (
        Example("effective settings, and where each is from", "settings"),
        Example("those of a file", "settings --config goldstream.toml"),
    ),
    "topics": (
        Example("before the first start", "topics create"),
        Example("whether all are as expected", "topics check"),
    ),
    "topics create": (
        Example("create the missing topics", "topics create"),
        Example("with the settings of a file", "topics create --config goldstream.toml"),
    ),
    "topics check": (
        Example("whether all are as expected", "topics check"),
        Example("the same for a program", "topics check --json"),
    ),
    "tokens": (
        Example("a token for a till", "tokens create till-7 --scope events:write"),
        Example("which tokens there are", "tokens list"),
    ),
    "tokens create": (
        Example("for a till", "tokens create till-7 --scope events:write --rate 50"),
        Example("for a dashboard", "tokens create board --scope aggregates:read,customers:read"),
    ),
    "tokens list": (
        Example("which tokens there are", "tokens list"),
        Example("the same for a program", "tokens list --json"),
    ),
    "tokens revoke": (
        Example("by the name, if only one token has it", "tokens revoke till-7"),
        Example("by the id", "tokens revoke Kd83hQ2x"),
    ),
    "replay": (
        Example("into more partitions", "replay --into shop2 --partitions 16"),
        Example("without a wrong import", "replay --into shop2 --without-import may"),
    ),
    "rebuild-redis": (
        Example("ask, and write Redis again", "rebuild-redis"),
        Example("for scripts", "rebuild-redis --yes"),
    ),
}
"""By the path of the command."""


def place_of(path: str) -> int:
    """Return the place of a command or group in the help; those without an entry come last."""
    return next((place for place, each in enumerate(EXAMPLES) if each == path), len(EXAMPLES))
