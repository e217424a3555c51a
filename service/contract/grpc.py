"""Two versions of the .proto files compared, as sets of descriptors: what would break programs made from the older."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from api_schemas.proto.kantor.v1 import kantor_pb2, schedules_pb2, studies_pb2

FILES = (kantor_pb2.DESCRIPTOR, studies_pb2.DESCRIPTOR, schedules_pb2.DESCRIPTOR)


def current() -> FileDescriptorSet:
    """The files as they are."""
    found = FileDescriptorSet()
    for file in FILES:
        file.CopyToProto(found.file.add())
    return found


def breaks(old: FileDescriptorSet, new: FileDescriptorSet) -> Iterator[str]:
    """A sentence for each promise that is broken."""
    before, after = _all(old), _all(new)
    for name, (kind, thing) in before.items():
        if name not in after:
            yield f"{kind} {name} is gone"
        elif kind == "rpc":
            yield from _method(name, thing, after[name][1])
        elif kind == "message":
            yield from _message(name, thing, after[name][1])
        elif kind == "enum":
            numbers = {value.number: value.name for value in after[name][1].value}
            for value in thing.value:
                if numbers.get(value.number) != value.name:
                    yield f"enum {name}: {value.name} = {value.number} is gone"


def _all(files: FileDescriptorSet) -> dict[str, tuple[str, Any]]:
    found: dict[str, tuple[str, Any]] = {}
    for file in files.file:
        for message in file.message_type:
            found[f"{file.package}.{message.name}"] = ("message", message)
        for enum in file.enum_type:
            found[f"{file.package}.{enum.name}"] = ("enum", enum)
        for service in file.service:
            for method in service.method:
                found[f"{file.package}.{service.name}/{method.name}"] = ("rpc", method)
    return found


def _method(name: str, old: Any, new: Any) -> Iterator[str]:
    for what in ("input_type", "output_type", "client_streaming", "server_streaming"):
        if getattr(old, what) != getattr(new, what):
            yield f"rpc {name}: its {what} was {getattr(old, what)}, now {getattr(new, what)}"


def _message(name: str, old: Any, new: Any) -> Iterator[str]:
    after = {field.number: field for field in new.field}
    reserved = {number for span in new.reserved_range for number in range(span.start, span.end)}
    for field in old.field:
        now = after.get(field.number)
        if now is None:
            if field.number not in reserved:
                yield f"message {name}: {field.name} = {field.number} is gone, and its number is not reserved"
            continue
        for what in ("name", "type", "type_name", "label"):
            if getattr(field, what) != getattr(now, what):
                yield f"message {name}: the {what} of {field.name} = {field.number} has changed"
    for nested in old.nested_type:
        found = next((inner for inner in new.nested_type if inner.name == nested.name), None)
        if found is not None:
            yield from _message(f"{name}.{nested.name}", nested, found)
