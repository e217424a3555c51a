"""``batched-newton``: thousands of small entropic problems in one run, ragged sizes padded to one.

The method of ``sinkhorn-newton`` on arrays (problem, source, target), with dense Cholesky factors, since the systems
are small; problems that are done leave the batch. Padding is mass zero. Floor for 1000 problems of 64 x 64: a Newton
step costs 4e6 exponentials (6 ms), 0.5 Gflop for the Hessians (50 ms) and 0.1 Gflop for the factors; with some 12
steps, 0.7 s predicted on one core.

What does not reach its marginals here (double precision or Cholesky at its limits) is solved again by
``sinkhorn-newton``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from solvers.core.engine import Context, EngineSpec
from solvers.transport.answer import TransportAnswer
from solvers.transport.engines.common import answered, begin
from solvers.transport.engines.each import Quiet, collected
from solvers.transport.engines.sinkhorn_newton import ENGINE as SINGLE
from solvers.transport.numerics.padded import Padded, solve_padded
from solvers.transport.numerics.watch import Stopped, Watch
from solvers.transport.problem import Transport, TransportBatch

#: Elements of one (problem, source, target) array: bounds memory, and keeps stop requests frequent.
ELEMENTS = 2_000_000


class BatchedNewton:
    """See the module."""

    spec = EngineSpec(
        id="batched-newton",
        family="transport",
        version="1",
        title="Batched Newton",
        summary="Thousands of small entropic problems of any sizes in one run, each to 1e-9 marginals",
        solves=frozenset({"batch", "points", "matrix", "balanced", "entropic"}),
        capabilities=frozenset({"potentials", "progress", "deterministic", "cuda"}),
        process_group="torch",
        requires=("torch",),
        citation="arXiv:2401.12253",
    )

    def solve(
        self, problem: TransportBatch | Transport, options: Mapping[str, Any], context: Context
    ) -> TransportAnswer:
        """See ``Engine``. A single problem is a batch of one, and gets its own answer.

        Raises:
            UnsupportedProblem, InvalidOption, InvalidProblem.
        """
        values = begin(self.spec, problem, options)
        torch.set_num_threads(int(values["threads"]))
        watch = Watch(context, time_limit=values["time_limit"], keep_log=values["log"])
        problems = problem.problems if isinstance(problem, TransportBatch) else (problem,)
        order = sorted(range(len(problems)), key=lambda k: (problems[k].n * problems[k].m, k))
        answers: dict[int, TransportAnswer] = {}
        for group in _groups(problems, order):
            try:
                self._group([problems[k] for k in group], group, values, watch, answers, context)
            except Stopped:
                break
            watch.note(problem=len(answers), problems=len(problems))
        unsolved = answered(self.spec, "no-solution", watch.limit, message="stopped before it was solved")
        found = [answers.get(k, unsolved) for k in range(len(problems))]
        watch.end(problem=len(answers), problems=len(problems))
        return collected(self.spec, found, watch.seconds) if isinstance(problem, TransportBatch) else found[0]

    def _group(
        self,
        problems: list[Transport],
        numbers: list[int],
        values: dict[str, Any],
        watch: Watch,
        answers: dict[int, TransportAnswer],
        context: Context,
    ) -> None:
        if len(problems) == 1 and problems[0].n * problems[0].m > ELEMENTS:
            answers[numbers[0]] = self._alone(problems[0], values, watch, context)
            return
        padded = Padded.of(problems, values)
        result = solve_padded(padded, values["marginal_tolerance"], watch)
        fields = result.fields(problems, padded)
        for k, (one, number, found) in enumerate(zip(problems, numbers, fields, strict=True)):
            if result.error[k] <= values["marginal_tolerance"]:
                text = f"marginal error {float(result.error[k]):.1e} after {result.steps} Newton steps"
                answers[number] = answered(self.spec, "optimal", **found, message=text)
                continue
            answers[number] = self._alone(one, values, watch, context)
            watch.check()

    def _alone(self, problem: Transport, values: dict[str, Any], watch: Watch, context: Context) -> TransportAnswer:
        """By ``sinkhorn-newton``."""
        given = {name: values[name] for name in ("marginal_tolerance", "device", "threads", "memory_limit")}
        deadline = None if math.isinf(watch.deadline) else watch.deadline
        return SINGLE.solve(problem, given, Quiet(context, deadline))


def _groups(problems: tuple[Transport, ...], order: list[int]) -> list[list[int]]:
    """Problems of similar size together, as many as fit into ``ELEMENTS``."""
    groups: list[list[int]] = []
    rows = columns = 0
    for k in order:
        wide, high = max(rows, problems[k].n), max(columns, problems[k].m)
        fits = groups and (len(groups[-1]) + 1) * wide * high <= ELEMENTS
        waste = groups and wide * high > 3 * int(np.median([problems[i].n * problems[i].m for i in groups[-1][:1]]))
        if fits and not waste:
            groups[-1].append(k)
            rows, columns = wide, high
        else:
            groups.append([k])
            rows, columns = problems[k].n, problems[k].m
    return groups


ENGINE = BatchedNewton()
