"""Real files that HiGHS cannot read (sets, indicators, pseudo-Boolean), against SCIP's readers."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pyscipopt import Model

from solvers.programs.formats import read
from tests.solvers.formats.instances import Instance, model_files

FILES = [one for one in model_files(".lp", ".opb") if {"sos", "indicator", "opb"} & set(one.path.parts)]

#: SCIP stores infinite values as this.
INFINITE = 1e20


@pytest.mark.parametrize("instance", FILES, ids=lambda instance: instance.name)
def test_a_file_with_sets_or_indicators_is_read_as_scip_reads_it(instance: Instance, tmp_path: Path) -> None:
    plain = tmp_path / instance.path.name.removesuffix(".gz")
    plain.write_bytes(gzip.decompress(instance.path.read_bytes()))
    model = Model()
    model.hideOutput()
    model.readProblem(str(plain))
    program = read(plain.read_bytes(), filename=plain.name)
    assert program.variable_names is not None

    theirs = {v.name: (v.getLbOriginal(), v.getUbOriginal(), v.getObj()) for v in model.getVars()}
    theirs = {name: value for name, value in theirs.items() if not name.startswith("indslack")}
    lower, upper = np.maximum(program.lower, -INFINITE), np.minimum(program.upper, INFINITE)
    columns = zip(lower.tolist(), upper.tolist(), program.c.tolist(), strict=True)
    assert dict(zip(program.variable_names, columns, strict=True)) == theirs

    handlers = Counter(constraint.getConshdlrName() for constraint in model.getConss())
    assert handlers["SOS1"] == sum(group.type == 1 for group in program.sos)
    assert handlers["SOS2"] == sum(group.type == 2 for group in program.sos)
    assert handlers["indicator"] == len(program.indicators)

    rows = Counter()
    for i in range(program.m):
        span = slice(program.A.indptr[i], program.A.indptr[i + 1])
        names = (program.variable_names[j] for j in program.A.indices[span])
        sides = (max(program.row_lower[i], -INFINITE), min(program.row_upper[i], INFINITE))
        rows[frozenset(zip(names, program.A.data[span].tolist(), strict=True)), sides] += 1
    scip_rows = Counter()
    for constraint in model.getConss():
        if constraint.getConshdlrName() == "linear":
            entries = frozenset(model.getValsLinear(constraint).items())
            if not any(name.startswith("indslack") for name, _ in entries):
                scip_rows[entries, (model.getLhs(constraint), model.getRhs(constraint))] += 1
    assert rows == scip_rows
