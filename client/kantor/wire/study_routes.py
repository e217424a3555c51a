"""One function for each route of studies. Every one may be sent again: asks carry a client id, tells are idempotent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from api_schemas import ids
from api_schemas.studies import (
    Analysis,
    AskReply,
    AskRequest,
    EditRequest,
    Front,
    Lease,
    LeaseRequest,
    PredictRequest,
    ReportRequest,
    Study,
    StudyPage,
    StudyRequest,
    TellRequest,
    Trial,
    TrialHistory,
    TrialPage,
    TrialRequest,
)
from api_schemas.study_imports import ImportReply, ImportRequest
from kantor.errors import NotFound
from kantor.wire.retry import send
from kantor.wire.routes import JSON, Policy, read
from kantor.wire.steps import Call, Emit, Flow, Reply, Send, Sleep

M = TypeVar("M", bound=BaseModel)


def make(model: type[M], fields: Mapping[str, Any]) -> M:
    """A request, checked before it is sent.

    Raises:
        InvalidRequest: with a pointer to each wrong field.
    """
    from kantor.options import invalid_request

    given = {name: value for name, value in fields.items() if value is not None}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise invalid_request(error, given) from None


def path(study_id: str, *rest: str | int) -> str:
    """The address of a study.

    Raises:
        NotFound: it is no identifier of a study.
    """
    try:
        ids.decode(ids.STUDY, study_id)
    except ValueError:
        raise NotFound(f"there is no study {study_id!r:.80}: an id is {ids.STUDY}_ and 26 letters") from None
    return "/".join(("/v1/studies", study_id, *map(str, rest)))


def get(policy: Policy, address: str, *params: tuple[str, str], hold: float = 0.0) -> Flow[Reply]:
    return (yield from send(Send(Call("GET", address, params, hold=hold)), max_retries=policy.max_retries))


def post(
    policy: Policy,
    address: str,
    body: BaseModel | None = None,
    *,
    hold: float = 0.0,
    method: str = "POST",
    again: bool = True,
    patient: bool = False,
) -> Flow[Reply]:
    """``patient``: bear an outage of the server, for results that took long to get."""
    content = None if body is None else body.model_dump_json(exclude_unset=True).encode()
    call = Call(method, address, headers=JSON if body is not None else {}, body=content, hold=hold, repeatable=again)
    patience = policy.patience if patient else 0.0
    return (yield from send(Send(call), max_retries=policy.max_retries, patience=patience))


def create(policy: Policy, request: StudyRequest) -> Flow[Study]:
    return read(Study, (yield from post(policy, "/v1/studies", request)))


def load(policy: Policy, name: str) -> Flow[Study]:
    """By id or name.

    Raises:
        NotFound: there is none.
    """
    if name.startswith(f"{ids.STUDY}_") and len(name) == 30:
        return read(Study, (yield from get(policy, path(name))))
    page = read(StudyPage, (yield from get(policy, "/v1/studies", ("name", name))))
    if not page.studies:
        raise NotFound(f"there is no study {name!r}")
    return page.studies[0]


def pages(policy: Policy, state: str | None) -> Flow[None]:
    """Emits studies, newest first."""
    token = ""
    while True:
        params = [("state", state)] if state else []
        params += [("page_token", token)] if token else []
        page = read(StudyPage, (yield from get(policy, "/v1/studies", *params)))
        for item in page.studies:
            yield Emit(item)
        token = page.next_page_token
        if not token:
            return


def change(policy: Policy, study_id: str, what: str) -> Flow[Study]:
    return read(Study, (yield from post(policy, path(study_id, what))))


def delete(policy: Policy, study_id: str) -> Flow[None]:
    yield from send(Send(Call("DELETE", path(study_id))), max_retries=policy.max_retries)


def ask(policy: Policy, study_id: str, request: AskRequest) -> Flow[AskReply]:
    return read(AskReply, (yield from post(policy, path(study_id, "ask"), request, hold=request.wait, patient=True)))


def trials(policy: Policy, study_id: str, states: Sequence[str]) -> Flow[None]:
    """Emits trials by number."""
    after = 0
    while True:
        params = [("state", state) for state in states] + [("after", str(after)), ("limit", "1000")]
        page = read(TrialPage, (yield from get(policy, path(study_id, "trials"), *params)))
        for item in page.trials:
            yield Emit(item)
        if page.next_after is None:
            return
        after = page.next_after


def trial(policy: Policy, study_id: str, number: int) -> Flow[Trial]:
    return read(Trial, (yield from get(policy, path(study_id, "trials", number))))


def add(policy: Policy, study_id: str, request: TrialRequest) -> Flow[Trial]:
    return read(Trial, (yield from post(policy, path(study_id, "trials"), request, again=False)))


def tell(policy: Policy, study_id: str, number: int, request: TellRequest) -> Flow[Trial]:
    return read(Trial, (yield from post(policy, path(study_id, "trials", number, "tell"), request, patient=True)))


def edit(policy: Policy, study_id: str, number: int, request: EditRequest) -> Flow[Trial]:
    return read(Trial, (yield from post(policy, path(study_id, "trials", number), request, method="PATCH")))


def history(policy: Policy, study_id: str, number: int) -> Flow[TrialHistory]:
    return read(TrialHistory, (yield from get(policy, path(study_id, "trials", number, "history"))))


def report(policy: Policy, study_id: str, number: int, request: ReportRequest) -> Flow[Lease]:
    return read(Lease, (yield from post(policy, path(study_id, "trials", number, "reports"), request, patient=True)))


def heartbeat(policy: Policy, study_id: str, number: int, attempt: int) -> Flow[Lease]:
    address = path(study_id, "trials", number, "heartbeat")
    return read(Lease, (yield from post(policy, address, LeaseRequest(attempt=attempt))))


def release(policy: Policy, study_id: str, number: int, attempt: int) -> Flow[Trial]:
    address = path(study_id, "trials", number, "release")
    return read(Trial, (yield from post(policy, address, LeaseRequest(attempt=attempt))))


def best(policy: Policy, study_id: str) -> Flow[Trial]:
    return read(Trial, (yield from get(policy, path(study_id, "best"))))


def front(policy: Policy, study_id: str) -> Flow[Front]:
    return read(Front, (yield from get(policy, path(study_id, "pareto"))))


def importance(policy: Policy, study_id: str) -> Flow[Analysis]:
    return (yield from _analysis(policy, "GET", path(study_id, "importance"), None))


def predict(policy: Policy, study_id: str, request: PredictRequest) -> Flow[Analysis]:
    return (yield from _analysis(policy, "POST", path(study_id, "predict"), request))


def replay(policy: Policy, study_id: str, number: int) -> Flow[Analysis]:
    return (yield from _analysis(policy, "POST", path(study_id, "trials", number, "replay"), None))


def _analysis(policy: Policy, method: str, address: str, request: BaseModel | None) -> Flow[Analysis]:
    """Asks until a worker has it."""
    pause = 0.1
    while True:
        if method == "GET":
            reply = yield from get(policy, address, ("wait", "20"), hold=20.0)
        else:
            reply = yield from post(policy, f"{address}?wait=20", request, hold=20.0)
        if reply.status == 200:
            return read(Analysis, reply)
        json.loads(reply.content)  # 202: a job is at it
        yield Sleep(pause)
        pause = min(2.0, pause * 2)


def add_trials(policy: Policy, study_id: str, request: ImportRequest) -> Flow[ImportReply]:
    return read(ImportReply, (yield from post(policy, path(study_id, "import"), request)))
