"""Read time zones as programs write them: IANA, Windows and Rails names, abbreviations, offsets."""

import re
import tomllib
from collections import Counter
from datetime import timedelta, timezone, tzinfo
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

from state.units.time_zones import load_zone, zone_names

_OFFSET: Final = re.compile(r"(?:UTC|GMT)? ?([+−-])(\d{1,2})(?::?(\d\d))?", re.ASCII | re.IGNORECASE)
_WITH_OFFSET: Final = re.compile(r"\((?:UTC|GMT)(?: ?[+−-]\d\d?:?\d\d)?\) *(.+)", re.ASCII | re.IGNORECASE)
_MAX_OFFSET: Final = timedelta(hours=15)
_LONGEST: Final = 80


class ZoneMeaning(NamedTuple):
    """What an abbreviation can stand for.

    Attributes:
        zone: IANA name.
        offset: such as `+05:30`.
        currencies: ISO codes of those used there.
        beside: other abbreviations used there.
    """

    zone: str
    offset: str
    currencies: list[str]
    beside: list[str]


@lru_cache(maxsize=1024)
def read_zone(text: str) -> str | None:
    """Return a time zone as an IANA name or an offset such as `+05:30`; None if the text is none.

    Args:
        text: `Europe/Moscow`, `Russian Standard Time`, `Eastern Time (US & Canada)`, `PDT`, `UTC+3`, `-0400`, `Berlin`.
    """
    name = " ".join(text.split())
    if not name or len(name) > _LONGEST:
        return None
    if match := _OFFSET.fullmatch(name):
        return _offset(match[1] != "+", int(match[2]), int(match[3] or 0))
    if match := _WITH_OFFSET.fullmatch(name):
        name = match[1]
    known = _zones()
    return abbreviation_offset(name) or known.get(name.casefold()) or known.get(name.partition(",")[0].casefold())


def abbreviation_offset(text: str) -> str | None:
    """Return the offset that an abbreviation such as `PDT` stands for, such as `-07:00`; None if it is none."""
    return _abbreviations().get(text.upper())


@lru_cache(maxsize=1024)
def zone_of(name: str) -> tzinfo:
    """Return the time zone with a name that `read_zone` returned.

    Raises:
        ValueError: It is neither an IANA name nor an offset.
    """
    if name in zone_names():
        return load_zone(name)
    match = _OFFSET.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is no time zone")
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return timezone(offset if match[1] == "+" else -offset)


def _offset(negative: bool, hours: int, minutes: int) -> str | None:  # noqa: FBT001 - a sign
    if timedelta(hours=hours, minutes=minutes) > _MAX_OFFSET or minutes >= 60:
        return None
    return f"{'-' if negative else '+'}{hours:02}:{minutes:02}" if hours or minutes else "UTC"


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("zones.toml").read_text(encoding="utf-8"))


@cache
def ambiguous_zones() -> dict[str, tuple[ZoneMeaning, ...]]:
    """Return the abbreviations that are frequent with several meanings, and these, the most frequent first."""
    return {name: tuple(ZoneMeaning(**each) for each in meanings) for name, meanings in _table()["ambiguous"].items()}


@cache
def _abbreviations() -> dict[str, str]:
    return {name: offset for offset, names in _table()["abbreviations"].items() for name in names}


@cache
def _zones() -> dict[str, str]:
    """Return the zones by their names in lower case; of names that clash, ours come first, then those of IANA."""
    from babel.core import get_global

    zones = zone_names()
    cities = {name: name.rpartition("/")[2].replace("_", " ").casefold() for name in zones if "/" in name}
    once = {city for city, count in Counter(cities.values()).items() if count == 1}
    return {
        **{city: name for name, city in cities.items() if city in once and not name.startswith(("Etc/", "SystemV/"))},
        **{name.casefold(): zone for name, zone in get_global("windows_zone_mapping").items() if zone in zones},
        **{name.casefold(): name for name in zones},
        **{name.casefold(): zone for zone, names in _table()["names"].items() for name in names},
    }
