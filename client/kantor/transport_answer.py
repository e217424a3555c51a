"""The answer to a transport problem: cost and bound, plan, potentials, maps, certificate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

from kantor import transport_arrays as arrays
from kantor.certificate import Certificate
from kantor.decode import Decoder
from kantor.errors import KantorError, NoPoint
from kantor.transport_plan import Plan, Space, distances

if TYPE_CHECKING:
    from api_schemas.transport import TransportAnswer as Contract
    from api_schemas.transport import TransportNumbers

View = Literal["auto", "coupling", "heatmap", "interpolation", "convergence", "measure"]


class TransportResult:
    """What is known of one coupling.

    Attributes:
        status: "optimal" (said only if the certificate shows the gap to be closed), "feasible", "imprecise" (a check
            failed), "no-solution" (a limit came first) or "error".
        limit: which limit ended the solve, if one did.
        cost, bound: ``bound <= optimum <= cost`` of the problem without its regularization, roundings included.
        gap: (cost - bound) / max(|cost|, |bound|).
        objective, objective_bound, objective_gap: the same of the regularized problem; None without.
        epsilon, epsilon_from: strength of the regularization in units of the cost, and where it comes from: "problem",
            "relative", or "tolerance" (chosen to reach it).
        marginal_error: of the plan that the potentials describe, before it was repaired.
    """

    def __init__(self, contract: TransportNumbers, decode: Decoder, space: Callable[[], Space]) -> None:
        self.contract = contract
        self.status: str = contract.status
        self.limit: str | None = contract.limit
        self.message = contract.message
        self.cost = contract.cost
        self.bound = contract.bound
        self.gap = contract.gap
        self.objective = contract.objective
        self.objective_bound = contract.objective_bound
        self.objective_gap = contract.objective_gap
        self.epsilon = contract.epsilon
        self.epsilon_from = contract.epsilon_from
        self.marginal_error = contract.marginal_error
        self._decode = decode
        self._space = space
        self._coupling: Plan | None = None

    @property
    def coupling(self) -> Plan:
        """The plan in the form in which it is kept, however large: products, rows, largest entries.

        Raises:
            NoPoint: there is none.
        """
        if self.contract.plan is None:
            raise NoPoint(
                f"the answer has no plan: its status is {self.status}" + (f" ({self.message})" if self.message else "")
            )
        if self._coupling is None:
            self._coupling = Plan(self.contract.plan, self._decode, self._space)
        return self._coupling

    @property
    def plan(self) -> Any:
        """The plan as scipy.sparse CSR (n, m). Raises for plans too large for that: see ``coupling``."""
        return self.coupling.matrix()

    @property
    def potentials(self) -> tuple[Any, Any]:
        """(f, g), where ``f_i + g_j <= M_ij`` is dual feasible; None where there are none."""
        f, g = self._decode(self.contract.f), self._decode(self.contract.g)
        return f, g

    def apply(self, v: Any) -> Any:
        """``P v`` for v of shape (m,) or (m, k); the plan is not built for it."""
        return self.coupling.apply(v)

    def apply_transposed(self, v: Any) -> Any:
        """``P' v`` for v of shape (n,) or (n, k)."""
        return self.coupling.apply_transposed(v)

    def barycentric_map(self, x_new: Any = None) -> Any:
        """Where each point goes, in the mean over its plan: ``sum_j P_ij y_j / sum_j P_ij``, (n, d).

        Args:
            x_new: (k, d) other points. With a regularization, the entropic map: the mean of y under the weights
                ``b_j exp((g_j - c(x, y_j)) / epsilon)`` (Pooladian and Niles-Weed 2021). Without, the point of y whose
                cell x lies in: the least ``c(x, y_j) - g_j``.

        Raises:
            NoPoint: there is neither plan nor potentials to do it with.
            KantorError: the problem has a matrix, so there is no space to map in.
        """
        np = arrays.numpy()
        space = self._space()
        if space.y is None:
            raise KantorError("the problem has a cost matrix and no points y: there is no space to map into")
        if x_new is None:
            images = self.apply(np.column_stack([space.y, np.ones(len(space.y))]))
            with np.errstate(invalid="ignore", divide="ignore"):
                return images[:, :-1] / images[:, -1:]
        if space.matrix is not None:
            raise KantorError("the problem has a cost matrix: the costs of other points are not known")
        x_new = arrays.points(x_new, "/x_new")
        if x_new.shape[1] != space.y.shape[1]:
            raise KantorError(f"x_new has points of dimension {x_new.shape[1]}, y of dimension {space.y.shape[1]}")
        g = self.potentials[1]
        if g is None:
            raise NoPoint("the answer has no potentials, which carry the map to other points")
        mapped = [_mapped(space, np.asarray(g), part, self.epsilon) for part in _parts(x_new, len(space.y))]
        return np.concatenate(mapped)

    def interpolate(self, t: float) -> tuple[Any, Any]:
        """The measure at time t between 0 (x) and 1 (y), as points (k, d) and weights (k,): the mass of each entry of
        the plan on its straight way (McCann)."""
        if not 0.0 <= t <= 1.0:
            raise ValueError(f"t lies between 0 and 1, not at {t}")
        space, plan = self._space(), self.plan.tocoo()
        if space.x is None or space.y is None:
            raise KantorError("the problem has no points: there is no way between them")
        rows, columns = plan.coords
        return (1.0 - t) * space.x[rows] + t * space.y[columns], plan.data


