# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""Which files belong to the rows of another one, and by which columns; ambiguous files are refused."""

from collections.abc import Sequence
from typing import Final

from agents.importing.findings import Findings, ImportRefused
from agents.importing.mapping.mapping import Join
from agents.importing.mapping.name_recognition import ColumnNames
from agents.importing.staging.stage import StagedTable, Staging

_REMEDY: Final = "`on` of [[join]] names columns that both files have"


def joined_tables(
    staging: Staging,
    main: StagedTable,
    others: Sequence[StagedTable],
    joins: Sequence[Join],
    title: str,
    findings: Findings,
) -> list[tuple[StagedTable, Join]]:
    """Return the tables that belong to a main table.

    Args:
        staging: the tables.
        main: whose rows become events.
        others: the other tables.
        joins: what belongs to it.
        title: of the platform's form of file; empty: the joins are the user's.
        findings: receives which files are joined, and how many rows have a row there.

    Raises:
        ImportRefused: one that is required is missing, several files fit, a column to join on is missing, or several
            rows fit where one is meant.
    """
    joined: list[tuple[StagedTable, Join]] = []
    columns = ColumnNames(main.names)
    for join in joins:
        if all(columns.same(name) for name in join.columns):
            continue  # one file has the columns of both
        found = [table for table in others if has_columns(table, join.columns)]
        if len(found) > 1:
            names = " and ".join(str(table.path) for table in found)
            wanted = ", ".join(join.columns)
            raise ImportRefused(f"{main.path}: {names} both have the columns {wanted}; import it with one of them")
        if found:
            (table,) = found
            _check_columns(main, [other for other, _ in joined], table, join)
            _check_rows(staging, table, join)
            _state(staging, main, table, join, findings)
            joined.append((table, join))
        elif join.required:
            missing = join.title or f"the file with the columns {', '.join(join.columns)}"
            whose = f"{title}: " if title else ""
            raise ImportRefused(f"{main.path}: {whose}{missing} must be imported together with it; name both files")
    return joined


def has_columns(table: StagedTable, names: Sequence[str]) -> bool:
    """Whether a table has all of these columns."""
    columns = ColumnNames(table.names)
    return all(columns.same(name) for name in names)


def _check_columns(main: StagedTable, joined: Sequence[StagedTable], table: StagedTable, join: Join) -> None:
    """Check that both sides have the columns to join on.

    Raises:
        ImportRefused: one of them does not.
    """
    for name in join.on:
        if not has_columns(table, [name]):
            raise ImportRefused(
                f"{table.path} has no column {name!r} to join it on; [[join]] on names columns of both files"
            )
        if not any(has_columns(other, [name]) for other in (main, *joined)):
            raise ImportRefused(f"{main.path} has no column {name!r} to join {table.path.name} on; {_REMEDY}")


def _check_rows(staging: Staging, table: StagedTable, join: Join) -> None:
    """Check that a row has one row in the joined table, where one is meant.

    Raises:
        ImportRefused: there are several, and their contents differ.
    """
    if join.many:
        return
    columns = ColumnNames(table.names)
    keys, values = (
        [staging.column(table, found) for name in names if (found := columns.same(name)) is not None]
        for names in (join.on, [name for name in join.columns if name not in join.on])
    )
    if not values:
        return
    row = staging.con.execute(
        f"""
        SELECT min(line), max(line), any_value(key) FROM (
            SELECT min(line) AS line, {keys[0]} AS key, ({", ".join(values)}) AS contents FROM {table.name}
            WHERE {" AND ".join(f"{key} IS NOT NULL" for key in keys)} GROUP BY {", ".join(keys)}, contents)
        GROUP BY key HAVING count(*) > 1 ORDER BY 1 LIMIT 1"""
    ).fetchone()
    if row is not None:
        names = ", ".join(name for name in join.columns if name not in join.on)
        raise ImportRefused(
            f"{table.path}: lines {row[0]} and {row[1]} have the same {' and '.join(join.on)} ({row[2]}), but "
            f"differ in {names}; remove the one that is wrong"
        )


def _state(staging: Staging, main: StagedTable, table: StagedTable, join: Join, findings: Findings) -> None:
    """Say that a table is joined, and how many rows of the main one have a row there."""
    mine, other = ColumnNames(main.names), ColumnNames(table.names)
    on = " and ".join(join.on)
    pairs = [(mine.same(name), other.same(name)) for name in join.on]
    evidence = f"both have {on}"
    if all(left and right for left, right in pairs):
        condition = " AND ".join(
            f"b.{staging.column(main, left)} = j.{staging.column(table, right)}"
            for left, right in pairs
            if left and right
        )
        row = staging.con.execute(f"SELECT count(*) FROM {main.name} AS b SEMI JOIN {table.name} AS j ON {condition}")
        ((found,),) = row.fetchall()
        evidence = f"{found:,} of {main.rows:,} rows of {main.path.name} have a row with the same {on} there"
    findings.assume("files", f"{table.path.name} joined on {on}", evidence, "[[join]] in a mapping file (--map)")
