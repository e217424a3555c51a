"""Files made to harm: refused with words, within bounds of time and memory."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import pickle
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from solvers.core.errors import SolverError
from solvers.programs.formats import read
from workers.families import Refusal
from workers.families.arrays import vector


class Exploding:
    """Whoever unpickles this runs code."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was loaded",))


@contextmanager
def bounded(seconds: float = 20.0, megabytes: float = 400.0) -> Iterator[None]:
    """Of processor time (three times as much as it takes, for it is measured) and memory."""
    tracemalloc.start()
    begin = time.process_time()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.process_time() - begin < seconds
    assert peak < megabytes * 1e6


def _npy(shape: str, descr: str = "'<f8'", content: bytes = b"", version: int = 1) -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + content


def _npz(*members: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def _saved(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


ARRAYS: dict[str, Callable[[], bytes]] = {
    "a pickle": lambda: pickle.dumps(Exploding()),
    "objects": lambda: _saved(np.array([Exploding()], dtype=object)),
    "objects in an archive": lambda: _npz(("a.npy", _saved(np.array([Exploding()], dtype=object)))),
    "records": lambda: _saved(np.zeros(3, dtype=[("a", "f8"), ("b", "O")])),
    "a type of Python's": lambda: _npy("(1,)", "'|O'", b"x" * 8),
    "a type of 1 GB": lambda: _npy("(1,)", "'|S1000000000'"),
    "an exabyte": lambda: _npy("(1000000000000000000,)"),
    "a product that overflows": lambda: _npy("(4294967296, 4294967296, 4294967296)"),
    "fewer than none": lambda: _npy("(-1,)", content=b"x" * 64),
    "a shape that is code": lambda: _npy("(__import__('os').getpid(),)"),
    "a header of 4 GB": lambda: b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + b"{" * 1000,
    "a header of brackets": lambda: _npy("(" * 5000 + ")" * 5000),
    "a bomb that lies": lambda: _npz(("a.npy", _npy("(100000000000,)", content=bytes(50_000_000)))),
    "two thousand members": lambda: _npz(*((f"m{k}.npy", b"") for k in range(2_000))),
    "an archive in an archive": lambda: _npz(("a.npy", _npz(("a.npy", bytes(1_000_000))))),
    "cut off": lambda: _npz(("a.npy", _saved(np.zeros(1000))))[:-30],
}


class Shelf:
    """Gives one file as any artifact."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def fetch(self, artifact: str, pointer: str) -> Path:
        return self._path

    def store(self, path: Path, filename: str) -> str:
        raise AssertionError


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(name: str, tmp_path: Path) -> None:
    path = tmp_path / "artifact"
    path.write_bytes(ARRAYS[name]())

    with pytest.raises(Refusal) as caught, bounded():
        vector({"artifact": "art_x", "member": None}, Shelf(path), "/problem/objective")

    assert caught.value.errors[0]["pointer"].startswith("/problem/objective")


def _deep(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


SPACES = bytes(1 << 20).replace(b"\x00", b" ")
MODELS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "gzip": ("a.mps.gz", lambda: gzip.compress(SPACES * 70)),
    "bzip2": ("a.mps.bz2", lambda: bz2.compress(SPACES * 70)),
    "zstandard": ("a.mps.zst", lambda: zstandard.ZstdCompressor().compress(SPACES * 70)),
    "a line without end": ("a.mps", lambda: b"NAME " + b"x" * 30_000_000),
    "words without end": ("a.lp", lambda: b"min x" + b" + x" * 1_000_000 + b" y z\nst\n"),
    "brackets without end": ("a.lp", lambda: b"min " + b"[" * 1_000_000),
    "deep JSON": ("a.mof.json", lambda: _deep(100_000)),
    "deep JSON in lists": ("a.mof.json", lambda: b"[" * 1_000_000),
    "a number of a million digits": ("a.mof.json", lambda: b'{"version": ' + b"9" * 1_000_000 + b"}"),
    "deep expressions": ("a.nl", lambda: b"g3 1 1 0\n" + b" 1 1 1 0 0\n" * 9 + b"C0\n" + b"o0\n" * 1_000_000),
    "pickle": ("a.mps", lambda: pickle.dumps(Exploding())),
}


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str) -> None:
    filename, make = MODELS[name]
    content = make()

    with pytest.raises(SolverError) as caught, bounded():
        read(content, filename=filename)

    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    "document",
    ["!!python/object/apply:os.getpid []", "a: &a [x]\nb: &b [*a,*a]\nc: [*b,*b]", json.dumps({"a": 1})],
)
def test_what_is_no_model_file_is_said_to_be_none(document: str) -> None:
    with pytest.raises(SolverError):
        read(document.encode(), filename="model.yaml")
