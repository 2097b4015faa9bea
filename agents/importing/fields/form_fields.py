# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""Which columns of a form of file are which fields, and which kinds of events its rows are."""

from typing import Final

import msgspec

from agents.importing.fields.field_resolution import check_mapped_columns, existing_fields
from agents.importing.fields.recognition import Recognition
from agents.importing.fields.return_columns import ReturnColumns, refund_numbers_question
from agents.importing.fields.source_plan import SourcePlan
from agents.importing.findings import Findings, ImportRefused
from agents.importing.mapping.event_fields import (
    ALL_FIELDS,
    COMMON_FIELDS,
    CONSENT_FIELDS,
    FIELDS_BY_KIND,
    IMPORT_FIELDS,
    SALES_KINDS,
)
from agents.importing.mapping.expression import Column, Expression, columns_of, describe
from agents.importing.mapping.known_names import known_names
from agents.importing.mapping.mapping import AUTO, Mapping
from agents.importing.platforms.catalog import GENERIC, OWN
from agents.importing.rows.cell_sql import guest_sql
from agents.importing.rows.column_decisions import ColumnDecisions
from agents.importing.rows.row_meaning import word_reader
from agents.importing.rows.row_source import RowSource

_MAX_WORDS: Final = 10_000
_SIGNUP_EVIDENCE: Final = ("birth_date", *CONSENT_FIELDS)


class FormFields(msgspec.Struct, frozen=True):
    """What the rows of a form of file are.

    Attributes:
        mapping: complete: its columns exist.
        kinds: of events that rows can be.
        is_own: whether the rows are our own events, published as they are.
    """

    mapping: Mapping
    kinds: tuple[str, ...]
    is_own: bool = False

    @property
    def has_sales(self) -> bool:
        """Whether orders and refunds are to be grouped from the rows."""
        return not self.is_own and bool({"purchase", "refund"} & set(self.kinds))

    @property
    def row_kinds(self) -> tuple[str, ...]:
        """The kinds of events that are one row each."""
        return self.kinds if self.is_own else tuple(kind for kind in self.kinds if kind not in SALES_KINDS)


def find_fields(plan: SourcePlan, findings: Findings, *, allow_anonymous: bool) -> FormFields:
    """Find the columns of all fields, and ask for those without which nothing can be imported.

    Refunds that name their order need no customer: other files or the order ledger can have the order.

    Raises:
        ImportRefused: a column that the mapping names does not exist, or the file has no events at all.
    """
    source, user = plan.source, plan.user
    own = check_mapped_columns("fields", user.fields, source)
    refund = check_mapped_columns("refund", user.refund, source)
    for rule in user.rules:
        if source.find(rule.column, exact=True) is None:
            check_mapped_columns("skip" if not rule.keep else "keep", {"column": Column(rule.column)}, source)
    platform_fields = {field: each for field, each in plan.mapping.fields.items() if field not in own}
    mapping = msgspec.structs.replace(
        plan.mapping,
        fields=existing_fields(platform_fields, source) | own,
        refund=existing_fields(plan.mapping.refund, source) | refund,
        guests=tuple(dict.fromkeys((*known_names().guests, *(text.strip().lower() for text in plan.mapping.guests)))),
    )
    if plan.platform == OWN:
        return _own_events(mapping, source)
    fields = (
        _generic_fields(mapping, source, findings)
        if plan.platform == GENERIC
        else _platform_fields(plan, mapping, source, findings)
    )
    _state_columns(fields, own, findings, plan.platform)
    if fields.has_sales and "order_id" not in fields.mapping.fields:
        evidence = "no column has order numbers; ids come from customer, moment and sum"
        findings.assume("order_id", "each row is an order", evidence, "--field order_id=")
    _state_guests(fields.mapping, source, findings)
    _state_phones(fields.mapping, source, findings)
    if fields.has_sales or fields.row_kinds:
        is_list = fields.mapping.kind == "refund" and "order_id" in fields.mapping.fields
        _ask_for_customer(fields, plan, findings, allow_anonymous=allow_anonymous or is_list)
    return fields


def _own_events(mapping: Mapping, source: RowSource) -> FormFields:
    names = {*ALL_FIELDS} - {*IMPORT_FIELDS, "consent", "backfill"}
    columns = {field: Column(field) for field in sorted(names) if source.find(field, exact=True)}
    fields: dict[str, Expression] = {**columns, **mapping.fields}
    return FormFields(msgspec.structs.replace(mapping, fields=fields), tuple(FIELDS_BY_KIND), is_own=True)


