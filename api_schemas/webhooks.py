"""Webhooks by the Standard Webhooks specification: signed, thin, delivered at least once."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from api_schemas.base import Model, Reply, Time

EventType = Literal["job.succeeded", "job.failed", "job.cancelled", "job.expired"]
EVENT_TYPES: tuple[EventType, ...] = ("job.succeeded", "job.failed", "job.cancelled", "job.expired")
SECRET_PREFIX = "whsec_"  # noqa: S105

Url = Annotated[str, Field(min_length=8, max_length=2000, pattern=r"^https?://[^\s]+$")]
Types = Annotated[list[EventType], Field(min_length=1, max_length=16)]


class WebhookRequest(Model):
    """A new webhook of the project."""

    url: Url
    """https; http only where the operator allows the address."""
    events: Types = list(EVENT_TYPES)


class WebhookChange(Model):
    """What is left out stays."""

    url: Url | None = None
    events: Types | None = None
    active: bool | None = None


class SecretRotation(Model):
    """A new secret."""

    overlap: Annotated[float, Field(ge=0, le=30 * 86400)] = 86400.0
    """Seconds for which deliveries carry signatures of both."""


class Webhook(Reply):
    """A webhook, without its secret."""

    id: str
    url: str
    events: list[str]
    active: bool
    disabled_reason: str = ""
    """Why it was switched off, if not by its owner."""
    created_at: Time


class NewWebhook(Webhook):
    """With the secret, which is shown this once."""

    secret: str


class WebhookList(Reply):
    webhooks: list[Webhook]


class Delivery(Reply):
    """One message to one webhook."""

    id: str
    """The header ``webhook-id``: the same at every attempt."""
    type: str
    job_id: str | None = None
    created_at: Time
    attempts: int
    next_at: Time | None = None
    """When it is tried again; null: delivered, or given up."""
    delivered_at: Time | None = None
    last_at: Time | None = None
    last_status: int | None = None
    last_error: str = ""


class DeliveryPage(Reply):
    """Newest first."""

    deliveries: list[Delivery]


class WebhookEvent(Reply):
    """The body of a delivery."""

    type: str
    timestamp: Time
    data: dict[str, Any]
    """Of a job: ``id``, ``state``, ``name``, ``labels``, ``summary``, ``error``; GET /v1/jobs/{id} has the rest."""
