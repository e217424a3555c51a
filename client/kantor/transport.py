"""Transport problems: couplings, batches, barycenters, Gromov and sliced distances."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Never

from kantor import transport_arrays as arrays
from kantor.arrays import Numbers, wrong
from kantor.parts import Form
from kantor.slips import near, refuse
from kantor.source import Source

INLINE_BYTES = 1 << 20
"""Problems whose arrays are larger than this are uploaded as one .npz artifact."""
REFERENCE_BYTES = 1 << 12
"""Arrays below this stay in the request even then."""

Metric = Literal["sqeuclidean", "euclidean", "l1", "lp", "cosine"]
METRICS = ("sqeuclidean", "euclidean", "l1", "lp", "cosine")
_WORDS = {
    "variant": ("balanced", "unbalanced", "semi-relaxed", "partial"),
    "divergence": ("kl", "tv"),
    "regularizer": ("entropic", "quadratic"),
}
_OTHER_NAMES = {
    **dict.fromkeys(("metric", "M", "C", "ground_cost"), "cost"),
    **dict.fromkeys(("reg", "epsilon", "eps"), "regularization"),
    **dict.fromkeys(("reg_m", "tau", "marginal_penalty"), "strength"),
    "m": "mass",
    "X": "x",
    "Y": "y",
    "weights": "a and b",
    "images": "A and B",
}
"""What other tools call the arguments."""


class TransportProblem:
    """What all of them share: arrays by name, plain fields, and the contract's form of both."""

    kind: ClassVar[str] = "transport"
    type: ClassVar[str] = "coupling"
    source: Source | None = None

    def __init__(self, arrays: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
        self.arrays = {name: array for name, array in arrays.items() if array is not None}
        # a 0 is none of these, though equal to False: it is sent, and refused where it must not be
        self.fields = {
            name: value for name, value in fields.items() if not (value is None or value is False or value == "")
        }

    def large_arrays(self) -> dict[str, Numbers]:
        """Those that are uploaded instead of sent in the request; none if the problem is small as a whole."""
        found = {name: arrays.numbers(array) for name, array in self.arrays.items()}
        if sum(item.nbytes for item in found.values()) <= INLINE_BYTES:
            return {}
        return {name: item for name, item in found.items() if item.nbytes >= REFERENCE_BYTES}

    def document(self, form: Form, file: Mapping[str, Any] | None = None) -> dict[str, Any]:  # noqa: ARG002
        """The contract's form; ``form(name, numbers)`` gives that of an array."""
        written = {name: form(name, arrays.numbers(array)) for name, array in self.arrays.items()}
        return {"kind": "transport", "type": self.type, **self.fields, **written}

    def start(self, value: Any) -> TransportStart:
        """A warm start from an answer, a pair of potentials, or a mapping with f and g."""
        return TransportStart(value)


class Transport(TransportProblem):
    """Move the mass a on the points x to the mass b on the points y as cheaply as possible.

    Args:
        x, y: (n, d) and (m, d) points; one-dimensional arrays are points on a line.
        a, b: n and m weights; by default uniform with total 1. Zeros are allowed.
        cost: of moving x_i to y_j: "sqeuclidean" |x-y|^2 (the default), "euclidean" |x-y|, "l1", "lp" (sum
        |x_k-y_k|^p),
            "cosine"; or an n by m matrix.
        p: the power of "lp".
        A, B: instead of points: histograms, images or volumes. Their pixels are the weights (divided by their sum), the
            pixels' indices times ``spacing`` the points.
        normalize: divide a and b by their sums.
        variant: "balanced": all of a goes to all of b. "unbalanced": mass may be made and destroyed at
            ``strength_a * D(P 1 | a) + strength_b * D(P' 1 | b)``. "semi-relaxed": only b may be missed. "partial":
            just ``mass`` is moved, the cheapest part.
        divergence: D: "kl" (the default) or "tv".
        strength: of both sides, in units of the cost.
        regularization: strength of what is added to the cost; 0 or None for none. With ``relative`` in units of the
        mean cost. regularizer: "entropic" (the default): ``e KL(P | a b')``; "quadratic": ``e/2 sum P_ij^2``.
        max_nonzeros: at most so many non-zeros in each column of the plan (with "quadratic").
        rank: the plan has at most this non-negative rank.

    Raises:
        InvalidProblem: what does not fit, with a pointer to it; found here, before anything is sent.
        TypeError: an argument that it has not, with what was probably meant.
    """

    def __init__(
        self,
        x: Any = None,
        y: Any = None,
        a: Any = None,
        b: Any = None,
        *,
        cost: Metric | Any = None,
        p: float = 2.0,
        A: Any = None,
        B: Any = None,
        spacing: float = 1.0,
        normalize: bool = False,
        variant: Literal["balanced", "unbalanced", "semi-relaxed", "partial"] = "balanced",
        divergence: Literal["kl", "tv"] | None = None,
        strength: float | None = None,
        strength_a: float | None = None,
        strength_b: float | None = None,
        mass: float | None = None,
        regularization: float | None = None,
        relative: bool = False,
        regularizer: Literal["entropic", "quadratic"] | None = None,
        max_nonzeros: int | None = None,
        rank: int | None = None,
        name: str = "",
        **unknown: Never,
    ) -> None:
        refuse("Transport", unknown, list(inspect.signature(Transport).parameters)[:-1], _OTHER_NAMES)
        _check_words({"variant": variant, "divergence": divergence, "regularizer": regularizer})
        _check_strengths(variant, {"": strength, "_a": strength_a, "_b": strength_b}, mass)
        found: dict[str, Any] = {}
        matrix = None if cost is None or isinstance(cost, str) else arrays.tensor(cost, "/M", (2,))
        if isinstance(cost, str) and cost not in METRICS:
            raise wrong("/cost", f"there is no cost {cost!r}; one of: {', '.join(METRICS)}; or a matrix")
        if A is not None or B is not None:
            found = self._images(A, B, x, y, a, b)
        else:
            found = self._measures(x, y, a, b, matrix, balanced=variant == "balanced" and not normalize)
        super().__init__(
            found,
            {
                "name": name,
                "cost": cost if isinstance(cost, str) else None,
                "p": float(p) if isinstance(cost, str) and cost == "lp" else None,
                "spacing": float(spacing) if spacing != 1.0 else None,
                "normalize": normalize,
                "variant": variant if variant != "balanced" else None,
                "divergence": divergence,
                "strength": strength,
                "strength_a": strength_a,
                "strength_b": strength_b,
                "mass": mass,
                "regularization": regularization,
                "relative": relative,
                "regularizer": regularizer,
                "max_nonzeros": max_nonzeros,
                "rank": rank,
            },
        )

    @staticmethod
    def _images(A: Any, B: Any, *others: Any) -> dict[str, Any]:
        if any(other is not None for other in others):
            raise wrong("/A", "images bring their own points and weights: give A and B alone")
        found = {}
        for name, image in (("A", A), ("B", B)):
            if image is None:
                raise wrong(f"/{name}", f"{name} is missing: one image cannot be transported alone")
            array = arrays.tensor(image, f"/{name}", (1, 2, 3, 4))
            arrays.weights(array.reshape(-1), array.size, f"/{name}")
            found[name] = array
        if found["A"].ndim != found["B"].ndim:
            raise wrong("/B", f"B has {found['B'].ndim} axes, A {found['A'].ndim}")
        return found

    @staticmethod
    def _measures(x: Any, y: Any, a: Any, b: Any, matrix: Any, *, balanced: bool) -> dict[str, Any]:
        if matrix is None:
            for name, value in (("x", x), ("y", y)):
                if value is None:
                    raise wrong(
                        f"/{name}", f"{name} is missing: give points x and y, or a matrix as cost, or images A and B"
                    )
        found: dict[str, Any] = {
            name: arrays.points(value, f"/{name}") for name, value in (("x", x), ("y", y)) if value is not None
        }
        if matrix is not None:
            found["M"] = matrix
            for axis, name in enumerate("xy"):
                if name in found and len(found[name]) != matrix.shape[axis]:
                    raise wrong(f"/{name}", f"{len(found[name])} points for a matrix of shape {matrix.shape}")
        else:
            arrays.same_dimension(found["x"], found["y"])
        n, m = matrix.shape if matrix is not None else (len(found["x"]), len(found["y"]))
        if a is not None:
            found["a"] = arrays.weights(a, n, "/a")
        if b is not None:
            found["b"] = arrays.weights(b, m, "/b")
        if balanced:
            arrays.same_mass(found.get("a"), found.get("b"))
        return found

    @staticmethod
    def batch(problems: Iterable[Transport], *, name: str = "") -> TransportBatch:
        """Many problems as one job; sizes may differ."""
        return TransportBatch(list(problems), name=name)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of sources and targets."""
        if "M" in self.arrays:
            n, m = self.arrays["M"].shape
            return int(n), int(m)
        if "A" in self.arrays:
            return int(self.arrays["A"].size), int(self.arrays["B"].size)
        return len(self.arrays["x"]), len(self.arrays["y"])

    def __repr__(self) -> str:
        n, m = self.shape
        words = [f"{n} to {m}", str(self.fields.get("cost", "matrix" if "M" in self.arrays else "sqeuclidean"))]
        words += [str(self.fields[name]) for name in ("variant", "regularizer") if name in self.fields]
        return f"Transport({', '.join(words)})"


def _check_words(given: Mapping[str, str | None]) -> None:
    for field, word in given.items():
        if word is not None and word not in _WORDS[field]:
            raise wrong(f"/{field}", f"there is no {field} {word!r}; {near(word, _WORDS[field])}")


def _check_strengths(variant: str, strengths: Mapping[str, float | None], mass: float | None) -> None:
    """That a variant has what it needs; whether the numbers fit is the contract's to say."""
    sides = {"unbalanced": ("_a", "_b"), "semi-relaxed": ("_b",)}.get(variant, ())
    for side in sides:
        if strengths[""] is None and strengths[side] is None:
            raise wrong(
                "/strength",
                f"variant {variant!r} needs strength=: what a unit of missed mass costs, in units of the cost",
            )
    if variant == "partial" and mass is None:
        raise wrong("/mass", "variant 'partial' needs mass=: how much is moved, at most the smaller total")


class TransportBatch(TransportProblem):
    """Many couplings as one job. Made by ``Transport.batch``."""

    type: ClassVar[str] = "batch"

    def __init__(self, problems: Sequence[Transport], *, name: str = "") -> None:
        if not problems:
            raise wrong("/problems", "a batch needs at least one problem")
        for k, problem in enumerate(problems):
            if not isinstance(problem, Transport):
                raise wrong(f"/problems/{k}", f"a Transport is wanted here, not {type(problem).__name__}")
        self.problems = list(problems)
        found = {f"problems/{k}/{key}": array for k, one in enumerate(problems) for key, array in one.arrays.items()}
        super().__init__(found, {"name": name})

    def document(self, form: Form, file: Mapping[str, Any] | None = None) -> dict[str, Any]:  # noqa: ARG002
        written = []
        for k, one in enumerate(self.problems):
            parts = {key: form(f"problems/{k}/{key}", arrays.numbers(array)) for key, array in one.arrays.items()}
            written.append({"kind": "transport", "type": "coupling", **one.fields, **parts})
        return {"kind": "transport", "type": "batch", **self.fields, "problems": written}

    def __len__(self) -> int:
        return len(self.problems)

    def __repr__(self) -> str:
        return f"TransportBatch({len(self)} problems)"


class TransportStart:
    """Potentials that are known before the solve."""

    def __init__(self, value: Any) -> None:
        if hasattr(value, "potentials"):
            value = value.potentials
        f, g = (value.get("f"), value.get("g")) if isinstance(value, Mapping) else tuple(value)
        self.arrays: dict[str, Numbers] = {}
        for name, given in (("f", f), ("g", g)):
            if given is not None:
                self.arrays[f"start.{name}"] = arrays.numbers(arrays.tensor(given, f"/options/start/{name}", (1,)))

    def document(self, form: Form) -> dict[str, Any]:
        return {name.removeprefix("start."): form(name, numbers) for name, numbers in self.arrays.items()}
