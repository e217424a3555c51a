"""The one error of the language."""

from __future__ import annotations


class ExpressionError(ValueError):
    """An expression that is not accepted.

    Attributes:
        message: what is wrong, in one sentence without a position.
        source: the expression's text, "" where the fault is not in a text.
        start, end: the characters at fault, ``source[start:end]`` (0-based).
        hint: what would be right, or "".
    """

    def __init__(self, message: str, *, source: str = "", start: int = 0, end: int = 0, hint: str = "") -> None:
        self.message = message
        self.source = source
        self.start = start
        self.end = max(end, start)
        self.hint = hint
        super().__init__(self.detail)

    @property
    def detail(self) -> str:
        """The message with its place, on one line: ``... at character 17: 'yy'``."""
        if not self.source:
            return self.message
        place = f"at character {self.start + 1}"
        part = self.source[self.start : self.end]
        if not part:
            return f"{self.message}, {place}"
        return f"{self.message}, {place}: {_short(part)!r}"

    def pointed(self) -> str:
        """Several lines: the message, the line of the source, and carets below what is wrong."""
        lines = [self.message]
        if self.source:
            begin = self.source.rfind("\n", 0, self.start) + 1
            stop = self.source.find("\n", self.start)
            line = self.source[begin : stop if stop >= 0 else len(self.source)]
            column = self.start - begin
            if len(line) > 110:
                cut = max(0, column - 50)
                line, column = line[cut : cut + 110], column - cut
            width = max(1, min(self.end - self.start, len(line) - column))
            lines += [f"  {line}", f"  {' ' * column}{'^' * width}"]
        if self.hint:
            lines.append(self.hint)
        return "\n".join(lines)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:40]}...{text[-17:]}"
