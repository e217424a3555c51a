"""Transport problems beyond couplings: barycenters, Gromov and sliced distances, pairs of a collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from kantor import transport_arrays as arrays
from kantor.arrays import wrong
from kantor.parts import Form
from kantor.transport import Metric, TransportProblem


class Barycenter(TransportProblem):
    """The measure with the least weighted sum of transport costs to the given ones.

    Args:
        measures: (n_k, d) arrays of points, or pairs (weights, points); all weights are divided by their sums.
        images: instead: images of one shape; the barycenter is an image of that shape.
        weights: of the measures; by default equal.
        support: points of the barycenter, whose weights are sought; by default all points of the measures.
        free: the points are sought instead (with equal weights), from ``support`` or ``support_size`` points as a
        start. regularization, relative: entropic; see ``Transport``.

    Raises:
        InvalidProblem: what does not fit, with a pointer to it.
    """

    type: ClassVar[str] = "barycenter"

    def __init__(
        self,
        measures: Sequence[Any] | None = None,
        *,
        images: Sequence[Any] | None = None,
        weights: Any = None,
        support: Any = None,
        support_size: int | None = None,
        free: bool = False,
        cost: Metric = "sqeuclidean",
        p: float = 2.0,
        regularization: float | None = None,
        relative: bool = False,
        name: str = "",
    ) -> None:
        if (measures is None) == (images is None):
            raise wrong("/measures", "give either measures or images")
        given: Sequence[Any] = measures if measures is not None else images if images is not None else ()
        if not len(given):
            raise wrong("/measures", "a barycenter needs at least one measure")
        found: dict[str, Any] = {}
        self.count = len(given)
        for k, one in enumerate(given):
            if images is not None:
                found[f"images/{k}"] = arrays.tensor(one, f"/images/{k}", (1, 2, 3))
                arrays.weights(found[f"images/{k}"].reshape(-1), found[f"images/{k}"].size, f"/images/{k}")
                continue
            mass, where = one if isinstance(one, tuple) else (None, one)
            found[f"measures/{k}/points"] = arrays.points(where, f"/measures/{k}/points")
            if mass is not None:
                size = len(found[f"measures/{k}/points"])
                found[f"measures/{k}/weights"] = arrays.weights(mass, size, f"/measures/{k}/weights")
        if weights is not None:
            found["weights"] = arrays.weights(weights, len(given), "/weights")
        if support is not None:
            found["support"] = arrays.points(support, "/support")
        fields = {
            "name": name,
            "support_size": support_size,
            "free": free,
            "cost": cost if cost != "sqeuclidean" else None,
            "p": float(p) if cost == "lp" else None,
            "regularization": regularization,
            "relative": relative,
        }
        super().__init__(found, fields)

    def document(self, form: Form, file: Mapping[str, Any] | None = None) -> dict[str, Any]:  # noqa: ARG002
        document: dict[str, Any] = {"kind": "transport", "type": self.type, **self.fields}
        measures: list[dict[str, Any]] = [{} for _ in range(self.count)]
        images: list[Any] = []
        for name, array in self.arrays.items():
            written = form(name, arrays.numbers(array))
            head, _, rest = name.partition("/")
            if head == "images":
                images.append(written)
            elif head == "measures":
                k, _, part = rest.partition("/")
                measures[int(k)][part] = written
            else:
                document[name] = written
        return document | ({"images": images} if images else {"measures": measures})

    def __repr__(self) -> str:
        return f"Barycenter({self.count} measures)"


class Gromov(TransportProblem):
    """Match two spaces by their inner distances: minimize ``alpha sum (C_ik - D_jl)^2 P_ij P_kl + (1 - alpha) <M, P>``.

    Not convex: the answer is a local minimum.

    Args:
        C, D: (n, n) and (m, m) symmetric; or points ``x`` and ``y``, whose Euclidean distances they are.
        a, b: weights, divided by their sums; by default uniform.
        M, alpha: (n, m) costs of a linear part (fused Gromov), and the share of the other.
    """

    type: ClassVar[str] = "gromov"

    def __init__(
        self,
        C: Any = None,
        D: Any = None,
        *,
        x: Any = None,
        y: Any = None,
        a: Any = None,
        b: Any = None,
        M: Any = None,
        alpha: float | None = None,
        regularization: float | None = None,
        relative: bool = False,
        name: str = "",
    ) -> None:
        found: dict[str, Any] = {}
        sizes = []
        for matrix, where, names in ((C, x, ("C", "x")), (D, y, ("D", "y"))):
            if matrix is None and where is None:
                raise wrong(f"/{names[0]}", f"give the distances {names[0]} or the points {names[1]}")
            if matrix is None:
                found[names[1]] = arrays.points(where, f"/{names[1]}")
                sizes.append(len(found[names[1]]))
                continue
            found[names[0]] = arrays.tensor(matrix, f"/{names[0]}", (2,))
            if found[names[0]].shape[0] != found[names[0]].shape[1]:
                raise wrong(f"/{names[0]}", f"a square matrix is wanted here, not shape {found[names[0]].shape}")
            sizes.append(len(found[names[0]]))
        for mass, key, size in ((a, "a", sizes[0]), (b, "b", sizes[1])):
            if mass is not None:
                found[key] = arrays.weights(mass, size, f"/{key}")
        if M is not None:
            found["M"] = arrays.tensor(M, "/M", (2,))
            if found["M"].shape != tuple(sizes):
                raise wrong("/M", f"shape {tuple(sizes)} is wanted here, not {found['M'].shape}")
        self.shape = (sizes[0], sizes[1])
        super().__init__(found, {"name": name, "alpha": alpha, "regularization": regularization, "relative": relative})

    def __repr__(self) -> str:
        return f"Gromov({self.shape[0]} with {self.shape[1]})"


class Sliced(TransportProblem):
    """The mean over random directions of transport costs between projections: ``E |W_p(theta x, theta y)|^p``."""

    type: ClassVar[str] = "sliced"

    def __init__(
        self,
        x: Any,
        y: Any,
        a: Any = None,
        b: Any = None,
        *,
        p: float = 2.0,
        projections: int = 1000,
        name: str = "",
    ) -> None:
        found = {"x": arrays.points(x, "/x"), "y": arrays.points(y, "/y")}
        arrays.same_dimension(found["x"], found["y"])
        for mass, key, size in ((a, "a", len(found["x"])), (b, "b", len(found["y"]))):
            if mass is not None:
                found[key] = arrays.weights(mass, size, f"/{key}")
        super().__init__(found, {"name": name, "p": float(p), "projections": int(projections)})

    def __repr__(self) -> str:
        return f"Sliced({len(self.arrays['x'])} and {len(self.arrays['y'])} points)"


class Pairs(TransportProblem):
    """Pairs of measures of a collection, as one job. Made by ``kantor.distances``.

    Args:
        collection: measures, each an (n_k, d) array or a pair (weights, points).
        pairs: (i, j) each.
    """

    type: ClassVar[str] = "batch"

    def __init__(
        self, collection: Sequence[Any], pairs: Iterable[tuple[int, int]], *, cost: Metric, p: float = 2.0
    ) -> None:
        np = arrays.numpy()
        where: list[Any] = []
        mass: list[Any] = []
        ends = [0]
        for k, one in enumerate(collection):
            weights, points = one if isinstance(one, tuple) else (None, one)
            spots = arrays.points(points, f"/collection/{k}")
            if where and spots.shape[1] != where[0].shape[1]:
                raise wrong(f"/collection/{k}", f"dimension {spots.shape[1]}, but measure 0 has {where[0].shape[1]}")
            where.append(spots)
            size = len(spots)
            mass.append(
                np.full(size, 1.0 / size) if weights is None else arrays.weights(weights, size, f"/collection/{k}")
            )
            ends.append(ends[-1] + size)
        flat = np.array(list(pairs), dtype=np.int64).reshape(-1)
        found = {
            "collection/points": np.concatenate(where),
            "collection/weights": np.concatenate(mass),
            "collection/offsets": np.array(ends, dtype=np.int64),
            "pairs": flat,
        }
        super().__init__(found, {"cost": cost, "p": float(p) if cost == "lp" else None})

    def document(self, form: Form, file: Mapping[str, Any] | None = None) -> dict[str, Any]:  # noqa: ARG002
        written = {name: form(name, arrays.numbers(array)) for name, array in self.arrays.items()}
        parts = {name.removeprefix("collection/"): value for name, value in written.items() if name != "pairs"}
        return {"kind": "transport", "type": "batch", **self.fields, "collection": parts, "pairs": written["pairs"]}

    def __repr__(self) -> str:
        return f"Pairs({len(self.arrays['pairs']) // 2})"
