"""The webhooks of a project. Every function takes the project first."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from api_schemas.errors import KantorError
from api_schemas.ids import DELIVERY, JOB, WEBHOOK, encode, new_uuid
from api_schemas.webhooks import SECRET_PREFIX, Delivery, NewWebhook, Webhook
from service.store.connect import Database

MOST = 50
"""Webhooks of a project."""
_WEBHOOK = "id, url, events, active, disabled_reason, created_at"
_DELIVERY = "id, type, job_id, created_at, attempts, next_at, delivered_at, last_at, last_status, last_error"


def create(conn: Database, project_id: UUID, *, url: str, events: Sequence[str]) -> NewWebhook:
    """A new webhook. The address must have been checked (``addresses.place``).

    Raises:
        KantorError: ``conflict``: the project has ``MOST`` of them.
    """
    secret = secrets.token_bytes(32)
    row = conn.execute(
        "INSERT INTO webhook (id, project_id, url, events, secret)"  # noqa: S608
        " SELECT %s, %s, %s, %s, %s WHERE (SELECT count(*) FROM webhook WHERE project_id = %s) < %s"
        f" RETURNING {_WEBHOOK}",
        (new_uuid(), project_id, url, sorted(set(events)), secret, project_id, MOST),
    ).fetchone()
    if row is None:
        raise KantorError("conflict", f"A project has at most {MOST} webhooks.")
    return NewWebhook(**_webhook(row).model_dump(), secret=_text(secret))


def webhooks(conn: Database, project_id: UUID) -> list[Webhook]:
    """All of the project, newest first."""
    rows = conn.execute(
        f"SELECT {_WEBHOOK} FROM webhook WHERE project_id = %s ORDER BY id DESC",  # noqa: S608
        (project_id,),
    ).fetchall()
    return [_webhook(row) for row in rows]


def get(conn: Database, project_id: UUID, webhook_id: UUID) -> Webhook:
    """Raises ``KantorError`` "not-found"."""
    row = conn.execute(
        f"SELECT {_WEBHOOK} FROM webhook WHERE project_id = %s AND id = %s",  # noqa: S608
        (project_id, webhook_id),
    ).fetchone()
    if row is None:
        raise not_found(webhook_id)
    return _webhook(row)


def change(
    conn: Database,
    project_id: UUID,
    webhook_id: UUID,
    *,
    url: str | None = None,
    events: Sequence[str] | None = None,
    active: bool | None = None,
) -> Webhook:
    """Change what is given.

    Raises:
        KantorError: ``not-found``.
    """
    row = conn.execute(
        "UPDATE webhook SET url = coalesce(%s, url), events = coalesce(%s::text[], events),"  # noqa: S608
        " active = coalesce(%s, active), disabled_reason = CASE WHEN %s THEN '' ELSE disabled_reason END"
        f" WHERE project_id = %s AND id = %s RETURNING {_WEBHOOK}",
        (url, None if events is None else sorted(set(events)), active, active, project_id, webhook_id),
    ).fetchone()
    if row is None:
        raise not_found(webhook_id)
    return _webhook(row)


def rotate(conn: Database, project_id: UUID, webhook_id: UUID, *, overlap: float) -> NewWebhook:
    """A new secret; the old one signs beside it for ``overlap`` seconds.

    Raises:
        KantorError: ``not-found``.
    """
    secret = secrets.token_bytes(32)
    row = conn.execute(
        "UPDATE webhook SET old_secret = secret, old_secret_until = now() + %s, secret = %s"  # noqa: S608
        f" WHERE project_id = %s AND id = %s RETURNING {_WEBHOOK}",
        (timedelta(seconds=overlap), secret, project_id, webhook_id),
    ).fetchone()
    if row is None:
        raise not_found(webhook_id)
    return NewWebhook(**_webhook(row).model_dump(), secret=_text(secret))


def delete(conn: Database, project_id: UUID, webhook_id: UUID) -> None:
    """With all its deliveries.

    Raises:
        KantorError: ``not-found``.
    """
    found = conn.execute(
        "DELETE FROM webhook WHERE project_id = %s AND id = %s RETURNING id", (project_id, webhook_id)
    ).fetchone()
    if found is None:
        raise not_found(webhook_id)


def send_test(conn: Database, project_id: UUID, webhook_id: UUID) -> Delivery:
    """A delivery of type "webhook.test".

    Raises:
        KantorError: ``not-found``.
    """
    row = conn.execute(
        "INSERT INTO delivery (id, webhook_id, project_id, type)"  # noqa: S608
        " SELECT %s, id, project_id, 'webhook.test' FROM webhook WHERE project_id = %s AND id = %s"
        f" RETURNING {_DELIVERY}",
        (new_uuid(), project_id, webhook_id),
    ).fetchone()
    if row is None:
        raise not_found(webhook_id)
    return _delivery(row)


def deliveries(conn: Database, project_id: UUID, webhook_id: UUID, limit: int) -> list[Delivery]:
    """The newest deliveries.

    Raises:
        KantorError: ``not-found``.
    """
    get(conn, project_id, webhook_id)
    rows = conn.execute(
        f"SELECT {_DELIVERY} FROM delivery WHERE project_id = %s AND webhook_id = %s"  # noqa: S608
        " ORDER BY created_at DESC, id LIMIT %s",
        (project_id, webhook_id, limit),
    ).fetchall()
    return [_delivery(row) for row in rows]


def replay(conn: Database, project_id: UUID, webhook_id: UUID, delivery_id: UUID) -> Delivery:
    """Deliver once more, from the first attempt on, under the same id.

    Raises:
        KantorError: ``not-found``.
    """
    row = conn.execute(
        "UPDATE delivery SET next_at = now(), attempts = 0, delivered_at = NULL"  # noqa: S608
        f" WHERE project_id = %s AND webhook_id = %s AND id = %s RETURNING {_DELIVERY}",
        (project_id, webhook_id, delivery_id),
    ).fetchone()
    if row is None:
        raise KantorError("not-found", f"There is no delivery {encode(DELIVERY, delivery_id)} of this webhook.")
    return _delivery(row)


def not_found(webhook_id: UUID) -> KantorError:
    """The error for a webhook that the project does not have."""
    return KantorError("not-found", f"There is no webhook {encode(WEBHOOK, webhook_id)} in this project.")


def _text(secret: bytes) -> str:
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def _webhook(row: tuple[object, ...]) -> Webhook:
    values = dict(zip(_WEBHOOK.split(", "), row, strict=True))
    webhook_id = values.pop("id")
    assert isinstance(webhook_id, UUID)
    return Webhook.model_validate({"id": encode(WEBHOOK, webhook_id), **values})


def _delivery(row: tuple[object, ...]) -> Delivery:
    values = dict(zip(_DELIVERY.split(", "), row, strict=True))
    delivery_id, job_id = values.pop("id"), values.pop("job_id")
    assert isinstance(delivery_id, UUID)
    job = encode(JOB, job_id) if isinstance(job_id, UUID) else None
    return Delivery.model_validate({"id": encode(DELIVERY, delivery_id), "job_id": job, **values})
