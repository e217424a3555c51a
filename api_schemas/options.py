"""Options that every family of problems has."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api_schemas.base import Model


class SolveOptions(Model):
    """Options of every solve. Absent means the default that ``kantor engines`` shows. Each family adds its own."""

    time_limit: Annotated[float, Field(gt=0, le=30 * 86400)] | None = None
    """Wall-clock seconds for the solve; the best answer so far is kept."""
    memory_limit: Annotated[int, Field(ge=64)] | None = None
    """MB for the process that solves."""
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    log: bool | None = None
    """Keep the engine's log."""
    race: Annotated[list[str], Field(min_length=2, max_length=8)] | None = None
    """Engines for ``engine: "race"``; by default those that fit the problem."""
    engine_options: Annotated[dict[str, float | int | bool | str], Field(max_length=256)] = {}
    """Options that only the chosen engine has."""
