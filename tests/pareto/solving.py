"""Problems of several objectives through their family."""

from __future__ import annotations

from api_schemas.pareto import ParetoAnswer
from tests.solving import Through
from workers.families.pareto import FAMILY

_through = Through(FAMILY, "pareto", ParetoAnswer, seconds=250.0)
document, solve = _through.document, _through.solve
