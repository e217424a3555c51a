"""A small training that does not get through its data: a transformer on letters, AdamW, in torch.

The corpus is the reference of the Python language that comes with every CPython (``pydoc_data.topics``, about half a
megabyte of English): one pass over less than the whole, so that the loss on texts not seen is what is trained for.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import nn

from benchmarks.schedules_task import Array, Outcome, Task

WIDTH, HEADS, LETTERS, BATCH = 48, 4, 48, 8
HELD_OUT = 0.1


def task() -> Task:
    return Task(
        "language",
        f"AdamW (batch {BATCH} of {LETTERS} letters), a transformer of one block of width {WIDTH} on the Python "
        "language reference. Loss: on held-out texts, nats a letter.",
        400,
        (3e-3, 1e-2, 3e-2, 6e-2),
        "l1",
        "training loss",
        train,
    )


@cache
def corpus() -> tuple[torch.Tensor, torch.Tensor, int]:
    """Letters as numbers, for training and held out, and how many kinds there are."""
    from pydoc_data.topics import topics

    texts = [topics[name] for name in sorted(topics)]
    kinds = {letter: k for k, letter in enumerate(sorted(set("".join(texts))))}
    order = np.random.default_rng(0).permutation(len(texts))
    held = set(order[: round(HELD_OUT * len(texts))].tolist())
    parts = ["".join(text for k, text in enumerate(texts) if (k in held) == out) for out in (False, True)]
    seen, unseen = (torch.tensor([kinds[letter] for letter in part]) for part in parts)
    return seen, unseen, len(kinds)


class Reader(nn.Module):
    """One block of attention and a feed-forward network, with norms in front."""

    def __init__(self, kinds: int) -> None:
        super().__init__()
        self.letters, self.places = nn.Embedding(kinds, WIDTH), nn.Embedding(LETTERS, WIDTH)
        self.first, self.second, self.last = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attend, self.mix = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.think = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))
        self.say = nn.Linear(WIDTH, kinds)

    def forward(self, text: torch.Tensor) -> torch.Tensor:
        """(n, letters) numbers to (n, letters, kinds) scores of what follows."""
        n, count = text.shape
        x = self.letters(text) + self.places(torch.arange(count))
        parts = self.attend(self.first(x)).view(n, count, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_causal=True)
        x = x + self.mix(seen.transpose(1, 2).reshape(n, count, WIDTH))
        x = x + self.think(self.second(x))
        scores: torch.Tensor = self.say(self.last(x))
        return scores


def train(rate: float, curve: Array, seed: int) -> Outcome:
    """One training: weights and texts by the seed."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    seen, unseen, kinds = corpus()
    model = Reader(kinds)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    draw = torch.Generator().manual_seed(seed)
    norms, late = np.empty(len(curve)), []
    for t, factor in enumerate(curve):
        optimizer.param_groups[0]["lr"] = rate * float(factor)
        loss = _loss(model, _texts(seen, draw, BATCH))
        optimizer.zero_grad()
        loss.backward()
        grads = [p.grad for p in model.parameters() if p.grad is not None]
        norms[t] = float(torch.stack(torch._foreach_norm(grads, 1)).sum())
        optimizer.step()
        if t >= 0.95 * len(curve):
            late.append(loss.item())
    with torch.no_grad():
        held = _loss(model, _texts(unseen, torch.Generator().manual_seed(0), 256)).item()
    return Outcome(held if np.isfinite(held) else np.inf, float(np.mean(late)), norms)


def _texts(letters: torch.Tensor, draw: torch.Generator, count: int) -> torch.Tensor:
    begins = torch.randint(0, len(letters) - LETTERS - 1, (count,), generator=draw)
    return letters[begins[:, None] + torch.arange(LETTERS + 1)]


def _loss(model: Reader, texts: torch.Tensor) -> torch.Tensor:
    scores = model(texts[:, :-1])
    return nn.functional.cross_entropy(scores.flatten(0, 1), texts[:, 1:].flatten())
