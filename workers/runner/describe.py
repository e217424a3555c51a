"""What engines there are and what they say of themselves. Runs where importing a solver can harm nobody."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any

from solvers.core import registry
from solvers.core.engine import EngineSpec, Option
from workers import families
from workers.runner import later


def installed() -> list[list[str]]:
    """Engines of the known families whose requirements are installed, as "family:id". Imports none of them.

    Those on the same foundation stand together: they may be imported in one process.
    """
    together: dict[str, list[str]] = {}
    for kind in registry.families():
        if kind in families.FAMILIES:
            for name in registry.names(kind):
                together.setdefault(registry.foundation(kind, name), []).append(f"{kind}:{name}")
    return list(together.values())


def describe(engine: str) -> dict[str, Any]:
    """Import an engine ("family:id"), but for slow libraries; its specification with the shared options of its
    family, as JSON has it.

    If that fails, ``error`` says why.
    """
    kind, _, name = engine.partition(":")
    if registry.foundation(kind, name) in later.SLOW:
        later.postpone()
    try:
        spec: EngineSpec = registry.load(kind, name).spec
        for module in spec.requires:
            if module not in later.SLOW:
                importlib.import_module(module)
        return {
            "id": spec.id,
            "family": spec.family,
            "version": spec.version,
            "title": spec.title,
            "summary": spec.summary,
            "solves": sorted(spec.solves),
            "capabilities": sorted(spec.capabilities),
            "options": [_option(option) for option in spec.options],
            "shared_options": [_option(option) for option in families.load(kind).shared_options],
            "pool": spec.pool,
            "citation": spec.citation,
            "process_group": spec.process_group,
            "requires": list(spec.requires),
            "excludes": [sorted(combination) for combination in spec.excludes],
        }
    except Exception as error:  # an engine may be anybody's
        return {"family": kind, "id": name, "error": f"{type(error).__name__}: {error}"}


def spec_of(entry: Mapping[str, Any]) -> EngineSpec:
    """As much of a specification as is needed to choose by, of an engine that may be in another process group."""
    return EngineSpec(
        id=entry["id"],
        family=entry["family"],
        version="",
        title=entry["title"],
        summary="",
        solves=frozenset(entry["solves"]),
        capabilities=frozenset(entry["capabilities"]),
        excludes=tuple(frozenset(combination) for combination in entry["excludes"]),
    )


def _option(option: Option) -> dict[str, Any]:
    return {**dataclasses.asdict(option), "choices": list(option.choices)}
