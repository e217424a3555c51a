"""Large libraries, imported when they are first needed: an engine can say what it is without them.

An engine's module names its library at its top, as it should. Where engines are only asked what they are, a stand-in
takes the library's place in ``sys.modules``; whoever wants anything of it gets the library itself, imported then.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from types import ModuleType
from typing import Any

#: Their import takes seconds.
SLOW = frozenset({"torch", "ot"})


class _Later(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__path__", "__all__", "__version__"):
            raise AttributeError(name)  # ``inspect`` asks every module for its file
        return getattr(_load(self), name)


def postpone() -> None:
    """Let slow libraries be imported when something of them is first used, unless they are imported already."""
    for name in SLOW - sys.modules.keys():
        stand_in = _Later(name)
        stand_in.__spec__ = find_spec(name)
        sys.modules[name] = stand_in


def finish(names: Iterable[str]) -> None:
    """Import now what was postponed, of these libraries, and what they themselves load on first use."""
    for name in names:
        module = sys.modules.get(name)
        if isinstance(module, _Later):
            _load(module)
            if name == "torch":
                _first_use()


def _load(stand_in: _Later) -> ModuleType:
    name = stand_in.__name__
    if sys.modules.get(name) is stand_in:
        del sys.modules[name]
    library = importlib.import_module(name)
    stand_in.__dict__.update(library.__dict__)  # who holds the stand-in finds all of it there from now on
    return library


def _first_use() -> None:
    """Gradients, batching rules and Jacobians: at the first of each torch loads hundreds of modules."""
    import torch

    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    torch.autograd.grad(x * x, x, torch.eye(2, dtype=torch.float64), is_grads_batched=True)
    torch.func.vmap(torch.func.jacrev(lambda z: z * z))(torch.ones(2, 2, dtype=torch.float64))
