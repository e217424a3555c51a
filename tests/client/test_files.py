"""Model files, and numpy's files without numpy."""

from __future__ import annotations

import base64
import gzip
import io
from pathlib import Path

import kantor
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kantor import npz
from kantor.arrays import Numbers
from kantor.source import INLINE_FILE

ROOT = Path(__file__).resolve().parents[2]
AFIRO = ROOT / "examples/instances/afiro.mps.gz"


def test_compressed_files_are_sent_as_they_are_and_texts_as_text(tmp_path: Path) -> None:
    source = kantor.Program.from_file(AFIRO).source
    assert source is not None
    assert source.document() == {
        "format": "auto",
        "filename": "afiro.mps.gz",
        "base64": base64.b64encode(AFIRO.read_bytes()).decode(),
    }
    plain = tmp_path / "afiro.mps"
    plain.write_bytes(gzip.decompress(AFIRO.read_bytes()))
    source = kantor.Program.from_file(str(plain), format="mps").source
    assert source is not None
    assert source.document() == {"format": "mps", "filename": "afiro.mps", "content": plain.read_text()}


def test_bytes_and_open_files_do_too() -> None:
    content = AFIRO.read_bytes()
    with AFIRO.open("rb") as file:
        forms = [kantor.Program.from_file(content, filename="afiro.mps.gz"), kantor.Program.from_file(file)]
    for program in forms:
        assert program.source is not None
        assert program.source.content == content
        assert program.source.filename == "afiro.mps.gz"
    assert repr(forms[0]) == "Program(afiro.mps.gz, 1 kB)"


def test_large_files_are_uploaded_from_disk(tmp_path: Path) -> None:
    path = tmp_path / "large.mps"
    path.write_bytes(b"*" * (INLINE_FILE + 1))
    source = kantor.Program.from_file(path).source
    assert source is not None
    assert source.body == path
    assert source.document("art_0")["artifact"] == "art_0"
    path.write_bytes(b"*" * INLINE_FILE)
    assert source.body is None


def test_missing_files_say_what_lies_beside_them(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no file .*afiro\.mps; there is .*afiro\.mps\.gz"):
        kantor.Program.from_file(AFIRO.with_suffix(""))
    with pytest.raises(IsADirectoryError, match="is a folder, not a model file"):
        kantor.Program.from_file(tmp_path)
    (tmp_path / "empty.lp").touch()
    with pytest.raises(kantor.InvalidProblem, match=r"empty\.lp is empty"):
        kantor.Program.from_file(tmp_path / "empty.lp")


@given(hnp.arrays(hnp.floating_dtypes(sizes=64, endianness="<") | st.just(np.dtype("<i8")), st.integers(0, 50)))
@settings(max_examples=50, deadline=None)
def test_numpy_reads_what_is_written_without_it(array: np.ndarray) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.npz"
        npz.write(path, {"A.data": Numbers("float64" if array.dtype.kind == "f" else "int64", array)})
        with np.load(path, allow_pickle=False) as archive:
            np.testing.assert_array_equal(archive["A.data"], array)


@given(
    hnp.arrays(
        st.sampled_from([np.dtype(name) for name in ("<f8", "<f4", "<i8", "<i4", "u1", "i1", "<U7")]),
        hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5),
    )
)
@settings(max_examples=80, deadline=None)
def test_what_numpy_writes_is_read_without_it(array: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.save(buffer, array)
    np.testing.assert_array_equal(np.array(npz.parse(buffer.getvalue()), dtype=array.dtype).reshape(array.shape), array)


def test_pickles_and_other_files_are_refused() -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="not expected"):
        npz.parse(buffer.getvalue())
    with pytest.raises(ValueError, match=r"not an \.npy file"):
        npz.parse(b"PK")
    with pytest.raises(kantor.KantorError, match="cannot be read"):
        npz.read(b"no archive")
