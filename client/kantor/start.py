"""Warm starts: what is known of a good answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kantor.arrays import Numbers, vector
from kantor.parts import Form


class Start:
    """A warm start, read from an ``Answer``, values by position (NaN or None where unknown), values by name, or a
    mapping with primal, row_duals and basis.

    Raises:
        InvalidProblem: not numbers.
    """

    def __init__(self, value: Any) -> None:
        if hasattr(value, "model_dump"):
            value = value.model_dump(exclude_none=True)
        primal: Any = value
        duals = basis = None
        if hasattr(value, "certificate"):
            primal, duals, basis = value.primal, value.duals, value.basis
        elif isinstance(value, Mapping) and set(value) <= {"primal", "row_duals", "basis"}:
            primal, duals, basis = value.get("primal"), value.get("row_duals"), value.get("basis")
        self._by_name: dict[str, float] | None = None
        self.arrays: dict[str, Numbers] = {}
        if isinstance(primal, Mapping):
            self._by_name = {str(name): float(x) for name, x in primal.items()}
        elif primal is not None:
            self.arrays["start.primal"] = vector(primal, "/options/start/primal", missing=float("nan"))
        if duals is not None:
            self.arrays["start.row_duals"] = vector(duals, "/options/start/row_duals")
        if basis is not None:
            for part in ("variables", "rows"):
                statuses = basis[part] if isinstance(basis, Mapping) else getattr(basis, part)
                self.arrays[f"start.basis.{part}"] = vector(statuses, f"/options/start/basis/{part}", dtype="int8")

    def document(self, form: Form) -> dict[str, Any]:
        """The contract's form."""
        written = {name.removeprefix("start."): form(name, numbers) for name, numbers in self.arrays.items()}
        document: dict[str, Any] = {name: written[name] for name in ("primal", "row_duals") if name in written}
        if self._by_name is not None:
            document["primal"] = self._by_name
        if "basis.variables" in written:
            document["basis"] = {"variables": written["basis.variables"], "rows": written["basis.rows"]}
        return document
