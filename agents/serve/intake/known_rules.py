"""The currencies and rates of the last policy seen, stored beside the spool: to check events while Kafka is away.

Without them a server that starts while Kafka is away could not take anything.
"""

import contextlib
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec

from state.intake.admission import AdmissionRules
from state.units.time_zones import zone_names

_NAME: Final = "rules.json"


class _Rules(msgspec.Struct):
    currency: str
    digits: int
    rates: dict[str, Decimal]


def save_rules(folder: Path, rules: AdmissionRules) -> None:
    """Write the rules.

    Raises:
        OSError: the folder cannot be written.
    """
    temporary = folder / f"{_NAME}.new"
    temporary.write_bytes(msgspec.json.encode(_Rules(rules.currency, rules.digits, rules.rates)))
    temporary.replace(folder / _NAME)


def load_rules(folder: Path) -> AdmissionRules | None:
    """Return the rules; None if there are none."""
    with contextlib.suppress(OSError, msgspec.DecodeError):
        rules = msgspec.json.decode((folder / _NAME).read_bytes(), type=_Rules)
        return AdmissionRules(rules.currency, rules.digits, rules.rates, zone_names())
    return None
