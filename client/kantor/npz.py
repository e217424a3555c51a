"""numpy's files (.npy, .npz) without numpy: uploads of large arrays, and reading large answers where numpy is not
installed."""

from __future__ import annotations

import ast
import io
import struct
import sys
import zipfile
from array import array
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from kantor.arrays import Numbers
from kantor.errors import KantorError

_MAGIC = b"\x93NUMPY"
_DESCR = {"float64": "<f8", "int64": "<i8", "int32": "<i4", "int8": "|i1"}
_READ = {"<f8": "d", "<f4": "f", "<i8": "q", "<i4": "i", "|u1": "B", "|i1": "b", "|b1": "b"}


def write(path: Path, members: Mapping[str, Numbers]) -> None:
    """An .npz, uncompressed: the server bounds how far an upload may expand, and bounds vectors expand a
    thousandfold."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, numbers in members.items():
            header = f"{{'descr': '{_DESCR[numbers.dtype]}', 'fortran_order': False, 'shape': {numbers.shape}, }}"
            padding = -(len(_MAGIC) + 4 + len(header) + 1) % 64
            line = (header + " " * padding + "\n").encode()
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                member.write(_MAGIC + b"\x01\x00" + struct.pack("<H", len(line)) + line)
                member.write(numbers.tobytes())


def read(content: bytes) -> dict[str, Any]:
    """The members of an .npz: numpy arrays if numpy is installed, else (nested) lists.

    Raises:
        KantorError: not an .npz, or with a member of a type that answers never have.
    """
    try:
        import numpy as np
    except ImportError:
        return _read_plain(content)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise KantorError(f"the answer's arrays cannot be read: {error}") from None


def _read_plain(content: bytes) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name.removesuffix(".npy"): parse(archive.read(name)) for name in archive.namelist()}
    except (zipfile.BadZipFile, ValueError, KeyError, SyntaxError, struct.error) as error:
        raise KantorError(f"the answer's arrays cannot be read: {error}") from None


def parse(content: bytes) -> Any:
    """One .npy file as (nested) lists of numbers or strings; row-major only.

    Raises:
        ValueError: another kind of file.
    """
    if content[:6] != _MAGIC:
        raise ValueError("not an .npy file")
    width, start = ("<H", 10) if content[6] == 1 else ("<I", 12)
    (length,) = struct.unpack(width, content[8:start])
    header = ast.literal_eval(content[start : start + length].decode("latin-1"))
    descr, shape = header["descr"], header["shape"]
    if header["fortran_order"] and len(shape) > 1:
        raise ValueError("column-major arrays are not expected")
    raw = content[start + length :]
    values: list[Any]
    if descr.startswith("<U"):
        size = 4 * int(descr[2:])
        values = [raw[k * size : (k + 1) * size].decode("utf-32-le").rstrip("\0") for k in range(prod(shape))]
    elif descr in _READ:
        numbers = array(_READ[descr])
        numbers.frombytes(raw[: prod(shape) * numbers.itemsize])
        if sys.byteorder == "big":
            numbers.byteswap()
        values = numbers.tolist()
    else:
        raise ValueError(f"arrays of type {descr} are not expected")
    for size in reversed(shape[1:]):
        values = [values[k : k + size] for k in range(0, len(values), size)] if size else []
    return values
