"""From tokens to a tree: a Pratt parser whose result is a flat list of nodes in postfix order.

Nothing downstream needs recursion: each node's children come before it. Chains of operators are parsed in a loop; only
nesting recurses, and its depth is limited.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from api_schemas.expression.errors import ExpressionError
from api_schemas.expression.limits import DEFAULT, Limits
from api_schemas.expression.tokens import Token, tokenize

NodeKind = Literal["number", "name", "negate", "binary", "compare", "call", "index", "transpose"]

#: An index: a whole number, or a slice of three of which each may be left out.
IndexItem = int | tuple[int | None, int | None, int | None]

COMPARISONS = ("<=", ">=", "==", "<", ">")

_BINDING = {"+": 10, "-": 10, "*": 20, "/": 20, "@": 20}
_SIGN = 30
_LARGEST_INTEGER = 2**31


@dataclass(frozen=True)
class Node:
    """One node; what ``source[start:end]`` says.

    Attributes:
        text: name, operator or function.
        children: positions of operands in the list.
        value: of a number.
        axis: the keyword ``axis`` of a call.
        items: of an index.
        place: (start, end) of the operator or the function's name.
    """

    kind: NodeKind
    text: str
    children: tuple[int, ...]
    start: int
    end: int
    value: float = 0.0
    axis: int | None = None
    items: tuple[IndexItem, ...] = ()
    place: tuple[int, int] = (0, 0)


def parse(source: str, limits: Limits = DEFAULT) -> list[Node]:
    """The nodes of an expression or a constraint, operands first; the last one is the whole.

    Raises:
        ExpressionError: with the characters at fault.
    """
    return _Parser(source, limits).whole()


class _Parser:
    def __init__(self, source: str, limits: Limits) -> None:
        self.source = source
        self.limits = limits
        self.tokens = tokenize(source, limits)
        self.position = 0
        self.depth = 0
        self.nodes: list[Node] = []

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def next(self) -> Token:
        token = self.token
        if token.kind != "end":
            self.position += 1
        return token

    def fail(self, message: str, token: Token, hint: str = "") -> ExpressionError:
        return ExpressionError(message, source=self.source, start=token.start, end=token.end, hint=hint)

    def expect(self, kind: str, why: str, hint: str = "") -> Token:
        if self.token.kind != kind:
            raise self.fail(
                f"{kind!r} is missing {why}" if self.token.kind == "end" else f"expected {kind!r} {why}",
                self.token,
                hint,
            )
        return self.next()

    def add(self, node: Node) -> int:
        if len(self.nodes) >= self.limits.nodes:
            raise ExpressionError(
                f"the expression has more than {self.limits.nodes} nodes",
                source=self.source,
                start=node.start,
                end=node.start,
                hint="name parts of it in `let`",
            )
        self.nodes.append(node)
        return len(self.nodes) - 1

    def whole(self) -> list[Node]:
        if self.token.kind == "end":
            raise ExpressionError("the expression is empty", source=self.source)
        self.comparison("constraint")
        token = self.token
        if token.kind in COMPARISONS:
            raise self.fail("a constraint has one comparison", token, "give each constraint on its own")
        if token.kind == "=":
            raise self.fail("'=' has no meaning here", token, "an equation is written ==")
        if token.kind == ")":
            raise self.fail("')' closes nothing", token)
        if token.kind != "end":
            raise self.fail("an operator is missing before this", token, "a product is written with *")
        return self.nodes

    def comparison(self, what: str) -> int:
        left = self.expression(0)
        if self.token.kind not in COMPARISONS:
            return left
        operator = self.next()
        right = self.expression(0)
        if what == "constraint" and operator.kind in ("<", ">"):
            raise self.fail("constraints are not strict", operator, f"write {operator.kind}=")
        if what == "condition" and operator.kind == "==":
            raise self.fail("a condition compares with <, <=, > or >=", operator)
        return self.add(self._joined("compare", operator, left, right))

    def _joined(self, kind: NodeKind, operator: Token, left: int, right: int) -> Node:
        first, last = self.nodes[left], self.nodes[right]
        return Node(kind, operator.text, (left, right), first.start, last.end, place=(operator.start, operator.end))

    def deeper(self, token: Token) -> None:
        self.depth += 1
        if self.depth > self.limits.depth:
            raise self.fail(f"nested more than {self.limits.depth} deep", token, "name parts of it in `let`")

    def expression(self, binding: int) -> int:
        left = self.operand()
        while True:
            operator = self.token
            power = _BINDING.get(operator.kind)
            if power is None or power <= binding:
                return left
            self.next()
            right = self.expression(power)
            left = self.add(self._joined("binary", operator, left, right))

    def operand(self) -> int:
        """A sign, or an atom with what follows it and its power; ``-x**2`` is ``-(x**2)``."""
        token = self.token
        if token.kind in ("-", "+"):
            self.next()
            self.deeper(token)
            inner = self.expression(_SIGN - 1)
            self.depth -= 1
            if token.kind == "+":
                return inner
            return self.add(
                Node("negate", "-", (inner,), token.start, self.nodes[inner].end, place=(token.start, token.end))
            )
        base = self.trailers(self.atom())
        if self.token.kind == "**":
            operator = self.next()
            self.deeper(operator)
            exponent = self.operand()
            self.depth -= 1
            return self.add(self._joined("binary", operator, base, exponent))
        return base

    def atom(self) -> int:
        token = self.next()
        if token.kind == "number":
            value = float(token.text)
            if not math.isfinite(value):
                raise self.fail("the number is too large", token)
            return self.add(Node("number", token.text, (), token.start, token.end, value=value))
        if token.kind == "name":
            if self.token.kind == "(":
                return self.call(token)
            return self.add(Node("name", token.text, (), token.start, token.end))
        if token.kind == "(":
            self.deeper(token)
            inner = self.expression(0)
            self.depth -= 1
            if self.token.kind == ",":
                raise self.fail("there are no tuples", self.token, "stack(a, b) makes a vector of scalars")
            self.expect(")", f"for the '(' at character {token.start + 1}")
            return inner
        if token.kind == "[":
            raise self.fail("there are no lists", token, "stack(a, b) makes a vector of scalars")
        if token.kind == "end":
            raise self.fail("the expression ends where a value is needed", token)
        raise self.fail("a value is needed here", token)

    def trailers(self, node: int) -> int:
        while self.token.kind in ("[", "."):
            token = self.next()
            start = self.nodes[node].start
            if token.kind == ".":
                name = self.next()
                if name.kind != "name" or name.text != "T":
                    raise self.fail("only .T (the transpose) may follow a '.'", name, "write functions as f(x)")
                node = self.add(Node("transpose", "T", (node,), start, name.end, place=(token.start, name.end)))
                continue
            items = [self.index_item()]
            while self.token.kind == ",":
                self.next()
                items.append(self.index_item())
            close = self.expect("]", f"for the '[' at character {token.start + 1}")
            node = self.add(
                Node("index", "[]", (node,), start, close.end, items=tuple(items), place=(token.start, close.end))
            )
        return node

    def index_item(self) -> IndexItem:
        first = None if self.token.kind in (":", ",", "]") else self.integer("an index")
        if self.token.kind != ":":
            if first is None:
                raise self.fail("an index is missing", self.token)
            return first
        parts: list[int | None] = [first]
        while self.token.kind == ":" and len(parts) < 3:
            self.next()
            parts.append(None if self.token.kind in (":", ",", "]") else self.integer("a slice"))
        return (parts[0], parts[1], parts[2] if len(parts) > 2 else None)

    def integer(self, what: str) -> int:
        sign = 1
        first = self.token
        if first.kind == "-":
            self.next()
            sign = -1
        token = self.next()
        if token.kind != "number" or not token.text.isdigit():
            hint = "take(x, index) picks by an array of whole numbers" if what == "an index" else ""
            raise self.fail(f"{what} is a literal whole number", token, hint)
        if len(token.text) > 10 or int(token.text) >= _LARGEST_INTEGER:
            raise self.fail(f"{what} is below {_LARGEST_INTEGER}", token)
        return sign * int(token.text)

    def call(self, name: Token) -> int:
        opening = self.next()
        self.deeper(opening)
        children: list[int] = []
        axis: int | None = None
        while self.token.kind != ")":
            if self.token.kind == "name" and self.tokens[self.position + 1].kind == "=":
                keyword = self.next()
                if keyword.text != "axis":
                    raise self.fail(f"there is no keyword {keyword.text!r}", keyword, "the only keyword is axis=")
                if axis is not None:
                    raise self.fail("axis is given twice", keyword)
                self.next()
                axis = self.integer("an axis")
            else:
                if axis is not None:
                    raise self.fail("arguments come before axis=", self.token)
                first = name.text == "where" and not children
                children.append(self.comparison("condition") if first else self.expression(0))
            if self.token.kind != ",":
                break
            self.next()
        if self.token.kind in COMPARISONS:
            hint = "where(a > b, x, y) is the only condition" if name.text != "where" else "only the first may compare"
            raise self.fail("a comparison cannot be an argument", self.token, hint)
        closing = self.expect(")", f"for the '(' at character {opening.start + 1}")
        self.depth -= 1
        return self.add(
            Node("call", name.text, tuple(children), name.start, closing.end, axis=axis, place=(name.start, name.end))
        )
