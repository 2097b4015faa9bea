"""What a campaign asks of customers beyond their segment: `where = { discount_seeker = false, country = ["RU"] }`."""

from typing import Final

from msgspec import Struct

from state.config.toml_reader import MAX_TEXT, Table

FLAGS: Final = ("discount_seeker", "difficult")
LEAST: Final = ("lifetime_orders_min", "referrals_min")
MOST: Final = ("lifetime_orders_max",)
FACTS: Final = ("country", "city", "language", "source")
FAVOURITES: Final = ("favourite_store", "favourite_channel")


class Targeting(Struct, frozen=True):
    """What must hold at the moment at which a campaign would begin; everything that is given.

    Attributes:
        flags: traits that must be, or must not be.
        minimums: numbers that must be reached; `maximums` those that must not be exceeded.
        one_of: facts and favourites with the values that are asked for.
    """

    flags: tuple[tuple[str, bool], ...]
    minimums: tuple[tuple[str, int], ...]
    maximums: tuple[tuple[str, int], ...]
    one_of: tuple[tuple[str, tuple[str, ...]], ...]


def read_targeting(campaign: Table) -> Targeting | None:
    """Take what a campaign asks for."""
    table = campaign.table("where")
    if table is None:
        return None
    flags = tuple((name, table.boolean(name)) for name in FLAGS if name in table.content)
    least = tuple((name, table.integer(name) or 0) for name in LEAST if name in table.content)
    most = tuple((name, table.integer(name) or 0) for name in MOST if name in table.content)
    one_of = tuple((name, _read_texts(table, name)) for name in (*FACTS, *FAVOURITES) if name in table.content)
    for name in (*FLAGS, *LEAST, *MOST, *FACTS, *FAVOURITES):
        table.known_keys[name] = None
    table.reject_unknown_keys()
    return Targeting(flags, least, most, one_of)


def _read_texts(table: Table, key: str) -> tuple[str, ...]:
    value = table.get(key)
    if isinstance(value, list) and value and all(isinstance(each, str) and 0 < len(each) <= MAX_TEXT for each in value):
        return tuple(value)
    table.expect(key, f"a list of texts of 1 to {MAX_TEXT} characters", value)
    return ()
