"""Refuse what is probably wrong by what the order ledger knows: another shop, refunds of orders that nobody knows."""

from collections import Counter

from agents.importing.findings import ImportRefused, LeftOut
from agents.importing.publication.import_plan import KNOWN, UNKNOWN_ORDER
from agents.importing.publication.known_events import OtherCustomers


def known_with_others(count: int) -> str:
    """Return how many orders of the files are known with other customers, in words."""
    return (
        "1 order is known with another customer" if count == 1 else f"{count:,} orders are known with other customers"
    )


def check_known(files: str, others: OtherCustomers, left_out: LeftOut, new: Counter[str]) -> None:
    """Refuse files of another shop, by the customers of known orders, and those with refunds of unknown orders only.

    Args:
        files: their names.
        others: what is known with other customers.
        left_out: what is left out.
        new: how many events of each kind would be published.

    Raises:
        ImportRefused: with what to do.
    """
    count = len(others.numbers)
    if count > max(others.own, 1):
        assert others.example is not None
        imports = [import_id for import_id, _ in others.example.published if import_id]
        came = f"import {imports[0]}" if imports else "a webhook"
        undo = f"; if that import was wrong, goldstream replay --without-import {imports[0]}" if imports else ""
        raise ImportRefused(
            f"{files}: {known_with_others(count)}, and {others.own:,} with the same ones, such as {others.example.id}, "
            f"which came by {came}: if this is another shop, give --source NAME; if it is the same one, say who the "
            f'customers are as you did then (--field customer_id="…" or --map){undo}'
        )
    unknown = left_out.count(UNKNOWN_ORDER)
    if unknown and not new and not left_out.count(KNOWN):
        raise ImportRefused(
            f"{files}: no order at all: {unknown:,} refunds name nobody, and their orders are not known; import the "
            'orders first, give their file with this one, or name the customers with --field customer_id="…"'
        )
