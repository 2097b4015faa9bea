"""The mapping of an import: what its options say, on top of a mapping file, on top of answers given earlier."""

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Options
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agents.cli.failures import UsageFailure, print_error

if TYPE_CHECKING:
    from agents.importing.mapping.mapping import Mapping

REMEMBERED_SUFFIX: Final = ".map.toml"
_SIGNS: Final = {"decimal": {"comma": ",", "point": "."}, "delimiter": {"tab": "\t", "\\t": "\t"}}
"""Words for characters that are hard to type in a shell."""


def remembered_file(files: Sequence[Path]) -> Path:
    """Return the mapping file beside an export in which answers are remembered."""
    return files[0].with_name(files[0].name + REMEMBERED_SUFFIX)


def base_mapping(map_file: Path | None, remembered: Path) -> "Mapping":
    """Return the mapping file of `--map`; what it does not say is as it was answered earlier, if it was.

    Raises:
        ConfigErrors: with all errors of a file.
    """
    from agents.importing.mapping.mapping import Mapping, combine
    from agents.importing.mapping.mapping_reader import read_mapping

    mapping = Mapping()
    if remembered.is_file():
        print_error(f"goldstream: answers are taken from {remembered}; delete it to be asked again")
        mapping = read_mapping(remembered)
    return mapping if map_file is None else combine(mapping, read_mapping(map_file))


def with_options(mapping: "Mapping", options: Options[str, str | None], fields: Iterable[str], topic: str) -> "Mapping":
    """Return a mapping changed by the options of the command line.

    Args:
        mapping: what they change.
        options: values by the key of the mapping file, such as `timezone` or `group.amount`; None: not given.
        fields: of `--field`, each FIELD=COLUMN.
        topic: short name of the source topic, which may take one kind of event only.

    Raises:
        UsageFailure: with all errors.
    """
    import msgspec

    from agents.importing.mapping.event_fields import KIND_BY_TOPIC
    from agents.importing.mapping.mapping import AUTO, Mapping, combine
    from agents.importing.mapping.mapping_answers import with_answer
    from agents.importing.platforms.catalog import check_platform
    from state.config.config_errors import ConfigErrors

    errors = check_platform(options.get("platform") or "")
    changes = Mapping()
    given = [(key, _SIGNS.get(key, {}).get(value, value)) for key, value in options.items() if value is not None]
    for each in fields:
        field, sign, column = (part.strip() for part in each.partition("="))
        if sign and field and column:
            given.append((f"fields.{field}", column))
        else:
            errors.append(f"--field must be FIELD=COLUMN, such as customer_id=Email: got {each!r}")
    for key, value in given:
        try:
            changes = with_answer(changes, key, value)
        except ConfigErrors as error:
            errors += error.errors
    changed = msgspec.structs.replace(combine(mapping, changes), platform=changes.platform or mapping.platform)
    if topic not in KIND_BY_TOPIC:
        errors.append(f"--topic must be one of {', '.join(KIND_BY_TOPIC)}: got {topic!r}")
    kind = KIND_BY_TOPIC.get(topic)
    if kind is not None and changed.kind not in (AUTO, kind):
        errors.append(f"topic {topic} takes only {kind} events: got kind {changed.kind!r}; publish to events")
    if errors:
        raise UsageFailure(*errors)
    return combine(changed, Mapping(kind=kind)) if kind is not None else changed


def write_file(path: Path, mapping: "Mapping") -> bool:
    """Write a mapping file; return whether that was possible, after a line about it."""
    from agents.importing.mapping.mapping_writer import write_mapping

    try:
        path.write_text(write_mapping(mapping), encoding="utf-8")
    except OSError as error:
        print_error(f"goldstream: {path} cannot be written ({error.strerror}); name another file by --write-map")
        return False
    return True
