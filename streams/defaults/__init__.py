"""The settings, policy and campaigns that a new installation starts with, as the TOML files that lie here.

Those with comments in Russian set the same. May import the standard library only.
"""

from importlib.resources import files
from typing import Literal

Language = Literal["en", "ru"]


def policy_text(language: Language = "en") -> str:
    """The policy `retail-27`; with English comments, it is the built-in one."""
    return _read("retail-27", language)


def campaigns_text(language: Language = "en") -> str:
    """The campaigns `retail`, for the segments of `retail-27`; with English comments, they are the built-in ones."""
    return _read("retail", language)


def settings_text(language: Language = "en") -> str:
    """A settings file with the defaults, which names a policy and a campaigns file beside it."""
    return _read("settings", language)


def _read(name: str, language: Language) -> str:
    end = "" if language == "en" else f".{language}"
    return files(__name__).joinpath(f"{name}{end}.toml").read_text(encoding="utf-8")
