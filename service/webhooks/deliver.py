"""Delivering: due rows are taken with a lease, sent outside of any transaction, and the outcome is written.

A process that dies in between leaves its rows to be taken again when the lease is over: at least once, under one id.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import orjson
from standardwebhooks.webhooks import Webhook as Signer

from api_schemas.errors import KantorError
from api_schemas.ids import DELIVERY, JOB, encode
from service.settings import Settings
from service.store.connect import Database
from service.telemetry import metrics
from service.webhooks import addresses

BATCH = 20
TIMEOUT = 15.0
LEASE = 60.0
SCHEDULE = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds until the next attempt (Standard Webhooks has the same), and up to a fifth more by chance."""
KEEP_DAYS = 30

_TAKE = """
UPDATE delivery SET next_at = now() + make_interval(secs => %(lease)s), attempts = attempts + 1, last_at = now()
FROM webhook
WHERE webhook.id = delivery.webhook_id AND delivery.id = ANY(ARRAY(
    SELECT id FROM delivery WHERE next_at <= now() ORDER BY next_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
RETURNING delivery.id, delivery.attempts, delivery.type, delivery.created_at, delivery.job_id, delivery.webhook_id,
    webhook.url, webhook.active, webhook.secret,
    CASE WHEN webhook.old_secret_until > now() THEN webhook.old_secret END,
    coalesce(payload, (SELECT jsonb_build_object('state', state, 'name', name, 'labels', labels, 'kind', kind,
        'engine', engine, 'summary', summary, 'error', error) FROM job WHERE job.id = delivery.job_id))
"""


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery to make, in the order of ``_TAKE``."""

    id: UUID
    attempt: int
    type: str
    created_at: datetime
    job_id: UUID | None
    webhook_id: UUID
    url: str
    active: bool
    secret: bytes
    old_secret: bytes | None
    job: dict[str, Any] | None

    def body(self) -> str:
        """The payload; the same at every attempt."""
        data = dict(self.job or {})
        if self.job_id is not None:
            data["id"] = encode(JOB, self.job_id)
        content = {"type": self.type, "timestamp": self.created_at, "data": data}
        return orjson.dumps(content, option=orjson.OPT_UTC_Z).decode()

    def headers(self, body: str, now: datetime) -> dict[str, str]:
        """Signed with the secret, and while it rotates with the old one too."""
        name = encode(DELIVERY, self.id)
        signers = [Signer(bytes(secret)) for secret in (self.secret, self.old_secret) if secret is not None]
        return {
            "webhook-id": name,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signer.sign(name, now.replace(microsecond=0), body) for signer in signers),
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt."""

    status: int | None
    error: str = ""

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """The receiver wants no more, ever."""
        return self.status == 410


class Deliverer:
    """Sends what is due, all of a round at once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._trust = httpx.create_ssl_context(trust_env=False)

    def round(self, conn: Database) -> int:
        """Deliver at most ``BATCH``; how many there were."""
        rows = conn.execute(_TAKE, {"lease": LEASE, "limit": BATCH}).fetchall()
        due = [Due(*row) for row in rows]
        if due:
            for item, outcome in zip(due, asyncio.run(self._all(due)), strict=True):
                _write(conn, item, outcome)
        return len(due)

    async def _all(self, due: Sequence[Due]) -> list[Outcome]:
        async with httpx.AsyncClient(
            verify=self._trust, timeout=TIMEOUT, follow_redirects=False, trust_env=False
        ) as http:
            return list(await asyncio.gather(*(self._send(http, item) for item in due)))

    async def _send(self, http: httpx.AsyncClient, due: Due) -> Outcome:
        """One attempt, of at most ``TIMEOUT`` seconds in all. Whatever goes wrong with it stays with it."""
        if not due.active:
            return Outcome(None, "the webhook is switched off")
        try:
            async with asyncio.timeout(TIMEOUT):
                place = await asyncio.to_thread(addresses.place, due.url, self._settings)
                return await _post(http, place, due)
        except KantorError as error:
            return Outcome(None, error.detail)
        except TimeoutError:
            return Outcome(None, f"no reply within {TIMEOUT:g} s")
        except Exception as error:
            return Outcome(None, (str(error) or type(error).__name__)[:500])


async def _post(http: httpx.AsyncClient, place: addresses.Place, due: Due) -> Outcome:
    host = f"[{place.address}]" if ":" in place.address else place.address
    body = due.body()
    request = http.build_request(
        "POST",
        f"{place.scheme}://{host}:{place.port}{place.path}",
        content=body,
        headers={
            "Host": place.host,
            "Content-Type": "application/json",
            "User-Agent": "Kantor-Webhooks/1",
            **due.headers(body, datetime.now(UTC)),
        },
        # the certificate must be that of the name, although the connection goes to the address
        extensions={"sni_hostname": place.host},
    )
    reply = await http.send(request, stream=True)
    await reply.aclose()
    if reply.is_success:
        return Outcome(reply.status_code)
    return Outcome(reply.status_code, f"replied with status {reply.status_code}")


def sweep(conn: Database) -> int:
    """Delete deliveries that were over long ago; how many."""
    return conn.execute(
        "DELETE FROM delivery WHERE next_at IS NULL AND created_at < now() - make_interval(days => %s)", (KEEP_DAYS,)
    ).rowcount


def _write(conn: Database, due: Due, outcome: Outcome) -> None:
    metrics.DELIVERIES.labels("delivered" if outcome.delivered else "failed").inc()
    tried_all = due.attempt > len(SCHEDULE) or outcome.gone or not due.active
    pause = None if outcome.delivered or tried_all else SCHEDULE[due.attempt - 1] * random.uniform(1.0, 1.2)  # noqa: S311
    conn.execute(
        "UPDATE delivery SET last_status = %s, last_error = %s, delivered_at = CASE WHEN %s THEN now() END,"
        " next_at = now() + make_interval(secs => %s) WHERE id = %s AND attempts = %s",
        (outcome.status, outcome.error, outcome.delivered, pause, due.id, due.attempt),
    )
    if outcome.gone:
        conn.execute(
            "UPDATE webhook SET active = false, disabled_reason = 'the receiver replied with status 410 (gone)'"
            " WHERE id = %s",
            (due.webhook_id,),
        )
