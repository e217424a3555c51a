"""Arrays of the contract (``api_schemas.arrays``) as numpy arrays, and back: for every family."""

from __future__ import annotations

import base64
import binascii
import io
import math
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import scipy.sparse as sp

from workers.families import Files, Refusal

#: Bytes of one array in an artifact, unpacked.
MAX_ARRAY = 8 << 30
_LONGEST_HEADER = 1 << 16

Kind = Literal["real", "integer"]

_DTYPES = {"float64": "<f8", "float32": "<f4", "int64": "<i8", "int32": "<i4", "uint8": "|u1", "int8": "|i1"}
_KINDS: dict[Kind, str] = {"real": "fiu", "integer": "iu"}
_NATIVE: dict[Kind, type[np.generic]] = {"real": np.float64, "integer": np.int64}


def vector(value: Any, files: Files, pointer: str, kind: Kind = "real") -> np.ndarray:
    """A one-dimensional array: doubles, or 64-bit integers where whole numbers are asked for.

    Raises:
        Refusal: not numbers, a wrong number of bytes, no such artifact or member, more than one dimension.
    """
    array = _array(value, files, pointer, kind)
    if array.ndim != 1:
        raise _wrong(pointer, f"an array of {array.ndim} dimensions, where a vector is needed")
    return array


def tensor(value: Any, files: Files, pointer: str) -> np.ndarray:
    """Doubles (or the integers of an artifact) of any number of dimensions.

    Raises:
        Refusal: as ``vector``; a list of lists whose rows differ in length.
    """
    if not isinstance(value, list) or not value or not isinstance(value[0], list):
        return _array(value, files, pointer, "real")
    try:
        return np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        length = len(value[0])
        for k, row in enumerate(value):
            if not isinstance(row, list) or len(row) != length:
                words = f"{len(row)} numbers" if isinstance(row, list) else "no list"
                raise _wrong(f"{pointer}/{k}", f"row {k} has {words}, but row 0 has {length}") from None
        raise _wrong(pointer, "not rows of numbers") from None


def matrix(value: dict[str, Any], files: Files, pointer: str) -> sp.csr_array | sp.coo_array:
    """A sparse matrix as it was sent: nothing is summed or sorted; what is wrong in it is for ``Program.build`` to say.

    Raises:
        Refusal: arrays whose lengths don't fit together.
    """
    rows, columns = (int(size) for size in value["shape"])
    data = vector(value["data"], files, f"{pointer}/data")
    if value["format"] == "csr":
        indices = vector(value["indices"], files, f"{pointer}/indices", "integer")
        indptr = vector(value["indptr"], files, f"{pointer}/indptr", "integer")
        _same_length(indices, data.size, f"{pointer}/indices", "entries in data")
        _row_pointers(indptr, rows, data.size, f"{pointer}/indptr")
        if data.size < 2**31 - 1 and (not indices.size or -(2**31) < indices.min() <= indices.max() < 2**31):
            indices, indptr = indices.astype(np.int32), indptr.astype(np.int32)
        csr = sp.csr_array((rows, columns), dtype=np.float64)
        # not through the constructor, which would refuse a wrong index in words of its own
        csr.data, csr.indices, csr.indptr = data, indices, indptr
        return csr
    row = vector(value["row"], files, f"{pointer}/row", "integer")
    col = vector(value["col"], files, f"{pointer}/col", "integer")
    _same_length(row, data.size, f"{pointer}/row", "entries in data")
    _same_length(col, data.size, f"{pointer}/col", "entries in data")
    _in_range(row, rows, f"{pointer}/row")
    _in_range(col, columns, f"{pointer}/col")
    return sp.coo_array((data, (row, col)), shape=(rows, columns))


def listed(array: np.ndarray) -> Any:
    """An array as orjson writes it: itself if all is finite, else a list with "Infinity", "-Infinity" and "NaN"."""
    if array.dtype.kind != "f":
        return np.ascontiguousarray(array)
    finite = np.isfinite(array)
    if finite.all():
        return np.ascontiguousarray(array, dtype=np.float64)
    values: list[Any] = array.tolist()
    for k in np.flatnonzero(~finite):
        values[k] = number(values[k])
    return values


