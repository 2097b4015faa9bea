"""The rates of tokens: events per second in this process, as a bucket for each token (draft-ietf-httpapi-ratelimit)."""

from math import ceil
from typing import Final, NamedTuple

from agents.serve.access.scopes import Principal
from streams.clock import Clock

WINDOW_SECONDS: Final = 1


class RateState(NamedTuple):
    """What a token has left.

    Attributes:
        is_over: whether it has to wait.
        wait_s: whole seconds until it may send again; 0 if it may now.
        headers: the fields `RateLimit-Policy` and `RateLimit`.
    """

    is_over: bool
    wait_s: int
    headers: dict[str, str]


class RateLimits:
    """Buckets that hold what a token may send in a second, at least one event.

    A request that is larger than what is left passes and is paid off: otherwise a batch above the rate could never be
    sent. The next one waits until the bucket is no longer empty, so the rate holds on average.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def check(self, principal: Principal) -> RateState | None:
        """Return what a principal has left; None without a limit."""
        return self.charge(principal, 0)

    def charge(self, principal: Principal, events: int) -> RateState | None:
        """Take events from the bucket of a principal, unless it is empty; None without a limit."""
        rate = principal.rate
        if rate is None:
            return None
        size = max(rate * WINDOW_SECONDS, 1.0)
        now = self._clock.monotonic()
        left, at = self._buckets.get(principal.token_id, (size, now))
        left = min(size, left + (now - at) * rate)
        is_over = left < 1.0
        if not is_over:
            left -= events
        self._buckets[principal.token_id] = (left, now)
        wait_s = max(0, ceil((1.0 - left) / rate))
        headers = {
            "RateLimit-Policy": f'"{principal.token_id}";q={int(size)};w={max(1, ceil(size / rate))}',
            "RateLimit": f'"{principal.token_id}";r={max(0, int(left))};t={wait_s or 1}',
        }
        return RateState(is_over, max(1, wait_s) if is_over else 0, headers)
