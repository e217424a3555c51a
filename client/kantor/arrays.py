"""Numbers in: whatever a user has (numpy, scipy.sparse, pandas, lists, scalars) becomes typed arrays, without
importing any of these."""

from __future__ import annotations

import base64
import math
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kantor.errors import InvalidProblem

Kind = Literal["float64", "int64", "int32", "int8"]
_CODES: dict[str, str] = {"float64": "d", "int64": "q", "int32": "i", "int8": "b"}
_ITEMSIZE = {"float64": 8, "int64": 8, "int32": 4, "int8": 1}

LIST_LENGTH = 256
"""Arrays up to this length travel as JSON lists, which the server checks entry by entry at submit; longer ones as raw
bytes."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """One array. ``values`` is an ``array.array`` or a contiguous numpy array of this type; both have ``tobytes`` and
    ``tolist``. Only numpy arrays may have more than one dimension."""

    dtype: Kind
    values: Any

    def __len__(self) -> int:
        return len(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(getattr(self.values, "shape", (len(self.values),)))

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * _ITEMSIZE[self.dtype]

    def tobytes(self) -> bytes:
        """Little-endian."""
        if sys.byteorder == "big":
            return bytes(self.values.byteswap().tobytes()) if hasattr(self.values, "__array__") else _swapped(self)
        raw: bytes = self.values.tobytes()
        return raw

    def tolist(self) -> list[Any]:
        items: list[Any] = self.values.tolist()
        return items

    def inline(self) -> list[Any] | dict[str, Any]:
        """As the contract has it: a list if short, else raw bytes."""
        if self.size <= LIST_LENGTH:
            return self.tolist()
        return {"dtype": self.dtype, "shape": list(self.shape), "base64": base64.b64encode(self.tobytes()).decode()}

    def outline(self) -> list[Any] | dict[str, Any]:
        """As ``inline``, but with the bytes left out: enough to check dimensions."""
        if self.size <= LIST_LENGTH:
            return self.tolist()
        return {"dtype": self.dtype, "shape": list(self.shape), "base64": ""}

    def first(self, *, infinite: bool) -> int | None:
        """Position of the first NaN (or, where ``infinite`` entries are wrong too, infinity)."""
        if hasattr(self.values, "__array__"):
            import numpy as np

            bad = ~np.isfinite(self.values) if infinite else np.isnan(self.values)
            return int(bad.argmax()) if bad.any() else None
        wrong = (lambda v: not math.isfinite(v)) if infinite else math.isnan
        return next((k for k, value in enumerate(self.values) if wrong(value)), None)


def _swapped(numbers: Numbers) -> bytes:
    swapped = array(_CODES[numbers.dtype], numbers.values.tolist())
    swapped.byteswap()
    return swapped.tobytes()


@dataclass(frozen=True, slots=True)
class Matrix:
    """A sparse matrix in one of the contract's two forms; ``parts`` are data, indices, indptr or data, row, col."""

    format: Literal["csr", "coo"]
    shape: tuple[int, int]
    parts: dict[str, Numbers]

    @property
    def nnz(self) -> int:
        return len(self.parts["data"])


def vector(
    value: Any, pointer: str, *, length: int | None = None, dtype: Kind = "float64", missing: float | None = None
) -> Numbers:
    """One-dimensional numbers.

    Args:
        pointer: the field, for errors.
        length: with it, a single number means that number ``length`` times.
        missing: what None stands for inside lists.

    Raises:
        InvalidProblem: not numbers, or not one-dimensional, or not whole where whole numbers are wanted.
    """
    if isinstance(value, (int, float)) and length is not None:
        value = [value] * length
    if hasattr(value, "__array__"):
        return _numpy_vector(value, pointer, dtype)
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise wrong(pointer, f"numbers are wanted here, not {value!r:.80}")
    items = list(value)
    for k, item in enumerate(items):
        if item is None and missing is not None:
            items[k] = missing
        elif not isinstance(item, (int, float)):
            try:
                items[k] = float(item)
            except (TypeError, ValueError):
                raise wrong(f"{pointer}/{k}", f"a number is wanted here, not {item!r:.80}") from None
        if dtype != "float64":
            if items[k] != items[k] or items[k] != int(items[k]):
                raise wrong(f"{pointer}/{k}", f"a whole number is wanted here, not {item!r:.80}")
            items[k] = int(items[k])
    try:
        return Numbers(dtype, array(_CODES[dtype], items))
    except OverflowError:
        raise wrong(pointer, "a number is out of range") from None


def _numpy_vector(value: Any, pointer: str, dtype: Kind) -> Numbers:
    import numpy as np

    try:
        values = np.asarray(value)
        if values.dtype == object or values.dtype.kind in "US":
            values = values.astype(float)
        if values.dtype.kind not in "buif":
            raise TypeError(f"entries of type {values.dtype}")
    except (TypeError, ValueError) as error:
        raise wrong(pointer, f"cannot be read as numbers: {error}") from None
    if values.ndim != 1:
        if values.size != max(values.shape, default=0):
            raise wrong(pointer, f"one dimension is wanted here, not shape {values.shape}")
        values = values.ravel()
    if dtype != "float64" and values.dtype.kind == "f" and (values != np.rint(values)).any():
        k = int((values != np.rint(values)).argmax())
        raise wrong(f"{pointer}/{k}", f"a whole number is wanted here, not {values[k]}")
    return Numbers(dtype, np.array(values, dtype=dtype, order="C", copy=True))