def _parts(points: Any, width: int) -> Iterable[Any]:
    step = max(1, (1 << 20) // width)
    return (points[k : k + step] for k in range(0, len(points), step))


def _mapped(space: Space, g: Any, x: Any, epsilon: float | None) -> Any:
    np = arrays.numpy()
    scores = g - distances(x, space.y, space.metric, space.p)
    scores[:, space.b <= 0.0] = -np.inf
    if not epsilon:
        return space.y[scores.argmax(axis=1)]
    scores = scores / epsilon + np.log(np.where(space.b > 0.0, space.b, 1.0))
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights @ space.y / weights.sum(axis=1, keepdims=True)


class TransportAnswer(TransportResult):
    """What came out of a transport job: a ``TransportResult`` with its certificate and circumstances.

    Attributes:
        contract: as the server sent it (``api_schemas.transport.TransportAnswer``).
        job: the ``Job`` (or ``AsyncJob``) that it answers.
        engine, engine_version, why: which engine answered, and why it was chosen.
        statistics: what the engine counted.
        certificate: what Kantor checked.
    """

    contract: Contract

    def __init__(self, contract: Contract, *, job: Any, fetch: Callable[[str], bytes], problem: Any = None) -> None:
        self.job = job
        self.engine = contract.engine
        self.engine_version = contract.engine_version
        self.why = contract.why
        self.statistics: dict[str, Any] = contract.statistics
        self.certificate = Certificate(contract.certificate)
        self._problem = problem
        self._fetch = fetch
        self._known: Space | None = None
        super().__init__(contract, Decoder(fetch), self._load_space)

    @property
    def batch(self) -> list[TransportResult]:
        """The answers of a batch, in order."""
        found = self.contract.batch
        if found is None:
            return []
        problems = getattr(self._problem, "problems", None)
        return [
            TransportResult(item, self._decode, _space_of(None if problems is None else problems[k]))
            for k, item in enumerate(found.answers)
        ]

    @property
    def costs(self) -> Any:
        """Of a batch: its costs; NaN where unknown."""
        return None if self.contract.batch is None else self._decode(self.contract.batch.cost)

    @property
    def bounds(self) -> Any:
        """Of a batch: its lower bounds; NaN where unknown."""
        return None if self.contract.batch is None else self._decode(self.contract.batch.bound)

    @property
    def support(self) -> Any:
        """Points of a barycenter."""
        return self._decode(self.contract.support)

    @property
    def weights(self) -> Any:
        """Weights of a barycenter."""
        return self._decode(self.contract.weights)

    @property
    def parameters(self) -> dict[str, Any]:
        """Of a fitted model."""
        return {name: self._decode(values) for name, values in self.contract.parameters.items()}

    @property
    def couplings(self) -> list[Any]:
        """Of a barycenter without regularization: the exact plan to each measure, as scipy.sparse CSR (points of the
        barycenter, points of the measure)."""
        np = arrays.numpy()
        from scipy.sparse import coo_array

        rows = self.parameters.get("couplings")
        if rows is None:
            return []
        found = []
        for k in range(int(rows[:, 0].max()) + 1):
            part = rows[rows[:, 0] == k]
            i, j = part[:, 1].astype(np.int64), part[:, 2].astype(np.int64)
            shape = (len(self.support), self._size_of(k) or int(j.max(initial=-1)) + 1)
            found.append(coo_array((part[:, 3], (i, j)), shape=shape).tocsr())
        return found

    def _size_of(self, k: int) -> int | None:
        """Of the k-th measure, where the problem is at hand."""
        given = getattr(self._problem, "arrays", {})
        points, image = given.get(f"measures/{k}/points"), given.get(f"images/{k}")
        return len(points) if points is not None else None if image is None else int(image.size)

    def sample(self, x: Any, count: int = 1, *, seed: int | None = None) -> Any:
        """Of a bridge (engine "light-bridge"): ``count`` random ends for each start, (n, count, d).

        Raises:
            NoPoint: the answer describes no bridge.
        """
        from kantor.transport_bridge import sample

        return sample(self.parameters, x, count, seed)

    def drift(self, x: Any, t: float) -> Any:
        """Of a bridge: velocities (n, d) at places x (n, d) and time t in [0, 1). Follow
        ``dx = drift dt + sqrt(epsilon / 2) dW`` (epsilon of the answer) to move from the one measure to the other."""
        from kantor.transport_bridge import drift

        return drift(self.parameters, x, t)

    def plot(self, view: View = "auto", *, path: str | PathLike[str] | None = None, **options: Any) -> Any:
        """A picture: see ``kantor.transport_plot.plot``. Needs matplotlib: ``pip install 'kantor[plot]'``."""
        from kantor.transport_plot import plot

        return plot(self, view, path=path, **options)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain Python numbers, lists and strings; arrays that lie on the server are fetched."""
        from kantor.transport_export import to_dict

        return to_dict(self)

    def to_json(self, *, indent: int | None = None) -> str:
        """As ``to_dict``; infinities and NaN are strings."""
        from pydantic_core import to_json as dump

        return dump(self.to_dict(), indent=indent, inf_nan_mode="strings").decode()

    def to_pandas(self) -> Any:
        """A data frame of the plan: one row for each entry that is not zero, with ``source``, ``target`` and ``mass``;
        of a batch one row for each problem, with ``status``, ``cost`` and ``bound``; of a barycenter its weights.

        Raises:
            NoPoint: the answer has none of these.
            KantorError: pandas is not installed; the plan is too large for a matrix (see ``plan``).
        """
        from kantor.transport_export import to_pandas

        return to_pandas(self)

    def __repr__(self) -> str:
        from kantor.transport_export import summary

        return f"<TransportAnswer {summary(self)}>"

    def __str__(self) -> str:
        from kantor.transport_export import as_text

        return as_text(self)

    def __rich__(self) -> Any:
        from kantor.transport_export import as_rich

        return as_rich(self)

    def _repr_html_(self) -> str:
        from kantor.transport_export import as_html

        return as_html(self)

    def _load_space(self) -> Space:
        if self._known is None:
            problem = self._problem
            if problem is not None:
                self._known = Space(problem.arrays, problem.fields)
            else:
                self._known = _from_document(self.job, self._decode, self._fetch)
        return self._known


def _space_of(problem: Any) -> Callable[[], Space]:
    def load() -> Space:
        if problem is None:
            raise KantorError("this needs the problem's points: keep the batch that was solved")
        return Space(problem.arrays, problem.fields)

    return load


def _from_document(job: Any, decode: Decoder, fetch: Callable[[str], bytes]) -> Space:  # noqa: ARG001
    """The problem as it was sent, read back from the server."""
    from pydantic import TypeAdapter

    from api_schemas.transport import TransportProblem

    document = job.problem()
    if not isinstance(document, dict):
        document.close()
        raise KantorError("with AsyncClient, keep the problem: its points cannot be fetched on the way")
    problem: Any = TypeAdapter(TransportProblem).validate_python(document["problem"])
    names = [name for name in ("x", "y", "a", "b", "M", "A", "B") if getattr(problem, name, None) is not None]
    if not names:
        raise KantorError(f"a problem of type {problem.type} has no points of its own")
    found = {name: decode(getattr(problem, name)) for name in names}
    return Space(found, problem.model_dump(exclude_unset=True, exclude=set(names)))
