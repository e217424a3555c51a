"""Numeric arrays in JSON: a list when small, raw bytes when larger, a reference to an uploaded artifact when large."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api_schemas.base import Extended, Model

DType = Literal["float64", "float32", "int64", "int32", "uint8", "int8"]


ArtifactId = Annotated[str, Field(pattern=r"^art_[0-7][0-9a-hjkmnp-tv-z]{25}$")]


class RawArray(Model):
    """Little-endian, row-major bytes of a numpy array in base 64."""

    dtype: DType
    shape: Annotated[list[Annotated[int, Field(ge=0)]], Field(max_length=4)]
    base64: str
    """prod(shape) * itemsize bytes."""


class ArrayReference(Model):
    """An array in an uploaded artifact (.npy, or one member of an .npz)."""

    artifact: ArtifactId
    member: str | None = None
    """Name within the .npz; None for .npy."""


# Checking a list stops at its first wrong entry: a report of millions would be of no use, and would cost gigabytes.
Vector = (
    Annotated[list[Annotated[float, Field(strict=True, allow_inf_nan=False)]], Field(fail_fast=True)]
    | RawArray
    | ArrayReference
)
"""Finite numbers."""

Bounds = Annotated[list[Extended], Field(fail_fast=True)] | RawArray | ArrayReference
"""Numbers that may be infinite: "Infinity" and "-Infinity" in JSON."""

Integers = Annotated[list[int], Field(fail_fast=True)] | RawArray | ArrayReference


class CsrMatrix(Model):
    """Compressed sparse rows: row i has the entries ``indptr[i]`` to ``indptr[i+1]`` of ``indices`` and ``data``."""

    format: Literal["csr"]
    shape: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]
    data: Vector
    indices: Integers
    indptr: Integers


class CooMatrix(Model):
    """Coordinates: entry k is ``data[k]`` at (``row[k]``, ``col[k]``); entries at the same place are added."""

    format: Literal["coo"]
    shape: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]
    data: Vector
    row: Integers
    col: Integers


SparseMatrix = Annotated[CsrMatrix | CooMatrix, Field(discriminator="format")]
