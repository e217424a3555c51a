"""``python -m service.contract [--release]``: compare with what the last release promised, or make a new promise.

What was released is in docs/contract: ``openapi.json`` and ``proto.json`` (a FileDescriptorSet). Status 1: something
that clients of the last release rely on is gone or narrower; a line says what.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from service.contract import grpc, rest
from service.openapi import generate

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "contract"


def broken() -> list[str]:
    """A sentence for each promise of the last release that does not hold."""
    openapi = json.loads((FOLDER / "openapi.json").read_text(encoding="utf-8"))
    released = json_format.Parse((FOLDER / "proto.json").read_text(encoding="utf-8"), FileDescriptorSet())
    return [*rest.breaks(openapi, json.loads(generate())), *grpc.breaks(released, grpc.current())]


def release() -> None:
    """From now on this is what is promised."""
    FOLDER.mkdir(exist_ok=True)
    openapi = json.dumps(json.loads(generate()), separators=(",", ":"))
    (FOLDER / "openapi.json").write_text(openapi + "\n", encoding="utf-8")
    text = json_format.MessageToJson(grpc.current(), indent=None, preserving_proto_field_name=True)
    (FOLDER / "proto.json").write_text(text + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    """See the module."""
    if "--release" in arguments:
        release()
        return 0
    found = broken()
    for line in found:
        sys.stderr.write(f"breaks clients: {line}\n")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
