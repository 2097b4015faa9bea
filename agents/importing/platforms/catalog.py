"""The known platforms, and how a file's columns tell which one it is from."""

from collections.abc import Collection, Iterable
from functools import lru_cache
from importlib.resources import files
from typing import Final

import msgspec

from agents.importing.mapping.known_names import normalize_name
from agents.importing.mapping.mapping import Mapping
from agents.importing.mapping.mapping_reader import read_mapping_table
from state.config.config_errors import ConfigErrors, suggest_name
from state.config.toml_reader import Table, read_toml

GENERIC: Final = "generic"
"""The platform of files that are from none."""
OWN: Final = "goldstream"
"""The platform of files with our own events."""


class Platform(msgspec.Struct, frozen=True):
    """A form of file that a platform exports.

    Attributes:
        name: of the platform, for `--from`; several forms can share it.
        title: name of the form for people.
        detect: a file has this form if it has at least one column of each of these groups.
        refusal: why files of this form hold no sales, and what to export instead; empty: they do.
        mapping: how to read it.
    """

    name: str
    title: str
    detect: tuple[tuple[str, ...], ...]
    refusal: str
    mapping: Mapping

    def fits(self, columns: Collection[str]) -> bool:
        """Whether a file with these columns, normalized, has this form."""
        return all(any(normalize_name(name) in columns for name in group) for group in self.detect)

    def evidence(self, columns: Collection[str]) -> list[str]:
        """Return the columns by which a file is recognized, as they are called here."""
        return [next((name for name in group if normalize_name(name) in columns), group[0]) for group in self.detect]


@lru_cache(maxsize=1)
def all_platforms() -> tuple[Platform, ...]:
    """Return all forms of all platforms, by file name."""
    folder = files("agents.importing.platforms")
    return tuple(
        _read(entry.name.removesuffix(".toml"), entry.read_text("utf-8"))
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".toml")
    )


def platform_names() -> tuple[str, ...]:
    """Return what `--from` accepts."""
    return (*dict.fromkeys(platform.name for platform in all_platforms()), GENERIC)


def check_platform(name: str) -> list[str]:
    """Return the error in the name of a platform, if there is one."""
    names = platform_names()
    return [] if not name or name in names else [f"platform {name!r} is unknown; {suggest_name(name, names)}"]


def detect_platform(columns: Iterable[str], name: str = "") -> Platform | None:
    """Return the form that a file with these columns has; the one with the most columns in common, if several fit.

    Args:
        columns: names of the file's columns.
        name: of the only platform to consider; empty: all.
    """
    normalized = frozenset(map(normalize_name, columns))
    candidates = [each for each in all_platforms() if name in ("", each.name) and each.fits(normalized)]
    return max(candidates, key=lambda platform: len(platform.detect), default=None)


def forms_of(name: str) -> list[Platform]:
    """Return the forms of a platform."""
    return [platform for platform in all_platforms() if platform.name == name]


def _read(file_name: str, text: str) -> Platform:
    errors: list[str] = []
    table = Table(read_toml(text), errors)
    title = table.text("title", required=True) or ""
    name = table.text("name") or file_name
    refusal = table.text("refusal") or ""
    detect = table.get("detect", required=True)
    groups: list[tuple[str, ...]] = []
    for group in detect if isinstance(detect, list) else ():
        names = group if isinstance(group, list) else [group]
        if not names or not all(isinstance(each, str) for each in names):
            table.expect("detect", "a list of columns, or of lists of columns", detect)
        groups.append(tuple(names))
    mapping = msgspec.structs.replace(read_mapping_table(table), platform=name)
    table.reject_unknown_keys()
    if errors:
        raise ConfigErrors([f"{file_name}.toml: {error}" for error in errors])
    return Platform(name, title, tuple(groups), refusal, mapping)
