"""Loads what torch itself loads on first use of its batching rules: hundreds of modules, seconds of work.

Imported by every engine, hence in the process from which runners are forked: no job pays for it.
"""

from __future__ import annotations

import torch


def _warm() -> None:
    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    torch.autograd.grad(x * x, x, torch.eye(2, dtype=torch.float64), is_grads_batched=True)
    torch.func.vmap(torch.func.jacrev(lambda z: z * z))(torch.ones(2, 2, dtype=torch.float64))


_warm()
