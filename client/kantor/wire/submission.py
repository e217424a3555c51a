"""From a problem and its options to the body of a submit: uploads what is large, and checks the rest against the
contract."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from api_schemas.jobs import JobRequest
from kantor import npz
from kantor.arrays import Numbers
from kantor.errors import KantorError
from kantor.families import Problem, problem_of
from kantor.options import check, invalid_request
from kantor.wire.routes import Policy, upload
from kantor.wire.steps import Flow


@dataclass(frozen=True)
class Submission:
    """One unit of work, as the user gave it.

    Attributes:
        fields: of the request beside problem and options: engine, task, name, labels, priority...
        idempotency_key: two submissions with the same key are one job.
    """

    problem: Problem
    options: Mapping[str, Any]
    fields: Mapping[str, Any]
    idempotency_key: str = field(default_factory=lambda: str(uuid.uuid4()))

    @classmethod
    def of(
        cls, problem: Any, options: Mapping[str, Any], fields: Mapping[str, Any], idempotency_key: str | None = None
    ) -> Submission:
        """Raises:
        InvalidOption: an option is unknown or out of range.
        InvalidRequest: one of the fields is.
        """
        given = {name: value for name, value in fields.items() if value is not None}
        if isinstance(given.get("engine"), str):
            given["engine"] = given["engine"].lower()  # ids are: "HiGHS" means "highs"
        if idempotency_key is not None and not 0 < len(idempotency_key) <= 255:
            raise KantorError("an idempotency key has 1 to 255 characters")
        checked = problem_of(problem)
        submission = cls(checked, check(checked.kind, options), given, idempotency_key or str(uuid.uuid4()))
        submission._check_fields()
        return submission

    def _check_fields(self) -> None:
        try:
            JobRequest.model_validate({**self.fields, "problem": {"kind": "program", "objective": []}})
        except ValidationError as error:
            raise invalid_request(error) from None

    def body(self, policy: Policy) -> Flow[bytes]:
        """The JSON of the request. Large files and arrays are uploaded on the way."""
        given = self.options.get("start")
        start = None if given is None else self.problem.start(given)
        large = self.problem.large_arrays()
        if start is not None and sum(numbers.nbytes for numbers in start.arrays.values()) > 1 << 20:
            large |= start.arrays
        arrays = (yield from _upload_arrays(policy, large)) if large else None

        def form(name: str, numbers: Numbers) -> Any:
            return {"artifact": arrays, "member": name} if name in large else numbers.inline()

        file = None
        source = self.problem.source
        if source is not None:
            body = source.body
            artifact = (yield from upload(policy, body, source.filename)) if body is not None else None
            file = source.document(None if artifact is None else artifact.id)
        options = {name: value for name, value in self.options.items() if name != "start"}
        if start is not None:
            options["start"] = start.document(form)
        try:
            request = JobRequest.model_validate(
                {**self.fields, "problem": self.problem.document(form, file), "options": options}
            )
        except ValidationError as error:
            raise invalid_request(error) from None
        return request.model_dump_json(exclude_unset=True).encode()


def _upload_arrays(policy: Policy, arrays: Mapping[str, Numbers]) -> Flow[str]:
    with tempfile.TemporaryDirectory(prefix="kantor-") as folder:
        path = Path(folder) / "problem.npz"
        npz.write(path, arrays)
        artifact = yield from upload(policy, path, path.name)
    return artifact.id
