"""What a runner does: take a job, solve it, check the answer, hand it over; again, until the worker is gone."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from solvers.core.errors import OutOfMemory, SolverError
from workers import families
from workers.families import Choice, Family, Refusal, Rescue, Work
from workers.runner import limits
from workers.runner.context import RunnerContext
from workers.runner.describe import spec_of
from workers.runner.frames import Channel, Frame, ProtocolError
from workers.runner.mailbox import Mailbox


class WorkerGone(Exception):
    """The worker closed the channel: there is nobody to answer."""


def serve(channel: Channel, inbox: Mailbox, outbox: Mailbox, folder: Path) -> None:
    """Do jobs until the worker goes."""
    while (frame := channel.receive()) is not None:
        if frame.type != "job":
            raise ProtocolError(f"a job was expected, not {frame.type}")
        inbox.renew()
        outbox.renew()
        try:
            _Job(channel, inbox, outbox, folder, frame).run()
        except (WorkerGone, BrokenPipeError, ConnectionResetError):
            return
        finally:
            del frame


class _Job:
    """One job in this process. Answers with exactly one frame: ``answer``, ``failed``, ``redirect`` or ``race``."""

    def __init__(self, channel: Channel, inbox: Mailbox, outbox: Mailbox, folder: Path, frame: Frame) -> None:
        self.folder = folder
        self._channel = channel
        self._inbox = inbox
        self._outbox = outbox
        self._order: Mapping[str, Any] = frame.fields
        self._document = frame.body
        self._phase = "decode"
        self._size, _ = limits.usage(os.getpid())
        self._clock = time.perf_counter()
        self._milliseconds: dict[str, float] = {}

    def run(self) -> None:
        self._cap(None, 1)
        try:
            self._do()
        except (WorkerGone, BrokenPipeError, ConnectionResetError):
            raise
        except (MemoryError, OutOfMemory) as error:
            limits.cap_memory(None)  # or there is none left to say so
            words = str(error) if isinstance(error, OutOfMemory) and str(error) else "an allocation failed"
            self._fail("out-of-memory", f"The memory limit was reached: {words}.")
        except Refusal as error:
            self._fail(error.code, error.detail, error.errors)
        except SolverError as error:
            code = "engine-failure" if error.code == "solver-error" else error.code
            fault = {"pointer": error.pointer, "detail": str(error), "hint": error.hint}
            self._fail(code, str(error), [fault] if error.pointer or error.hint else [])
        except Exception as error:
            words = f"{type(error).__name__}: {error}"
            if self._phase == "solve":
                self._fail("engine-failure", f"The engine broke: {words}", trace=traceback.format_exc())
            else:
                self._fail("internal", f"Kantor made a mistake ({self._phase}): {words}", trace=traceback.format_exc())
        finally:
            limits.cap_memory(None)

    def fetch(self, artifact: str, pointer: str) -> Path:
        """See ``workers.families.Files``."""
        reply = self._ask("artifact", id=artifact)
        if "path" not in reply.fields:
            raise Refusal(reply.fields["code"], reply.fields["detail"], pointer=pointer)
        return Path(reply.fields["path"])

    def store(self, path: Path, filename: str) -> str:
        """See ``workers.families.Files``."""
        reply = self._ask("store", path=str(path), filename=filename)
        if "artifact" not in reply.fields:
            raise Refusal(reply.fields["code"], reply.fields["detail"], room=reply.fields.get("room", 0))
        return str(reply.fields["artifact"])

    def _do(self) -> None:
        order = self._order
        family = families.load(order["kind"])
        document = orjson.loads(self._document)
        self._document = b""
        options = document.get("options") or {}
        self._cut(options)
        if options.get("device") == "cuda":
            limits.cap_memory(None)  # a driver reserves address space for the memory of all devices and of the machine
        else:
            self._cap(options.get("memory_limit"), options.get("threads") or 1)
        work = family.decode(document, self)
        del document
        self._lap("decode")
        if order["task"] == "inspect":
            self._phase = "inspect"
            self._channel.send(
                "answer", family.inspect(work), summary=None, limit=None, milliseconds=self._milliseconds
            )
            return
        if order["task"] == "rescue":
            self._rescue(family, work)
            return
        engine = order["engine"]
        why = order.get("why", "")
        if engine in ("auto", "race"):
            choice = family.choose(work, engine, [spec_of(entry) for entry in order["offered"]])
            why = choice.why
            if not self._mine(choice):
                self._lap("choose")
                self._channel.send(
                    "race" if engine == "race" else "redirect", engines=choice.engines, why=why, sense=work.sense
                )
                return
            engine = choice.engines[0]
        self._solve(family, work, engine, why)

    def _cut(self, options: dict[str, Any]) -> None:
        """More than this worker gives is not given: a limit is what users grant, not what they need."""
        for name, most, unit in (("memory_limit", "memory_most", " MB"), ("threads", "threads_most", "")):
            if (wanted := options.get(name) or 0) > self._order[most]:
                options[name] = self._order[most]
                words = f"[{name}: {options[name]}{unit}, not {wanted}: this worker gives no job more]\n"
                self._channel.send("progress", log=words)

    def _mine(self, choice: Choice) -> bool:
        return self._order["engine"] == "auto" and choice.engines[0] in self._order["here"]

    def _solve(self, family: Family, work: Work, engine: str, why: str) -> None:
        order = self._order
        seconds = work.time_limit if work.time_limit is not None else float(order["time_limit"])
        if order.get("seconds_left") is not None:
            seconds = max(0.0, min(seconds, float(order["seconds_left"])))
        limits.set_threads(work.threads)
        self._lap("choose")
        self._channel.send(
            "solving",
            engine=engine,
            why=why,
            time_limit=seconds,
            memory_limit=work.memory_limit,
            threads=work.threads,
            sense=work.sense,
        )
        self._phase = "solve"
        context = RunnerContext(
            self._channel,
            self._inbox,
            self._outbox,
            deadline=time.monotonic() + seconds,
            offers=bool(order.get("racing")),
        )
        try:
            answer = family.solve(work, engine, why, context)
        finally:
            context.close()
            self._lap("solve")
        self._check(family, work, answer)

    def _rescue(self, family: Family, work: Work) -> None:
        order = self._order
        point = self._inbox.take()
        rescue = Rescue(order["engine"], order["limit"], order["message"], point, order.get("bound"), order["why"])
        self._check(family, work, family.rescue(work, rescue), order["statistics"])

    def _check(self, family: Family, work: Work, answer: Any, statistics: Mapping[str, Any] | None = None) -> None:
        self._phase = "certify"
        self._channel.send("checking")
        solved = family.certify(work, answer)
        self._lap("certify")
        bound = None
        if self._order.get("racing"):
            reply = self._ask("solved", **family.claims(solved))
            bound, statistics = reply.fields["bound"], reply.fields["statistics"]
        if statistics:
            solved = family.adopt(work, solved, bound=bound, statistics=statistics)
        self._phase = "encode"
        encoded = family.encode(work, solved, self, inline_limit=self._order["inline_limit"])
        self._lap("encode")
        refusal = encoded.refusal
        self._channel.send(
            "answer",
            encoded.document,
            summary=encoded.summary,
            limit=encoded.limit,
            milliseconds=self._milliseconds,
            **({} if refusal is None else {"refusal": [refusal.code, refusal.detail]}),
        )

    def _ask(self, type_: str, **fields: Any) -> Frame:
        self._channel.send(type_, **fields)
        reply = self._channel.receive()
        if reply is None:
            raise WorkerGone
        return reply

    def _fail(
        self, code: str, detail: str, errors: list[dict[str, str]] | None = None, trace: str | None = None
    ) -> None:
        self._channel.send("failed", code=code, detail=detail, errors=errors or [], trace=trace, phase=self._phase)

    def _cap(self, megabytes: int | None, threads: int) -> None:
        """Address space is reserved more freely than memory is used (stacks, arenas): the worker watches the use."""
        limit = int(megabytes if megabytes is not None else self._order["memory_limit"])
        limits.cap_memory(self._size + ((limit + 128 + 80 * threads) << 20))

    def _lap(self, name: str) -> None:
        now = time.perf_counter()
        self._milliseconds[name] = round((now - self._clock) * 1e3, 3)
        self._clock = now
