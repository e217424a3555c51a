"""Receiving webhooks: ``kantor.webhooks.unwrap``. Needs the extra: ``pip install kantor[webhooks]``."""

from __future__ import annotations

from collections.abc import Mapping

from api_schemas.webhooks import WebhookEvent
from kantor.errors import KantorError

__all__ = ["InvalidSignature", "WebhookEvent", "unwrap"]


class InvalidSignature(KantorError):
    """The delivery was not signed with this secret, was changed on the way, or is older than five minutes."""


def unwrap(body: bytes | str, headers: Mapping[str, str], secret: str) -> WebhookEvent:
    """The event of a delivery, once its signature is verified.

    Deliveries come at least once: those with a ``webhook-id`` that was seen before can be left aside.

    Args:
        body: of the request, exactly as it came.
        headers: of the request; names in any case.
        secret: ``whsec_...``, as shown when the webhook was made. While it rotates the old and the new one fit.

    Raises:
        InvalidSignature: don't trust it; reply with status 400.
    """
    try:
        from standardwebhooks.webhooks import Webhook, WebhookVerificationError
    except ImportError:
        raise KantorError("webhooks need a package that is not installed: pip install 'kantor[webhooks]'") from None
    try:
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError) as error:
        raise InvalidSignature(f"this delivery cannot be trusted: {error}") from None
    return WebhookEvent.model_validate_json(body)
