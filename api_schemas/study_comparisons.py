"""Studies by preference: what someone said of trials that he compared."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from pydantic import Field, model_validator

from api_schemas.base import Line, Model, Reply, Time

Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class ComparisonRequest(Model):
    """Someone looked at several trials and named the best of them in order.

    A pairwise preference is ``{"best": [4], "others": [2]}``. Trials that are under way have ended with it.
    """

    best: Annotated[list[Number], Field(min_length=1, max_length=1000)]
    """Numbers of trials, best first."""
    others: Annotated[list[Number], Field(max_length=1000)] = []
    """Numbers of trials that are worse than all of ``best``, in no order."""
    key: Annotated[Line, Field(max_length=100)] = ""
    """The same key again is the same comparison, not another vote."""

    @model_validator(mode="after")
    def _different(self) -> ComparisonRequest:
        every = [*self.best, *self.others]
        if len(set(every)) < len(every):
            twice = next(number for number, count in Counter(every).items() if count > 1)
            raise ValueError(f"trial {twice} is named twice")
        if len(every) < 2:
            raise ValueError("a comparison is of two trials or more: name the ones that are worse in 'others'")
        return self


class Comparison(Reply):
    """A comparison as it was told."""

    number: int
    """Unique within the study, ascending: the watermark that it gave the study."""
    best: list[int]
    others: list[int] = []
    key: str = ""
    by: str = ""
    at: Time
    retracted: int | None = None
    """The watermark from which on it no longer counts."""


class ComparisonPage(Reply):
    """A page of comparisons by number."""

    comparisons: list[Comparison]
    next_after: int | None = None
    """Pass as ``after`` for the next page; None on the last one."""


__all__ = ["Comparison", "ComparisonPage", "ComparisonRequest"]
