"""Artifacts of a family's problems and answers, without a store."""

from __future__ import annotations

from pathlib import Path

from workers.families import Refusal

ARTIFACT = "art_" + "0" * 26


class Folder:
    """Artifacts as files of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fetch(self, artifact: str, pointer: str) -> Path:
        path = self.folder / artifact
        if not path.exists():
            raise Refusal("artifact-missing", "not there", pointer=pointer)
        return path

    def store(self, path: Path, filename: str) -> str:
        path.rename(self.folder / ARTIFACT)
        return ARTIFACT
