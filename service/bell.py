"""Ringing Celery: the task ``kantor.run`` with a job's id, in its pool's queue. A ring may be lost: the row counts."""

from __future__ import annotations

import os
import threading
from base64 import b64encode
from collections.abc import Callable, Sequence
from uuid import UUID

import redis
from kombu.connection import Connection
from kombu.utils.json import dumps

from api_schemas.ids import JOB, encode
from service.broker import BrokerDownError, Line
from service.settings import Settings

TASK = "kantor.run"
_BODY, _TASK_ID, _TAG = "BODY-OF-THE-MESSAGE", "ID-OF-THE-TASK", "TAG-OF-THE-DELIVERY"


class Bell:
    """Rings for jobs. Safe for many threads; never blocks longer than about 0.2 seconds, and not at all in the second
    after a failure.

    kombu makes the message once for each pool (Celery's message protocol 2); afterwards only the ids are filled in.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._line = Line(settings)
        self._forms: dict[str, tuple[str, ...]] = {}
        self._lock = threading.Lock()

    def ring(self, pool: str, job_id: UUID) -> bool:
        """Ring for one job. False: nobody heard; the relay rings later."""
        return self.ring_many(pool, [job_id])

    def ring_many(self, pool: str, job_ids: Sequence[UUID]) -> bool:
        """Ring for several jobs of one pool, in their order, with one command."""
        return self._push(self._line.execute_command, pool, job_ids)

    def tell(self, pool: str, job_ids: Sequence[UUID]) -> None:
        """``ring_many`` without waiting for the broker's word: for who has just stored these jobs, and goes on."""
        self._push(self._line.tell, pool, job_ids)

    def _push(self, send: Callable[..., object], pool: str, job_ids: Sequence[UUID]) -> bool:
        if not job_ids:
            return True
        if self._line.down:
            return False
        messages = [self._message(pool, job_id) for job_id in job_ids]
        try:
            send("LPUSH", pool, *messages)
        except (BrokerDownError, redis.ResponseError):
            return False
        return True

    def waiting(self, pool: str) -> int | None:
        """How many rings nobody has heard yet; None if the broker is down."""
        try:
            return int(self._line.execute_command("LLEN", pool))
        except (BrokerDownError, redis.ResponseError):
            return None

    def close(self) -> None:
        """Close the connection."""
        self._line.close()

    def _message(self, pool: str, job_id: UUID) -> str:
        form = self._forms.get(pool)
        if form is None:
            with self._lock:
                form = self._forms[pool] = _form(pool)
        body = b64encode(
            b'[["%s"],{},{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]' % encode(JOB, job_id).encode()
        )
        fill = {_BODY: body.decode(), _TASK_ID: os.urandom(16).hex(), _TAG: os.urandom(16).hex()}
        return "".join(fill.get(part, part) for part in form)


def _form(pool: str) -> tuple[str, ...]:
    """The message that kombu would send to the queue ``pool``, cut where ids go."""
    with Connection("memory://") as connection, connection.channel() as channel:  # type: ignore[no-untyped-call]
        # The Redis transport's own wrapping: the body in base 64, properties beside it.
        message = channel.prepare_message(
            _BODY,
            priority=0,
            content_type="application/json",
            content_encoding="utf-8",
            headers={
                "lang": "py",
                "task": TASK,
                "id": _TASK_ID,
                "root_id": _TASK_ID,
                "parent_id": None,
                "group": None,
                "retries": 0,
                "timelimit": [None, None],
                "eta": None,
                "expires": None,
                "ignore_result": True,
                "origin": "kantor",
                "argsrepr": "",
                "kwargsrepr": "{}",
            },
            properties={"correlation_id": _TASK_ID, "reply_to": "", "delivery_mode": 1},
        )
        message["properties"].update(
            body_encoding="base64", delivery_info={"exchange": "", "routing_key": pool}, delivery_tag=_TAG
        )
        message["body"] = _BODY
        text: str = dumps(message)  # type: ignore[no-untyped-call]
    parts = [text]
    for marker in (_BODY, _TASK_ID, _TAG):
        parts = [piece for part in parts for piece in _split(part, marker)]
    return tuple(parts)


def _split(text: str, marker: str) -> list[str]:
    pieces: list[str] = []
    for k, piece in enumerate(text.split(marker)):
        pieces += [marker, piece] if k else [piece]
    return pieces