def _platform_fields(plan: SourcePlan, mapping: Mapping, source: RowSource, findings: Findings) -> FormFields:
    kind = mapping.kind
    if kind != AUTO and kind not in SALES_KINDS:
        return FormFields(mapping, (kind,))
    if mapping.usual_names:
        fields = Recognition(source, mapping, findings).recognize_missing(plan.mapping.fields)
        mapping = msgspec.structs.replace(mapping, fields=fields)
    if "amount" not in {*mapping.fields, *mapping.constants}:
        wanted = describe(plan.mapping.fields["amount"])
        raise ImportRefused(
            f"{source.main.path} looks like an export of {plan.platform}, but has no column {wanted}, so no order at "
            "all; export it with one, or describe its columns in a mapping file (--map) with --from generic"
        )
    recognition = Recognition(source, mapping, findings)
    if "occurred_at" not in {*mapping.fields, *mapping.constants}:
        recognition.ask_for_moment()
    recognition.returns.recognize_quantity()
    recognition.returns.state_unread(plan.platform)
    return FormFields(msgspec.structs.replace(mapping, fields=recognition.fields), SALES_KINDS)


def _generic_fields(mapping: Mapping, source: RowSource, findings: Findings) -> FormFields:
    recognition = Recognition(source, mapping, findings)
    if mapping.kind in FIELDS_BY_KIND and mapping.kind not in SALES_KINDS:
        wanted = ("occurred_at", "customer_id", "event_id", *FIELDS_BY_KIND[mapping.kind], *CONSENT_FIELDS)
        fields = recognition.recognize(wanted)
        return FormFields(msgspec.structs.replace(mapping, fields=fields), (mapping.kind,))
    if mapping.kind == AUTO and "type" not in recognition.fields and (column := recognition.kind_column()):
        recognition.fields["type"] = column
    kinds = _kinds(mapping, recognition.fields.get("type"), source)
    if not kinds:
        return _kind_by_columns(mapping, recognition, source, findings)
    fields = recognition.recognize_sales()
    for kind in kinds:
        if kind not in SALES_KINDS:
            fields = recognition.recognize(("event_id", *FIELDS_BY_KIND[kind]))
    rules = (*mapping.rules, *recognition.cancellation_rules())
    return FormFields(msgspec.structs.replace(mapping, fields=fields, rules=rules), kinds)


def _kinds(mapping: Mapping, column: Expression | None, source: RowSource) -> tuple[str, ...]:
    """Return the kinds of events that the words of the type column name; nothing if there is none."""
    if column is None:
        return SALES_KINDS if mapping.kind in SALES_KINDS else ()
    read = word_reader(mapping)
    found: dict[str, None] = {}
    for name in columns_of(column):
        cell = source.cell(name)
        for text, _ in source.staging.examples(cell.table, cell.name, _MAX_WORDS):
            found[read(text) or ""] = None
    kinds = tuple(kind for kind in FIELDS_BY_KIND if kind in found)
    return (*SALES_KINDS, *(kind for kind in kinds if kind not in SALES_KINDS)) if {*SALES_KINDS} & {*kinds} else kinds


def _kind_by_columns(mapping: Mapping, recognition: Recognition, source: RowSource, findings: Findings) -> FormFields:
    """Return what rows without a type are: orders if they have an amount, otherwise what their columns tell."""
    if recognition.has_amount():
        fields = recognition.recognize_sales()
        _check_not_sums(mapping, recognition, source)
        if words := recognition.returns.refund_documents():
            mapping = msgspec.structs.replace(mapping, words=words, other_words="purchase")
        mapping = msgspec.structs.replace(mapping, rules=(*mapping.rules, *recognition.cancellation_rules()))
        return FormFields(_with_refund_rows(mapping, fields, source, findings), SALES_KINDS)
    if recognition.returns.recognize_refund_list():
        fields = recognition.recognize_sales()
        findings.assume("kind", "refund", f"{describe(fields['amount'])} is the only column with amounts", "--kind")
        return FormFields(msgspec.structs.replace(mapping, fields=fields, kind="refund"), SALES_KINDS)
    evidence: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("contact", ("message_id",)),
        ("consent", ("granted", "channel")),
        ("signup", _SIGNUP_EVIDENCE),
    )
    for kind, wanted in evidence:
        fields = recognition.recognize(wanted)
        if all(field in fields for field in wanted) if kind == "consent" else {*wanted} & fields.keys():
            fields = recognition.recognize((*COMMON_FIELDS[:3], *FIELDS_BY_KIND[kind], *CONSENT_FIELDS))
            return FormFields(msgspec.structs.replace(mapping, fields=fields, kind=kind), (kind,))
    fields = recognition.recognize_sales()
    _check_not_sums(mapping, recognition, source)
    return FormFields(msgspec.structs.replace(mapping, fields=fields), SALES_KINDS)


