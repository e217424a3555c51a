"""Engines are cheap to name: no solver is loaded before it is used."""

from __future__ import annotations

import json
import subprocess
import sys

_PROGRAM = """
import json, sys
from solvers.core import registry
specs = [registry.load("program", name).spec.id for name in registry.names("program")]
import solvers.testing
heavy = [name for name in ("highspy", "pyscipopt", "ortools", "clarabel", "pytest", "pandas") if name in sys.modules]
print(json.dumps([specs, heavy]))
"""


def test_loading_every_engine_loads_no_solver() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    specs, heavy = json.loads(done.stdout)
    assert {"highs", "scip", "cp-sat", "pdlp", "clarabel"} <= set(specs)
    assert heavy == []


def test_all_engines_run_in_one_process() -> None:
    program = """
from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.programs.problem import Program
program = Program.build(c=[-1.0, -4.0], A=[[1.0, 1.0]], row_upper=5.0, upper=[4.0, 2.0], integrality=1)
linear = Program.build(c=[-1.0, -4.0], A=[[1.0, 1.0]], row_upper=5.0, upper=[4.0, 2.0])
for name in registry.names("program"):
    engine = registry.load("program", name)
    answer = engine.solve(program if "integer" in engine.spec.solves else linear, {}, LocalContext())
    assert abs(answer.objective + 11.0) < 1e-5, (name, answer)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
