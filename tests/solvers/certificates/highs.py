"""Programs solved by HiGHS itself: right answers to start from, made without Kantor's engines."""

from __future__ import annotations

from typing import Any

import highspy
import numpy as np
import scipy.sparse as sp

from solvers.programs.answer import Basis, ProgramAnswer
from solvers.programs.problem import Program

_BASIS = {
    highspy.HighsBasisStatus.kBasic: 0,
    highspy.HighsBasisStatus.kLower: 1,
    highspy.HighsBasisStatus.kUpper: 2,
    highspy.HighsBasisStatus.kZero: 3,
    highspy.HighsBasisStatus.kNonbasic: 1,
}


def silent(**options: Any) -> highspy.Highs:
    h = highspy.Highs()
    h.setOptionValue("output_flag", False)
    h.setOptionValue("threads", 1)
    for name, value in options.items():
        h.setOptionValue(name, value)
    return h


def load(h: highspy.Highs, problem: Program) -> None:
    """Hand a linear or mixed-integer program to HiGHS."""
    lp = highspy.HighsLp()
    A = sp.csc_array(problem.A)
    lp.num_col_, lp.num_row_ = problem.n, problem.m
    lp.col_cost_, lp.offset_ = problem.c, problem.offset
    lp.col_lower_, lp.col_upper_ = problem.lower, problem.upper
    lp.row_lower_, lp.row_upper_ = problem.row_lower, problem.row_upper
    lp.sense_ = highspy.ObjSense.kMinimize if problem.sense == "min" else highspy.ObjSense.kMaximize
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = A.indptr, A.indices, A.data
    if problem.integrality.any():
        lp.integrality_ = [highspy.HighsVarType(int(kind)) for kind in problem.integrality]
    h.passModel(lp)


def answer_of(h: highspy.Highs, problem: Program) -> ProgramAnswer:
    """HiGHS's own answer in Kantor's form."""
    h.run()
    status = h.getModelStatus()
    words = {
        highspy.HighsModelStatus.kOptimal: "optimal",
        highspy.HighsModelStatus.kInfeasible: "infeasible",
        highspy.HighsModelStatus.kUnbounded: "unbounded",
        highspy.HighsModelStatus.kUnboundedOrInfeasible: "infeasible-or-unbounded",
    }
    word: Any = words.get(status, "no-solution")
    info, solution = h.getInfo(), h.getSolution()
    if word == "optimal":
        mip = bool(problem.integrality.any())
        basis = h.getBasis()
        return ProgramAnswer(
            status="optimal",
            objective=info.objective_function_value,
            bound=info.mip_dual_bound if mip else info.objective_function_value,
            x=np.array(solution.col_value),
            row_activity=np.array(solution.row_value),
            row_duals=None if mip else np.array(solution.row_dual),
            reduced_costs=None if mip else np.array(solution.col_dual),
            basis=Basis(
                np.array([_BASIS[s] for s in basis.col_status], dtype=np.int8),
                np.array([_BASIS[s] for s in basis.row_status], dtype=np.int8),
            )
            if basis.valid and not mip
            else None,
        )
    if word == "infeasible":
        _, has, ray = h.getDualRay()
        return ProgramAnswer(status="infeasible", dual_ray=np.array(ray) if has else None)
    if word == "unbounded":
        _, has, ray = h.getPrimalRay()
        return ProgramAnswer(
            status="unbounded",
            x=np.array(solution.col_value),
            objective=info.objective_function_value,
            primal_ray=np.array(ray) if has else None,
        )
    return ProgramAnswer(status=word)
