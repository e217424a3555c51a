"""What a large program costs on the wire: JSON as REST has it, gzipped, in base 64, and raw arrays by gRPC.

From numpy arrays in the client to what the server stores, without a network: writing, reading with all checks, and
forming the stored document (and, by gRPC, the .npy files of artifacts).
"""

from __future__ import annotations

import base64
import gzip
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson

from benchmarks.harness.report import Report, Table
from benchmarks.harness.scale import Scale

SIZES = {"tiny": 10_000, "quick": 1_000_000, "full": 1_000_000}


def run(scale: Scale, report: Report) -> None:
    """Adds one table."""
    nonzeros = SIZES[scale.name]
    arrays = _program(nonzeros)
    rows = [_measure(name, *way, arrays) for name, way in WAYS.items()]
    report.data["wire"] = {"nonzeros": nonzeros, "ways": rows}
    table = Table(
        f"A program with {nonzeros:,} non-zeros on the wire (seconds of CPU)", ("form", "MB", "write", "read and check")
    )
    for row in rows:
        table.rows.append((row["way"], row["bytes"] / 1e6, f"{row['write']:.3f}", f"{row['read']:.3f}"))
    report.add(table)


def _program(nonzeros: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    rows, columns = nonzeros // 20, nonzeros // 20
    return {
        "data": rng.normal(size=nonzeros),
        "indices": rng.integers(0, columns, nonzeros).astype(np.int32),
        "indptr": np.linspace(0, nonzeros, rows + 1).astype(np.int64),
        "objective": rng.normal(size=columns),
        "row_upper": rng.uniform(1, 2, rows),
    }


def _document(arrays: dict[str, np.ndarray], form: Callable[[str], Any]) -> dict[str, Any]:
    shape = [len(arrays["indptr"]) - 1, len(arrays["objective"])]
    matrix = {"format": "csr", "shape": shape, **{name: form(name) for name in ("data", "indices", "indptr")}}
    return {"kind": "program", "objective": form("objective"), "row_upper": form("row_upper"), "A": matrix}


def _lists(arrays: dict[str, np.ndarray]) -> bytes:
    return orjson.dumps({"problem": _document(arrays, lambda name: arrays[name])}, option=orjson.OPT_SERIALIZE_NUMPY)


def _base64(arrays: dict[str, np.ndarray]) -> bytes:
    def form(name: str) -> dict[str, Any]:
        array = arrays[name]
        return {"dtype": str(array.dtype), "shape": list(array.shape), "base64": base64.b64encode(array).decode()}

    return orjson.dumps({"problem": _document(arrays, form)})


def _read_json(body: bytes) -> int:
    from service.rest.submissions import draft

    return len(draft(body).document)


def _raw(arrays: dict[str, np.ndarray]) -> bytes:
    from api_schemas.proto.kantor.v1 import kantor_pb2 as pb

    types = {"float64": pb.DTYPE_FLOAT64, "int64": pb.DTYPE_INT64, "int32": pb.DTYPE_INT32}
    request = pb.SubmitJobRequest(
        problem=orjson.dumps(_document(arrays, lambda name: {"array": name})),
        arrays={
            name: pb.Array(dtype=types[str(array.dtype)], shape=array.shape, data=array.tobytes())
            for name, array in arrays.items()
        },
    )
    content: bytes = request.SerializeToString()
    return content


def _read_raw(body: bytes) -> int:
    """As ``service.grpc.arrays`` does it, into a folder in memory."""
    import asyncio
    import tempfile
    from pathlib import Path
    from types import SimpleNamespace
    from uuid import uuid4

    from api_schemas.proto.kantor.v1 import kantor_pb2 as pb
    from service.artifacts import ArtifactStore
    from service.grpc import arrays, messages
    from service.rest.submissions import draft
    from service.settings import Settings

    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        store = ArtifactStore(Settings.load({}, artifacts_url=Path(folder).as_uri()))

        async def database(_function: Any, **_: Any) -> Any:
            return SimpleNamespace(id="art_" + "0" * 26)  # the row is left out here, as it is in the other ways

        call: Any = SimpleNamespace(
            state=SimpleNamespace(artifacts=store, database=database), principal=SimpleNamespace(project_id=uuid4())
        )
        request = pb.SubmitJobRequest.FromString(body)
        problem, options = asyncio.run(arrays.put_in(call, request.arrays, request.problem, request.options))
        return len(draft(messages.body(request, problem, options)).document)


WAYS: dict[str, tuple[Callable[[dict[str, np.ndarray]], bytes], Callable[[bytes], int]]] = {
    "JSON lists (REST)": (_lists, _read_json),
    "the same, gzipped": (
        lambda arrays: gzip.compress(_lists(arrays), compresslevel=6),
        lambda body: _read_json(gzip.decompress(body)),
    ),
    "JSON with base 64 (REST)": (_base64, _read_json),
    "raw arrays (gRPC)": (_raw, _read_raw),
}


def _measure(
    name: str,
    write: Callable[[dict[str, np.ndarray]], bytes],
    read: Callable[[bytes], int],
    arrays: dict[str, np.ndarray],
) -> dict[str, Any]:
    begin = time.process_time()
    body = write(arrays)
    written = time.process_time()
    read(body)
    return {"way": name, "bytes": len(body), "write": written - begin, "read": time.process_time() - written}