def _check_not_sums(mapping: Mapping, recognition: Recognition, source: RowSource) -> None:
    """Refuse rows that sum up several orders: they have no order numbers, but say how many orders there are."""
    has_orders = "amount" in mapping.fields or "order_id" in recognition.fields
    if not has_orders and (column := recognition.order_count()):
        files = ", ".join(map(str, source.main.paths))
        raise ImportRefused(
            f"{files} has no order numbers, but counts orders in {column}: its rows are sums of several orders, "
            "such as those of a customer; export the orders themselves, or say what the amount of one is with "
            '--field amount="…"; --kind signup imports customers'
        )


def _with_refund_rows(
    mapping: Mapping, fields: dict[str, Expression], source: RowSource, findings: Findings
) -> Mapping:
    """Return a mapping of orders with what rows with a refund number are: refunds, or orders given back."""
    mapping = msgspec.structs.replace(mapping, fields=fields, kind="purchase")
    if mapping.refund_numbers:
        return mapping
    numbers = ReturnColumns(source, ColumnDecisions(source.staging, mapping, Findings())).refund_numbers(fields)
    if numbers is None:
        return mapping
    if not numbers.value:
        findings.ask(refund_numbers_question(describe(fields["refund_id"]), numbers.evidence))
        return mapping
    findings.assume("refund_numbers", numbers.value, numbers.evidence, "refund_numbers in a mapping file (--map)")
    if numbers.all_rows:
        return msgspec.structs.replace(mapping, kind="refund")
    return msgspec.structs.replace(mapping, refund_numbers=numbers.value)


def _ask_for_customer(fields: FormFields, plan: SourcePlan, findings: Findings, *, allow_anonymous: bool) -> None:
    known = {"customer_id", "email"} & {*fields.mapping.fields, *fields.mapping.constants}
    if known or (allow_anonymous and not fields.row_kinds):
        return
    recognition = Recognition(plan.source, fields.mapping, findings)
    usual = plan.mapping.fields.get("email") or plan.mapping.fields.get("customer_id")
    if plan.platform == GENERIC or usual is None:
        recognition.ask_for_customer()
    else:
        recognition.ask_for_customer(f"{plan.platform} says it in {describe(usual)}, which this file lacks.")


def _state_columns(fields: FormFields, own: dict[str, Expression], findings: Findings, platform: str) -> None:
    """Say which column became which field, apart from those that the user has named."""
    evidence = "recognized by its name" if platform == GENERIC else f"as {platform} names it"
    for field, expression in fields.mapping.fields.items():
        if field not in own:
            findings.assume(field, describe(expression), evidence, f"--field {field}=")


def _state_phones(mapping: Mapping, source: RowSource, findings: Findings) -> None:
    """Say which telephone numbers in place of a customer's id are written in several ways: each is a customer."""
    for name in columns_of(mapping.fields["customer_id"]) if "customer_id" in mapping.fields else ():
        cell = source.cell(name)
        column = source.staging.column(cell.table, cell.name)
        row = source.staging.con.execute(
            f"""
            SELECT count(*), min(texts) FROM (
                SELECT string_agg(text, ', ' ORDER BY text) AS texts FROM (
                    SELECT DISTINCT {column} AS text, regexp_replace({column}, '[^0-9]', '', 'g') AS digits
                    FROM {cell.table.name} WHERE regexp_full_match({column}, '[+]?[0-9][0-9() .-]{{8,20}}'))
                WHERE length(digits) BETWEEN 10 AND 13
                GROUP BY right(digits, 10) HAVING count(*) > 1 AND bool_or(regexp_matches(text, '[+() -]')))"""
        ).fetchone()
        if row is not None and row[0]:
            evidence = f"each writing is a customer of its own, such as {row[1]}: write them in one way in the file"
            findings.assume("customers.phones", f"{row[0]:,} numbers in several writings in {name}", evidence)


def _state_guests(mapping: Mapping, source: RowSource, findings: Findings) -> None:
    """Say which texts stand for nobody."""
    for field in ("customer_id", "email"):
        for name in columns_of(mapping.fields[field]) if field in mapping.fields else ():
            cell = source.cell(name)
            column = source.staging.column(cell.table, cell.name)
            is_guest = guest_sql(column, mapping.guests)
            rows = source.staging.con.execute(
                f"SELECT {column}, count(*), min(line) FROM {cell.table.name} WHERE {is_guest} "
                "GROUP BY 1 ORDER BY 2 DESC LIMIT 3"
            ).fetchall()
            for text, count, line in rows:
                findings.assume("guests", text, f"{count:,} rows have it as {name}, from line {line} on", "[guests]")
