"""Arrays of an answer: small ones in its JSON, large ones in an artifact. For every family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from solvers.core.certificate import Certificate
from workers.families import Encoded, Files, Refusal
from workers.families.arrays import listed, number, sane

#: Bytes of names as numpy stores them; above, they stay in the JSON.
MAX_NAMES = 256 << 20

_ANSWER = "answer.npz"
_OVERHEAD = 1024
"""Bytes, at most, that a file of numpy takes for each array beside the numbers: headers of .npy and zip, its name."""


class Placement:
    """Decides for each array where it goes, and writes those of the artifact."""

    def __init__(self, files: Files, inline_limit: int) -> None:
        self._files = files
        self._limit = inline_limit
        self._apart: dict[str, np.ndarray] = {}
        self._references: list[dict[str, Any]] = []
        self.artifact: str | None = None

    def place(self, name: str, array: np.ndarray | None, *, apart: bool = False) -> Any:
        """The array as JSON, or a reference to be completed by ``close``."""
        if array is None:
            return None
        if array.nbytes <= self._limit and not apart:
            return listed(array) if array.ndim == 1 else sane(array.tolist())
        return self.refer(name, array)

    def refer(self, name: str, array: np.ndarray) -> dict[str, Any]:
        self._apart[name] = np.ascontiguousarray(array)
        reference = {"artifact": None, "member": name}
        self._references.append(reference)
        return reference

    def names(self, name: str, names: tuple[str, ...] | None) -> Any:
        if names is None:
            return None
        letters = sum(map(len, names))
        if letters <= self._limit or 4 * len(names) * max(map(len, names)) > MAX_NAMES:
            return names
        self._apart[name] = np.array(names)
        return None

    def close(self, document: dict[str, Any]) -> Refusal | None:
        """Store what goes apart, and write its artifact's id into the references.

        Args:
            document: the answer, with the references in it. Fields whose arrays the project has no room for are taken
                out of it; the first ones stay as long as they fit.

        Returns:
            what refused the others.
        """
        if not self._apart:
            return None
        try:
            self._store()
            return None
        except Refusal as refusal:
            if refusal.code != "quota-exceeded":
                raise
            full = refusal
        lost = self._shorten(document, full.room)
        try:
            self._store()
        except Refusal:  # somebody else was faster
            lost += self._shorten(document, 0)
        words = f"{full.detail} Of this answer's arrays these were not kept: {', '.join(lost)}."
        return Refusal(full.code, words)

    def _store(self) -> None:
        if not self._apart:
            return
        path = self._files.folder / _ANSWER
        np.savez(path, allow_pickle=False, **self._apart)
        self.artifact = self._files.store(path, _ANSWER)
        for reference in self._references:
            reference["artifact"] = self.artifact

    def _shorten(self, document: dict[str, Any], room: int) -> list[str]:
        """Take out the fields whose arrays do not fit; their names."""
        kept: dict[str, np.ndarray] = {}
        lost = []
        references = {id(reference) for reference in self._references}
        fields = {name: _members(value, references) for name, value in document.items()}
        named = {name: [name] for name in self._apart.keys() - {m for members in fields.values() for m in members}}
        for name, members in [*fields.items(), *sorted(named.items())]:
            arrays = {member: self._apart[member] for member in members}
            size = sum(array.nbytes + _OVERHEAD for array in arrays.values())
            if size <= room:
                room -= size
                kept |= arrays
            else:
                lost.append(name)
                document.pop(name, None)
        self._references = [reference for reference in self._references if reference["member"] in kept]
        self._apart = kept
        return lost


def _members(value: Any, references: set[int]) -> list[str]:
    """Those of the artifact that a part of the answer refers to, by the objects with these identities."""
    if id(value) in references:
        return [value["member"]]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [member for part in inner if isinstance(part, dict | list) for member in _members(part, references)]


def certificate_document(certificate: Certificate) -> dict[str, Any]:
    """The contract's form of a certificate."""
    return {
        "verified": certificate.verified,
        "proved": certificate.proved,
        "rests_on_engine": certificate.rests_on_engine,
        "checks": [
            {
                "name": check.name,
                "outcome": check.outcome,
                "text": check.text,
                "value": number(check.value),
                "tolerance": number(check.tolerance),
                "arithmetic": check.arithmetic,
            }
            for check in certificate.checks
        ],
        "seconds": certificate.seconds,
    }


def encoded(
    document: dict[str, Any],
    answer: Any,
    certificate: Certificate,
    arrays: Placement,
    *,
    glance: Mapping[str, float | None] | None = None,
    statistics: Mapping[str, Any] | None = None,
) -> Encoded:
    """The answer as stored: ``document``, who made it, its certificate, and where its large arrays lie.

    Args:
        document: what only this family's answers have; its arrays were placed in ``arrays``.
        answer: has status, limit, engine, engine_version, why and statistics.
        glance: objective, bound and gap of the summary; by default those of the answer.
        statistics: by default the answer's.
    """
    refusal = arrays.close(document)
    if refusal is not None:
        document["message"] = ". ".join(filter(None, [str(document["message"]).rstrip("."), refusal.detail]))
    document |= {
        "engine": answer.engine,
        "engine_version": answer.engine_version,
        "why": answer.why,
        "statistics": sane(answer.statistics if statistics is None else statistics),
        "certificate": certificate_document(certificate),
        "arrays_artifact": arrays.artifact,
    }
    if glance is None:
        glance = {"objective": answer.objective, "bound": answer.bound, "gap": answer.gap}
    summary = {
        "status": answer.status,
        **{name: number(value) for name, value in glance.items()},
        "verified": certificate.verified,
        "proved": certificate.proved,
        "engine": answer.engine,
        "seconds": number(answer.statistics.get("seconds")),
    }
    option = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    return Encoded(orjson.dumps(document, option=option), summary, answer.limit, refusal)