def number(value: float | None) -> float | str | None:
    """A double as the contract's JSON has it."""
    if value is None:
        return None
    value = float(value)
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def sane(value: Any) -> Any:
    """Anything an engine may count, as JSON without infinities."""
    if isinstance(value, dict):
        return {str(key): sane(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [sane(item) for item in value]
    if isinstance(value, np.ndarray):
        return listed(value) if value.ndim == 1 else sane(value.tolist())
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        # orjson has 64 bits
        return int(value) if -(2**63) <= int(value) < 2**63 else float(value)
    if isinstance(value, (float, np.floating)):
        return number(float(value))
    return value if value is None or isinstance(value, str) else str(value)


def _array(value: Any, files: Files, pointer: str, kind: Kind) -> np.ndarray:
    if isinstance(value, list):
        return _from_list(value, pointer, kind)
    if isinstance(value, dict) and "base64" in value:
        return _native(_from_bytes(value, pointer), pointer, kind)
    if isinstance(value, dict) and "artifact" in value:
        path = files.fetch(value["artifact"], f"{pointer}/artifact")
        return _native(_from_file(path, value.get("member"), pointer), pointer, kind)
    raise _wrong(pointer, "neither a list of numbers, nor raw bytes, nor a reference to an artifact")


def _from_list(value: list[Any], pointer: str, kind: Kind) -> np.ndarray:
    try:
        array = np.array(value, dtype=_NATIVE[kind])
    except OverflowError:
        raise _wrong(pointer, "a number is out of range") from None
    except (TypeError, ValueError):
        for k, item in enumerate(value):
            if isinstance(item, (list, dict)) or item is None:
                raise _wrong(f"{pointer}/{k}", f"{str(item)[:40]!r} is not a number") from None
            try:
                float(item)
            except ValueError:
                raise _wrong(f"{pointer}/{k}", f"{item!r} is not a number") from None
        raise _wrong(pointer, "not a list of numbers") from None
    return array


def _from_bytes(value: dict[str, Any], pointer: str) -> np.ndarray:
    try:
        content = base64.b64decode(value["base64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise _wrong(f"{pointer}/base64", f"not base 64: {error}") from None
    dtype = np.dtype(_DTYPES[value["dtype"]])
    shape = tuple(int(size) for size in value["shape"])
    expected = math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        raise _wrong(
            f"{pointer}/base64",
            f"{len(content)} bytes",
            f"{expected} bytes for shape {list(shape)} of {value['dtype']}",
        )
    return np.frombuffer(content, dtype=dtype).reshape(shape)


def _from_file(path: Path, member: str | None, pointer: str) -> np.ndarray:
    try:
        with open(path, "rb") as file:
            magic = file.read(6)
            file.seek(0)
            if magic == b"\x93NUMPY":
                if member is not None:
                    raise _wrong(f"{pointer}/member", "the artifact is one .npy array, which has no members", "null")
                return _read_npy(file, os.fstat(file.fileno()).st_size, pointer)
            if magic[:4] != b"PK\x03\x04":
                raise _wrong(f"{pointer}/artifact", "the artifact is neither an .npy nor an .npz file")
            return _read_member(file, member, pointer)
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise _wrong(f"{pointer}/artifact", f"the artifact cannot be read as arrays: {error}") from None


def _read_member(file: IO[bytes], member: str | None, pointer: str) -> np.ndarray:
    with zipfile.ZipFile(file) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        if member is None and len(names) == 1:
            member = names[0]
        if member not in names:
            known = ", ".join(sorted(names)[:20])
            words = "no member is named" if member is None else f"the artifact has no member {member!r}"
            raise _wrong(f"{pointer}/member", words, f"one of: {known}")
        info = archive.infolist()[names.index(member)]
        with archive.open(info) as stream:
            return _read_npy(stream, info.file_size, pointer)


def _read_npy(stream: IO[bytes], size: int, pointer: str) -> np.ndarray:
    """The header is checked against the size before anything is allocated for it."""
    format_ = np.lib.format
    version = format_.read_magic(stream)
    read_header = format_.read_array_header_1_0 if version == (1, 0) else format_.read_array_header_2_0
    length = stream.read(2 if version == (1, 0) else 4)
    header = int.from_bytes(length, "little")
    if header > _LONGEST_HEADER:  # numpy would allocate what it says
        raise _wrong(pointer, f"the array's header announces {header} bytes for itself")
    shape, fortran, dtype = read_header(io.BytesIO(length + stream.read(header)))
    if dtype.kind not in "fiub" or dtype.itemsize > 8:
        raise _wrong(pointer, f"an array of type {dtype}", "float64, float32, int64, int32, uint8 or int8")
    wanted = math.prod(shape) * dtype.itemsize
    if wanted > min(size, MAX_ARRAY):
        raise _wrong(pointer, f"the array's header announces {wanted} bytes, more than there are or may be")
    content = stream.read(wanted)
    if len(content) != wanted:
        raise _wrong(pointer, f"the array is cut off after {len(content)} of {wanted} bytes")
    return np.frombuffer(content, dtype=dtype).reshape(shape, order="F" if fortran else "C")


def _native(array: np.ndarray, pointer: str, kind: Kind) -> np.ndarray:
    if array.dtype.kind not in _KINDS[kind]:
        raise _wrong(pointer, f"an array of type {array.dtype}", "an integer type" if kind == "integer" else "numbers")
    return array.astype(_NATIVE[kind], copy=False)


def _row_pointers(indptr: np.ndarray, rows: int, size: int, pointer: str) -> None:
    _same_length(indptr, rows + 1, pointer, "needed for so many rows")
    if indptr.size and indptr[0] != 0:
        raise _wrong(f"{pointer}/0", "indptr must begin with 0")
    falls = np.flatnonzero(np.diff(indptr) < 0)
    if falls.size:
        raise _wrong(f"{pointer}/{falls[0] + 1}", "indptr must not decrease")
    if indptr.size and indptr[-1] != size:
        raise _wrong(f"{pointer}/{indptr.size - 1}", f"indptr ends with {indptr[-1]}, but there are {size} entries")


def _same_length(array: np.ndarray, size: int, pointer: str, what: str) -> None:
    if array.size != size:
        raise _wrong(pointer, f"{array.size} entries, but {size} {what}")


def _in_range(array: np.ndarray, limit: int, pointer: str) -> None:
    wrong = np.flatnonzero((array < 0) | (array >= limit))
    if wrong.size:
        raise _wrong(f"{pointer}/{wrong[0]}", f"index {array[wrong[0]]} is outside 0..{limit - 1}")


def _wrong(pointer: str, detail: str, hint: str = "") -> Refusal:
    return Refusal("invalid-problem", detail, pointer=pointer, hint=hint)


def total_bytes(arrays: Iterable[np.ndarray | None]) -> int:
    """Together."""
    return sum(array.nbytes for array in arrays if array is not None)
