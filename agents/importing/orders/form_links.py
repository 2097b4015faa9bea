# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""Put together what files of several forms say about the same orders: each order once, and its refunds with it."""

from collections.abc import Sequence
from typing import Any, Final

from agents.importing.orders.order_tables import digits_sql

_SAME_PERSON: Final = "(a.customer IS NULL OR b.customer IS NULL OR a.customer = b.customer)"


def link_forms(con: Any, names: Sequence[str]) -> None:
    """Leave out orders and refunds that several forms have, and give refunds the orders that another form has.

    An order with the same number and customer in two forms is one; if their sums differ, it is left out. Numbers of
    different customers are different orders.

    Args:
        con: the connection of the staged tables.
        names: of the tables of orders; those of refunds are `<name>_refunds`.
    """
    if len(names) < 2:
        return
    _leave_out_orders(con, names)
    _link_refunds(con, names)
    _leave_out_refunds(con, names)
    _count_refunds(con, names)
    con.execute("DROP TABLE order_union; DROP TABLE refund_union")


def _leave_out_orders(con: Any, names: Sequence[str]) -> None:
    """Leave out each order that an earlier form has; of two forms the one that knows the customer comes first."""
    union = " UNION ALL ".join(
        f"SELECT {form} AS form, rowid AS id, order_id, customer, minor, currency FROM {name} "
        "WHERE reason IS NULL AND minor >= 0 AND order_id IS NOT NULL"
        for form, name in enumerate(names)
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE order_union AS {union}")
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE order_copies AS
            SELECT b.form AS form, b.id AS id, a.form AS first_form, a.id AS first_id,
                a.minor <> b.minor OR a.currency <> b.currency AS differs, a.minor AS minor, b.minor AS other
            FROM order_union a JOIN order_union b ON a.order_id = b.order_id AND {_SAME_PERSON}
                AND (a.customer IS NULL, a.form) < (b.customer IS NULL, b.form) AND a.form <> b.form"""
    )
    for form, name in enumerate(names):
        con.execute(
            f"UPDATE {name} SET reason = 'contradictory', detail = 'two files differ in the sum of order ' || order_id "
            f"WHERE rowid IN (SELECT id FROM order_copies WHERE form = {form} AND differs "
            f"UNION ALL SELECT first_id FROM order_copies WHERE first_form = {form} AND differs)"
        )
        con.execute(
            f"UPDATE {name} SET reason = 'duplicate' WHERE reason IS NULL "
            f"AND rowid IN (SELECT id FROM order_copies WHERE form = {form})"
        )
    con.execute("DROP TABLE order_copies")


def _link_refunds(con: Any, names: Sequence[str]) -> None:
    """Give refunds the orders that count in another form; those of orders that do not count are left out with them."""
    union = " UNION ALL ".join(
        f"SELECT {form} AS form, order_id, customer, occurred_at, minor, currency, ordinal, reason FROM {name} "
        "WHERE minor >= 0 AND order_id IS NOT NULL"
        for form, name in enumerate(names)
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE order_union AS {union}")
    for name in names:
        con.execute(
            f"""
            UPDATE {name}_refunds AS a SET known = true, order_id = b.order_id, order_ordinal = b.ordinal,
                order_customer = b.customer, order_occurred_at = b.occurred_at, order_minor = b.minor,
                customer = coalesce(b.customer, a.customer),
                currency = CASE WHEN a.names_currency THEN a.currency ELSE b.currency END
            FROM (SELECT *, count(*) OVER (PARTITION BY order_id) AS people FROM order_union WHERE reason IS NULL) b
            WHERE a.reason IS NULL AND NOT a.known AND a.mentioned = b.order_id AND {_SAME_PERSON}
                AND (b.people = 1 OR a.customer IS NOT NULL)
                AND (a.names_currency OR {digits_sql("a.currency")} = {digits_sql("b.currency")})"""
        )
        con.execute(
            f"""
            UPDATE {name}_refunds AS a SET reason = b.reason
            FROM (SELECT order_id, customer, any_value(reason) AS reason FROM order_union GROUP BY ALL
                HAVING count(*) = count(reason)) b
            WHERE a.reason IS NULL AND a.mentioned = b.order_id AND {_SAME_PERSON} AND (NOT a.known OR NOT EXISTS
                (SELECT 1 FROM order_union o WHERE o.order_id = a.mentioned AND o.reason IS NULL))"""
        )


def _leave_out_refunds(con: Any, names: Sequence[str]) -> None:
    """Leave out refunds with a number that another form has, and what refund columns count again.

    The sum of a column is all that was refunded: of several forms the greatest counts, less what rows refund.
    """
    _unite_refunds(con, names)
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE refund_copies AS
            SELECT form, id FROM refund_union WHERE source <> 'column' QUALIFY row_number() OVER (PARTITION BY
                coalesce(refund_id, source || form || '/' || id), mentioned ORDER BY form, id) > 1
            UNION ALL
            SELECT form, id FROM refund_union WHERE source = 'column'
                QUALIFY row_number() OVER (PARTITION BY order_id, customer ORDER BY minor DESC, form) > 1"""
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE refunds_in_rows AS
            SELECT order_id, customer, sum(minor)::BIGINT AS minor, list(DISTINCT form) AS forms FROM refund_union
            WHERE source = 'row' AND known AND (form, id) NOT IN (SELECT (form, id) FROM refund_copies) GROUP BY ALL"""
    )
    for form, name in enumerate(names):
        table = f"{name}_refunds"
        con.execute(
            f"UPDATE {table} SET reason = 'duplicate' WHERE rowid IN (SELECT id FROM refund_copies WHERE form = {form})"
        )
        own = f"list_contains(b.forms, {form})"  # its own rows are taken off already
        con.execute(
            f"""
            UPDATE {table} AS a SET reason = CASE WHEN a.minor <= b.minor THEN 'duplicate' END,
                minor = CASE WHEN a.minor <= b.minor THEN a.minor ELSE a.minor - b.minor END
            FROM refunds_in_rows b WHERE a.source = 'column' AND a.reason IS NULL AND a.order_id = b.order_id
                AND a.customer IS NOT DISTINCT FROM b.customer AND NOT {own}"""
        )
    con.execute("DROP TABLE refund_copies; DROP TABLE refunds_in_rows")


def _unite_refunds(con: Any, names: Sequence[str]) -> None:
    union = " UNION ALL ".join(
        f"SELECT {form} AS form, rowid AS id, source, refund_id, mentioned, known, order_id, customer, occurred_at, "
        f"position, minor, order_minor, currency FROM {name}_refunds WHERE reason IS NULL"
        for form, name in enumerate(names)
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE refund_union AS {union}")


def _count_refunds(con: Any, names: Sequence[str]) -> None:
    """Count of the refunds of each order no more than was paid for it, in whichever form they are."""
    _unite_refunds(con, names)
    for form, name in enumerate(names):
        con.execute(
            f"""
            UPDATE {name}_refunds AS a SET counted_minor = greatest(0, least(a.minor, a.order_minor - b.earlier))
            FROM (SELECT form, id, coalesce(sum(minor) OVER before, 0) AS earlier FROM refund_union WHERE known
                WINDOW before AS (PARTITION BY order_id, customer ORDER BY occurred_at, form, position
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) b
            WHERE b.form = {form} AND a.rowid = b.id AND a.reason IS NULL"""
        )
