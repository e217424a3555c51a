"""Transport from the client's side: problems, plans that are read without being built, answers of a whole Kantor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import kantor
import numpy as np
import pytest
from kantor.transport_plan import Plan, Space

from api_schemas.transport import PlanAnswer
from tests.client.conftest import Command

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(30, 2)), RNG.normal(size=(25, 2)) + 1.0

WRONG: dict[str, Any] = {
    "/problem/x/1/0": lambda: kantor.Transport([[0, 1], [np.nan, 1]], Y),
    "/problem/y": lambda: kantor.Transport(X, [[0, 1, 2]]),
    "/problem/x": lambda: kantor.Transport([[0, 1], [2]], Y),
    "/problem/a/2": lambda: kantor.Transport(X[:3], Y, a=[1, 1, -1]),
    "/problem/a": lambda: kantor.Transport(X[:2], Y, a=[0, 0]),
    "/problem/b": lambda: kantor.Transport(X[:2], Y[:2], a=[1, 1], b=[1, 2]),
    "/problem/cost": lambda: kantor.Transport(X, Y, cost="manhattan"),  # type: ignore[arg-type]
    "/problem/M/0/1": lambda: kantor.Transport(cost=[[1.0, np.inf]]),
    "/problem/A": lambda: kantor.Transport(X, Y, A=[[1.0]], B=[[1.0]]),
    "/problem/problems/1": lambda: kantor.Transport.batch([kantor.Transport(X, Y), 7]),  # type: ignore[list-item]
    "/problem/measures/1/weights": lambda: kantor.Barycenter([X, ([0.0] * 25, Y)]),
    "/problem/C": lambda: kantor.Gromov([[0.0, 1.0]], [[0.0]]),
}


@pytest.mark.parametrize("pointer", WRONG)
def test_what_is_wrong_is_found_before_anything_is_sent(pointer: str) -> None:
    with pytest.raises(kantor.InvalidProblem) as caught:
        WRONG[pointer]()
    assert [error.pointer for error in caught.value.errors] == [pointer]


def kernel() -> tuple[Any, np.ndarray]:
    """A plan by potentials, and the same plan as a matrix."""
    f, g, rests = RNG.normal(size=30), RNG.normal(size=25), (RNG.random(30) / 900, RNG.random(25))
    costs = ((X[:, None] - Y) ** 2).sum(-1)
    dense = np.exp((f[:, None] + g - costs) / 0.7) / 750 + np.outer(*rests)
    parts = {"f": f, "g": g, "row_rest": rests[0], "column_rest": rests[1]}
    return plan("potential", {"epsilon": 0.7, **parts}), dense


def plan(form: str, parts: dict[str, Any]) -> Plan:
    from pydantic import TypeAdapter

    lists = {name: value.tolist() if hasattr(value, "tolist") else value for name, value in parts.items()}
    contract: Any = TypeAdapter(PlanAnswer).validate_python({"form": form, "shape": [30, 25], **lists})
    return Plan(contract, lambda value: value, lambda: Space({"x": X, "y": Y}, {}))


def factored() -> tuple[Any, np.ndarray]:
    Q, R, weights = RNG.random((30, 3)), RNG.random((25, 3)), RNG.random(3) + 0.1
    return plan("low-rank", {"Q": Q, "R": R, "weights": weights}), (Q / weights) @ R.T


def listed() -> tuple[Any, np.ndarray]:
    dense = np.where(RNG.random((30, 25)) < 0.2, RNG.random((30, 25)), 0.0)
    rows, columns = np.nonzero(dense)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=30))])
    return plan("sparse", {"data": dense[rows, columns], "indices": columns, "indptr": indptr}), dense


@pytest.mark.parametrize("make", [kernel, factored, listed])
def test_a_plan_is_read_without_being_built(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kantor.transport_plan.TILE", 100)  # four rows at a time
    found, dense = make()
    v, w = RNG.normal(size=25), RNG.normal(size=(30, 4))
    assert found.apply(v) == pytest.approx(dense @ v)
    assert found.apply_transposed(w) == pytest.approx(dense.T @ w)
    assert found.rows(3, 9) == pytest.approx(dense[3:9])
    assert found.matrix().toarray() == pytest.approx(dense)
    columns, values = found.top(3)
    assert values == pytest.approx(-np.sort(-dense, axis=1)[:, :3])
    assert np.take_along_axis(dense, columns, axis=1) == pytest.approx(values)
    assert all(len(set(row)) == 3 for row in columns.tolist())
    assert found.tile((2, 13), (5, 20)) == pytest.approx(dense[2:13, 5:20])
    with pytest.raises(IndexError):
        found.rows(29, 31)
    with pytest.raises(IndexError):
        found.tile((0, 1), (20, 26))
    with pytest.raises(ValueError, match="25 columns"):
        found.apply(w)


def test_an_exact_plan_of_a_whole_kantor(client: kantor.Client) -> None:
    answer = client.solve(kantor.Transport(X, Y))
    assert answer.status == "optimal"
    assert answer.certificate.proved
    assert answer.bound <= answer.cost
    assert answer.gap < 1e-9
    assert np.asarray(answer.plan.sum(axis=1)) == pytest.approx(np.full(30, 1 / 30))
    assert (answer.plan.toarray() * ((X[:, None] - Y) ** 2).sum(-1)).sum() == pytest.approx(answer.cost)
    f, g = answer.potentials
    assert f.mean() + g.mean() == pytest.approx(answer.cost)
    points, masses = answer.interpolate(0.5)
    assert masses.sum() == pytest.approx(1.0)
    assert masses @ points == pytest.approx((X.mean(axis=0) + Y.mean(axis=0)) / 2)
    assert "optimal" in repr(answer)
    assert "proved" in str(answer)
    assert "<table>" in answer._repr_html_()
    assert json.loads(answer.to_json())["plan"]["form"] == "sparse"


def test_an_entropic_plan_maps_new_points(client: kantor.Client) -> None:
    answer = client.solve(kantor.Transport(X, Y), regularization=0.05, relative=True)
    assert answer.status == "optimal"
    assert answer.epsilon_from == "relative"
    assert answer.epsilon == pytest.approx(0.05 * ((X[:, None] - Y) ** 2).sum(-1).mean())
    assert answer.objective_bound <= answer.objective
    assert answer.bound <= client.solve(kantor.Transport(X, Y)).cost <= answer.cost
    own = answer.barycentric_map()
    assert own.mean(axis=0) == pytest.approx(Y.mean(axis=0))
    # at the points themselves, the map of new points is that of the plan
    assert answer.barycentric_map(X) == pytest.approx(own, abs=1e-6)
    later = client.job(answer.job.id).result()
    assert later.barycentric_map() == pytest.approx(own)


def test_large_arrays_travel_as_artifacts(client: kantor.Client) -> None:
    x = np.linspace(0.0, 1.0, 70_000)
    answer = client.solve(kantor.Transport(x, x + 0.5))
    assert answer.contract.arrays_artifact is not None
    assert answer.cost == pytest.approx(0.25)
    assert answer.certificate.proved
    assert answer.apply(x + 0.5)[:3] * 70_000 == pytest.approx(x[:3] + 0.5)


def test_a_batch_and_all_distances_of_a_collection(client: kantor.Client, tmp_path: Path) -> None:
    clouds = [RNG.normal(size=(8 + k, 2)) + k for k in range(4)]
    batch = client.solve(kantor.Transport.batch([kantor.Transport(clouds[0], cloud) for cloud in clouds[1:]]))
    assert batch.certificate.proved
    assert [item.status for item in batch.batch] == ["optimal"] * 3
    assert batch.batch[2].barycentric_map().shape == (8, 2)
    reports: list[kantor.Progress] = []
    found = kantor.distances(clouds, client=client, progress=reports.append)
    assert found.verified
    assert found.missing == []
    assert np.asarray(found)[0, 1:] ** 2 == pytest.approx(np.asarray(batch.costs))
    assert (np.asarray(found) == np.asarray(found).T).all()
    assert (found.lower <= found.matrix).all()
    again = kantor.distances(clouds, client=client)
    assert again.answers[0].job.id == found.answers[0].job.id
    found.matrix[0, 2] = found.matrix[2, 0] = np.nan
    found.save(tmp_path / "some.npz")
    rest = kantor.distances(clouds, client=client, resume=kantor.Distances.load(tmp_path / "some.npz"))
    assert rest.answers[0].contract.batch.count == 1
    assert np.asarray(rest) == pytest.approx(np.asarray(again))
    with pytest.raises(kantor.KantorError, match="no metric"):
        kantor.distances(clouds, "wasserstein", client=client)


def test_what_only_the_worker_sees_is_told_with_its_pointer(client: kantor.Client) -> None:
    with pytest.raises(kantor.InvalidProblem) as caught:
        client.solve(kantor.Transport(X, Y, variant="partial", mass=3.0))
    assert caught.value.errors[0].pointer == "/problem/mass"
    assert kantor.Transport(X, Y, variant="partial", mass=0.0).fields["mass"] == 0.0  # sent, and refused there
    with pytest.raises(kantor.InvalidOption, match="did you mean 'tolerance'"):
        client.solve(kantor.Transport(X, Y), tolerence=1e-3)
    report = client.inspect(kantor.Transport(X, Y))
    assert report.details["n"] == 30


def test_pictures_of_every_kind(client: kantor.Client, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    answer = client.solve(kantor.Transport(X, Y), regularization=0.05, relative=True)
    for view in ("auto", "coupling", "heatmap", "interpolation", "convergence"):
        path = tmp_path / f"{view}.png"
        answer.plot(view, path=path)
        assert path.read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(kantor.KantorError, match="no view 'pie'"):
        answer.plot("pie")
    with pytest.raises(kantor.KantorError, match="no option 'colour'"):
        answer.plot("heatmap", colour="red")
    matrix = client.solve(kantor.Transport(cost=RNG.random((5, 6))))
    matrix.plot(path=tmp_path / "matrix.svg")
    assert "<svg" in (tmp_path / "matrix.svg").read_text()


def test_the_command(command: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    np.savetxt(tmp_path / "b.csv", Y, delimiter=",")
    plan, picture = tmp_path / "plan.npz", tmp_path / "coupling.png"
    arguments = ("--tolerance", "1e-3", "--plot", picture, "--output", plan)
    done = command("transport", tmp_path / "a.npy", tmp_path / "b.csv", *arguments)
    assert done.returncode == 0, done.stderr
    assert "optimal" in done.stdout
    assert picture.stat().st_size > 5000
    import scipy.sparse

    assert scipy.sparse.load_npz(plan).shape == (30, 25)
    (tmp_path / "c.npy").write_bytes(b"nothing of the kind")
    wrong = command("transport", tmp_path / "a.npy", tmp_path / "c.npy", COLUMNS="400")
    assert wrong.returncode == 2
    assert "cannot be read" in wrong.stderr
    as_json = command("transport", tmp_path / "a.npy", tmp_path / "b.csv", "--json")
    assert json.loads(as_json.stdout)["answer"]["status"] == "optimal"


def test_a_bridge_ends_where_its_plan_says() -> None:
    """Against the mixture's own formulas for the plan, and Monte Carlo for the drift's definition."""
    from kantor.transport_bridge import drift, sample

    random = np.random.default_rng(5)
    parameters = {
        "log_weights": np.log([0.2, 0.5, 0.3]),
        "centres": random.normal(size=(3, 2)),
        "scales": random.random((3, 2)) + 0.3,
        "epsilon": np.array([0.4]),
    }
    x = random.normal(size=(2, 2))
    ends = sample(parameters, x, 100_000, seed=1)
    logits = parameters["log_weights"] + (x**2 @ parameters["scales"].T + 2 * x @ parameters["centres"].T) / 0.8
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    means = np.einsum("nk,nkd->nd", shares, parameters["centres"] + parameters["scales"] * x[:, None])
    assert ends.mean(axis=1) == pytest.approx(means, abs=0.02)
    assert drift(parameters, x, 0.0) == pytest.approx(means - x)
    # the place at time t is a Brownian bridge between start and end; the drift is E[end - place] / (1 - t)
    t, start = 0.3, x[:1]
    ends = sample(parameters, start, 400_000, seed=2)[0]
    noise = np.sqrt(0.4 * t * (1 - t)) * random.standard_normal(ends.shape)
    places = (1 - t) * start + t * ends + noise
    near = np.abs(places - places.mean(axis=0)).max(axis=1) < 0.05
    expected = (ends[near] - places[near]).mean(axis=0) / (1 - t)
    assert drift(parameters, places[near].mean(axis=0)[None], t)[0] == pytest.approx(expected, abs=0.06)
    with pytest.raises(kantor.NoPoint, match="light-bridge"):
        sample({}, x, 1, 0)
    with pytest.raises(ValueError, match="from 0 to below 1"):
        drift(parameters, x, 1.0)
