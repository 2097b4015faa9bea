"""Read the conditions of a campaign besides segments: `where = { discount_seeker = false, country = ["RU"] }`."""

from typing import Final

from msgspec import Struct

from state.config.toml_reader import MAX_TEXT, Table

FLAGS: Final = ("discount_seeker", "difficult")
MINIMUMS: Final = ("lifetime_orders_min", "referrals_min")
MAXIMUMS: Final = ("lifetime_orders_max",)
FACTS: Final = ("country", "city", "language", "source")
FAVOURITES: Final = ("favourite_store", "favourite_channel")


class Targeting(Struct, frozen=True):
    """Conditions that a customer must meet at the time of entry, all of them.

    Attributes:
        flags: Traits and the value that each must have.
        minimums: Numbers and the least value of each.
        maximums: Numbers and the greatest value of each.
        one_of: Facts and favourites with the values of which each must be one.
    """

    flags: tuple[tuple[str, bool], ...]
    minimums: tuple[tuple[str, int], ...]
    maximums: tuple[tuple[str, int], ...]
    one_of: tuple[tuple[str, tuple[str, ...]], ...]


def read_targeting(campaign: Table) -> Targeting | None:
    """Return the conditions of a campaign; None if it has none."""
    table = campaign.table("where")
    if table is None:
        return None
    flags = tuple((name, table.boolean(name)) for name in FLAGS if name in table.content)
    minimums = tuple((name, table.integer(name) or 0) for name in MINIMUMS if name in table.content)
    maximums = tuple((name, table.integer(name) or 0) for name in MAXIMUMS if name in table.content)
    one_of = tuple((name, _read_texts(table, name)) for name in (*FACTS, *FAVOURITES) if name in table.content)
    for name in (*FLAGS, *MINIMUMS, *MAXIMUMS, *FACTS, *FAVOURITES):
        table.known_keys[name] = None
    table.reject_unknown_keys()
    return Targeting(flags, minimums, maximums, one_of)


def _read_texts(table: Table, key: str) -> tuple[str, ...]:
    value = table.get(key)
    if isinstance(value, list) and value and all(isinstance(each, str) and 0 < len(each) <= MAX_TEXT for each in value):
        return tuple(value)
    table.expect(key, f"a list of strings of 1 to {MAX_TEXT} characters", value)
    return ()
