# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""Lines grouped into a table of orders, in minor units, each with the reason why it is left out, if it is.

Columns of the table: `order_key`, `order_id` (NULL: it has no number), `customer` (NULL: a guest), `customer1` … (its
possible ids), `occurred_at`, `minor`, `discount_minor`, `refunded_minor` and `refunded_at` (of a refund column),
`currency`, `rate`, texts, consents, `line`, `file`, `lines`, `ordinal` among orders without a number and with equal
contents, `lost` (what rounding took away, in minor units), `reason` and `detail` (NULL: it counts).
"""

from typing import Any, Final

import msgspec

from agents.importing.mapping.mapping import Mapping
from agents.importing.orders.sale_lines import CONSENT_COLUMNS, TEXT_FIELDS, SaleLines
from agents.importing.rows.cell_sql import MONEY, quoted
from state.units.currencies import DIGITS
from state.units.money import MAX_MINOR

MAX_ID: Final = 128
_NO_DATE_MS: Final = 86_400_000
"""The end of the first day of 1970: moments before it are zeros of programs, in any time zone."""
_END_MS: Final = 7_258_118_400_000
"""The end of the year 2199."""


_RETURNED: Final = "coalesce(returned_amount, CASE WHEN is_returned THEN amount END)"
"""What of a line was given back."""


class OrderRules(msgspec.Struct, frozen=True, kw_only=True):
    """How lines become orders.

    Attributes:
        amount: `sum` of the lines, or `first` filled.
        base_currency: the policy's; empty: none.
        default_currency: of orders that name none; empty: none.
        latest_ms: the latest admissible moment; None: there is none.
        skips_other_statuses: whether an order without a status that counts is left out.
        is_grouped: whether there are orders of several lines.
        has_unnumbered: whether there are orders without a number.
        max_id: longest order number and customer id, in characters.
    """

    amount: str
    base_currency: str
    default_currency: str
    latest_ms: int | None
    skips_other_statuses: bool
    is_grouped: bool
    has_unnumbered: bool
    max_id: int = MAX_ID


def digits_sql(currency: str) -> str:
    """Return the factor from major to minor units of a currency."""
    cases = [
        f"WHEN {currency} IN ({', '.join(quoted(code) for code, own in DIGITS.items() if own == digits)}) "
        f"THEN {10**digits}"
        for digits in sorted(set(DIGITS.values()))
        if digits != 2
    ]
    return f"CASE {' '.join(cases)} ELSE 100 END"


def minor_sql(exact: str) -> str:
    """Return a decimal of minor units rounded to a whole number, half to even; NULL if it is far out of range."""
    rest = f"({exact} - floor({exact}))"
    rounds_up = f"{rest} > 0.5 OR ({rest} = 0.5 AND floor({exact}) % 2 <> 0)"
    return f"TRY_CAST(floor({exact}) + CASE WHEN {rounds_up} THEN 1 ELSE 0 END AS BIGINT)"


def create_orders(con: Any, name: str, lines: SaleLines, mapping: Mapping, rules: OrderRules) -> None:
    """Create the table of orders from the lines whose role is `sale`."""
    if rules.is_grouped:
        con.execute(f"CREATE OR REPLACE TABLE {name}_groups AS {_groups_sql(lines, rules)}")
        orders = _first_filled_sql(con, f"{name}_groups", lines)
    else:
        same = ", ".join(f"false AS {each}" for each in _differences(lines, rules))
        returned = f"{_RETURNED} AS returned"
        orders = f"SELECT *, 1 AS lines, {returned}, {same} FROM {lines.name} WHERE role = 'sale'"
    con.execute(f"CREATE OR REPLACE TABLE {name} AS {_judged_sql(orders, lines, mapping, rules)}")
    con.execute(f"DROP TABLE IF EXISTS {name}_groups")


def _texts(lines: SaleLines) -> list[str]:
    """Return the columns of texts that lines have; aggregates of texts would not fit into memory."""
    ids = (f"customer{number}" for number in range(1, lines.customers + 1))
    texts = (*ids, *TEXT_FIELDS, "status", "currency", "converted_currency", "order_reason", "error")
    return [column for column in texts if column in lines.filled]


def _differences(lines: SaleLines, rules: OrderRules) -> dict[str, str]:
    """Return aggregates that tell whether the lines of an order contradict each other."""
    hashed = {
        f"customer{number}_differs": f"CASE WHEN customer{number} IS NOT NULL THEN hash(customer{number}) END"
        for number in range(1, lines.customers + 1)
    }
    hashed["currency_differs"] = "CASE WHEN currency IS NOT NULL THEN hash(currency) END"
    differences = {name: f"min({each}) <> max({each})" for name, each in hashed.items()}
    differences["amount_differs"] = "false" if rules.amount == "sum" else "min(amount) <> max(amount)"
    return differences


def _groups_sql(lines: SaleLines, rules: OrderRules) -> str:
    """Return one row for each order: sums, what contradicts, and the rows with the first values of texts."""
    sums = ("amount", "discount", "converted_amount", "converted_refunded", "adjusted_amount", "ordered_amount")
    total = "sum({0})" if rules.amount == "sum" else "arg_min({0}, position)"
    refunded = "arg_min(refunded, position)"
    if rules.amount == "sum":  # the same sum on each line that is not the line's own is the order's
        is_repeated = "min(refunded) = max(refunded) AND bool_or(refunded <> amount)"
        refunded = f"CASE WHEN {is_repeated} THEN max(refunded) ELSE sum(refunded) END"
    returned = f"sum({_RETURNED})"  # each line has its own flag
    if rules.amount == "first":  # what a line cost is known of single ones only
        whole = "bool_or(is_returned) OR bool_and(coalesce(returned_amount = amount, false))"
        returned = (
            f"CASE WHEN {whole} THEN arg_min(amount, position) WHEN count(*) = 1 THEN any_value(returned_amount) END"
        )
    if not {"is_returned", "returned_amount", "status"} & lines.filled:
        returned = f"NULL::{MONEY}"
    columns = {
        "lines": "count(*)",
        "first_row": "arg_min(rowid, position)",
        **{field: total.format(field) if field in lines.filled else f"NULL::{MONEY}" for field in sums},
        "refunded": refunded if "refunded" in lines.filled else f"NULL::{MONEY}",
        "returned": returned,
        **{field: f"arg_min({field}, position)" for field in ("rate", "refunded_at", *CONSENT_COLUMNS)},
        "is_test": "bool_or(is_test)",
        **{f"moment{number}": f"min(moment{number})" for number in range(1, lines.moments + 1)},
        **_differences(lines, rules),
        **{f"row_{text}": f"arg_min(CASE WHEN {text} IS NOT NULL THEN rowid END, position)" for text in _texts(lines)},
    }
    selected = ", ".join(f"{sql} AS {column}" for column, sql in columns.items())
    return f"SELECT order_key, {selected} FROM {lines.name} WHERE role = 'sale' GROUP BY order_key"


def _first_filled_sql(con: Any, groups: str, lines: SaleLines) -> str:
    """Return the orders with the first filled value of each text: nearly always that of the first line."""
    texts = _texts(lines)
    checks = ", ".join(f"coalesce(bool_or(row_{text} <> first_row), false)" for text in texts) or "false"
    are_later = con.execute(f"SELECT {checks} FROM {groups}").fetchone()
    later = [text for text, is_later in zip(texts, are_later, strict=False) if is_later]
    all_texts = (*(f"customer{n}" for n in range(1, lines.customers + 1)), *TEXT_FIELDS)
    values = {
        text: (
            "NULL::VARCHAR"
            if text not in texts
            else f"coalesce(l.{text}, {text}_line.{text})"
            if text in later
            else f"l.{text}"
        )
        for text in (*all_texts, "status", "currency", "converted_currency", "order_reason", "error")
    }
    joins = "".join(
        f" LEFT JOIN {lines.name} {text}_line ON {text}_line.rowid = g.row_{text} AND g.row_{text} <> g.first_row"
        for text in later
    )
    own = ", ".join(f"l.{column}" for column in ("order_id", "position", "line", "file"))
    listed = ", ".join(f"{sql} AS {text}" for text, sql in values.items())
    return f"SELECT g.*, {own}, {listed} FROM {groups} g JOIN {lines.name} l ON l.rowid = g.first_row{joins}"


def _judged_sql(orders: str, lines: SaleLines, mapping: Mapping, rules: OrderRules) -> str:
    """Return the orders in minor units, with the first reason why one does not count."""
    ids = [f"customer{number}" for number in range(1, lines.customers + 1)]
    moments = ", ".join(f"moment{number}" for number in range(1, lines.moments + 1))
    differs = " ".join(f"WHEN {each} IS NOT NULL THEN coalesce({each}_differs, false)" for each in ids)
    own = f"coalesce(currency, nullif({quoted(rules.default_currency)}, ''))"
    converts = (
        f"(converted_amount IS NOT NULL AND converted_currency = {quoted(rules.base_currency)} "
        f"AND {own} <> {quoted(rules.base_currency)})"
    )
    left = "CASE WHEN adjusted_amount > 0 AND adjusted_amount < amount THEN amount - adjusted_amount END"
    exclude = "" if rules.is_grouped else "EXCLUDE (occurred_at)"
    valued = f"""
        SELECT * {exclude}, coalesce({", ".join(ids)}, NULL) AS customer,
            coalesce({moments}, NULL) AS occurred_at,
            CASE {differs} ELSE false END AS customers_differ,
            CASE WHEN {converts} THEN converted_currency ELSE {own} END AS money,
            CASE WHEN {converts} THEN converted_amount ELSE amount END AS paid,
            CASE WHEN {converts} THEN NULL ELSE discount END AS deducted,
            CASE WHEN {converts}
                THEN coalesce(converted_refunded, CASE WHEN returned = amount THEN converted_amount
                    WHEN amount <> 0 THEN round((converted_amount * (returned / amount))::DOUBLE, 6)::{MONEY} END)
                ELSE coalesce(nullif(abs(coalesce(refunded, {left})), 0), abs(returned)) END AS given_back
        FROM ({orders})"""
    scaled = f"""
        SELECT *, paid * {digits_sql("money")} AS exact,
            deducted * {digits_sql("money")} AS exact_discount, abs(given_back) * {digits_sql("money")} AS exact_refund
        FROM ({valued})"""
    kept = ", ".join((*TEXT_FIELDS, *CONSENT_COLUMNS, *ids, "refunded_at", "line", "file", "lines", "position"))
    counted = f"""
        SELECT order_key, order_id, customer, occurred_at, rate, money AS currency, status, {kept},
            {minor_sql("exact")} AS minor, {minor_sql("exact_discount")} AS discount_minor,
            {minor_sql("exact_refund")} AS refunded_minor, exact - {minor_sql("exact")} AS lost,
            {_reason_sql(mapping, rules)} AS found
        FROM ({scaled})"""
    numbered = f"""
        SELECT * EXCLUDE (found), nullif(split_part(found, chr(31), 1), '') AS reason,
            split_part(found, chr(31), 2) AS detail
        FROM ({counted})"""
    if not rules.has_unnumbered:
        return f"SELECT *, NULL::BIGINT AS ordinal FROM ({numbered})"
    # An order without a number that is in two files of one import, such as a longer export, is one order.
    equal = "order_id IS NULL, customer, occurred_at, minor, currency"
    ordinal = f"row_number() OVER (PARTITION BY file, {equal} ORDER BY position) AS ordinal"
    copies = f"row_number() OVER (PARTITION BY ordinal, {equal} ORDER BY file)"
    return f"SELECT * FROM (SELECT *, {ordinal} FROM ({numbered})) QUALIFY order_id IS NOT NULL OR {copies} = 1"


def _reason_sql(mapping: Mapping, rules: OrderRules) -> str:
    """Return reason and detail, separated by a unit separator; NULL for an order that counts."""
    cases = ["WHEN order_reason IS NOT NULL THEN order_reason", "WHEN is_test THEN 'test_order'"]
    if {"status", "paid"} & mapping.fields.keys():
        cases.append("WHEN status = 'skip' THEN 'status' WHEN status = 'unpaid' THEN 'unpaid'")
        if rules.skips_other_statuses and "status" in mapping.fields:
            cases.append("WHEN status IS NULL THEN 'status'")
    unreadable = "'unreadable' || chr(31) || "
    most = f"format('{{:,}}', {MAX_MINOR} // {digits_sql('money')})"
    cases += [
        f"WHEN error IS NOT NULL THEN {unreadable}error",
        "WHEN paid = 0 AND ordered_amount > 0 THEN 'unpaid'",
        "WHEN customers_differ THEN 'contradictory' || chr(31) || 'customer'",
        "WHEN currency_differs THEN 'contradictory' || chr(31) || 'currency'",
        "WHEN amount_differs THEN 'contradictory' || chr(31) || 'amount'",
        f"WHEN occurred_at IS NULL THEN {unreadable}'occurred_at has no value'",
        f"WHEN occurred_at NOT BETWEEN {_NO_DATE_MS} AND {_END_MS - 1} THEN {unreadable}"
        + quoted("occurred_at must be after 1970-01-01, which programs write for no date, and before 2200"),
        f"WHEN paid IS NULL THEN {unreadable}'amount has no value'",
        f"WHEN money IS NULL THEN {unreadable}'currency has no value'",
        f"WHEN abs(exact) > {MAX_MINOR} THEN {unreadable}'amount must be at most ' || {most} || ' ' || money",
        f"WHEN length(order_id) > {rules.max_id} THEN {unreadable}'order_id must have at most {MAX_ID} characters'",
        f"WHEN length(customer) > {rules.max_id} THEN {unreadable}'customer_id must have at most {MAX_ID} characters'",
    ]
    if rules.latest_ms is not None:
        cases.append(f"WHEN occurred_at > {rules.latest_ms} THEN 'future'")
    return f"CASE {' '.join(cases)} END"
