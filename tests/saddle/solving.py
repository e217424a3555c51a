"""Saddle problems through their family."""

from __future__ import annotations

from api_schemas.saddle import SaddleAnswer
from tests.solving import Through
from workers.families.saddle import FAMILY

_through = Through(FAMILY, "saddle", SaddleAnswer)
document, solve = _through.document, _through.solve
