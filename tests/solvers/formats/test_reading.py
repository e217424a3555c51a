"""Recognising formats and compression, and bounds on size."""

from __future__ import annotations

import bz2
import gzip
import os

import pytest
import zstandard

from solvers.core.errors import MalformedFile
from solvers.programs.formats import Limits, format_of, read
from solvers.programs.formats.decompress import decompressed

MPS = b"NAME small\nROWS\n N c\n L r\nCOLUMNS\n x c 1 r 1\nRHS\n b r 4\nENDATA\n"
LP = b"\\ comment\nMinimize\n obj: x\nSubject To\n c: x >= 1\nEnd\n"
OPB = b"* #variable= 1 #constraint= 1\nmin: +1 x1 ;\n+1 x1 >= 1 ;\n"
MOF = (
    b'{"version": {"major": 1}, "variables": [{"name": "x"}], "objective": {"sense": "feasibility"}, "constraints": []}'
)
NL = b"g3 1 1 0\n 1 0 0 0 0\n 0 0\n 0 0\n 0 0 0\n 0 0 0 1\n 0 0 0 0 0\n 0 0\n 0 0\n 0 0 0 0 0\nb\n3\nk0\n"

PACKERS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "zstandard": zstandard.ZstdCompressor().compress,
    "zstandard without size": zstandard.ZstdCompressor(write_content_size=False, write_checksum=True).compress,
}


@pytest.mark.parametrize(
    ("content", "format"), [(MPS, "mps"), (LP, "lp"), (OPB, "opb"), (MOF, "mof"), (NL, "nl"), (b"* c\n\n" + MPS, "mps")]
)
def test_the_format_is_recognised_by_content(content: bytes, format: str) -> None:
    assert format_of(content) == format
    assert read(content).n == 1


@pytest.mark.parametrize(
    ("filename", "format"),
    [
        ("a.MPS", "mps"),
        ("a.qps.gz", "qps"),
        ("x/a.lp.bz2", "lp"),
        ("a.mof.json", "mof"),
        ("a.nl", "nl"),
        ("a.opb.zst", "opb"),
    ],
)
def test_the_ending_of_the_file_name_decides_first(filename: str, format: str) -> None:
    assert format_of(b"anything", filename) == format


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(MalformedFile, match="cannot be recognised"):
        read(b"what is this?")
    with pytest.raises(MalformedFile, match="unknown format 'xls'") as caught:
        read(MPS, format="xls")
    assert "mps" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b" \n\n", gzip.compress(b"", mtime=0)])
def test_an_empty_file_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedFile, match="empty"):
        read(content, format="mps")


@pytest.mark.parametrize("packer", PACKERS)
def test_compressed_files_are_read(packer: str) -> None:
    assert read(PACKERS[packer](MPS), filename="small.mps").name == "small"
    twice = PACKERS[packer](MPS[:40]) + PACKERS[packer](MPS[40:])
    assert decompressed(twice, Limits()) == MPS


@pytest.mark.parametrize("packer", PACKERS)
def test_truncated_archives_are_refused(packer: str) -> None:
    whole = PACKERS[packer](os.urandom(300_000))
    for size in (5, len(whole) // 2, len(whole) - 1):
        with pytest.raises(MalformedFile, match=r"truncated|damaged"):
            decompressed(whole[:size], Limits())


@pytest.mark.parametrize("packer", PACKERS)
def test_damaged_archives_are_refused_or_harmless(packer: str) -> None:
    whole = bytearray(PACKERS[packer](os.urandom(3_000)))
    whole[len(whole) // 3] ^= 0x55
    whole += b"garbage"
    with pytest.raises(MalformedFile):
        decompressed(bytes(whole), Limits())


@pytest.mark.parametrize("packer", PACKERS)
def test_archive_bombs_are_refused_before_they_grow(packer: str) -> None:
    bomb = PACKERS[packer](bytes(100_000_000))
    with pytest.raises(MalformedFile, match="archive bomb"):
        decompressed(bomb, Limits())


def test_a_file_over_the_limit_is_refused() -> None:
    limits = Limits(decompressed_bytes=50)
    for content in (MPS, gzip.compress(MPS)):
        with pytest.raises(MalformedFile, match="more than 50 bytes"):
            read(content, limits=limits)


def test_the_file_name_names_a_program_without_a_name() -> None:
    assert read(LP, filename="folder/My.Model.lp.gz").name == "My.Model"
    assert read(MPS, filename="other.mps").name == "small"
