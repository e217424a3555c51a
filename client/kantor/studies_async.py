"""Studies for asyncio: the same names as ``kantor.studies``, awaited."""

from __future__ import annotations

import asyncio
import contextlib
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Never, TypeVar

from api_schemas.studies import EditRequest, TrialRequest
from api_schemas.study_spaces import oddities
from kantor.errors import KantorError, NotFinished, StaleLease
from kantor.studies import StudyBase, StudyDone, ask_request, by_name, import_requests, study_request, tell_request
from kantor.studies_looks import AsyncStudyLooks
from kantor.studies_loop import Caught, count_of, named
from kantor.studies_tables import AsyncStudyTables
from kantor.studies_trial import BEATS_PER_LEASE, TrialBase, ending, numbers
from kantor.wire import study_routes as routes
from kantor.wire.steps import Flow

if TYPE_CHECKING:
    from api_schemas.studies import Study as StudyInfo
    from api_schemas.studies import Trial as TrialInfo
    from api_schemas.studies import TrialHistory
    from kantor.aio import AsyncClient

T = TypeVar("T")


class AsyncTrial(TrialBase):
    """As ``kantor.studies_trial.Trial``; signs of life come from a task."""

    def __init__(self, study: AsyncStudy, info: TrialInfo) -> None:
        super().__init__(study, info)
        self._study = study
        self._task: asyncio.Task[None] | None = None

    async def report(self, step: int, /, **values: float) -> bool:
        request = self._report(step, values)
        self._hear(await self._study._run(routes.report(self._study._policy, self._study.id, self.number, request)))
        return self.should_stop

    async def complete(self, **values: float) -> AsyncTrial:
        return await self._end(
            "stopped" if self.should_stop and not values else "completed", values or None, self.reason
        )

    async def fail(self, reason: str) -> AsyncTrial:
        return await self._end("failed", None, reason)

    async def infeasible(self, reason: str = "") -> AsyncTrial:
        return await self._end("infeasible", None, reason)

    async def release(self) -> None:
        attempt = self.info.attempt
        self.info = await self._study._run(routes.release(self._study._policy, self._study.id, self.number, attempt))

    async def beat(self) -> bool:
        flow = routes.heartbeat(self._study._policy, self._study.id, self.number, self.info.attempt)
        self._hear(await self._study._run(flow))
        return self.should_stop

    async def _end(self, state: str, values: Mapping[str, Any] | None, reason: str) -> AsyncTrial:
        request = self._tell(state, values, reason)
        self.info = await self._study._run(routes.tell(self._study._policy, self._study.id, self.number, request))
        return self

    async def __aenter__(self) -> AsyncTrial:
        self._task = asyncio.create_task(self._beats(), name=f"trial {self.number}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        what, reason = ending(self, error)
        try:
            if what == "release":
                if error is None:
                    warnings.warn(f"trial {self.number} ended without a result and goes back", stacklevel=2)
                await self.release()
            elif what:
                await self._end(what, None, reason)
        except KantorError:
            if error is None:
                raise

    async def _beats(self) -> None:
        while True:
            await asyncio.sleep((self.info.lease_seconds or 60.0) / BEATS_PER_LEASE)
            try:
                await self.beat()
            except StaleLease as error:
                self._lose(error)
                return
            except KantorError:
                continue


class AsyncStudy(AsyncStudyLooks, AsyncStudyTables, StudyBase):
    """As ``kantor.studies.Study``."""

    def __init__(self, client: AsyncClient, info: StudyInfo) -> None:
        super().__init__(info)
        self._client = client

    async def trial(
        self, *, client_id: str = "", fixed: Mapping[str, Any] | None = None, wait: float = 5.0
    ) -> AsyncTrial:
        """``async with await study.trial() as trial: ...``"""
        return (await self.ask(1, client_id=client_id, fixed=fixed, wait=wait))[0]

    async def ask(
        self,
        count: int = 1,
        *,
        client_id: str = "",
        fixed: Mapping[str, Any] | None = None,
        wait: float = 5.0,
        lease_seconds: float | None = None,
    ) -> list[AsyncTrial]:
        request = ask_request(count, client_id, fixed, wait, lease_seconds)
        reply = await self._run(routes.ask(self._policy, self.id, request))
        if not reply.trials:
            raise StudyDone(f"{self.name!r} has no more trials: {reply.reason}")
        return [AsyncTrial(self, info) for info in reply.trials]

    async def tell(
        self,
        trial: TrialBase | int,
        values: Mapping[str, float] | float | None = None,
        /,
        *,
        state: str = "completed",
        reason: str = "",
        **more: float,
    ) -> AsyncTrial:
        number, request = tell_request(self, trial, values, state, reason, more)
        return AsyncTrial(self, await self._run(routes.tell(self._policy, self.id, number, request)))

    async def add(
        self, params: Mapping[str, Any], values: Mapping[str, float] | float | None = None, reason: str = ""
    ) -> AsyncTrial:
        fields = {"params": dict(params), "values": numbers(by_name(self, values)), "reason": reason or None}
        request = routes.make(TrialRequest, fields)
        return AsyncTrial(self, await self._run(routes.add(self._policy, self.id, request)))

    async def add_trials(self, trials: Iterable[Mapping[str, Any]]) -> int:
        new = 0
        for request in import_requests(trials):
            new += (await self._run(routes.add_trials(self._policy, self.id, request))).imported
        return new

    async def edit(
        self, number: int, values: Mapping[str, float] | float, *, reason: str = "", state: str = "completed"
    ) -> AsyncTrial:
        request = routes.make(
            EditRequest, {"values": numbers(by_name(self, values)), "reason": reason or None, "state": state}
        )
        return AsyncTrial(self, await self._run(routes.edit(self._policy, self.id, number, request)))

    async def best(self) -> AsyncTrial:
        return AsyncTrial(self, await self._run(routes.best(self._policy, self.id)))

    async def pareto(self) -> list[AsyncTrial]:
        return [AsyncTrial(self, info) for info in (await self._run(routes.front(self._policy, self.id))).trials]

    async def trials(self, *states: str) -> AsyncIterator[AsyncTrial]:
        async for info in self._client._iterate(routes.trials(self._policy, self.id, states)):
            yield AsyncTrial(self, info)

    async def history(self, number: int) -> TrialHistory:
        return await self._run(routes.history(self._policy, self.id, number))

    async def replay(self, number: int) -> dict[str, Any]:
        return (await self._run(routes.replay(self._policy, self.id, number))).replay or {}

    async def optimize(
        self,
        function: Callable[[AsyncTrial], Awaitable[Any]],
        *,
        trials: int | None = None,
        parallel: int = 1,
        seconds: float | None = None,
        callback: Callable[[AsyncTrial], Any] | None = None,
        catch: Caught = (),
        **unknown: Never,
    ) -> AsyncTrial | None:
        """Await ``function(trial)`` until so many trials are done; ``parallel`` at a time. As
        ``kantor.studies_loop.optimize``; errors come as an ``ExceptionGroup``."""
        left = count = count_of(trials, unknown)
        end = None if seconds is None else time.monotonic() + seconds

        async def work() -> None:
            nonlocal left
            while left > 0 and (end is None or time.monotonic() < end):
                left -= 1
                try:
                    trial = await self.trial()
                except StudyDone:
                    left = 0
                    return
                try:
                    async with trial:
                        values = await function(trial)
                        if not trial.done:
                            await trial.complete(**named(self, values, reported=trial.reported))
                except StaleLease:
                    continue
                except KantorError:
                    raise
                except Exception as error:
                    if not isinstance(error, catch):
                        raise
                if callback is not None and callback(trial) is True:
                    left = 0

        async with asyncio.TaskGroup() as group:
            for _ in range(min(parallel, count)):
                group.create_task(work())
        try:
            return await self.best()
        except NotFinished:
            return None

    async def refresh(self) -> AsyncStudy:
        self.info = await self._run(routes.load(self._policy, self.id))
        return self

    async def pause(self) -> AsyncStudy:
        return await self._change("pause")

    async def resume(self) -> AsyncStudy:
        return await self._change("resume")

    async def archive(self) -> AsyncStudy:
        return await self._change("archive")

    async def delete(self) -> None:
        await self._run(routes.delete(self._policy, self.id))

    @property
    def _policy(self) -> Any:
        return self._client._policy

    async def _run(self, flow: Flow[T]) -> T:
        return await self._client._run(flow)

    async def _change(self, what: str) -> AsyncStudy:
        self.info = await self._run(routes.change(self._policy, self.id, what))
        return self


class AsyncStudies:
    """As ``kantor.studies.Studies``."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def create(
        self,
        name: str,
        space: Mapping[str, Any],
        objectives: Mapping[str, str] | str = "min",
        *,
        constraints: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> AsyncStudy:
        request = study_request(name, space, objectives, constraints, settings)
        info = await self._client._run(routes.create(self._client._policy, request))
        for text in set(info.warnings).difference(oddities(request.space)):
            warnings.warn(text, stacklevel=2)
        return AsyncStudy(self._client, info)

    async def get(self, name: str) -> AsyncStudy:
        return AsyncStudy(self._client, await self._client._run(routes.load(self._client._policy, name)))

    async def list(self, state: str | None = None) -> AsyncIterator[AsyncStudy]:
        async for info in self._client._iterate(routes.pages(self._client._policy, state)):
            yield AsyncStudy(self._client, info)
