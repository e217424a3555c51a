"""linopy: read from the matrices of the model (``model.matrices``); the answer goes back by linopy's own
``assign_result``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kantor.modelling import unsupported, usable_names
from kantor.parts import SOS, Indicator
from kantor.program import Program

if TYPE_CHECKING:
    from kantor.answer import Answer

_KINDS = {"C": 0, "B": 1, "I": 1, "S": 2}
_STATUS = {
    "optimal": ("ok", "optimal"),
    "feasible": ("ok", "suboptimal"),
    "infeasible": ("warning", "infeasible"),
    "unbounded": ("warning", "unbounded"),
    "infeasible-or-unbounded": ("warning", "infeasible_or_unbounded"),
    "imprecise": ("warning", "suboptimal"),
    "no-solution": ("warning", "time_limit"),
}


@dataclass
class LinopyOrigin:
    model: Any
    variable_labels: Any
    constraint_labels: Any

    def value(self, answer: Answer, item: Any) -> Any:
        """A ``DataArray`` of the variable's shape; NaN where it is masked."""
        import numpy as np

        if not hasattr(item, "labels"):
            raise KeyError(f"{item!r:.80} is not a variable of this linopy model")
        by_label = self._by_label(answer[:], self.variable_labels, self.model._xCounter)
        labels = item.labels
        return labels.copy(data=np.where(labels.values >= 0, by_label[labels.values], np.nan)).rename(item.name)

    def load(self, answer: Answer) -> None:
        import numpy as np
        from linopy.constants import Result, Solution, Status

        primal = dual = np.array([])
        if answer.primal is not None:
            primal = self._by_label(answer.primal, self.variable_labels, self.model._xCounter)
        if answer.duals is not None:
            dual = self._by_label(
                answer.duals[: len(self.constraint_labels)], self.constraint_labels, self.model._cCounter
            )
        status = Status.process(*_STATUS.get(answer.status, ("error", "internal_solver_error")))
        objective = math.nan if answer.objective is None else answer.objective
        self.model.assign_result(
            Result(status, Solution(primal=primal, dual=dual, objective=objective), solver_name="kantor")
        )

    @staticmethod
    def _by_label(values: Any, labels: Any, count: int) -> Any:
        import numpy as np

        result = np.full(count, np.nan)
        result[labels] = values
        return result


def to_program(model: Any) -> Program:
    """A ``linopy.Model`` with linear rows, a linear or quadratic objective, SOS, indicators and semi-continuous
    variables."""
    import numpy as np

    matrices = model.matrices
    n = len(matrices.vlabels)
    rows: dict[str, Any] = {}
    if matrices.A is not None:
        sense, side = matrices.sense, np.asarray(matrices.b, dtype=float)
        rows = {
            "A": matrices.A,
            "row_lower": np.where(sense == "<", -np.inf, side),
            "row_upper": np.where(sense == ">", np.inf, side),
            "constraint_names": _names(model.constraints, matrices.clabels, model._cCounter),
        }
    kinds = np.array([_KINDS[kind] for kind in matrices.vtypes], dtype=np.int8)
    if set(np.unique(matrices.vtypes)) - set(_KINDS):
        raise unsupported("linopy", f"variables of kinds {sorted(set(matrices.vtypes) - set(_KINDS))}")
    position = np.full(model._xCounter, -1)
    position[matrices.vlabels] = np.arange(n)
    constant = getattr(model.objective.expression, "const", 0.0)
    program = Program(
        sense=model.objective.sense,
        objective=matrices.c,
        offset=float(constant.sum()) if hasattr(constant, "sum") else float(constant),
        Q=matrices.Q,
        lower=matrices.lb,
        upper=matrices.ub,
        integrality=kinds,
        sos=_sos(model, position),
        indicators=_indicators(matrices),
        variable_names=_names(model.variables, matrices.vlabels, model._xCounter),
        **rows,
    )
    program.origin = LinopyOrigin(model, matrices.vlabels, matrices.clabels)
    return program


def _names(container: Any, wanted: Any, count: int) -> list[str]:
    """``name`` or ``name[coordinate,coordinate]`` of the wanted labels."""
    import numpy as np

    by_label: list[str] = [""] * count
    for name, item in container.items():
        labels = item.labels
        axes = [labels.indexes[dim] if dim in labels.indexes else range(labels.sizes[dim]) for dim in labels.dims]
        for place in np.ndindex(labels.shape):
            label = labels.values[place]
            if label >= 0:
                where = ",".join(str(axis[k]) for axis, k in zip(axes, place, strict=True))
                by_label[label] = f"{name}[{where}]" if where else name
    return usable_names([by_label[label] for label in wanted])


def _sos(model: Any, position: Any) -> list[SOS]:
    groups: list[SOS] = []
    for variable in model.variables.data.values():
        kind, dim = variable.attrs.get("sos_type"), variable.attrs.get("sos_dim")
        if kind is None:
            continue
        lines = variable.labels.transpose(..., dim).values.reshape(-1, variable.labels.sizes[dim])
        groups += [
            SOS(kind, [int(position[label]) for label in line if label >= 0]) for line in lines if (line >= 0).any()
        ]
    return groups


def _indicators(matrices: Any) -> list[Indicator]:
    A = getattr(matrices, "indicator_A", None)
    if A is None:
        return []
    result = []
    for i in range(A.shape[0]):
        entries = slice(A.indptr[i], A.indptr[i + 1])
        side, sense = float(matrices.indicator_b[i]), matrices.indicator_sense[i]
        result.append(
            Indicator(
                binary=int(matrices.indicator_binvar[i]),
                coefficients=dict(zip(A.indices[entries].tolist(), A.data[entries].tolist(), strict=True)),
                lower=-math.inf if sense == "<" else side,
                upper=math.inf if sense == ">" else side,
                active=1 if matrices.indicator_binval[i] else 0,
            )
        )
    return result
