"""What a study shows, and comparisons of its trials: parts of ``kantor.studies.Study``, and the same awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from api_schemas.study_analyses import PredictRequest
from kantor.wire import study_look_routes as looks
from kantor.wire import study_routes as routes
from kantor.wire.steps import Flow

if TYPE_CHECKING:
    from api_schemas.study_analyses import Calibration, Contour, Marginal, Progress, StudyStopping, Utility
    from api_schemas.study_comparisons import Comparison
    from kantor.aio import AsyncClient
    from kantor.client import Client
    from kantor.studies_trial import TrialBase

T = TypeVar("T")


def _number(trial: TrialBase | int) -> int:
    return trial if isinstance(trial, int) else trial.number


class StudyLooks:
    """Analyses are computed by a worker and kept until the study's data change. All need five trials with values (or
    that were compared), and raise ``NotFinished`` before."""

    if TYPE_CHECKING:
        id: Any
        _policy: Any
        _client: Client

        def _run(self, flow: Flow[T]) -> T: ...

    def importance(self) -> dict[str, dict[str, float]]:
        """For each objective, each parameter's share of its variance, with all interactions (total effects)."""
        return self._run(routes.importance(self._policy, self.id)).importance or {}

    def main_effects(self) -> dict[str, dict[str, float]]:
        """As ``importance``, without interactions (first-order effects)."""
        return self._run(looks.main_effects(self._policy, self.id))

    def predict(self, points: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Any:
        """What the study's model expects at points: for each, metric to ``{"mean", "std"}``; of one point, its own."""
        request = _points(points)
        found = self._run(routes.predict(self._policy, self.id, request)).predictions or []
        return found[0] if isinstance(points, Mapping) else found

    def marginals(
        self,
        *parameters: str,
        objective: str | None = None,
        grid: int | None = None,
        trial: TrialBase | int | None = None,
    ) -> list[Marginal]:
        """What the model expects of an objective along each parameter, by default all.

        Args:
            objective: by default the first.
            grid: points along a parameter.
            trial: the other parameters are as in this trial; by default averaged over.
        """
        at = None if trial is None else _number(trial)
        return self._run(looks.marginals(self._policy, self.id, parameters, objective, grid, at))

    def contour(
        self,
        x: str,
        y: str,
        *,
        objective: str | None = None,
        grid: int | None = None,
        trial: TrialBase | int | None = None,
    ) -> Contour:
        """What the model expects over two parameters, and how sure it is. Arguments as in ``marginals``."""
        at = None if trial is None else _number(trial)
        return self._run(looks.contour(self._policy, self.id, x, y, objective, grid, at))

    def calibration(self) -> dict[str, Calibration]:
        """By objective: every trial predicted from all others, and how often the intervals held."""
        return self._run(looks.calibration(self._policy, self.id))

    def progress(self) -> Progress:
        """The best value and the hypervolume of the front after each trial."""
        return self._run(looks.progress(self._policy, self.id))

    def stopping(self) -> StudyStopping:
        """Whether more trials are worth while: what the next one is expected to gain, and a bound on the regret."""
        return self._run(looks.stopping(self._policy, self.id))

    def rank(
        self, best: Sequence[TrialBase | int], others: Sequence[TrialBase | int] = (), *, key: str = ""
    ) -> Comparison:
        """Of a study by preference: ``best`` are the best of several trials, best first; ``others`` are worse than
        all of them, in no order. Trials that are under way have ended with it.

        Args:
            key: names this comparison: told again under the same key it is not another vote. By default a new one.
        """
        args = ([_number(t) for t in best], [_number(t) for t in others], key)
        return self._run(looks.compare(self._policy, self.id, *args))

    def prefer(self, better: TrialBase | int, worse: TrialBase | int, *, key: str = "") -> Comparison:
        """One trial is better than another: the shortest ``rank``."""
        return self.rank([better], [worse], key=key)

    def retract(self, comparison: Comparison | int) -> Comparison:
        """Take a comparison back: it is kept, but counts no more."""
        number = comparison if isinstance(comparison, int) else comparison.number
        return self._run(looks.retract(self._policy, self.id, number))

    def comparisons(self) -> Iterator[Comparison]:
        """What was said of this study's trials, by number; also what was retracted."""
        yield from self._client._iterate(looks.comparisons(self._policy, self.id))

    def utilities(self) -> list[Utility]:
        """Of a study by preference: how good each compared trial is by the model, best first."""
        return self._run(looks.utilities(self._policy, self.id))


class AsyncStudyLooks:
    """As ``StudyLooks``, awaited."""

    if TYPE_CHECKING:
        id: Any
        _policy: Any
        _client: AsyncClient

        async def _run(self, flow: Flow[T]) -> T: ...

    async def importance(self) -> dict[str, dict[str, float]]:
        return (await self._run(routes.importance(self._policy, self.id))).importance or {}

    async def main_effects(self) -> dict[str, dict[str, float]]:
        return await self._run(looks.main_effects(self._policy, self.id))

    async def predict(self, points: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Any:
        found = (await self._run(routes.predict(self._policy, self.id, _points(points)))).predictions or []
        return found[0] if isinstance(points, Mapping) else found

    async def marginals(
        self,
        *parameters: str,
        objective: str | None = None,
        grid: int | None = None,
        trial: TrialBase | int | None = None,
    ) -> list[Marginal]:
        at = None if trial is None else _number(trial)
        return await self._run(looks.marginals(self._policy, self.id, parameters, objective, grid, at))

    async def contour(
        self,
        x: str,
        y: str,
        *,
        objective: str | None = None,
        grid: int | None = None,
        trial: TrialBase | int | None = None,
    ) -> Contour:
        at = None if trial is None else _number(trial)
        return await self._run(looks.contour(self._policy, self.id, x, y, objective, grid, at))

    async def calibration(self) -> dict[str, Calibration]:
        return await self._run(looks.calibration(self._policy, self.id))

    async def progress(self) -> Progress:
        return await self._run(looks.progress(self._policy, self.id))

    async def stopping(self) -> StudyStopping:
        return await self._run(looks.stopping(self._policy, self.id))

    async def rank(
        self, best: Sequence[TrialBase | int], others: Sequence[TrialBase | int] = (), *, key: str = ""
    ) -> Comparison:
        args = ([_number(t) for t in best], [_number(t) for t in others], key)
        return await self._run(looks.compare(self._policy, self.id, *args))

    async def prefer(self, better: TrialBase | int, worse: TrialBase | int, *, key: str = "") -> Comparison:
        return await self.rank([better], [worse], key=key)

    async def retract(self, comparison: Comparison | int) -> Comparison:
        number = comparison if isinstance(comparison, int) else comparison.number
        return await self._run(looks.retract(self._policy, self.id, number))

    async def comparisons(self) -> AsyncIterator[Comparison]:
        async for item in self._client._iterate(looks.comparisons(self._policy, self.id)):
            yield item

    async def utilities(self) -> list[Utility]:
        return await self._run(looks.utilities(self._policy, self.id))


def _points(points: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> PredictRequest:
    wanted = [dict(point) for point in ([points] if isinstance(points, Mapping) else points)]
    return routes.make(PredictRequest, {"points": wanted})
