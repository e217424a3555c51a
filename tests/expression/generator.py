"""Random expressions of a given shape, and random token soup."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

#: Leaves by shape.
_LEAVES: dict[tuple[int, ...], list[str]] = {
    (): ["s", "t", "x[1]", "W[0, 2]", "sum(z)", "0.5", "2", "3"],
    (3,): ["z", "(A @ x)", "sum(W, axis=0)", "take(y, k)", "x[1:]", "W[2]"],
    (4,): ["x", "y", "c", "(W @ z)", "mean(Q, axis=1)", "(x @ Q)", "W[:, 0]"],
    (4, 3): ["W", "B", "A.T", "(Q @ W)"],
}
_UNARY = [
    "exp", "sin", "cos", "tanh", "sigmoid", "softplus", "relu", "abs", "square", "arctan", "erf", "huber",
]  # fmt: skip
_SAFE = {
    "log": "log({}**2 + 1)", "sqrt": "sqrt({}**2 + 0.5)", "log1p": "log1p({}**2)", "pow": "({}**2 + 1)**-0.5",
    "xlogx": "xlogx({}**2 + 0.01)", "product": "(1 + {0}**2)*log(1 + {0}**2)",
}  # fmt: skip
_REDUCTIONS = ["sum", "mean", "amax", "amin", "logsumexp", "norm1", "norm2", "norm2sq"]


@st.composite
def expressions(draw: Any, shape: tuple[int, ...] = (), depth: int = 4) -> str:
    """Text of that shape; without parentheses wherever the draw leaves them out, so that precedence decides."""
    if depth == 0:
        return str(draw(st.sampled_from(_LEAVES[shape])))

    def part(other: tuple[int, ...] = shape, less: int = 1) -> str:
        return str(draw(expressions(other, depth - less)))

    forms = ["leaf", "arithmetic", "arithmetic", "unary", "safe", "negate", "power", "two", "where"]
    if shape == ():
        forms += ["reduce", "reduce", "dot"]
    form = draw(st.sampled_from(forms))
    if form == "leaf":
        return str(draw(st.sampled_from(_LEAVES[shape])))
    if form == "arithmetic":
        operator = draw(st.sampled_from([" + ", " - ", " * ", "+", "-", "*"]))
        right = part(draw(st.sampled_from([shape, ()])))
        text = f"{part()}{operator}{right}"
        return f"({text})" if draw(st.booleans()) else text
    if form == "unary":
        return f"{draw(st.sampled_from(_UNARY))}({part()})"
    if form == "safe":
        return str(_SAFE[draw(st.sampled_from(sorted(_SAFE)))]).format(f"({part()})")
    if form == "negate":
        return f"-{part()}"
    if form == "power":
        return f"({part()})**{draw(st.sampled_from(['2', '3', '1', '4']))}"
    if form == "two":
        return f"{draw(st.sampled_from(['maximum', 'minimum']))}({part()}, {part()})"
    if form == "where":
        test = draw(st.sampled_from([" > ", " < ", " >= ", " <= "]))
        # the shift parts sides that are equal but for rounding, of which a jump would be made
        return f"where({part()}{test}{part(())} + 0.371, {part()}, {part()})"
    inner = draw(st.sampled_from([(3,), (4,), (4, 3)]))
    if form == "dot":
        return f"dot({part(inner)}, {part(inner)})"
    return f"{draw(st.sampled_from(_REDUCTIONS))}({part(inner)})"


_TOKENS = """
x y z W s t A Q c k labels lam 0 1 2 3.5 1e300 .5 64 ( ) [ ] , : . .T + - * / @ ** = == <= >= < > axis axis= axis=0
sum( mean( exp( where( take( reshape( stack( concatenate( cross_entropy( softmax( huber( norm2( trace( outer(
log( sqrt( -1 __class__ import lambda ' " \\ # ; { } é
"""


def soup() -> st.SearchStrategy[str]:
    """Tokens in any order: mostly nonsense."""
    token = st.sampled_from([*_TOKENS.split(), "\n", "\t", "\x00"])
    return st.lists(token, max_size=30).map(" ".join) | st.text(max_size=60)


@st.composite
def mutants(draw: Any) -> str:
    """A sound expression of which a few pieces were cut out, doubled, or replaced by a token."""
    text = str(draw(expressions(depth=3)))
    for _ in range(draw(st.integers(1, 3))):
        first, last = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 2)))
        last = min(last, first + 8)
        piece = draw(st.sampled_from(["", text[first:last] * 2, *_TOKENS.split()]))
        text = text[:first] + piece + text[last:]
    return text
