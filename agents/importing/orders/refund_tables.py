# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""The table of refunds: from rows that are refunds, from a column of refunded sums, from statuses and cancellations.

Columns: `refund_id` (NULL: derive it from the contents), `source` (`row`, `column` or `cancel`), `known` (whether it
refunds an order of the file), of that order `order_id`, `order_ordinal`, `order_customer`, `order_occurred_at`,
`order_minor`; `mentioned` (the order number in its rows), `customer`, `occurred_at`, `minor`, `counted_minor` (what it
takes back: at most what was paid and not refunded before), `currency`, `names_currency` (whether rows name it), `rate`,
`line`, `file`, `ordinal` among equal refunds, `lost`, `reason`, `detail`.
"""

from typing import Any, Final

from agents.importing.mapping.mapping import Mapping
from agents.importing.orders.order_tables import OrderRules, digits_sql, minor_sql
from agents.importing.orders.sale_lines import SaleLines
from agents.importing.rows.cell_sql import quoted

_COLUMNS: Final = """
    refund_id, source, order_key, known, mentioned, customer, occurred_at, minor, currency, names_currency, rate, line,
    file, position, lost, reason, detail"""


def create_refunds(con: Any, name: str, orders: str, lines: SaleLines, mapping: Mapping, rules: OrderRules) -> None:
    """Create the table of refunds; orders whose refunds contradict them are left out from here on."""
    con.execute(f"CREATE OR REPLACE TABLE {name}_rows AS {_row_refunds_sql(orders, lines, rules)}")
    if not ({"customer_id", "email"} & mapping.refund.keys()):
        con.execute(
            f"UPDATE {orders} SET reason = 'contradictory', detail = 'customer' WHERE reason IS NULL AND order_key IN "
            f"(SELECT order_key FROM {name}_rows WHERE detail = 'customer')"
        )
        con.execute(f"UPDATE {name}_rows SET reason = 'contradictory' WHERE detail = 'customer'")
    con.execute(f"CREATE OR REPLACE TABLE {name}_all AS SELECT {_COLUMNS} FROM {name}_rows")
    con.execute(f"INSERT INTO {name}_all {_negative_orders_sql(orders)}")
    con.execute(f"INSERT INTO {name}_all {_column_refunds_sql(orders, f'{name}_rows')}")
    con.execute(f"INSERT INTO {name}_all {_cancel_refunds_sql(orders, lines, f'{name}_all')}")
    con.execute(f"CREATE OR REPLACE TABLE {name} AS {_limited_sql(orders, f'{name}_all')}")
    con.execute(f"DROP TABLE {name}_rows")
    con.execute(f"DROP TABLE {name}_all")


def _row_refunds_sql(orders: str, lines: SaleLines, rules: OrderRules) -> str:
    """Return a row for each refund that has rows of its own.

    Rows of an order with the same refund number are one refund; lines of the same order at the same moment are too,
    where the rows of the file are lines. Where rows repeat their order, they repeat the sum of a refund too.
    """
    alone = "'row' || chr(31) || position"
    together = "'lines' || chr(31) || order_key || chr(31) || coalesce(occurred_at, 0)"
    numbered = "'id' || chr(31) || refund_id || chr(31) || coalesce(order_id, '')"
    key = f"coalesce({numbered}, {together if rules.amount == 'sum' else alone})"
    first = "CASE WHEN min(amount) = max(amount) THEN min(amount) ELSE sum(amount) END"
    total = "sum(amount)" if rules.amount == "sum" else first
    ids = [f"customer{number}" for number in range(1, lines.customers + 1)]
    grouped = f"""
        SELECT {key} AS refund_key, any_value(refund_id) AS refund_id, any_value(order_key) AS order_key,
            any_value(order_id) AS mentioned, min(position) AS position, arg_min(line, position) AS line,
            arg_min(file, position) AS file, min(occurred_at) AS occurred_at, abs({total}) AS amount,
            arg_min(currency, position) AS currency, arg_min(rate, position) AS rate,
            arg_min(error, position) AS error, arg_min(order_reason, position) AS order_reason,
            arg_min(status, position) AS status, {", ".join(f"arg_min({each}, position) AS {each}" for each in ids)}
        FROM {lines.name} WHERE role = 'refund' GROUP BY refund_key"""
    own = ", ".join(f"g.{each}" for each in ids)
    differs = " OR ".join(f"coalesce(g.{each} <> o.{each}, false)" for each in ids)
    joined = f"""
        SELECT g.*, o.order_key IS NOT NULL AND o.minor >= 0 AS known, o.reason AS order_left_out,
            o.order_key IS NOT NULL AND o.reason IS NULL AND ({differs}) AS differs,
            coalesce(o.customer, {own}) AS customer,
            coalesce(g.currency, o.currency, nullif({quoted(rules.default_currency)}, '')) AS money,
            coalesce(g.currency, o.currency) IS NOT NULL AS names_currency
        FROM ({grouped}) g LEFT JOIN {orders} o ON g.order_key = o.order_key"""
    scaled = f"SELECT *, amount * {digits_sql('money')} AS exact FROM ({joined})"
    unreadable = "'unreadable' || chr(31) || "
    reason = f"""
        CASE WHEN order_reason IS NOT NULL THEN order_reason WHEN order_left_out IS NOT NULL THEN order_left_out
            WHEN status = 'skip' THEN 'status' WHEN status = 'unpaid' THEN 'unpaid'
            WHEN error IS NOT NULL THEN {unreadable}error
            WHEN differs THEN chr(31) || 'customer'
            WHEN occurred_at IS NULL THEN {unreadable}'occurred_at has no value'
            WHEN exact IS NULL THEN {unreadable}'amount has no value'
            WHEN exact = 0 THEN 'not_a_sale' || chr(31) || 'nothing is refunded'
            WHEN length(refund_id) > {rules.max_id} THEN {unreadable}'refund_id is too long'
            {f"WHEN occurred_at > {rules.latest_ms} THEN 'future'" if rules.latest_ms is not None else ""} END"""
    found = f"""
        SELECT *, {minor_sql("exact")} AS minor, exact - {minor_sql("exact")} AS lost, {reason} AS found
        FROM ({scaled})"""
    return f"""
        SELECT refund_id, 'row' AS source, order_key, coalesce(known, false) AS known, mentioned, customer, occurred_at,
            minor, money AS currency, names_currency, rate, line, file, position, lost,
            nullif(split_part(found, chr(31), 1), '') AS reason, split_part(found, chr(31), 2) AS detail
        FROM ({found})"""


def _negative_orders_sql(orders: str) -> str:
    """Return the orders whose lines sum up to less than zero, such as an exchange for something cheaper."""
    return f"""
        SELECT NULL, 'row', order_key, false, order_id, customer, occurred_at, -minor, currency, true, rate, line, file,
            position, -lost, NULL, '' FROM {orders} WHERE minor < 0 AND reason IS NULL"""


def _column_refunds_sql(orders: str, rows: str) -> str:
    """Return the sums of a refund column, and of a status that says so the whole order unless rows refund it.

    What rows of the file refund is part of the sum of the column.
    """
    given_back = """
        CASE WHEN coalesce(refunded_minor, 0) > 0 THEN refunded_minor - coalesce(in_rows, 0)
            WHEN status = 'refunded' AND in_rows IS NULL THEN minor END"""
    return f"""
        SELECT NULL, 'column', order_key, true, order_id, customer, coalesce(refunded_at, occurred_at), total, currency,
            true, rate, line, file, position, 0, reason, detail
        FROM (SELECT *, {given_back} AS total
            FROM (SELECT o.*, r.in_rows FROM {orders} o LEFT JOIN (
                SELECT order_key, sum(minor) AS in_rows FROM {rows} WHERE known AND reason IS NULL GROUP BY order_key
            ) r ON o.order_key = r.order_key WHERE o.reason IS NULL AND o.minor >= 0))
        WHERE total > 0"""


def _cancel_refunds_sql(orders: str, lines: SaleLines, refunds: str) -> str:
    """Return what is left of each order that a later row cancels."""
    return f"""
        SELECT NULL, 'cancel', c.order_key, o.order_key IS NOT NULL, c.order_id, o.customer, c.occurred_at,
            coalesce(o.minor, 0) - coalesce(r.minor, 0), o.currency, true, o.rate, c.line, c.file, c.position, 0,
            CASE WHEN o.reason IS NOT NULL THEN o.reason WHEN c.occurred_at IS NULL THEN 'unreadable'
                WHEN coalesce(o.minor, 0) <= coalesce(r.minor, 0) THEN 'not_a_sale' END, 'nothing is left to cancel'
        FROM (SELECT * FROM {lines.name} WHERE role = 'cancel'
                QUALIFY row_number() OVER (PARTITION BY order_key ORDER BY position) = 1) c
            LEFT JOIN {orders} o ON c.order_key = o.order_key
            LEFT JOIN (SELECT order_key, sum(minor) AS minor FROM {refunds} WHERE reason IS NULL GROUP BY order_key) r
                ON c.order_key = r.order_key"""


def _limited_sql(orders: str, refunds: str) -> str:
    """Return all refunds with what each of them takes back: no more than is left of what was paid.

    Refunds of several orders with the same number get the number of their order in front of it.
    """
    before = f"""
        SELECT r.*, o.order_id AS order_id, o.ordinal AS order_ordinal, o.minor AS paid, o.currency AS paid_currency,
            coalesce(sum(r.minor) OVER (PARTITION BY r.order_key, r.reason IS NULL ORDER BY r.occurred_at, r.position
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS earlier,
            row_number() OVER (PARTITION BY r.mentioned, CASE WHEN r.mentioned IS NULL THEN r.customer END,
                r.occurred_at, r.minor ORDER BY r.position) AS ordinal,
            o.customer AS order_customer, o.occurred_at AS order_occurred_at
        FROM {refunds} r LEFT JOIN {orders} o ON r.order_key = o.order_key AND r.known"""
    is_shared = "min(mentioned) OVER (PARTITION BY refund_id) <> max(mentioned) OVER (PARTITION BY refund_id)"
    return f"""
        SELECT * EXCLUDE (earlier, paid, paid_currency, known) REPLACE (CASE WHEN refund_id IS NOT NULL AND {is_shared}
                THEN mentioned || ':' || refund_id ELSE refund_id END AS refund_id),
            (CASE WHEN known AND currency = paid_currency THEN greatest(0, least(minor, paid - earlier)) ELSE minor END
                )::BIGINT AS counted_minor,
            paid AS order_minor, known
        FROM ({before})"""
