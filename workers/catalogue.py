"""Which engines this worker offers, as its own engines say, without importing any of them here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import structlog

from api_schemas.engines import Engine

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Catalogue:
    """The engines, and in which process group each of them runs.

    Attributes:
        engines: as announced.
        groups: (family, id) to process group.
        specs: what is needed to choose among them, as ``workers.runner.describe.spec_of`` reads it.
    """

    engines: tuple[Engine, ...]
    groups: Mapping[tuple[str, str], str] = field(default_factory=dict)
    specs: tuple[dict[str, Any], ...] = ()

    def offered(self, kind: str) -> list[dict[str, Any]]:
        """Specifications of a family's engines."""
        return [spec for spec in self.specs if spec["family"] == kind]

    def members(self, kind: str, group: str) -> list[str]:
        """Ids of a family's engines that run in a group."""
        return [name for (family, name), where in self.groups.items() if family == kind and where == group]

    def group_of(self, kind: str, engine: str) -> str:
        """Where an engine runs; for "auto", "race" and unknown ones, where a problem is read first."""
        group = self.groups.get((kind, engine))
        if group is None:
            group = next((where for (family, _), where in self.groups.items() if family == kind), None)
        return group if group is not None else next(iter(self.groups.values()))

    def by_group(self) -> dict[str, list[str]]:
        """Process group to its engines as "family:id"."""
        members: dict[str, list[str]] = {}
        for (family, name), group in self.groups.items():
            members.setdefault(group, []).append(f"{family}:{name}")
        return members

    @property
    def names(self) -> list[str]:
        """All as "family:id"."""
        return [f"{family}:{name}" for family, name in self.groups]


def _pools_of(entry: Mapping[str, Any]) -> list[str]:
    """Its own, and that of GPUs for what can compute there too: jobs come there that ask for the device."""
    return [entry["pool"], "gpu"] if "cuda" in entry["capabilities"] else [entry["pool"]]


def catalogue_of(entries: Sequence[Mapping[str, Any]], pools: Set[str] = frozenset()) -> Catalogue:
    """From what zygotes say (``workers.runner.describe``), for these pools (empty: all), without broken engines."""
    engines, groups, specs = [], {}, []
    for entry in entries:
        if "error" in entry:
            name = f"{entry['family']}:{entry['id']}"
            log.error("an engine is not offered: it cannot be loaded", engine=name, error=entry["error"])
            continue
        if pools and pools.isdisjoint(_pools_of(entry)):
            continue
        engines.append(Engine.model_validate(entry))
        groups[entry["family"], entry["id"]] = entry["process_group"]
        specs.append({name: entry[name] for name in ("family", "id", "title", "solves", "capabilities", "excludes")})
    return Catalogue(tuple(engines), groups, tuple(specs))
