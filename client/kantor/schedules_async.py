"""Schedules for asyncio. Trainings are not asynchronous: a run is made with the blocking client, or observed here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from api_schemas.schedules import FinishRequest, RefineRequest, RunRequest, ScheduleRequest
from kantor.curves import Curve
from kantor.schedules import number
from kantor.wire import schedule_routes as routes
from kantor.wire.study_routes import make

if TYPE_CHECKING:
    from api_schemas.schedules import Observed, Received, ScheduleVersion
    from api_schemas.schedules import Run as RunInfo
    from api_schemas.schedules import Schedule as ScheduleInfo
    from kantor.aio import AsyncClient


class AsyncSchedule:
    """As ``kantor.schedules.Schedule``; runs are plain records with a ``Curve``."""

    def __init__(self, client: AsyncClient, info: ScheduleInfo) -> None:
        self._client = client
        self.info = info

    @property
    def id(self) -> str:
        return self.info.id

    async def run(self, client_id: str = "", *, version: int | None = None, context: float | None = None) -> RunInfo:
        request = make(RunRequest, {"client_id": client_id, "version": version, "context": context})
        return await self._client._run(routes.start(self._client._policy, self.id, request))

    async def observe(self, run: int, observations: Sequence[dict[str, Any]]) -> Received:
        return await self._client._run(routes.observe(self._client._policy, self.id, run, observations))

    async def finish(self, run: int, state: str = "finished", *, reason: str = "", **final: float) -> RunInfo:
        values = {name: number(value) for name, value in final.items()}
        fields = {"state": state, "final": values, "reason": reason or None}
        return await self._client._run(routes.finish(self._client._policy, self.id, run, make(FinishRequest, fields)))

    async def observed(self, of: str = "norm", runs: Sequence[int] | None = None, *, most: int = 300) -> Observed:
        return await self._client._run(routes.observed(self._client._policy, self.id, of, runs, most))

    async def versions(self) -> list[ScheduleVersion]:
        return await self._client._run(routes.versions(self._client._policy, self.id))

    async def curve(self, version: int | None = None) -> Curve:
        wanted = version or self.info.current
        return Curve(next(item.curve for item in await self.versions() if item.version == wanted))

    async def refine(
        self,
        runs: Sequence[int] | None = None,
        *,
        norm: str = "l2",
        tau: float = 0.1,
        power: float | None = None,
        promote: bool = True,
    ) -> ScheduleVersion:
        fields = {"runs": runs, "norm": norm, "tau": tau, "power": power, "promote": promote}
        request = make(RefineRequest, fields)
        made = await self._client._run(routes.refine(self._client._policy, self.id, request))
        self.info = await self._client._run(routes.load(self._client._policy, self.id))
        return made

    async def archive(self) -> AsyncSchedule:
        self.info = await self._client._run(routes.change(self._client._policy, self.id, "archive"))
        return self

    async def delete(self) -> None:
        await self._client._run(routes.delete(self._client._policy, self.id))


class AsyncSchedules:
    """As ``kantor.schedules.Schedules``."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def create(
        self, name: str, kind: str = "learning-rate", *, horizon: int, policy: str = "linear", **settings: Any
    ) -> AsyncSchedule:
        request = make(ScheduleRequest, {"name": name, "kind": kind, "horizon": horizon, "policy": policy, **settings})
        return AsyncSchedule(self._client, await self._client._run(routes.create(self._client._policy, request)))

    async def get(self, name: str) -> AsyncSchedule:
        return AsyncSchedule(self._client, await self._client._run(routes.load(self._client._policy, name)))

    async def list(self) -> AsyncIterator[AsyncSchedule]:
        async for info in self._client._iterate(routes.pages(self._client._policy)):
            yield AsyncSchedule(self._client, info)
