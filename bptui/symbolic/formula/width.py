"""How wide a formula in LaTeX is set, about: what is too wide for a row of the page is broken."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|[_^{}&]|.", re.DOTALL)
_NARROW = {"bigl", "bigr", "mathrm", "operatorname", "text", "hat", "small"}
_WIDE = {"cdot": 1.6, "quad": 2.2, "sum": 2.6, "prod": 2.6, "leq": 2.8, "geq": 2.8, "neq": 2.8, "wedge": 2.6,
         "vee": 2.6, "ldots": 2.6, "partial": 1.3, "delta": 1.0, "infty": 2.2, "log": 3.0, "exp": 3.4, "sin": 3.0,
         "cos": 3.2, "tanh": 4.4, "max": 4.0, "min": 3.8, "bmod": 6.0, "left": 0.4, "right": 0.4}  # fmt: skip


def measure(text: str) -> float:
    """About how many digits wide a formula is set: of a fraction the wider part, of each column of rows
    the widest, an index at 0.7."""
    return _measured(_TOKEN.findall(text), 0)[0]


def _measured(tokens: list[str], at: int, stop: str = "") -> tuple[float, int]:
    """(width, the place after it) from `at` to the `stop` that belongs to it."""
    width, column = 0.0, 0
    columns = [0.0]
    while at < len(tokens):
        token = tokens[at]
        at += 1
        if token == stop:
            break
        if token in ("&", r"\\"):  # what stands beside it, what stands below
            columns[column] = max(width, columns[column])
            width, column = 0.0, column + 1 if token == "&" else 0
            columns += [0.0] * (column == len(columns))
        elif token == r"\begin":
            _, at = _group(tokens, at)
            inner, at = _measured(tokens, at, r"\end")
            _, at = _group(tokens, at)
            width += inner + 2
        elif token == r"\frac":
            above, at = _group(tokens, at)
            below, at = _group(tokens, at)
            width += max(above, below) + 0.5
        elif token in ("_", "^"):
            inner, at = _group(tokens, at)
            width += 0.75 * inner
        elif token == "{":
            inner, at = _measured(tokens, at, "}")
            width += inner
        elif token.startswith("\\"):
            width += 0 if token[1:] in _NARROW else _WIDE.get(token[1:], 1.5)
        elif token in "+-=<>":
            width += 2.6
        elif not token.isspace():
            width += 0.6 if token in ".,()[]|" else 1.1
    columns[column] = max(width, columns[column])
    return sum(columns) + 2.2 * (len(columns) - 1), at


def _group(tokens: list[str], at: int) -> tuple[float, int]:
    """The width of what stands in the next braces, or of the next token."""
    if at < len(tokens) and tokens[at] == "{":
        return _measured(tokens, at + 1, "}")
    return 1.1, at + 1
