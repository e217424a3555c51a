"""Expressions in LP files: sums of terms, with quadratic parts in brackets."""

from __future__ import annotations

from dataclasses import dataclass, field

from solvers.core.errors import MalformedFile
from solvers.programs.formats.draft import Draft
from solvers.programs.formats.lines import malformed
from solvers.programs.formats.lp_tokens import TOKEN, Section

_OPERATORS = frozenset(["<", ">", "<=", ">=", "=<", "=>", "=", "->", "<->", "+", "-", "*", "^", "/", ":", "[", "]"])
_NUMERIC = frozenset("0123456789.")
_INFINITE = frozenset(["inf", "infinity"])


@dataclass
class Side:
    """One side of a comparison: ``constant + sum values x_columns + sum products x_i x_j``; columns may repeat."""

    columns: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    products: dict[tuple[int, int], float] = field(default_factory=dict)
    constant: float = 0.0

    @property
    def is_constant(self) -> bool:
        return not self.columns and not self.products


class Reader:
    """The tokens of one section, line ends among them."""

    def __init__(self, draft: Draft, section: Section) -> None:
        self.draft = draft
        self.section = section
        self.tokens: list[str] = TOKEN.findall(section.text)
        self.tokens.append("")
        self.position = 0

    def _skip(self) -> None:
        tokens, k = self.tokens, self.position
        while tokens[k] == "\n":
            k += 1
        self.position = k

    def peek(self) -> str:
        """The next token that is not a line end; "" at the end."""
        self._skip()
        return self.tokens[self.position]

    def take(self) -> str:
        word = self.peek()
        if word:
            self.position += 1
        return word

    def at_end(self) -> bool:
        return not self.peek()

    def error(self, problem: str, expected: str = "") -> MalformedFile:
        """The error for the token just before the position."""
        last = min(self.position, len(self.tokens)) - 1
        while last > 0 and self.tokens[last] in ("", "\n"):
            last -= 1
        before = self.tokens[: max(last, 0)].count("\n")
        lines = self.section.text.split("\n")
        return malformed(problem, self.section.line + before, lines[min(before, len(lines) - 1)], expected)

    def is_name(self, word: str) -> bool:
        return bool(word) and word not in _OPERATORS and word[0] not in _NUMERIC and word != "\n"

    def label(self) -> str:
        """The name before a colon, or ""."""
        word = self.peek()
        if word and self.tokens[self.position + 1] == ":" and word not in _OPERATORS:
            self.position += 2
            return word
        return ""

    def is_indicator(self, head: Side) -> bool:
        """Do ``0 ->`` or ``1 ->`` follow?"""
        self._skip()
        following = self.tokens[self.position + 1 : self.position + 2]
        if following == ["<->"]:
            self.position += 2
            raise self.error("equivalences are not supported", "->")
        return following == ["->"] and bool(head.columns)

    def number(self) -> float:
        """A signed number, which may be infinite."""
        sign = 1.0
        word = self.take()
        while word in ("+", "-"):
            sign = -sign if word == "-" else sign
            word = self.take()
        if word.lower() in _INFINITE:
            return sign * float("inf")
        if not word or word[0] not in _NUMERIC:
            raise self.error(f"{word!r} where a number is needed" if word else "the section ends", "a number")
        return sign * self._float(word)

    def _float(self, word: str) -> float:
        try:
            return float(word)
        except ValueError:
            raise self.error(f"{word!r} is neither a number nor a name", "a number") from None

    def side(self, *, objective: bool = False, one_line: bool = False, continued: bool = False) -> Side:
        """Terms up to a comparison, an indicator's arrow or the end; with ``one_line`` up to the end of the line on
        which the first term ends; with ``continued`` also further lines that begin with + or -."""
        side = Side()
        columns, values, tokens = side.columns, side.values, self.tokens
        variable_of, variable = self.draft.variable_of, self.draft.variable
        k = self.position
        sign, coefficient, pending, any_term = 1.0, None, False, False
        while True:
            word = tokens[k]
            head = word[:1]
            if word == "\n":
                done = (any_term or coefficient is not None) and not pending
                if one_line and done and not (continued and tokens[k + 1] in ("+", "-")):
                    break
                k += 1
            elif head in _NUMERIC and head:
                if coefficient is not None or (any_term and not pending):
                    self.position = k + 1
                    raise self.error("two numbers or terms without an operator between them", "+ or -")
                self.position = k + 1
                coefficient, pending = self._float(word), False
                k += 1
            elif word in ("+", "-"):
                if coefficient is not None:
                    side.constant += sign * coefficient
                    any_term = True
                    sign, coefficient = 1.0, None
                if word == "-":
                    sign = -sign
                pending = True
                k += 1
            elif word not in _OPERATORS and head:
                if coefficient is None and word.lower() in _INFINITE and word not in variable_of:
                    coefficient, pending = float("inf"), False
                    k += 1
                    continue
                if tokens[k + 1] == ":":
                    break
                if any_term and not pending and coefficient is None:
                    self.position = k + 1
                    raise self.error("two terms without an operator between them", "+ or -")
                columns.append(variable_of[word] if word in variable_of else variable(word))
                values.append(sign if coefficient is None else sign * coefficient)
                sign, coefficient, pending, any_term = 1.0, None, False, True
                k += 1
            elif word == "[":
                self.position = k + 1
                self._bracket(side, sign * (1.0 if coefficient is None else coefficient), objective)
                k = self.position
                sign, coefficient, pending, any_term = 1.0, None, False, True
            elif word == "*" and coefficient is not None:
                k += 1
            else:
                break
        if coefficient is not None:
            side.constant += sign * coefficient
            any_term = True
        self.position = k
        if pending or not any_term:
            self.position = k + 1
            raise self.error("an expression is incomplete", "numbers and variables joined by + and -")
        if tokens[k] in ("*", "^", "/", "]"):
            self.position = k + 1
            raise self.error(f"{tokens[k]!r} has no place here", "quadratic parts in [ ]")
        return side

    def _bracket(self, side: Side, factor: float, objective: bool) -> None:
        """``x ^ 2 + 3 x * y ]``, in the objective with ``/ 2``."""
        products: dict[tuple[int, int], float] = {}
        while self.peek() != "]":
            sign = 1.0
            signed = not products
            while self.peek() in ("+", "-"):
                sign = -sign if self.take() == "-" else sign
                signed = True
            if not signed:
                self.take()
                raise self.error("two terms without an operator between them", "+ or -")
            coefficient = 1.0
            if self.peek()[:1] in _NUMERIC and self.peek():
                coefficient = self._float(self.take())
                if self.peek() == "*":
                    self.take()
            i = j = self._variable()
            operator = self.take()
            if operator == "^":
                if self.take() != "2":
                    raise self.error("only the power 2 is quadratic", "x ^ 2")
            elif operator == "*":
                j = self._variable()
            else:
                raise self.error("a term in [ ] must be quadratic", "x ^ 2 or x * y")
            key = (i, j) if i <= j else (j, i)
            products[key] = products.get(key, 0.0) + sign * coefficient
        self.take()
        if self.peek() == "/":
            self.take()
            if self.take() != "2":
                raise self.error("brackets are divided by 2 or not at all", "] / 2")
            factor *= 0.5
        elif objective:
            raise self.error("the quadratic part of the objective must be divided by 2", "[ ... ] / 2")
        for key, value in products.items():
            side.products[key] = side.products.get(key, 0.0) + factor * value

    def _variable(self) -> int:
        name = self.take()
        if not self.is_name(name):
            raise self.error(f"{name!r} where a variable is needed" if name else "the section ends", "a variable")
        return self.draft.variable(name)
