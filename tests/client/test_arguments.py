"""Arguments under other tools' names, and words that do not exist: answered with what was meant."""

from __future__ import annotations

from typing import Any

import kantor
import numpy as np
import pytest
from kantor.errors import InvalidProblem

X = np.eye(3)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: kantor.Program(c=[1], A_ub=[[1]], b=[1]), r"'c' \(did you mean objective\?\).*'A_ub'.*'b'.*row_upper"),  # type: ignore[arg-type]
        (lambda: kantor.Program(objective=[1], uper=[1]), r"'uper' \(did you mean upper\?\)"),  # type: ignore[arg-type]
        (lambda: kantor.Program(c=[1], bounds=[(0, 1)]), r"Program\.from_milp"),  # type: ignore[arg-type]
        (lambda: kantor.Program(), "needs an objective"),
        (lambda: kantor.Transport(X, X, metric="l1"), r"'metric' \(did you mean cost\?\)"),  # type: ignore[arg-type]
        (lambda: kantor.Transport(X, X, reg=1.0), r"did you mean regularization"),  # type: ignore[arg-type]
    ],
)
def test_arguments_of_other_tools_are_translated(make: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        make()


@pytest.mark.parametrize(
    ("fields", "pointer", "words"),
    [
        ({"variant": "unblanced"}, "variant", "did you mean 'unbalanced'"),
        ({"variant": "unbalanced"}, "strength", "needs strength="),
        ({"variant": "unbalanced", "strength_a": 1.0}, "strength", "needs strength="),
        ({"variant": "semi-relaxed"}, "strength", "needs strength="),
        ({"variant": "partial"}, "mass", "needs mass="),
        ({"divergence": "l2"}, "divergence", "one of: kl, tv"),
        ({"regularizer": "entropy"}, "regularizer", "did you mean 'entropic'"),
    ],
)
def test_transport_refuses_words_that_are_none_and_what_lacks_a_strength(
    fields: dict[str, Any], pointer: str, words: str
) -> None:
    with pytest.raises(InvalidProblem, match=words) as refused:
        kantor.Transport(X, X, **fields)
    assert refused.value.errors[0].pointer == f"/problem/{pointer}"


def test_integrality_may_be_given_in_words() -> None:
    program = kantor.Program(objective=[3, 5, 1], integrality=["integer", "continuous", 3], upper=9)
    assert program.vectors["integrality"].tolist() == [1, 0, 3]
    assert kantor.Program(objective=[3, 5], integrality="integer").vectors["integrality"].tolist() == [1, 1]
    with pytest.raises(InvalidProblem, match=r"1 \(integer\).*not 'binary'; a binary one is an integer with lower=0"):
        kantor.Program(objective=[3, 5], integrality=["binary", "integer"])