def matrix(value: Any, pointer: str, columns: int) -> Matrix:
    """A sparse matrix from scipy.sparse (any format), a dense array, a data frame, a list of rows, or the contract's
    own form.

    Args:
        columns: the width of a matrix without rows.

    Raises:
        InvalidProblem: not two-dimensional, ragged rows, or not numbers.
    """
    if isinstance(value, Matrix):
        return value
    if hasattr(value, "tocsr"):
        return _scipy_matrix(value, pointer)
    if hasattr(value, "model_dump"):
        value = value.model_dump()
    if isinstance(value, Mapping):
        return _contract_matrix(value, pointer)
    if hasattr(value, "__array__"):
        return _dense_matrix(value, pointer)
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        raise wrong(pointer, f"a matrix is wanted here (scipy.sparse, an array, or a list of rows), not {value!r:.80}")
    if value and not isinstance(value[0], Iterable):
        value = [value]
    return _rows_matrix(value, pointer, columns)


def _scipy_matrix(value: Any, pointer: str) -> Matrix:
    if len(value.shape) != 2:
        raise wrong(pointer, f"two dimensions are wanted here, not shape {value.shape}")
    csr = value.tocsr()
    if not csr.has_canonical_format:
        csr = csr.copy() if csr is value else csr
        csr.sum_duplicates()
    rows, columns = csr.shape
    kind: Kind = "int32" if max(csr.nnz, columns) < 2**31 else "int64"
    parts = {
        "data": _numpy_vector(csr.data, "", "float64"),
        "indices": _numpy_vector(csr.indices, "", kind),
        "indptr": _numpy_vector(csr.indptr, "", kind),
    }
    return Matrix("csr", (int(rows), int(columns)), parts)


def _dense_matrix(value: Any, pointer: str) -> Matrix:
    import numpy as np

    try:
        dense = np.atleast_2d(np.asarray(value, dtype=float))
    except (TypeError, ValueError) as error:
        raise wrong(pointer, f"cannot be read as numbers: {error}") from None
    if dense.ndim != 2:
        raise wrong(pointer, f"two dimensions are wanted here, not shape {dense.shape}")
    rows, columns = np.nonzero(dense)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=dense.shape[0]))])
    parts = {
        "data": Numbers("float64", np.ascontiguousarray(dense[rows, columns])),
        "indices": Numbers("int64", columns.astype(np.int64)),
        "indptr": Numbers("int64", indptr.astype(np.int64)),
    }
    return Matrix("csr", (dense.shape[0], dense.shape[1]), parts)


def _rows_matrix(rows: Sequence[Any], pointer: str, columns: int) -> Matrix:
    data, indices, indptr = array("d"), array("q"), array("q", [0])
    width = columns
    for i, row in enumerate(rows):
        entries = vector(row, f"{pointer}/{i}").tolist()
        width = len(entries) if i == 0 else width
        if len(entries) != width:
            raise wrong(f"{pointer}/{i}", f"row {i} has {len(entries)} entries, but row 0 has {width}")
        for j, entry in enumerate(entries):
            if entry != 0.0:
                data.append(entry)
                indices.append(j)
        indptr.append(len(data))
    parts = {"data": Numbers("float64", data), "indices": Numbers("int64", indices), "indptr": Numbers("int64", indptr)}
    return Matrix("csr", (len(rows), width), parts)


def _contract_matrix(value: Mapping[str, Any], pointer: str) -> Matrix:
    kind = value.get("format", "csr" if "indptr" in value else "coo")
    names = ("indices", "indptr") if kind == "csr" else ("row", "col")
    if kind not in ("csr", "coo") or set(value) - {"format"} != {"shape", "data", *names}:
        raise wrong(
            pointer, "a matrix by parts has shape, data, indices and indptr (CSR), or shape, data, row and col (COO)"
        )
    parts = {"data": vector(value["data"], f"{pointer}/data")}
    parts |= {name: vector(value[name], f"{pointer}/{name}", dtype="int64") for name in names}
    rows, columns = value["shape"]
    return Matrix(kind, (int(rows), int(columns)), parts)


def dense(value: Any, pointer: str) -> Any:
    """What numpy can read: tensors without their record of gradients, on the CPU.

    Raises:
        InvalidProblem: a sparse matrix: numpy would make one object of it.
    """
    if hasattr(value, "tocsr"):
        raise wrong(pointer, "sparse matrices are not taken here: give .toarray()")
    if hasattr(value, "detach"):
        return value.detach().cpu().numpy()
    return value


def wrong(pointer: str, detail: str) -> InvalidProblem:
    """The refusal of a field of the problem, before anything was sent."""
    from api_schemas.errors import FieldError

    return InvalidProblem(detail, errors=[FieldError(pointer=f"/problem{pointer}", detail=detail)])
