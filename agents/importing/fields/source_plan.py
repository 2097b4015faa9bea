"""Which tables belong together, which platform they are from, and the mapping that results."""

from collections.abc import Sequence

import msgspec

from agents.importing.fields.automatic_joins import automatic_joins
from agents.importing.fields.file_joins import joined_tables
from agents.importing.findings import Findings, ImportRefused
from agents.importing.mapping.known_names import normalize_name
from agents.importing.mapping.mapping import Join, Mapping, combine
from agents.importing.mapping.name_recognition import ColumnNames
from agents.importing.platforms.catalog import GENERIC, Platform, detect_platform, forms_of
from agents.importing.rows.list_explosion import explode_items
from agents.importing.rows.row_source import RowSource
from agents.importing.staging.stage import StagedTable, Staging


class SourcePlan(msgspec.Struct, frozen=True):
    """A table, with those that belong to it, and how to read it.

    Attributes:
        platform: name of the platform; `generic`: none.
        mapping: of the platform, changed by that of the user.
        user: the mapping of the user.
        source: the rows.
    """

    platform: str
    mapping: Mapping
    user: Mapping
    source: RowSource


def plan_sources(staging: Staging, user: Mapping, findings: Findings) -> list[SourcePlan]:
    """Return what is to be read of the tables.

    Raises:
        ImportRefused: a file is not of the platform that it should be of, or a file that belongs to it is missing.
    """
    forms = {table.name: _form_of(table, user) for table in staging.tables}
    plans: list[SourcePlan] = []
    own_joins, used = dict[str, tuple[Join, ...]](), set[str]()
    if not user.joins and user.platform in {"", GENERIC} and not any(forms.values()):
        own_joins, used = automatic_joins(staging, staging.tables, findings)
    for table in _main_tables(staging.tables, forms, user, own_joins):
        if table.name in used:
            continue
        form = forms[table.name]
        base = form.mapping if form else Mapping(platform=GENERIC, joins=own_joins.get(table.name, ()))
        mapping = combine(base, user)
        explode_items(staging, table, mapping, form.name if form else GENERIC, findings)
        others = [other for other in staging.tables if other.name != table.name]
        joined = joined_tables(staging, table, others, mapping.joins, form.title if form else "", findings)
        used |= {table.name, *(other.name for other, _ in joined)}
        if form and not user.platform:
            columns = ColumnNames(table.names)
            found = ", ".join(form.evidence({*map(normalize_name, columns.names)}))
            findings.assume("platform", form.name, f"{table.path.name} has the columns {found}", "--from")
        plans.append(SourcePlan(form.name if form else GENERIC, mapping, user, RowSource(staging, table, joined)))
    return _without_strangers(plans, findings)


def _form_of(table: StagedTable, user: Mapping) -> Platform | None:
    if user.platform == GENERIC:
        return None
    form = detect_platform(table.names, user.platform)
    if form is not None and form.refusal:
        raise ImportRefused(f"{', '.join(map(str, table.paths))}: {form.title}: {form.refusal}")
    return form


def _main_tables(
    tables: Sequence[StagedTable],
    forms: dict[str, Platform | None],
    user: Mapping,
    own_joins: dict[str, tuple[Join, ...]],
) -> list[StagedTable]:
    """Return the tables that can be the main one of a file, those with joins first.

    Raises:
        ImportRefused: no table has the columns of the platform that the user has named.
    """
    if user.platform and user.platform != GENERIC and not any(forms.values()):
        if len(forms_of(user.platform)) == 1 and len(tables) == 1:
            (form,) = forms_of(user.platform)
            forms[tables[0].name] = form
            return list(tables)
        raise ImportRefused(_not_of_platform(tables, user.platform))
    if own_joins:
        return sorted(tables, key=lambda table: table.name not in own_joins)
    if user.joins and not any(forms.values()):
        wanted = {name for join in user.joins for name in join.columns}
        return sorted(tables, key=lambda table: len(wanted & set(table.names)))
    return sorted(tables, key=lambda table: not (forms[table.name] is not None and _joins_of(forms[table.name])))


def _joins_of(form: Platform | None) -> tuple[Join, ...]:
    return form.mapping.joins if form else ()


def _not_of_platform(tables: Sequence[StagedTable], name: str) -> str:
    table = tables[0]
    columns = ColumnNames(table.names)
    missing = [
        [" or ".join(group) for group in form.detect if not any(columns.same(each) for each in group)]
        for form in forms_of(name)
    ]
    fewest = min(missing, key=len)
    return (
        f"{table.path} is no export of {name}: it has no column {', no column '.join(fewest)}; "
        "leave --from out, or describe the columns in a mapping file (--map)"
    )


def _without_strangers(plans: list[SourcePlan], findings: Findings) -> list[SourcePlan]:
    """Leave out tables of no platform that were given with the files of a platform which has several."""
    if not any(plan.source.joined and plan.platform != GENERIC for plan in plans):
        return plans
    kept = []
    for plan in plans:
        if plan.platform == GENERIC and not plan.source.joined:
            names = ", ".join(path.name for path in plan.source.main.paths)
            findings.assume("files", f"without {names}", "the other files say all about the orders", "--from")
        else:
            kept.append(plan)
    return kept
