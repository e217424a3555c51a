"""Every real file of the collection, against HiGHS's reader and the sizes in the manifest."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from solvers.programs.formats import read, write_lp, write_mps
from solvers.programs.formats.mps import read_mps
from solvers.programs.problem import Program
from tests.solvers.formats.compare import DROPPED_BY_HIGHS, differences, highs_reads
from tests.solvers.formats.instances import Instance, model_files

#: HiGHS joins the two alternative bound vectors of this file; only the first is meant.
TWO_BOUND_VECTORS = "greenbea-infeas"

READ_BY_HIGHS = [
    instance
    for instance in model_files(".mps", ".qps", ".lp")
    if not any(folder in instance.path.parts for folder in ("sos", "indicator"))
]


def named(instance: Instance) -> str:
    return instance.name


def opened(instance: Instance) -> Program:
    return read(instance.path.read_bytes(), filename=instance.path.name)


@pytest.mark.parametrize("instance", READ_BY_HIGHS, ids=named)
def test_a_real_file_is_read_as_highs_reads_it(instance: Instance, tmp_path: Path) -> None:
    plain = tmp_path / instance.path.name.removesuffix(".gz").replace(".qps", ".mps")
    plain.write_bytes(gzip.decompress(instance.path.read_bytes()))
    program = opened(instance)
    theirs = highs_reads(plain)
    found = differences(program, theirs, names=plain.suffix == ".mps", dropped=DROPPED_BY_HIGHS)
    assert found == (["upper"] if instance.name == TWO_BOUND_VECTORS else [])


@pytest.mark.parametrize("instance", READ_BY_HIGHS, ids=named)
def test_a_real_file_has_the_size_that_the_manifest_says(instance: Instance) -> None:
    size = instance.facts.get("size") or {}
    program = opened(instance)
    found = {"rows": program.m, "cols": program.n, "nnz": int(program.A.nnz)}
    assert {key: size[key] for key in found if key in size} == {key: found[key] for key in found if key in size}
    assert program.offset == pytest.approx(size.get("objective_offset", program.offset))
    if "ints" in size and "special" not in instance.path.parts:
        assert int(np.count_nonzero(program.integrality % 2)) == size["ints"]


@pytest.mark.parametrize("instance", model_files(".mps", ".qps", ".lp"), ids=named)
def test_writing_and_reading_a_real_file_changes_nothing(instance: Instance) -> None:
    program = opened(instance)
    assert differences(program, read(write_mps(program), format="mps")) == []
    if program.A.nnz < 50_000:
        assert differences(program, read(write_lp(program), format="lp"), names=False) == []


@pytest.mark.parametrize(
    "instance", [one for one in READ_BY_HIGHS if ".mps" in one.path.name or ".qps" in one.path.name][::7], ids=named
)
def test_the_bulk_parser_and_the_exact_one_agree(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    program = opened(instance)
    monkeypatch.setattr("solvers.programs.formats.mps.bulk_columns", lambda *_: None)
    assert differences(program, read_mps(gzip.decompress(instance.path.read_bytes()))) == []


def test_the_constant_of_e226_is_minus_its_right_hand_side() -> None:
    e226 = next(one for one in READ_BY_HIGHS if one.name == "e226")
    assert opened(e226).offset == pytest.approx(7.113)
