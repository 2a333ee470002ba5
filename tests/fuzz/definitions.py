"""Definitions of operations, drawn by a seed: mostly in the notation, some beside it, with values for their inputs."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

FUNCTIONS = ("exp", "log", "sqrt", "abs", "sin", "cos", "tanh", "sinh", "cosh", "erf", "sign", "floor")
CONSTANTS = ("0", "1", "2", "-1", "0.5", "1e-3", "pi", "3", "1e20", "-2", "7/3")
LETTERS = "klmn"


@dataclass
class Drawn:
    """A definition, and the shapes of its inputs in the order of the text."""

    random: random.Random
    ranks: dict[str, int] = field(default_factory=dict)
    out: list[str] = field(default_factory=list)
    helpers: dict[str, int] = field(default_factory=dict)
    free: list[str] = field(default_factory=lambda: list(LETTERS))

    def text(self) -> str:
        """The definition."""
        self.ranks = {name: self.random.choice((0, 1, 1, 2)) for name in "xw"[: self.random.choice((1, 1, 2))]}
        self.out = list("ij"[: self.random.choice((0, 0, 1, 1, 2))])
        lines = []
        if self.random.random() < 0.3:
            held = self.out[: self.random.randint(0, len(self.out))]
            lines.append(f"{self.left('h', held)} = {self.value(held, 2)}")
            self.helpers["h"] = len(held)
        lines.append(f"{self.left('y', self.out)} = {self.value(self.out, 3)}")
        return "; ".join(lines)

    def left(self, name: str, indices: list[str]) -> str:
        return f"{name}[{','.join(indices)}]" if indices else name

    def value(self, bound: list[str], depth: int) -> str:
        """A number."""
        if depth == 0:
            return self.element(bound) if self.random.random() < 0.75 else self.random.choice(CONSTANTS)
        kind = self.random.choice(("leaf", "+", "+", "*", "*", "/", "**", "f", "f", "max", "if", "sum", "sum", "delta"))
        a, b = (lambda: self.value(bound, depth - 1)), (lambda: self.value(bound, depth - 1))
        if kind == "leaf":
            return self.element(bound)
        if kind in "+*/":
            return f"({a()} {self.random.choice('+-') if kind == '+' else kind} {b()})"
        if kind == "**":
            return f"({a()})**{self.random.choice(('2', '3', '0.5', '-1', '0', self.element(bound)))}"
        if kind == "f":
            return f"{self.random.choice(FUNCTIONS)}({a()})"
        if kind == "max":
            return f"{self.random.choice(('max', 'min'))}({a()}, {b()})"
        if kind == "if":
            return f"({a()} if {self.condition(bound, depth - 1)} else {b()})"
        if kind == "delta":
            return f"delta({self.index(bound)}, {self.index(bound)})*{a()}"
        return self.reduction(bound, depth)

    def reduction(self, bound: list[str], depth: int) -> str:
        k = next((letter for letter in self.free if letter not in bound), "")
        if not k:
            return self.element(bound)
        span = self.random.choice(
            (k.upper(), k.upper(), "3", "range(1, 3)", "0", "w.shape[0]", *(f"range({i} + 1)" for i in bound))
        )
        test = f" if {self.condition([*bound, k], 0)}" if self.random.random() < 0.3 else ""
        kind = self.random.choice(("sum", "sum", "sum", "prod", "max", "min"))
        return f"{kind}({self.value([*bound, k], depth - 1)} for {k} in {span}{test})"

    def condition(self, bound: list[str], depth: int) -> str:
        if bound and self.random.random() < 0.5:
            test = f"{self.index(bound)} {self.random.choice(('<', '<=', '==', '!=', '>'))} {self.index(bound)}"
        else:
            test = f"{self.value(bound, depth)} {self.random.choice(('<', '<=', '>', '>='))} {self.value(bound, depth)}"
        more = self.random.random()
        if more < 0.1:
            return f"not {test}"
        if more < 0.25 and depth:
            return f"{test} {self.random.choice(('and', 'or'))} {self.condition(bound, 0)}"
        return test

    def element(self, bound: list[str]) -> str:
        name = self.random.choice((*self.ranks, *self.helpers))
        rank = self.helpers.get(name, self.ranks.get(name, 0))
        return self.left(name, [self.index(bound) for _ in range(rank)])

    def index(self, bound: list[str]) -> str:
        """An index expression."""
        if not bound:
            return self.random.choice(("0", "0", "1", "-1"))
        i = self.random.choice(bound)
        j = self.random.choice(bound)
        return self.random.choice(
            (i, i, i, i, i, i, "0", f"{i} + 1", f"{i} - 1", f"2*{i}", f"{i} + {j}", f"{i}//2", f"{i} % 2")
        )


def drawn(seed: int) -> tuple[str, dict[str, int]]:
    """(definition, rank of each tensor that it may speak of)."""
    made = Drawn(random.Random(seed))
    return made.text(), made.ranks
