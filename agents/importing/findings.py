"""What the import found out about a file, what it must ask, and why it refuses."""

from bisect import insort
from collections import Counter, defaultdict
from typing import Final

import msgspec

MAX_LINES_PER_REASON: Final = 10
MAX_ERRORS: Final = 100_000
UNREADABLE: Final = "unreadable"
"""The reason for rows of which a cell cannot be read."""


class Assumption(msgspec.Struct, frozen=True):
    """A decision about a whole file, with its evidence.

    Attributes:
        subject: what was decided, such as `encoding`, `timezone`, `amount.decimal`, `occurred_at.order`.
        value: what was decided, such as `cp1251`.
        evidence: why, in words, with the line number where one line proves it.
        option: how to decide otherwise, such as `--encoding`; empty: nothing to decide.
    """

    subject: str
    value: str
    evidence: str
    option: str = ""


class Choice(msgspec.Struct, frozen=True):
    """A possible answer to a question: the value for the mapping file, and what it means for this file."""

    value: str
    meaning: str


class Question(msgspec.Struct, frozen=True):
    """Something that the file cannot decide.

    Attributes:
        subject: as in `Assumption`.
        text: the question, one sentence, with an example from the file.
        key: key of the mapping file that the answer is stored under, such as `timezone` or `fields.customer_id`.
        choices: possible answers, the likely one first; empty: any text is an answer.
        option: what decides it without a terminal, such as `--timezone Europe/Moscow`.
    """

    subject: str
    text: str
    key: str
    choices: tuple[Choice, ...]
    option: str


class Findings(msgspec.Struct):
    """What was found out about a file on the way, and what it must be asked about."""

    assumptions: list[Assumption] = msgspec.field(default_factory=list)
    questions: list[Question] = msgspec.field(default_factory=list)

    def assume(self, subject: str, value: str, evidence: str, option: str = "") -> None:
        """Add an assumption, once for each subject and value."""
        assumption = Assumption(subject, value, evidence, option)
        if not any((each.subject, each.value) == (subject, value) for each in self.assumptions):
            self.assumptions.append(assumption)

    def ask(self, question: Question) -> None:
        """Add a question, once for each key."""
        if not any(each.key == question.key for each in self.questions):
            self.questions.append(question)


class FileError(Exception):
    """A file cannot be read; the message names it and the remedy."""


class ImportRefused(Exception):
    """The file was read, but what would be published is probably wrong; the message says why and what to do."""


class LeftOut:
    """Counts what was left out, by reason, with the first line numbers.

    Reasons are short and stable, such as `status`, `test_order`, `total_row`, `not_a_sale`, `unreadable`, `known`.

    Attributes:
        errors: line and message of each unreadable row, the first `MAX_ERRORS` of them.
    """

    def __init__(self) -> None:
        self.errors: list[tuple[int, str]] = []
        self._lines: defaultdict[str, list[int]] = defaultdict(list)
        self._counts: Counter[str] = Counter()
        self._details: dict[str, str] = {}

    def add(self, reason: str, line: int, detail: str = "", count: int = 1) -> None:
        """Count rows that are left out; `detail` describes the first one."""
        self._counts[reason] += count
        lines = self._lines[reason]
        if len(lines) < MAX_LINES_PER_REASON or line < lines[-1]:
            insort(lines, line)
            del lines[MAX_LINES_PER_REASON:]
        if detail:
            self._details.setdefault(reason, detail)
        if reason == UNREADABLE and len(self.errors) < MAX_ERRORS:
            self.errors.append((line, " ".join(detail.split())))

    def add_all(self, other: "LeftOut") -> None:
        """Add everything that another one counts."""
        for reason, count, lines, detail in other.rows():
            self._counts[reason] += count
            self._lines[reason] = sorted((*self._lines[reason], *lines))[:MAX_LINES_PER_REASON]
            if detail:
                self._details.setdefault(reason, detail)
        self.errors += other.errors[: MAX_ERRORS - len(self.errors)]

    def count(self, reason: str) -> int:
        """Return how many rows were left out for a reason."""
        return self._counts[reason]

    def rows(self) -> list[tuple[str, int, list[int], str]]:
        """Return reason, count, first line numbers and first detail, the most frequent reason first."""
        reasons = sorted(self._counts, key=lambda reason: (-self._counts[reason], reason))
        return [
            (reason, self._counts[reason], self._lines[reason], self._details.get(reason, "")) for reason in reasons
        ]
