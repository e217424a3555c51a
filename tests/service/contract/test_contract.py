"""What the last release promised still holds; and the comparison finds what would break clients, and nothing else."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorSet

from service.contract import grpc, rest
from service.contract.__main__ import FOLDER, broken

RELEASED: dict[str, Any] = json.loads((FOLDER / "openapi.json").read_text())


def test_clients_of_the_last_release_are_served_as_promised() -> None:
    assert broken() == []


def _model(document: dict[str, Any], name: str) -> Any:
    return document["components"]["schemas"][name]


Change = Callable[[dict[str, Any]], object]
BREAKS: list[tuple[Change, str]] = [
    (lambda d: d["paths"].pop("/v1/jobs/{job_id}/log"), "GET /v1/jobs/{job_id}/log is gone"),
    (lambda d: d["paths"]["/v1/jobs"]["get"].update(operationId="jobs"), "operationId was jobs_list, now jobs"),
    (lambda d: d["paths"]["/v1/jobs"]["get"]["parameters"].pop(0), "parameter state is gone"),
    (lambda d: _model(d, "Key")["properties"].pop("last4"), "the field last4 is gone"),
    (lambda d: _model(d, "Key")["required"].remove("last4"), "the field last4 may be missing now"),
    (lambda d: _model(d, "Key")["properties"]["last4"].update(type="integer"), "last4: integer is sent now"),
    (lambda d: _model(d, "KeyRequest")["properties"].pop("member"), "the field member is gone"),
    (lambda d: _model(d, "KeyRequest").update(required=["name", "member"]), "the field member is required now"),
    (lambda d: _model(d, "KeyRequest")["properties"]["scopes"].update(maxItems=1), "maxItems was 16, now 1"),
    (lambda d: _model(d, "KeyRequest")["properties"]["name"].update(type="integer"), "string is not taken any more"),
    (lambda d: _model(d, "WebhookRequest")["properties"]["url"].update(pattern="^x"), "its pattern was"),
]


@pytest.mark.parametrize(("change", "words"), BREAKS)
def test_what_breaks_clients_of_rest_is_found_and_named(change: Change, words: str) -> None:
    changed = copy.deepcopy(RELEASED)
    change(changed)

    found = list(rest.breaks(RELEASED, changed))

    assert any(words in line for line in found), found


ADDITIONS: list[Change] = [
    lambda d: d["paths"].update({"/v1/new": {"get": {"responses": {}}}}),
    lambda d: d["paths"]["/v1/jobs"]["get"]["parameters"].append({"in": "query", "name": "new", "schema": {}}),
    lambda d: _model(d, "Key")["properties"].update(new={"type": "string"}),
    lambda d: _model(d, "Key")["required"].append("member"),
    lambda d: _model(d, "KeyRequest")["properties"].update(new={"type": "string"}),
    lambda d: _model(d, "KeyRequest")["properties"]["scopes"].update(maxItems=99),
]


@pytest.mark.parametrize("change", ADDITIONS)
def test_what_is_added_breaks_nobody(change: Change) -> None:
    changed = copy.deepcopy(RELEASED)
    change(changed)

    assert list(rest.breaks(RELEASED, changed)) == []


def _message(files: FileDescriptorSet, name: str) -> Any:
    return next(message for file in files.file for message in file.message_type if message.name == name)


def _drop(files: FileDescriptorSet, *, reserve: bool = False) -> None:
    message = _message(files, "GetJobRequest")
    number = message.field[1].number
    del message.field[1]
    if reserve:
        message.reserved_range.add(start=number, end=number + 1)


PROTO: list[tuple[Callable[[FileDescriptorSet], object], str]] = [
    (lambda files: files.file[0].service[0].method.pop(0), "rpc kantor.v1.Jobs/SubmitJob is gone"),
    (lambda files: setattr(files.file[0].service[0].method[0], "server_streaming", True), "server_streaming was False"),
    (_drop, "wait_seconds = 2 is gone, and its number is not reserved"),
    (lambda files: setattr(_message(files, "Job").field[0], "type", FieldDescriptorProto.TYPE_INT32), "the type of id"),
    (lambda files: setattr(_message(files, "Job").field[0], "name", "job"), "the name of id"),
    (lambda files: _message(files, "Job").field.add(name="new", number=99), ""),
    (lambda files: _drop(files, reserve=True), ""),
]


@pytest.mark.parametrize(("change", "words"), PROTO)
def test_what_breaks_programs_made_from_the_proto_files_is_found(
    change: Callable[[FileDescriptorSet], object], words: str
) -> None:
    changed = grpc.current()
    change(changed)

    found = list(grpc.breaks(grpc.current(), changed))

    assert (len(found) == 1 and words in found[0]) if words else found == []
