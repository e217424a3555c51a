"""The watch: stop requests, reports and incumbents of a running solve."""

from __future__ import annotations

import multiprocessing
import time

import numpy as np
import pytest

from solvers.core.engine import LocalContext
from solvers.programs.engines.highs import ENGINE
from solvers.programs.engines.watch import PERIOD, Watch
from solvers.programs.problem import Program


def test_the_solver_is_interrupted_when_the_context_says_so() -> None:
    context, called = LocalContext(), []
    with Watch(context, interrupt=lambda: called.append(time.monotonic())) as watch:
        time.sleep(3 * PERIOD)
        assert not called
        context.stop = "beaten"
        time.sleep(5 * PERIOD)
        assert watch.reason == "beaten"
    assert called


def test_the_earlier_of_limit_and_deadline_counts() -> None:
    assert Watch(LocalContext(time_limit=5.0), time_limit=60.0).remaining <= 5.0
    assert Watch(LocalContext(time_limit=60.0), time_limit=5.0).remaining <= 5.0
    assert Watch(LocalContext()).remaining == float("inf")


def test_a_burst_of_incumbents_is_thinned_but_the_last_arrives() -> None:
    context = LocalContext()
    with Watch(context) as watch:
        for k in range(1000):
            watch.incumbent(float(-k), np.array([float(k)]))
    assert len(context.incumbents) < 500
    objective, x = context.incumbents[-1]
    assert objective == -999.0
    assert x[0] == 999.0


def test_what_was_noted_is_reported_at_the_end_at_the_latest() -> None:
    context = LocalContext()
    with Watch(context) as watch:
        watch.note(nodes=3)
        watch.log("one\ntwo\n")
    assert context.reports == [{"nodes": 3}]
    assert context.lines == ["one", "two"]


def test_a_failure_of_a_callback_is_raised_after_the_solve() -> None:
    with pytest.raises(ValueError, match="mine"):
        _failing()


def _failing() -> None:
    with Watch(LocalContext()) as watch:
        watch.fail(ValueError("mine"))
        assert watch.stopped


def test_after_the_end_nothing_is_called_any_more() -> None:
    context, called = LocalContext(), []
    with Watch(context, interrupt=lambda: called.append(1)):
        pass
    context.stop = "cancelled"
    time.sleep(3 * PERIOD)
    assert not called


def test_a_forked_child_has_a_ticker_of_its_own() -> None:
    program = Program.build(c=[-1.0], upper=2.0)
    ENGINE.solve(program, {}, LocalContext())
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_stopped_in_child).get(timeout=20) == "cancelled"


def _stopped_in_child() -> str | None:
    context = LocalContext()
    with Watch(context) as watch:
        context.stop = "cancelled"
        time.sleep(10 * PERIOD)
        return watch.reason
