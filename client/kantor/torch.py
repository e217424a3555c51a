"""Schedules in PyTorch. Imports torch, which the client itself does not need."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch.optim.lr_scheduler import LRScheduler

from kantor.errors import KantorError
from kantor.schedules import Run, Schedule

if TYPE_CHECKING:
    from kantor.client import Client


class ScheduledLR(LRScheduler):
    """A learning-rate scheduler that follows a schedule: the base rate of each group times the curve.

    ``step()`` is called after each ``optimizer.step()``, as with every scheduler of torch. The curve is evaluated here,
    so training never waits; gradient norms are observed every few steps and sent by a thread. ``state_dict`` holds the
    curve: a checkpoint goes on without a server, and with one where the run was.

    Args:
        schedule: whose current version the run follows; None to resume by ``load_state_dict`` without a server.
        client_id: of this training: a restart with the same id goes on with the same run.
        observe_every: steps between two observations of the gradient's l2 and l1 norms; 0: never.
        last_epoch: the steps that were made before.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule | None,
        *,
        client_id: str = "",
        observe_every: int = 10,
        last_epoch: int = -1,
    ) -> None:
        self._client: Client | None = None if schedule is None else schedule._client
        self.run: Run | None = None if schedule is None else schedule.run(client_id)
        self.observe_every = observe_every
        self.stepped = max(0, last_epoch + 1)
        super().__init__(optimizer, last_epoch)
        self._hook = optimizer.register_step_pre_hook(self._before_step)

    def get_lr(self) -> list[float | torch.Tensor]:
        """The rate of each group."""
        factor = 1.0 if self.run is None else self.run.value(self.last_epoch)
        return [rate * factor for rate in self.base_lrs]

    def finish(self, *, reason: str = "", **final: float) -> None:
        """The end of the training: what was observed is sent, and the run is over; ``reason`` as in ``Run.finish``."""
        if self.run is not None and self.run.schedule is not None:
            try:
                self.run.finish("finished", reason=reason, **final)
            except KantorError as error:
                warnings.warn(f"the end of the run could not be told: {error}", stacklevel=2)

    def state_dict(self) -> dict[str, Any]:
        """Plain data: torch's own, and the run with its curve."""
        left_out = ("optimizer", "run", "_client", "_hook")
        state = {name: value for name, value in self.__dict__.items() if name not in left_out}
        state.pop("_get_lr_called_within_step", None)
        state["run"] = None if self.run is None else self.run.state_dict()
        return {name: value for name, value in state.items() if not callable(value)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a checkpoint; with the client of the schedule this was made with, if the server is there."""
        state = dict(state_dict)
        saved = state.pop("run", None)
        self.__dict__.update(state)
        if saved is not None:
            self.run = Run.from_state(saved, self._client)

    def _before_step(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        step = self.stepped
        self.stepped += 1
        if self.run is None or not self.observe_every or step % self.observe_every:
            return
        norms = gradient_norms(optimizer)
        if norms is not None:
            rate = optimizer.param_groups[0]["lr"]
            self.run.observe(step, norm=norms[0], norm1=norms[1], value=float(rate))


def gradient_norms(optimizer: torch.optim.Optimizer) -> tuple[float, float] | None:
    """The l2 and l1 norms of all gradients together; None if there are none."""
    with torch.no_grad():
        grads = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if not grads:
            return None
        two = torch.stack(torch._foreach_norm(grads, 2)).norm(2)
        one = torch.stack(torch._foreach_norm(grads, 1)).sum()
        return float(two), float(one)


__all__ = ["ScheduledLR", "gradient_norms"]
