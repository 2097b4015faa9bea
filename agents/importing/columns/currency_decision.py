"""Decide which currencies the texts of a column mean, where a sign such as `$` has several meanings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from agents.importing.columns.column_value import (
    CellError,
    ColumnValue,
    FirstValues,
    example,
    is_missing,
    keep_first,
    missing_cell,
)
from agents.importing.columns.currencies import choose_currency, currency_candidates
from agents.importing.findings import Assumption, Choice, Question
from state.config.config_errors import format_value

_OPTION: Final = "--currency"
_MAX_CHOICES: Final = 9
"""As many as can be chosen with one key."""


@dataclass(slots=True)
class CurrencyDecision:
    """What was found out about the currencies of a column.

    Attributes:
        codes: ISO codes that the column has, with the first text of each.
        assumptions: what was decided, with the evidence.
        question: what neither the column nor anything else decides.
        unreadable: the first ten texts that are no currencies.
        unreadable_cells: the number of their cells.
        missing_cells: cells that stand for the absence of a value.
    """

    codes: dict[str, ColumnValue] = field(default_factory=dict)
    assumptions: list[Assumption] = field(default_factory=list)
    question: Question | None = None
    unreadable: list[ColumnValue] = field(default_factory=list)
    unreadable_cells: int = 0
    missing_cells: int = 0
    _meanings: dict[tuple[str, ...], str] = field(default_factory=dict)

    def read(self, text: str) -> str:
        """Return the ISO code of the currency that a cell names.

        Raises:
            MissingCell: The text stands for the absence of a value.
            CellError: It is no currency, or may be one of several.
        """
        if is_missing(text):
            raise missing_cell(text)
        code = self.meaning(currency_candidates(text))
        if code is None:
            raise CellError(f"must be a currency: got {format_value(text)}")
        return code

    def meaning(self, candidates: tuple[str, ...]) -> str | None:
        """Return which of the currencies that a text can mean is meant; None: that is not known.

        Args:
            candidates: As `currency_candidates` or `NumberParser.currencies` returns them.
        """
        return candidates[0] if len(candidates) == 1 else self._meanings.get(candidates)


def decide_currencies(
    values: Iterable[ColumnValue], subject: str = "currency", *, known: Sequence[str] = ()
) -> CurrencyDecision:
    """Decide the currencies of a column that names them.

    Args:
        values: All texts of the column.
        subject: The field; it names the findings.
        known: ISO codes known otherwise, the most certain first: of the option, the platform, the policy.
    """
    unreadable = FirstValues()
    missing = 0
    signs: dict[tuple[str, ...], ColumnValue] = {}
    for value in values:
        candidates = currency_candidates(value.text)
        if candidates:
            keep_first(signs, candidates, value)
        elif is_missing(value.text):
            missing += value.count
        else:
            unreadable.add(value)
    decision = decide_currency_signs(signs, subject, known=known)
    decision.unreadable, decision.unreadable_cells = unreadable.values, unreadable.cells
    decision.missing_cells = missing
    return decision


def decide_currency_signs(
    signs: Mapping[tuple[str, ...], ColumnValue], subject: str = "currency", *, known: Sequence[str] = ()
) -> CurrencyDecision:
    """Decide the currencies that signs and words mean, such as those beside amounts (`NumberDecision.currencies`).

    What stands for one currency in the column decides what an ambiguous sign means there: `$` among `USD` is USD.

    Args:
        signs: What a text can mean, the usual meaning first, and the first text.
        subject: The field; it names the findings.
        known: ISO codes known otherwise, the most certain first: of the option, the platform, the policy.
    """
    decision = CurrencyDecision()
    for candidates, value in sorted(signs.items(), key=lambda item: (len(item[0]), item[1].first_line)):
        if len(candidates) == 1:
            keep_first(decision.codes, candidates[0], value)
    certain = dict(decision.codes)
    for candidates, value in sorted(signs.items(), key=lambda item: item[1].first_line):
        if len(candidates) == 1:
            continue
        code, reason = _meaning(candidates, certain, known)
        if code is None:
            decision.question = decision.question or _question(subject, candidates, value)
            continue
        decision._meanings[candidates] = code  # noqa: SLF001 - made here
        keep_first(decision.codes, code, value)
        decision.assumptions.append(Assumption(subject, code, f"{example(value)} is {code}: {reason}", _OPTION))
    return decision


def _meaning(
    candidates: tuple[str, ...], certain: Mapping[str, ColumnValue], known: Sequence[str]
) -> tuple[str | None, str]:
    fitting = [code for code in candidates if code in certain]
    if len(fitting) == 1:
        return fitting[0], example(certain[fitting[0]])
    for code in known:
        if code in candidates:
            return code, "the currency known for this file"
    return choose_currency(candidates, ()), "the usual meaning"


def _question(subject: str, candidates: tuple[str, ...], value: ColumnValue) -> Question:
    choices = tuple(Choice(code, f"{example(value)} is {code}") for code in candidates[:_MAX_CHOICES])
    return Question(
        subject,
        f"Which currency is meant in {example(value)}?",
        "currency",
        choices,
        " or ".join(f"{_OPTION} {code}" for code in candidates[:2]) + ", or another code",
    )
