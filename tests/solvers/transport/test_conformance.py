"""The public conformance suite over every built-in engine of transport."""

from __future__ import annotations

from solvers.core import registry
from solvers.testing.transport import TransportEngineConformance


class TestLine(TransportEngineConformance):
    engine = registry.load("transport", "line")


class TestNetworkSimplex(TransportEngineConformance):
    engine = registry.load("transport", "network-simplex")


class TestSinkhorn(TransportEngineConformance):
    engine = registry.load("transport", "sinkhorn")


class TestSinkhornNewton(TransportEngineConformance):
    engine = registry.load("transport", "sinkhorn-newton")


class TestBatchedNewton(TransportEngineConformance):
    engine = registry.load("transport", "batched-newton")


class TestMultiscale(TransportEngineConformance):
    engine = registry.load("transport", "multiscale")


class TestQuadratic(TransportEngineConformance):
    engine = registry.load("transport", "quadratic")


class TestSparse(TransportEngineConformance):
    engine = registry.load("transport", "sparse")


class TestBarycenter(TransportEngineConformance):
    engine = registry.load("transport", "barycenter")


class TestPotGromov(TransportEngineConformance):
    engine = registry.load("transport", "pot-gromov")


class TestPotLowRank(TransportEngineConformance):
    engine = registry.load("transport", "pot-low-rank")


class TestSliced(TransportEngineConformance):
    engine = registry.load("transport", "sliced")


class TestLightBridge(TransportEngineConformance):
    engine = registry.load("transport", "light-bridge")


def test_every_engine_of_the_registry_is_tested_here() -> None:
    tested = {one.engine.spec.id for one in TransportEngineConformance.__subclasses__()}
    assert set(registry.names("transport")) <= tested
