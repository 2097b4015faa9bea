"""Refuse files that can have no events whatever their columns are: one column, or a file that belongs to no other."""

from collections.abc import Iterable, Sequence

from agents.importing.fields.source_plan import SourcePlan
from agents.importing.findings import ImportRefused, Question
from agents.importing.staging.stage import Staging

_EXAMPLES = 20


def check_cells_are_separated(staging: Staging) -> None:
    """Refuse a file with one column whose cells all have the same sign as often as its name: it separates them.

    Raises:
        ImportRefused: naming `--delimiter`.
    """
    for table in staging.tables:
        if len(table.names) != 1:
            continue
        (name,) = table.names
        texts = [name, *(text for text, _ in staging.examples(table, name, _EXAMPLES))]
        signs = dict.fromkeys(sign for sign in name if not (sign.isalnum() or sign.isspace() or sign in "_.@"))
        for sign in signs:
            if len(texts) > 1 and len({text.count(sign) for text in texts}) == 1:
                raise ImportRefused(
                    f"{table.path} has one column, {name!r}; if {sign!r} separates its cells, give --delimiter {sign!r}"
                )


def check_belongs(plan: SourcePlan, plans: Sequence[SourcePlan], asked: Iterable[Question]) -> None:
    """Refuse a file that has neither amounts nor dates, given with others to which it does not belong.

    Args:
        plan: of the file.
        plans: of all files.
        asked: what is asked about it.

    Raises:
        ImportRefused: naming the file.
    """
    missing = {question.subject for question in asked}
    if len(plans) > 1 and {"amount", "occurred_at"} <= missing:
        files = ", ".join(path.name for path in plan.source.main.paths)
        raise ImportRefused(
            f"{files} has neither amounts nor dates (its columns are {', '.join(plan.source.names[:30])}), and nothing "
            "that joins it to another file; leave it out of the command, or join it in a mapping file ([[join]])"
        )
