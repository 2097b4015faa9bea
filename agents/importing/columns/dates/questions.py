"""Questions about the dates of a column, with what each answer makes of an example."""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress

from agents.importing.columns.column_value import CellError, ColumnValue, example
from agents.importing.columns.dates.evidence import GroupEvidence, form_in_words, show
from agents.importing.findings import Choice, Question

_KEY = "time_format"


def order_question(subject: str, groups: Sequence[GroupEvidence]) -> Question:
    """Return the question in which order day, month and year are.

    Args:
        subject: The field.
        groups: What the column does not decide; each has a doubtful text.
    """
    examples = [group.doubtful for group in groups if group.doubtful]
    forms = sorted({form for group in groups for form in group.possible_forms()})
    proofs = {form: value for group in groups for form, value in group.proofs.items()}
    cells: Counter[str] = sum((group.cells for group in groups), Counter())
    if len(proofs) > 1:  # dates of both orders: the more frequent one is the likely one
        forms.sort(key=lambda form: -cells[form])
    known = "; ".join(f"{example(value)} has {form_in_words(form)}" for form, value in sorted(proofs.items()))
    text = f"Which comes first in {subject}, the day or the month? {'; '.join(map(example, examples))}"
    return Question(
        f"{subject}.order",
        f"{text} ({known})" if known else text,
        _KEY,
        tuple(Choice(form, f"{form_in_words(form)}: {_all_shown(examples, form)}") for form in forms),
        " or ".join(f"--time-format {form}" for form in forms),
    )


def unit_question(subject: str, unit: str, given: str, value: ColumnValue) -> Question:
    """Return the question whether Unix time is in another unit than the one that was stated."""
    return Question(
        f"{subject}.format",
        f"Is {subject} in another unit than {given}? With it, all moments are after the year 2199; {example(value)}",
        _KEY,
        (Choice(unit, _shown(value, unit)),),
        f"--time-format {unit}",
    )


def _all_shown(values: Iterable[ColumnValue], form: str) -> str:
    """Return the texts that allow a form, with what they are in it."""
    shown = []
    for value in values:
        with suppress(CellError):
            shown.append(_shown(value, form))
    return ", ".join(shown)


def _shown(value: ColumnValue, form: str) -> str:
    return f"line {value.first_line}: {show(value.text, form)}"
