"""Artifacts: large inputs and answers, stored apart from the database."""

from __future__ import annotations

from typing import Literal

from api_schemas.base import Reply, Time


class Artifact(Reply):
    """Bytes with a name. The content never changes; the same bytes uploaded twice are two artifacts."""

    id: str
    filename: str = ""
    media_type: str
    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal."""
    origin: Literal["upload", "answer"]
    created_at: Time
    expires_at: Time | None = None
