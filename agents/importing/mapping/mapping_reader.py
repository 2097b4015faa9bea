"""Read a mapping file, and report all its errors at once. docs/import/README.md describes its form."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from agents.importing.mapping.event_fields import ALL_FIELDS, type_of
from agents.importing.mapping.expression import Expression, ExpressionError, parse_expression
from agents.importing.mapping.mapping import (
    GROUP_AMOUNTS,
    ROW_KINDS,
    Grouping,
    Identify,
    Join,
    Mapping,
    RowRule,
    Statuses,
)
from agents.importing.mapping.mapping_values import mapping_errors
from state.config.config_errors import ConfigErrors, format_value, suggest_name
from state.config.toml_reader import Table, read_toml

_IDENTIFY_BY: Final = ("email", "id")
_TEXTS: Final = (
    "platform",
    "kind",
    "timezone",
    "time_format",
    "date_order",
    "decimal",
    "currency",
    "delimiter",
    "encoding",
    "sheet",
    "negative",
    "refund_numbers",
    "explode",
    "source",
)


def read_mapping(file: Path) -> Mapping:
    """Read and validate a mapping file.

    Raises:
        ConfigErrors: with all errors; each names the file.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigErrors([f"{file} cannot be read ({error.strerror}); name an existing file"]) from error
    except UnicodeDecodeError:
        raise ConfigErrors([f"{file} is not UTF-8; save it as UTF-8"]) from None
    try:
        content = read_toml(text)
    except ConfigErrors as invalid:
        raise ConfigErrors([f"{file}: {error}" for error in invalid.errors]) from None
    errors: list[str] = []
    table = Table(content, errors)
    mapping = read_mapping_table(table)
    table.reject_unknown_keys()
    if errors:
        raise ConfigErrors([f"{file}: {error}" for error in errors])
    return mapping


def read_mapping_table(table: Table) -> Mapping:
    """Return the mapping that a table holds; errors go to the table, and the result is unusable if there are any."""
    given: dict[str, Any] = {key: text for key in _TEXTS if (text := table.text(key)) is not None}
    given["file_format"] = table.text("format") or ""
    given["header"] = _texts(table, "header")
    given["skip_lines"] = _skip_lines(table)
    given["usual_names"] = table.boolean("usual_names")
    given["fields"] = _expressions(table, "fields")
    given["refund"] = _expressions(table, "refund")
    given["constants"] = _constants(table)
    given["words"], given["other_words"] = _words(table)
    given["statuses"] = _statuses(table)
    given["rules"] = (*_rules(table, "skip"), *_rules(table, "keep"))
    given["group"] = _grouping(table)
    given["joins"] = tuple(map(_join, table.tables("join")))
    given["identify"] = read_identify(table)
    guests = table.table("guests")
    if guests is not None:
        given["guests"] = _texts(guests, "values")
        guests.reject_unknown_keys()
    given["currency"] = given["constants"].pop("currency", given.get("currency", ""))
    mapping = Mapping(**given)
    for error in mapping_errors(mapping):
        table.errors.append(f"{table.place}{error}")
    return mapping


def _texts(table: Table, key: str, *, required: bool = False) -> tuple[str, ...]:
    value = table.get(key, required=required)
    if value is None:
        return ()
    if isinstance(value, str) and value:
        return (value,)
    if not isinstance(value, list) or not value or not all(isinstance(text, str) and text for text in value):
        table.expect(key, "a list of texts", value)
        return ()
    return tuple(value)


def _skip_lines(table: Table) -> int | None:
    value = table.get("skip_lines")
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1_000_000):
        return value
    table.expect("skip_lines", "a whole number of lines before the header", value)
    return None


def flat_keys(content: dict[str, object]) -> dict[str, object]:
    """Flatten one level of nested tables: `[set.consent] email = true` becomes `consent.email`."""
    flat: dict[str, object] = {}
    for key, value in content.items():
        if key == "consent" and isinstance(value, dict):
            flat.update((f"{key}.{inner}", each) for inner, each in value.items())
        else:
            flat[key] = value
    return flat


def _section(table: Table, key: str) -> tuple[Table, dict[str, object]] | None:
    section = table.table(key)
    return (section, flat_keys(dict(section.content))) if section is not None else None


