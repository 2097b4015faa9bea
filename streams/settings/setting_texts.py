"""Collect the texts of the settings, each with where it is from: the environment, else a TOML file, else the default.

A name that is no setting is an error in both, so that a misspelt one does not silently leave the default in force. Not
those that Kubernetes injects for a service whose name begins with `goldstream` (`GOLDSTREAM_SERVICE_HOST`,
`GOLDSTREAM_PORT_6066_TCP` …), and not empty ones.
"""

import difflib
import os
import tomllib
from collections.abc import Collection, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from streams.settings.setting_parsers import mask_password
from streams.settings.settings_spec import CONFIG_VARIABLE, NAME_START, SETTINGS, SettingSpec

_INJECTED: Final = ("_SERVICE_", "_PORT")
_HIDDEN: Final = "***"
_LATENESS_OF_EVENTS: Final = "0s"


class Origin(StrEnum):
    """Where the value of a setting is from."""

    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


class SettingText(NamedTuple):
    """The text of a setting, before it is parsed.

    Attributes:
        spec: of the setting.
        text: as given; empty for none.
        origin: where it is from.
        file: the settings file, for `Origin.FILE`.
    """

    spec: SettingSpec
    text: str
    origin: Origin
    file: Path | None = None

    @property
    def name(self) -> str:
        """The name by which its source knows it: the variable, or the key in the file."""
        return self.spec.key if self.origin is Origin.FILE else self.spec.name

    @property
    def place(self) -> str:
        """Where to correct it."""
        return "the environment" if self.file is None else str(self.file)

    @property
    def path(self) -> Path:
        """The text as a path; a relative one in a file starts at the file's folder."""
        return self.file.parent / self.text if self.file else Path(self.text)

    @property
    def shown(self) -> str:
        """The text without passwords; a path as it is used."""
        if self.spec.parse is Path and self.text:
            return str(self.path)
        if not self.spec.is_secret or not self.text:
            return self.text
        return mask_password(self.text) if "://" in self.text else _HIDDEN


def settings_file(config: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Return the settings file: that of `--config`, else that of `GOLDSTREAM_CONFIG`, else None."""
    return config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)


def collect_texts(config: Path | None, environ: Mapping[str, str] | None, errors: list[str]) -> dict[str, SettingText]:
    """Return the text of every setting by its key, those with a default included; add errors to `errors`.

    Args:
        config: the file of `--config`, if any.
        environ: the environment; None: that of the process.
        errors: unknown names, and a file that cannot be read.
    """
    environ = os.environ if environ is None else environ
    errors.extend(_unknown_variables(environ))
    file = settings_file(config, environ)
    of_file = _read_file(file, errors) if file else {}
    texts: dict[str, SettingText] = {}
    for spec in SETTINGS:
        if text := environ.get(spec.name, ""):
            texts[spec.key] = SettingText(spec, text, Origin.ENVIRONMENT)
        elif text := of_file.get(spec.key, ""):
            texts[spec.key] = SettingText(spec, text, Origin.FILE, file)
        else:
            texts[spec.key] = SettingText(spec, spec.default, Origin.DEFAULT)
    if texts["lateness"].origin is Origin.DEFAULT:
        is_history = texts["time"].text.lower() == "event"
        default = _LATENESS_OF_EVENTS if is_history else texts["lateness"].text.partition(" ")[0]
        texts["lateness"] = texts["lateness"]._replace(text=default)
    return texts


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    known = {spec.name for spec in SETTINGS} | {CONFIG_VARIABLE}
    unknown = sorted(
        name
        for name, text in environ.items()
        if text and name.startswith(NAME_START) and not (name in known or _is_injected(name))
    )
    return [f"{name} is unknown in the environment; {_remedy(name, known, NAME_START)}" for name in unknown]


def _is_injected(name: str) -> bool:
    return any(part in name for part in _INJECTED)


def _remedy(name: str, known: Collection[str], start: str = "") -> str:
    """Return the remedy for an unknown name; what all names `start` with makes none similar."""
    names = [each.removeprefix(start) for each in known]
    close = difflib.get_close_matches(name.removeprefix(start), names, n=1)
    return f"did you mean {start}{close[0]}?" if close else "remove it; `goldstream settings` lists all settings"


def _read_file(file: Path, errors: list[str]) -> dict[str, str]:
    """Return the texts in the TOML file by key; add what is wrong with it to `errors`."""
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        errors.append(
            f"{file}: cannot be read ({error.strerror}); name an existing file in --config or {CONFIG_VARIABLE}"
        )
        return {}
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError
        errors.append(f"{file}: is not TOML ({error}); correct it")
        return {}
    keys = {spec.key for spec in SETTINGS}
    texts: dict[str, str] = {}
    for key, value in table.items():
        if key not in keys:
            errors.append(f"{file}: {key} is unknown; {_remedy(key, keys)}")
        elif isinstance(value, bool) or not isinstance(value, str | int):
            errors.append(f"{file}: {key} must be a string or a whole number: got {value!r}; correct it")
        else:
            texts[key] = str(value)
    return texts
