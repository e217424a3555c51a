"""What is refused, in which words, and at which character."""

from __future__ import annotations

import pytest

from api_schemas.expression import ExpressionError, Limits, Scope
from tests.expression.names import scope

HOSTILE = [
    "__import__('os').system('id')",
    "().__class__.__bases__",
    "x.__class__",
    "A.data_ptr()",
    "9**9**9",
    "x**1e9",
    "(lambda: 1)()",
    "[i for i in x]",
    "f'{x}'",
    "'a'*10**9",
    "sum(x for x in A)",
    "exp.__globals__",
    "open('a')",
    "x[10**12]",
    "(" * 300 + "x" + ")" * 300,
    "+".join(["x"] * 3000),
    "x if x else y",
    "x @ z",
    "A.T.T.mT",
    "sum(A[:,None]*A)",
    "1e400",
    "float('nan')",
    "sum(A, axis=__import__('os'))",
    "x[y]",
    "A[::0]",
    "x.T",
    "(w:=x)",
    "sum(*A)",
    "A@A.T@A@A.T",
    "",
    "   ",
    "\x00",
    "x\u2212y",
    "\ud800",
    "-" * 10_000 + "x",
    "2**" * 1000 + "2",
    "x" + "[0]" * 500,
    "sum(" * 100,
    ")" * 1000,
    "9" * 20_000,
    "1" * 400,
    "x" * 20_001,
    "x[-9999999999999999999]",
    "x[99999999999:]",
    "reshape(x, 99999999999)",
    "reshape(x, -1, -1)",
    "reshape(x, 0)",
    "reshape(x, 2, 2, 1, 1, 1)",
    "eval(x)",
    "exec",
    "x; y",
    "x = y",
    "x == y == z",
    "x < y",
    "1/0",
    "log(0)",
    "log(-1)",
    "sqrt(-1)",
    "exp(1000)",
    "0**-1",
    "(-1)**0.5",
    "where(x == y, x, y)",
    "sum(x, axis=4)",
    "sum(x, axis=-2)",
    "sum(x, axis=0, axis=0)",
    "sum(x, keepdims=1)",
    "sum()",
    "exp(x, y)",
    "exp(x, axis=0)",
    "take(x, y)",
    "take(s, k)",
    "cross_entropy(W, y)",
    "cross_entropy(x, labels)",
    "stack(x, z)",
    "concatenate(x, W)",
    "concatenate(s, t)",
    "outer(W, x)",
    "trace(W)",
    "huber(x, -1)",
    "huber(x, y)",
    "1.2.3",
    "1__0",
    "0x10",
    "1j",
    "x..T",
    "x.",
    "x[",
    "x[]",
    "x[1,]",
    "x[0, 0]",
    "x[3:3]",
    "x[::-1]",
    "x y",
    "2x",
    "x # comment",
    "True",
    "None",
    "x and y",
    "x,y",
    "(x, y)",
    "lambda x: x",
    "x @ 2",
    "@x",
    "x **",
    "* x",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_or_wrong_objective_is_refused_with_the_language_s_own_error(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        scope().objective(text)
    error = caught.value
    assert error.message
    assert 0 <= error.start <= error.end <= len(error.source)
    assert len(error.pointed()) < 800


def _refused(text: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        scope().objective(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "part", "words", "hint"),
    [
        ("mean((A @ xx - z)**2)", "xx", "unknown name 'xx'", "did you mean 'x'?"),
        ("mean((A @ x - y)**2)", "A @ x - y", "shapes (3,) and (4,) do not fit", ""),
        ("sum(A @ z)", "A @ z", "inner lengths 4 and 3 differ", "transpose the left side with .T"),
        ("summ(x)", "summ", "there is no function summ", "did you mean sum?"),
        ("max(x)", "max", "there is no function max", "write amax (of one array) or maximum (of two)"),
        ("2(x)", "(", "an operator is missing before this", "a product is written with *"),
        ("s^2", "^", "'^' is not part of the language", "a power is written **"),
        ("s × t", "×", "'×' is not part of the language", "a product is written *, of matrices @"),
        ("sum(x", "", "')' is missing for the '(' at character 4", ""),
        ("x", "x", "an objective is one number, but this has shape (4,)", "sum(...) or mean(...)"),
        ("sum(x)**100", "100", "the exponent 100 is too large", "at most 64"),
        ("sum(x) <= 1", "<=", "a comparison, where a value is needed", "constraints have their own list"),
        ("s(t)", "s", "s is not a function", "a product is written with *"),
        ("exp", "exp", "the function exp needs arguments", "write exp(...)"),
        ("take(x, c)", "take(x, c)", "must be data of whole numbers", "declare the data as int64"),
        ("s + log(0 - 1)", "log(0 - 1)", "this constant has no finite value", ""),
        ("sum(W + x)", "W + x", "shapes (4, 3) and (4,) do not fit", "reshape(v, 4, 1)"),
    ],
)
def test_an_error_names_the_characters_at_fault_and_what_would_be_right(
    text: str, part: str, words: str, hint: str
) -> None:
    error = _refused(text)
    assert text[error.start : error.end] == part
    assert words in error.message
    assert hint in error.hint


def test_an_error_shows_the_line_with_carets_below_the_fault() -> None:
    assert _refused("mean(\n  (A @ xx - z)**2\n)").pointed().splitlines()[:3] == [
        "unknown name 'xx'",
        "    (A @ xx - z)**2",
        "         ^^",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sum(x)", "a constraint compares two expressions"),
        ("x < 1", "constraints are not strict"),
        ("0 <= x <= 1", "a constraint has one comparison"),
        ("x = 1", "'=' has no meaning here"),
        ("x <= z", "shapes (4,) and (3,) do not fit"),
    ],
)
def test_a_wrong_constraint_is_refused(text: str, words: str) -> None:
    with pytest.raises(ExpressionError, match=words.replace("(", r"\(").replace(")", r"\)")):
        scope().constraint(text)


@pytest.mark.parametrize("name", ["sum", "x", "1x", "a-b", "", "x" * 65, "_x", "axis", "__class__", "é"])
def test_a_name_that_is_taken_or_no_name_is_refused(name: str) -> None:
    made = scope()
    with pytest.raises(ExpressionError):
        made.let(name, "1")


def test_a_binding_may_use_earlier_ones_but_not_itself() -> None:
    made = scope()
    made.let("r", "A @ x - z")
    made.let("loss", "mean(r**2)")
    assert made.objective("loss + s").shape == ()
    with pytest.raises(ExpressionError, match="unknown name 'later'"):
        made.let("later", "later + 1")


def test_memory_is_refused_by_shapes_alone() -> None:
    made = Scope()
    made.data("P", (100_000, 10))
    with pytest.raises(ExpressionError, match="10000000000 elements"):
        made.objective("sum(P @ P.T)")


def test_many_arrays_that_each_fit_are_refused_together() -> None:
    made = Scope(Limits(total_elements=10_000))
    made.data("P", (50, 50))
    made.objective("sum(P + 1)")
    made.objective("sum(P + 2)")
    made.objective("sum(P + 3)")
    with pytest.raises(ExpressionError, match="more than 10000 elements together"):
        made.objective("sum(P + 4)")


def test_a_doubling_chain_of_bindings_costs_one_operation_each() -> None:
    made = scope()
    made.let("a0", "s")
    for k in range(1, 500):
        made.let(f"a{k}", f"a{k - 1} * a{k - 1}")
    assert len(made.operations) == 500


def test_long_chains_are_accepted_where_deep_nesting_is_not() -> None:
    made = scope()
    assert made.objective("+".join(["s"] * 900)).shape == ()
    assert made.objective("(" * 59 + "s" + ")" * 59).shape == ()
    with pytest.raises(ExpressionError, match="nested more than 60 deep"):
        made.objective("(" * 61 + "s" + ")" * 61)
