"""Arrays that come beside a document as raw bytes: small ones go into it, large ones become artifacts (.npy)."""

from __future__ import annotations

import asyncio
import base64
import struct
from math import prod
from typing import Any

import orjson

from api_schemas.errors import FieldError, KantorError
from api_schemas.proto.kantor.v1 import kantor_pb2 as pb
from service.artifacts import Upload
from service.grpc.calls import Call

_INLINE = 1 << 16
_DTYPES = {
    pb.DTYPE_FLOAT64: ("float64", "<f8", 8),
    pb.DTYPE_FLOAT32: ("float32", "<f4", 4),
    pb.DTYPE_INT64: ("int64", "<i8", 8),
    pb.DTYPE_INT32: ("int32", "<i4", 4),
    pb.DTYPE_UINT8: ("uint8", "|u1", 1),
    pb.DTYPE_INT8: ("int8", "|i1", 1),
}


async def put_in(call: Call, arrays: Any, *documents: bytes, store: bool = True) -> list[bytes]:
    """The documents (JSON) with every ``{"array": NAME}`` replaced by the array of that name.

    Args:
        store: False: nothing becomes an artifact (a dry run).

    Raises:
        KantorError: ``malformed-json``; ``invalid-request``: a name without an array, an array that is not used, bytes
            that don't fit the shape.
    """
    if not arrays:
        return list(documents)
    forms: dict[str, Any] = {}
    for name, array in arrays.items():
        forms[name] = await _form(call, name, array, store)
    used: set[str] = set()
    replaced = [orjson.dumps(_replace(_load(text), forms, used)) if text else text for text in documents]
    if unused := sorted(forms.keys() - used):
        raise _wrong(f"/arrays/{unused[0]}", f'is not used: nothing in the problem is {{"array": "{unused[0]}"}}')
    return replaced


async def _form(call: Call, name: str, array: pb.Array, store: bool) -> dict[str, Any]:
    if array.dtype not in _DTYPES:
        raise _wrong(f"/arrays/{name}/dtype", "must be one of the types of DType")
    dtype, descr, size = _DTYPES[array.dtype]
    if len(array.shape) > 4 or any(length < 0 for length in array.shape):
        raise _wrong(f"/arrays/{name}/shape", "has at most four lengths, none negative")
    if prod(array.shape) * size != len(array.data):
        raise _wrong(
            f"/arrays/{name}/data",
            f"has {len(array.data)} bytes; shape and dtype need {prod(array.shape) * size}",
        )
    if len(array.data) <= _INLINE or not store:
        return {"dtype": dtype, "shape": list(array.shape), "base64": base64.b64encode(array.data).decode()}
    upload = await asyncio.to_thread(call.state.artifacts.upload, call.principal.project_id)
    try:
        await asyncio.to_thread(_write, upload, descr, list(array.shape), array.data)
        stored = await call.state.database(
            upload.record, filename=f"{name[:200]}.npy", media_type="application/octet-stream", origin="upload"
        )
    except BaseException:
        asyncio.get_running_loop().run_in_executor(None, upload.abandon)
        raise
    return {"artifact": stored.id}


def _write(upload: Upload, descr: str, shape: list[int], data: bytes) -> None:
    """numpy's format, version 1.0."""
    lengths = "".join(f"{length}, " for length in shape)
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({lengths}), }}"
    line = header.ljust(-(-(len(header) + 11) // 64) * 64 - 11) + "\n"
    upload.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(line)) + line.encode())
    view = memoryview(data)
    for start in range(0, len(view), 1 << 20):
        upload.write(bytes(view[start : start + (1 << 20)]))
    upload.close()


def _load(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise KantorError("malformed-json", f"The problem or the options are not JSON: {error}") from None


def _replace(value: Any, forms: dict[str, Any], used: set[str]) -> Any:
    if isinstance(value, dict):
        name = value.get("array")
        if len(value) == 1 and isinstance(name, str):
            if name not in forms:
                raise _wrong(f"/arrays/{name[:80]}", "is missing: the problem refers to it")
            used.add(name)
            return forms[name]
        return {key: _replace(inner, forms, used) for key, inner in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict | list):
        return [_replace(inner, forms, used) for inner in value]
    return value


def _wrong(pointer: str, detail: str) -> KantorError:
    error = FieldError(pointer=pointer, detail=detail)
    return KantorError("invalid-request", f"{pointer}: {detail}", errors=[error])
