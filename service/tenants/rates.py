"""How many requests a project may send in a minute: counted in Valkey for all API processes together.

Valkey may be lost at any time; then each process counts for itself until it is back.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import redis.exceptions
import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from api_schemas.errors import KantorError
from service.settings import Settings

log = structlog.get_logger("kantor.api")

_SILENT_SECONDS = 1.0
"""After a failure Valkey is not asked for so long."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a project stands: the RateLimit header fields (draft-ietf-httpapi-ratelimit-headers)."""

    most: int
    remaining: int
    reset: int
    """Seconds until more is granted."""

    @property
    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Policy": f'"requests";q={self.most};w=60',
            "RateLimit": f'"requests";r={self.remaining};t={self.reset}',
        }


class Rates:
    """Sliding windows of a minute."""

    def __init__(self, settings: Settings) -> None:
        self._default = settings.requests_per_minute
        url = settings.hints_url
        scheme, _, rest = url.partition("://")
        uri = f"async+redis+unix://{rest}" if scheme == "unix" else f"async+{url}"
        self._shared = SlidingWindowCounterRateLimiter(
            RedisStorage(uri, implementation="redispy", socket_timeout=0.2, socket_connect_timeout=0.2)
        )
        self._own = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._silent_until = 0.0

    async def count(self, project: str, quota: int | None) -> Standing | None:
        """Count a request; None: the project has no quota.

        Raises:
            KantorError: ``rate-limited``, with the header fields.
        """
        most = quota or self._default
        if not most:
            return None
        item = RateLimitItemPerMinute(most)
        granted, reset_at, remaining = await self._ask(item, project)
        standing = Standing(most, max(0, remaining), max(1, math.ceil(reset_at - time.time())))
        if not granted:
            # In a sliding window the next request is granted as soon as a share of the window has passed.
            wait = max(1, math.ceil(60 / most))
            raise KantorError(
                "rate-limited",
                f"The project may send {most} requests in a minute.",
                headers={"Retry-After": str(wait), **standing.headers},
            )
        return standing

    async def _ask(self, item: RateLimitItemPerMinute, project: str) -> tuple[bool, float, int]:
        if time.monotonic() >= self._silent_until:
            try:
                granted = await self._shared.hit(item, project)
                window = await self._shared.get_window_stats(item, project)
                return granted, window.reset_time, window.remaining
            except (redis.exceptions.RedisError, OSError) as error:
                self._silent_until = time.monotonic() + _SILENT_SECONDS
                log.warning("rates_counted_here", error=str(error))
        granted = await self._own.hit(item, project)
        window = await self._own.get_window_stats(item, project)
        return granted, window.reset_time, window.remaining
