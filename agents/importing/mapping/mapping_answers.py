"""Put the answers to questions about a file into its mapping."""

import msgspec

from agents.importing.mapping.mapping import Mapping
from agents.importing.mapping.mapping_reader import read_mapping_table
from agents.importing.mapping.mapping_values import FIELD_BY_KEY
from state.config.config_errors import ConfigErrors
from state.config.toml_reader import Table


def with_answer(mapping: Mapping, key: str, value: str) -> Mapping:
    """Return a mapping with a question's answer stored under the question's key.

    Args:
        mapping: to change.
        key: such as `timezone`, `fields.customer_id`, `set.occurred_at`, `group.amount`.
        value: the answer; a list of columns is a JSON list of texts.

    Raises:
        ConfigErrors: the answer is not valid.
    """
    section, _, name = key.partition(".")
    answer: object = value
    if value.startswith("[") and section in ("fields", "refund", "group"):
        answer = msgspec.json.decode(value)
    errors: list[str] = []
    table = Table({section: {name: answer}} if name else {key: answer}, errors)
    changes = read_mapping_table(table)
    table.reject_unknown_keys()
    if errors:
        raise ConfigErrors(errors)
    return _changed(mapping, changes, section)


def _changed(mapping: Mapping, changes: Mapping, section: str) -> Mapping:
    match section:
        case "fields":
            return msgspec.structs.replace(mapping, fields=mapping.fields | changes.fields)
        case "set":
            changed = msgspec.structs.replace(mapping, constants=mapping.constants | changes.constants)
            return msgspec.structs.replace(changed, currency=changes.currency) if changes.currency else changed
        case "group":
            group = msgspec.structs.replace(
                mapping.group, **{name: each for name in ("by", "amount") if (each := getattr(changes.group, name))}
            )
            return msgspec.structs.replace(mapping, group=group)
        case _:
            field = FIELD_BY_KEY.get(section, section)
            return msgspec.structs.replace(mapping, **{field: getattr(changes, field)})
