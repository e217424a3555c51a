"""Problems of one level through their family."""

from __future__ import annotations

from api_schemas.minimize import MinimizeAnswer
from tests.solving import Through
from workers.families.minimize import FAMILY

_through = Through(FAMILY, "minimize", MinimizeAnswer)
document, solve = _through.document, _through.solve
