"""When to try again, and after how long."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from kantor.errors import APIError, ConnectionFailed, KantorError, Timeout, refusal
from kantor.wire.steps import BrokenConnection, Flow, Open, Reply, Save, Send, Sleep

BUSY = frozenset({429, 502, 503, 504})
NOT_BEGUN = frozenset({429, 503})
_BY_STATUS = {
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "too-large",
    415: "unsupported-media-type",
    429: "rate-limited",
    502: "unavailable",
    503: "unavailable",
    504: "unavailable",
}
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 8.0
LONGEST_OBEYED = 120.0


def send(step: Send | Save | Open, *, max_retries: int, patience: float = 0.0, known: bool = True) -> Flow[Reply]:
    """Do a request until it is answered with something final.

    Tried again, after growing pauses with jitter or after the server's ``Retry-After``: broken connections (only
    where repeating does no harm, or nothing was sent) and the statuses 429, 502, 503 and 504.

    Args:
        max_retries: how often.
        patience: seconds of outage to bear in any case, for those who wait for a job while its server is restarted.
        known: that the server accepted the job is known; else patience begins when a connection that stood broke.

    Raises:
        ConnectionFailed, Timeout: no answer.
        APIError: the server's refusal.
    """
    begin = time.monotonic() if known else None
    tries = 0
    while True:
        again: KantorError
        asked: float | None = None
        try:
            reply: Reply = yield step
        except BrokenConnection as broken:
            again = Timeout(str(broken)) if broken.timed_out else ConnectionFailed(str(broken))
            if broken.sent and begin is None:
                begin = time.monotonic()
            if broken.sent and not step.call.repeatable:
                raise again from None
        else:
            if reply.status < 400:
                return reply
            again = _refusal(reply)
            asked = again.retry_after
            if reply.status not in BUSY or (asked or 0.0) > LONGEST_OBEYED:
                raise again
            if reply.status not in NOT_BEGUN and not step.call.repeatable:
                raise again
        if tries >= max_retries and (begin is None or time.monotonic() - begin >= patience):
            raise again from None
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**tries) * random.uniform(0.5, 1.0)  # noqa: S311
        yield Sleep(pause if asked is None else asked)
        tries += 1


def _refusal(reply: Reply) -> APIError:
    from pydantic import ValidationError

    from api_schemas.errors import Problem

    request_id = reply.headers.get("x-request-id", "")
    try:
        problem = Problem.model_validate_json(reply.content)
    except ValidationError:
        # not Kantor's own words: a proxy's
        code = _BY_STATUS.get(reply.status, "invalid-request" if reply.status < 500 else "internal")
        words = reply.content[:200].decode("utf-8", "replace").strip()
        problem = Problem.of(code, f"the server replied with status {reply.status}" + (f": {words}" if words else ""))
    return refusal(problem, status=reply.status, retry_after=retry_after(reply.headers), request_id=request_id)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of ``Retry-After`` (a number or a date), or None."""
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
