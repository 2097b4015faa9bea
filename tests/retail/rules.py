"""The rules of two retailers: policies in their own currencies, with fractional edges, and their campaigns."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class Rules:
    """The rules of a retailer.

    Attributes:
        currency: of the policy; `typical` is the typical sum of a purchase in its major units.
        foreign: other currencies in which customers pay: digits, price of one unit, and whether the policy lists it.
    """

    currency: str
    digits: int
    typical: float
    foreign: dict[str, tuple[int, str, bool]]
    policy: str
    campaigns: str

    def settings(self, directory: Path) -> dict[str, str]:
        """Write the rules to files in the directory; return the settings that name them."""
        (directory / "policy.toml").write_text(self.policy, "utf-8")
        (directory / "campaigns.toml").write_text(self.campaigns, "utf-8")
        return {"POLICY": str(directory / "policy.toml"), "CAMPAIGNS": str(directory / "campaigns.toml")}


STEPPE: Final = Rules(
    "KZT",
    2,
    9_000.0,
    {"USD": (2, "512.35", True), "JPY": (0, "3.4009", True), "EUR": (2, "558.205", False), "KWD": (3, "1671.5", False)},
    policy="""\
name = "steppe"
version = 3
currency = "KZT"
window_days = 120
timezone = "Asia/Almaty"

[recency_days]
edges = [7.5, 30, 89.999]
[frequency]
edges = [2, 3, 5, 8]
[monetary]
edges = [10000, 45000.505, 120000]

[[segment]]
name = "star"
when = { r = [4], f = [4, 5], m = [4] }
title.ru = "звезда"
[[segment]]
name = "regular"
when = { r = [4, 3], f = [3, 4, 5] }
[[segment]]
name = "first"
when = { f = [1], orders_max = 1, r = [4, 3] }
[[segment]]
name = "generous"
when = { m = [3, 4], r = [4, 3, 2] }
[[segment]]
name = "around"
when = { r = [4, 3] }
[[segment]]
name = "cooling"
when = { r = [2] }
[[segment]]
name = "gone"
when = { r = [1] }

[rates]
USD = "512.35"
JPY = "3.4009"
""",
    campaigns="""\
name = "steppe-letters"
version = 2
timezone = "Asia/Almaty"
control = 0.05
starts_at = 2025-02-10T00:00:00Z

[[campaign]]
name = "hello"
topic = "offers"
from = ["none"]
to = ["potential"]
causes = ["signup", "consent"]
channels = ["email", "sms"]
requires_consent = true
attempts = [{ after_days = 0, template = "hello" }]

[[campaign]]
name = "second"
topic = "offers"
from = ["none", "potential"]
to = ["first"]
channels = ["push", "email"]
requires_consent = false
attempts = [{ after_days = 3.5, template = "second", incentive = "5%" }, { after_days = 9, template = "second-2" }]
expires_days = 10

[[campaign]]
name = "stars"
topic = "offers"
to = ["star"]
channels = ["messenger", "call", "email"]
requires_consent = false
attempts = [{ after_days = 0, template = "stars", incentive = "карта", channels = ["call", "email", "push"] }]
holdout = 0.25

[[campaign]]
name = "wake"
topic = "reactivations"
from = ["star", "regular", "around", "first"]
to = ["cooling"]
channels = ["email"]
requires_consent = true
attempts = [{ after_days = 1, template = "wake" }]
expires_days = 0.5

[[campaign]]
name = "come-back"
topic = "reactivations"
to = ["gone"]
causes = ["time", "refund"]
channels = ["sms", "email", "push"]
requires_consent = false
attempts = [{ after_days = 20, template = "come-back", incentive = "15%" }]
holdout = 0.1
""",
)

GULF: Final = Rules(
    "KWD",
    3,
    20.0,
    {"USD": (2, "0.3075", True), "JPY": (0, "0.00205", True), "EUR": (2, "0.33401", False), "KZT": (2, "0.0006", True)},
    policy="""\
name = "gulf"
version = 1
currency = "KWD"
window_days = 90.5

[recency_days]
edges = [14, 45.25]
[frequency]
edges = [2, 4]
[monetary]
edges = [25.0005, 80, 160.5]

[[segment]]
name = "best"
when = { r = [3], m = [4] }
[[segment]]
name = "beginner"
when = { f = [1], orders_max = 1, r = [2, 3] }
[[segment]]
name = "good"
when = { r = [2, 3], m = [2, 3, 4] }
[[segment]]
name = "small"
when = { r = [2, 3] }
[[segment]]
name = "lost"
when = { r = [1] }

[rates]
USD = "0.3075"
JPY = "0.00205"
KZT = "0.0006"
""",
    campaigns="""\
name = "gulf-letters"
version = 1

[[campaign]]
name = "hello"
topic = "offers"
from = ["none"]
to = ["potential", "beginner"]
channels = ["email", "sms"]
requires_consent = false
attempts = [{ after_days = 0.25, template = "hello" }]

[[campaign]]
name = "come-back"
topic = "reactivations"
to = ["lost"]
channels = ["sms", "email"]
requires_consent = true
attempts = [{ after_days = 7, template = "come-back" }]
holdout = 0.2
""",
)