def _expressions(table: Table, key: str) -> dict[str, Expression]:
    found = _section(table, key)
    expressions: dict[str, Expression] = {}
    for field, value in found[1].items() if found else ():
        assert found is not None
        if field not in ALL_FIELDS:
            found[0].errors.append(
                f"{found[0].place}{field} is not a field of an event; {suggest_name(field, ALL_FIELDS)}"
            )
            continue
        try:
            expressions[field] = parse_expression(value, type_of(field))
        except ExpressionError as error:
            found[0].errors.append(f"{found[0].place}{field} {error}")
    return expressions


def _constants(table: Table) -> dict[str, str]:
    found = _section(table, "set")
    constants: dict[str, str] = {}
    for field, value in found[1].items() if found else ():
        assert found is not None
        place = f"{found[0].place}{field}"
        if field not in ALL_FIELDS:
            table.errors.append(f"{place} is not a field of an event; {suggest_name(field, ALL_FIELDS)}")
        elif not isinstance(value, str | int):
            table.errors.append(f"{place} must be a text, a whole number, true or false: got {format_value(value)}")
        else:
            constants[field] = str(value).lower() if isinstance(value, bool) else str(value)
    return constants


def _words(table: Table) -> tuple[dict[str, tuple[str, ...]], str]:
    section = table.table("words")
    if section is None:
        return {}, ""
    words = {kind: _texts(section, kind) for kind in ROW_KINDS if section.get(kind) is not None}
    other = section.choice("other", ROW_KINDS) if section.get("other") is not None else ""
    section.reject_unknown_keys()
    return words, other


def _statuses(table: Table) -> Statuses:
    section = table.table("status")
    if section is None:
        return Statuses()
    other = section.choice("other", ("count", "skip")) if section.get("other") is not None else ""
    statuses = Statuses(_texts(section, "counts"), _texts(section, "skip"), _texts(section, "refunded"), other)
    section.reject_unknown_keys()
    return statuses


def _rules(table: Table, key: str) -> list[RowRule]:
    rules = []
    for each in table.tables(key):
        column = each.text("column", required=True) or ""
        values, matches = _texts(each, "values"), each.text("matches") or ""
        is_empty = each.boolean("empty")
        if matches and not _is_pattern(matches):
            each.expect("matches", "a regular expression", matches)
        if not values and not matches and not is_empty:
            each.add_error("values", "is missing, and so are matches and empty; add one of them")
        reason = each.text("reason") or ("not_kept" if key == "keep" else "skipped")
        whole_order = each.boolean("order")
        rules.append(RowRule(column, values, matches, is_empty, key == "keep", reason, whole_order))
        each.reject_unknown_keys()
    return rules


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def _grouping(table: Table) -> Grouping:
    section = table.table("group")
    if section is None:
        return Grouping()
    amount = section.choice("amount", GROUP_AMOUNTS) if section.get("amount") is not None else ""
    by = _texts(section, "by")
    _check_names(section, "by", by, ("order_id", "customer_id", "occurred_at"))
    section.reject_unknown_keys()
    return Grouping(by, amount)


def _check_names(table: Table, key: str, names: Collection[str], allowed: Collection[str]) -> None:
    for name in names:
        if name not in allowed:
            table.add_error(key, f"contains the unknown name {format_value(name)}; {suggest_name(name, allowed)}")


def _join(table: Table) -> Join:
    join = Join(
        _texts(table, "columns", required=True),
        _texts(table, "on", required=True),
        table.boolean("many"),
        table.boolean("required"),
        table.text("title") or "",
    )
    table.reject_unknown_keys()
    return join


def read_identify(table: Table) -> Identify | None:
    """Return what serves as the id of a customer, by the key `identify` of a table; None if it does not say."""
    value = table.get("identify")
    if value is None:
        return None
    if isinstance(value, str):
        if value not in _IDENTIFY_BY:
            table.expect("identify", f"{' or '.join(_IDENTIFY_BY)}, or a table with by and key_env or key_file", value)
        return Identify(value)
    section = table.table("identify")
    if section is None:
        return None
    by = section.choice("by", _IDENTIFY_BY) if section.get("by") is not None else "email"
    identify = Identify(by, section.text("key_env") or "", section.text("key_file") or "")
    if identify.key_env and identify.key_file:
        section.add_error("key_file", "is given, and so is key_env; leave one of them out")
    section.reject_unknown_keys()
    return identify
