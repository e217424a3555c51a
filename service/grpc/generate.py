"""Stubs from the .proto files: ``python -m service.grpc.generate [--check]`` (for developers; needs grpcio-tools)."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

PROTO = Path(__file__).resolve().parents[2] / "api_schemas" / "proto"
SOURCES = ("kantor/v1/kantor.proto", "kantor/v1/studies.proto", "kantor/v1/schedules.proto")
# As generated they would be imported from the package `kantor`, which is the client's.
_IMPORT = re.compile(r"^from kantor\.v1 import (\w+) as (\w+)$", re.MULTILINE)


def generate() -> dict[Path, str]:
    """The files and what is in them."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = [f"--{kind}={folder}" for kind in ("python_out", "pyi_out", "grpc_python_out")]
        command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={PROTO}", *outputs, *SOURCES]
        subprocess.run(command, check=True)
        found = {}
        for path in sorted(Path(folder).rglob("*.py*")):
            text = _IMPORT.sub(r"from api_schemas.proto.kantor.v1 import \1 as \2", path.read_text(encoding="utf-8"))
            found[PROTO / path.relative_to(folder)] = text
        return found


def main(arguments: list[str]) -> int:
    """Write the stubs, or (``--check``) say whether those that are there are what would be written."""
    stale = []
    for path, text in generate().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
            if "--check" not in arguments:
                path.write_text(text, encoding="utf-8")
    if stale and "--check" in arguments:
        sys.stderr.write(f"stale: {', '.join(stale)}; run python -m service.grpc.generate\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
