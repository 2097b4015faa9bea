"""What a steady load is to do and what happened: the two files that its process reads and writes."""

from dataclasses import dataclass, field
from typing import Any, Final

_KEYED: Final = ("purchase_read_s", "change_read_s")


@dataclass(frozen=True, slots=True)
class SteadyPlan:
    """What to publish and to read.

    Attributes:
        name: of the load; contained in the ids.
        begin_s: when to publish the first purchase.
        seconds: for how long.
        kind: the `type` of the events, where the topic needs one.
        changes_timeout_s: how long to wait at the end for the last change.
        result: the file for the result.
    """

    kafka: str
    source: str
    changes: str
    name: str
    rate: float
    begin_s: float
    seconds: float
    kind: str
    changes_timeout_s: float
    result: str


@dataclass(slots=True)
class SteadyResult:
    """What happened, by number of the purchase.

    Attributes:
        published_s: when each was handed to the producer.
        changing: the purchases that must cause a change.
        purchase_read_s: when a reader had the purchase itself.
        change_read_s: when a reader first had the change that it caused.
        repeated: numbers of those whose change was read more than once, with the same contents.
        contradicted: those with changes of different contents.
        undelivered: errors of the producer.
    """

    published_s: list[float] = field(default_factory=list)
    changing: list[int] = field(default_factory=list)
    purchase_read_s: dict[int, float] = field(default_factory=dict)
    change_read_s: dict[int, float] = field(default_factory=dict)
    repeated: list[int] = field(default_factory=list)
    contradicted: list[int] = field(default_factory=list)
    undelivered: list[str] = field(default_factory=list)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "SteadyResult":
        """Return a result that went through JSON, which turns the numbers that are keys into text."""
        reads = {name: {int(number): at_s for number, at_s in fields[name].items()} for name in _KEYED}
        return cls(**{**fields, **reads})

    def faults(self) -> tuple[str, ...]:
        """Return what is wrong with the changes: each purchase that must cause one has one, the others have none."""
        expected, read = set(self.changing), self.change_read_s.keys()
        wrong = {
            "purchases without their change": len(expected - read),
            "purchases with a change that they must not cause": len(read - expected),
            "purchases with two different changes": len(set(self.contradicted)),
            "purchases not delivered": len(self.undelivered),
        }
        return tuple(f"{count:,} {what}" for what, count in wrong.items() if count)

    def change_latencies_s(self, from_s: float, until_s: float) -> list[float]:
        """Return the seconds from published to change read, of purchases published in a period."""
        return self._latencies_s(self.change_read_s, from_s, until_s)

    def purchase_latencies_s(self, from_s: float, until_s: float) -> list[float]:
        """Return the seconds from published to the purchase itself read, of purchases published in a period."""
        return self._latencies_s(self.purchase_read_s, from_s, until_s)

    def late_s(self, from_s: float, until_s: float, begin_s: float, rate: float) -> list[float]:
        """Return how late purchases were published in a period, in seconds, at a rate that began at `begin_s`."""
        published = enumerate(self.published_s)
        return [at_s - begin_s - number / rate for number, at_s in published if from_s <= at_s < until_s]

    def _latencies_s(self, read_s: dict[int, float], from_s: float, until_s: float) -> list[float]:
        published = enumerate(self.published_s)
        return [read_s[number] - at_s for number, at_s in published if from_s <= at_s < until_s and number in read_s]
