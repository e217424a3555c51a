"""uvicorn endpoints that do next to nothing: what any HTTP service in Python costs at least."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response

from api_schemas.jobs import JobRequest
from benchmarks.harness.processes import answers, free_port, running

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ANSWER = b'{"ok":true}'


async def raw(scope: Message, receive: Receive, send: Send) -> None:
    """Reads the body, answers a constant: no framework."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        continue
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": ANSWER})


fast = FastAPI(openapi_url=None)


@fast.post("/bare")
async def bare(request: Request) -> Response:
    """FastAPI's routing, nothing else."""
    await request.body()
    return Response(ANSWER, media_type="application/json")


@fast.post("/contract")
async def contract(request: Request) -> Response:
    """FastAPI's routing and the contract's validation of a job request, by pydantic alone."""
    JobRequest.model_validate_json(await request.body())
    return Response(ANSWER, media_type="application/json")


@dataclass(frozen=True)
class Endpoint:
    """A running uvicorn."""

    url: str
    pid: int


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """``raw`` at "/", FastAPI elsewhere: one process for all."""
    if scope.get("path") == "/":
        await raw(scope, receive, send)
    else:
        await fast(scope, receive, send)


@contextmanager
def uvicorn(folder: Path) -> Iterator[Endpoint]:
    """``app`` of this module, on uvloop and httptools, one process."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "benchmarks.peers.web:app", "--port", str(port), "--no-access-log"]
    command += ["--loop", "uvloop", "--http", "httptools", "--lifespan", "off", "--log-level", "warning"]
    with running(command, log=folder / "uvicorn.log", ready=lambda: answers(port)) as process:
        yield Endpoint(f"http://127.0.0.1:{port}", process.pid)
