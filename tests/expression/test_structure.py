"""What the rules find in expressions whose structure is known."""

from __future__ import annotations

import pytest

from api_schemas.expression import Scope, Structure, structure


def _found(text: str, *variables: str) -> Structure:
    scope = Scope()
    for name in ("w", "v", "lam"):
        scope.variable(name, (5,))
    scope.variable("W", (5, 3))
    scope.variable("p", (5,), least=0.0)
    scope.data("X", (8, 5))
    scope.data("y", (8,))
    scope.data("labels", (8,), "int64")
    scope.data("Q", (5, 5))
    root = scope.objective(text).root
    return structure(scope.operations, scope.inputs, root, set(variables or ("w", "v", "lam", "W", "p")))


@pytest.mark.parametrize(
    ("text", "degree", "curvature", "smooth"),
    [
        ("sum(w) - 3", 1, "affine", True),
        ("mean(y)", 0, "constant", True),
        ("mean((X @ w - y)**2)", 2, "convex", True),
        ("-norm2sq(X @ w)", 2, "concave", True),
        ("w @ Q @ w", 2, "unknown", True),
        ("w @ v", 2, "unknown", True),
        ("w @ w", 2, "convex", True),
        ("sum(0**w)", None, "unknown", False),
        ("sum(w * w * exp(y)[0])", 2, "convex", True),
        ("sum(abs(w)) + norm2(v)", None, "convex", False),
        ("logsumexp(X @ w) - sum(log(p))", None, "convex", True),
        ("mean(cross_entropy(X @ W, labels)) + 0.1*norm2sq(W)", None, "convex", True),
        ("sum(logistic(X @ w, y))", None, "convex", True),
        ("sum(huber(X @ w - y))", None, "convex", True),
        ("exp(norm2sq(w))", None, "convex", True),
        ("sqrt(norm2sq(w))", None, "unknown", True),
        ("sum(1/p)", None, "convex", True),
        ("sum(1/w)", None, "unknown", True),
        ("sum(p**1.5)", None, "convex", True),
        ("sum(p**3)", 3, "convex", True),
        ("sum(w**3)", 3, "unknown", True),
        ("sum(w**4)", 4, "convex", True),
        ("sum(sqrt(p))", None, "concave", True),
        ("amax(w) - amin(v)", None, "convex", False),
        ("sum(maximum(w, v**2))", None, "convex", False),
        ("sum(minimum(w, v**2))", None, "unknown", False),
        ("sum(sin(w))", None, "unknown", True),
        ("(w[0]*v[0] - 1)**2", 4, "unknown", True),
        ("prod(w)", 5, "unknown", True),
        ("sum(2**w)", None, "convex", True),
        ("sum((norm2sq(w) + 1)**2)", 4, "convex", True),
        ("sum((norm2sq(w) - 1)**2)", 4, "unknown", True),
        ("sum(where(y > 0, 1, 2)[:5] * w**2)", 2, "convex", True),
        ("sum(where(w > 0, w, 2*w))", None, "unknown", False),
        ("sum(relu(1 - X @ w))", None, "convex", False),
        ("sum(xlogx(w))", None, "convex", True),
        ("sum(p*log(p)) - p @ log(p)", None, "unknown", True),
        ("sum(log(p)*p) + p @ log(p) + dot(log(p), p)", None, "convex", True),
        ("-sum(w*log(w))", None, "concave", True),
        ("sum(-w*log(w)) - 0.1*sum(0.5*w*log(w))", None, "concave", True),
        ("sum((1 - w)*log(1 - w))", None, "convex", True),
        ("sum(w**2*log(w**2))", None, "unknown", True),
        ("sum(where(p > 0, p*log(p), 0))", None, "convex", True),
        ("sum(where(w > 0, w*log(w), 0))", None, "unknown", False),
        ("sum(p*log(p/exp(y[:5])))", None, "convex", True),
        ("sum(p*log(p/y[:5]))", None, "convex", True),
        ("sum(w*log(w/exp(y[:5])))", None, "convex", True),
        ("sum(w*log(w/y[:5]))", None, "unknown", True),
        ("sum(p*log(v/p))", None, "unknown", True),
        ("p @ (log(p) - y[:5])", None, "convex", True),
        ("sum(p*log(v))", None, "unknown", True),
    ],
)
def test_degree_and_curvature_follow_the_rules(text: str, degree: int | None, curvature: str, smooth: bool) -> None:
    found = _found(text)
    assert (found.degree, found.curvature, found.smooth) == (degree, curvature, smooth)


def test_an_expression_is_judged_in_some_variables_with_the_others_held_fixed() -> None:
    text = "mean((X @ w - y)**2) + sum(exp(lam)*w**2)"
    lower = _found(text, "w")
    assert (lower.degree, lower.curvature, lower.strongly_convex) == (2, "convex", True)
    assert lower.parameters == {"lam"}
    assert lower.variables == {"w"}
    assert lower.data == {"X", "y"}
    assert _found(text, "lam").curvature == "convex"
    assert not _found(text, "lam").strongly_convex
    assert _found(text, "w", "lam").curvature == "unknown"


@pytest.mark.parametrize(
    ("text", "strong"),
    [
        ("norm2sq(w)", True),
        ("sum(abs(w)) + w @ w / 2", True),
        ("sum(lam**2 * w**2)", False),
        ("sum((lam**2 + 0.1) * w * w)", True),
        ("norm2sq(X @ w)", False),
        ("norm2sq(w) - sum(w**4)", False),
        ("norm2sq(w[1:])", False),
        ("norm2sq(w) + norm2sq(v)", True),
    ],
)
def test_strong_convexity_is_claimed_only_where_a_term_gives_it(text: str, strong: bool) -> None:
    assert _found(text, "w").strongly_convex is strong


def test_structure_has_words() -> None:
    assert _found("norm2sq(w)", "w").words == "strongly convex quadratic"
    assert _found("w @ v", "w", "v").words == "quadratic"
    assert _found("sum(w)").words == "affine"
    assert _found("sum(sin(w))").words == "nonlinear"
    assert _found("norm1(w)").words == "convex, not smooth"
    assert _found("prod(w)").words == "polynomial of degree 5"


@pytest.mark.parametrize(
    ("text", "modulus"),
    [
        ("norm2sq(w)", 2.0),
        ("norm2sq(X @ w) + 0.25*sum(w**2)", 0.5),
        ("mean(w**2) + w @ w / 10", 0.6),
        ("3*w @ w + 2*sum(w*w)", 10.0),
        ("sum((lam**2 + 0.1)*w*w)", 0.0),
        ("norm2sq(X @ w)", 0.0),
    ],
)
def test_the_modulus_of_strong_convexity_is_what_the_numbers_give(text: str, modulus: float) -> None:
    assert _found(text, "w").modulus == pytest.approx(modulus)
