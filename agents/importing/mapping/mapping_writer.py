"""Write a mapping as a mapping file, so that it can be corrected and used again."""

import json
import re
from typing import Any, Final

from agents.importing.mapping.event_fields import ALL_FIELDS
from agents.importing.mapping.expression import to_value
from agents.importing.mapping.mapping import AUTO, Identify, Join, Mapping, RowRule

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN_KEYS: Final = (
    "platform",
    "timezone",
    "time_format",
    "date_order",
    "decimal",
    "currency",
    "delimiter",
    "encoding",
    "header",
    "sheet",
    "skip_lines",
    "negative",
    "refund_numbers",
    "explode",
    "source",
)


def write_mapping(mapping: Mapping) -> str:
    """Return the text of a mapping file that reads back as the same mapping."""
    plain: dict[str, Any] = {
        "kind": "" if mapping.kind == AUTO else mapping.kind,
        "format": mapping.file_format,
        **{key: getattr(mapping, key) for key in _PLAIN_KEYS},
        "usual_names": mapping.usual_names or None,
        "identify": _identify(mapping.identify),
    }
    sections: list[tuple[str, dict[str, Any]]] = [
        ("[fields]", _ordered({field: to_value(each) for field, each in mapping.fields.items()})),
        ("[refund]", _ordered({field: to_value(each) for field, each in mapping.refund.items()})),
        ("[set]", _ordered(dict(mapping.constants))),
        ("[words]", {**mapping.words, "other": mapping.other_words}),
        ("[status]", {key: getattr(mapping.statuses, key) for key in mapping.statuses.__struct_fields__}),
        ("[group]", {"by": mapping.group.by, "amount": mapping.group.amount}),
        ("[guests]", {"values": mapping.guests}),
        *((f"[[{'keep' if rule.keep else 'skip'}]]", _rule(rule)) for rule in mapping.rules),
        *(("[[join]]", _join(join)) for join in mapping.joins),
    ]
    parts = [_lines(plain), *(f"{head}\n{body}" for head, table in sections if (body := _lines(table)))]
    return "\n".join(part for part in parts if part)


def _ordered(table: dict[str, Any]) -> dict[str, Any]:
    return {field: table[field] for field in ALL_FIELDS if field in table}


def _rule(rule: RowRule) -> dict[str, Any]:
    return {
        "column": rule.column,
        "values": rule.values,
        "matches": rule.matches,
        "empty": rule.is_empty or None,
        "order": rule.whole_order or None,
        "reason": rule.reason,
    }


def _join(join: Join) -> dict[str, Any]:
    return {
        "columns": join.columns,
        "on": join.on,
        "many": join.many or None,
        "required": join.required or None,
        "title": join.title,
    }


def _identify(identify: Identify | None) -> Any:
    if identify is None or not (identify.key_env or identify.key_file):
        return identify.by if identify else ""
    return {key: text for key in identify.__struct_fields__ if (text := getattr(identify, key))}


def _lines(table: dict[str, Any]) -> str:
    """Return the lines of a table, without values that are the default."""
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in table.items() if not _is_default(value))


def _is_default(value: Any) -> bool:
    return value is None or value in ("", (), {})


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case list() | tuple():
            return "[" + ", ".join(map(_value, value)) + "]"
        case dict():
            return "{ " + ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items()) + " }"
        case _:
            return _text(str(value))


def _text(text: str) -> str:
    """Return a TOML string; JSON escapes the same characters, except DEL and those beyond the basic plane."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
