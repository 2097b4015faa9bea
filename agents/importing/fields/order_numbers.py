# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""Whether the cells of a column can be numbers of orders, where its name does not say so."""

from typing import Final

from agents.importing.fields.field_search import FieldSearch
from agents.importing.mapping.expression import Column, Expression, columns_of
from agents.importing.mapping.known_names import words_in_order

_EXAMPLES: Final = 20
_WORDS_OF_TITLE: Final = 4


def cells_are_titles(search: FieldSearch, column: Column) -> bool:
    """Whether a column has titles of documents, such as `Sale 12200 of 04.02.2025`, in place of numbers."""
    texts = search.examples(column.name, _EXAMPLES)
    return bool(texts) and all(len(words_in_order(text)) >= _WORDS_OF_TITLE for text in texts)


def can_number_orders(search: FieldSearch, name: str, moment: Expression | None) -> bool:
    """Whether every row has a number in a column, each always with the same moment, and they do not count the rows."""
    are_digits = all(text.isdecimal() for text in search.examples(name, _EXAMPLES))  # which Unix times are too
    if search.cells.looks_like_money(name) or (not are_digits and search.cells.is_date(name)):
        return False
    cell = search.source.cell(name).sql
    moments = [search.source.cell(each).sql for each in columns_of(moment)] if moment is not None else []
    when = f"concat_ws(' ', {', '.join(moments)})" if moments else "''"
    row = search.source.staging.con.execute(
        f"""
        SELECT count(*) > 0 AND count(*) = count(number), count(DISTINCT number) = count(DISTINCT (number, moment)),
            count(*) > 1 AND coalesce(bool_and(TRY_CAST(number AS BIGINT) = ordinal), false)
        FROM (SELECT {cell} AS number, {when} AS moment,
            row_number() OVER (ORDER BY {search.source.position_sql}) AS ordinal FROM {search.source.from_sql})"""
    ).fetchone()
    assert row is not None
    are_all_filled, have_one_moment, count_rows = row
    return bool(are_all_filled and have_one_moment and not count_rows)
