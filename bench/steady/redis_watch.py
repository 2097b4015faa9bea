"""Measure when purchases become visible in Redis, by asking for the hashes of sampled customers."""

import time
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

import redis

from bench.steady.steady_purchases import SteadyPurchase, steady_purchases

INTERVAL_S: Final = 0.005
"""Between two questions, so a sample is at most that much too late."""
SAMPLES_PER_SECOND: Final = 50
_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class RedisWatch:
    """What to watch: a load's purchases from `from_s` until `until_s`, in the Redis of a worker with this prefix."""

    url: str
    prefix: str
    name: str
    rate: float
    begin_s: float
    from_s: float
    until_s: float

    def run(self) -> dict[int, float | None]:
        """Return when each sampled purchase was first seen, by its number; None for one that was not within 30 s.

        A purchase is visible once `lifetime_orders` of its customer's hash counts it. Blocks; for a thread.
        """
        samples = self._samples()
        seen_s: dict[int, float | None] = dict.fromkeys((each.number for each in samples), None)
        pending: list[SteadyPurchase] = []
        with redis.Redis.from_url(self.url) as client:
            while (samples or pending) and (now_s := time.perf_counter()) < self.until_s + _TIMEOUT_S:
                while samples and self._due_s(samples[-1]) <= now_s:
                    pending.append(samples.pop())
                if pending:
                    questions = client.pipeline(transaction=False)
                    for each in pending:
                        questions.hget(f"{self.prefix}:customer:{each.customer_id}", "lifetime_orders")
                    answers = questions.execute()
                    answered_s = time.perf_counter()
                    visible = [int(orders or 0) >= each.visit for each, orders in zip(pending, answers, strict=True)]
                    seen_s |= {
                        each.number: answered_s for each, is_seen in zip(pending, visible, strict=True) if is_seen
                    }
                    pending = [each for each, is_seen in zip(pending, visible, strict=True) if not is_seen]
                time.sleep(max(0.0, now_s + INTERVAL_S - time.perf_counter()))
        return seen_s

    def _due_s(self, purchase: SteadyPurchase) -> float:
        return self.begin_s + purchase.number / self.rate

    def _samples(self) -> list[SteadyPurchase]:
        """Return the sampled purchases, the last one first."""
        every = max(1, int(self.rate / SAMPLES_PER_SECOND)) | 1  # odd, so that each visit is sampled alike
        up_to = takewhile(lambda each: self._due_s(each) < self.until_s, steady_purchases(self.name, self.rate))
        measured = (each for each in up_to if self._due_s(each) >= self.from_s and each.number % every == 0)
        return list(measured)[::-1]
