"""Formulas, as `bptui eval` gets them: each is computed, or refused in one line."""

from __future__ import annotations

import random

import pytest

from bptui.model.engine import ops

from . import rig

pytestmark = pytest.mark.corpus(every=1)
ROWS = {**ops.OPS, **ops.COMPOSITES}
NAMES = tuple(ROWS)
VALUES = ("x=2.5", "w=[1.0, -0.5, 2.0]", "A=[[1.0, 2.0], [3.0, 0.0]]", "e=[]", "labels=[0, 1]", "m=[1.0, 0.0]")
PIECES = (
    "x", "w", "A", "e", "labels", "m", "0", "1", "-1", "2", "1e308", "1e-320", "9" * 16, "9" * 500, "0x1f", "1_0", "2j",
    "True", "None", "...", "'t'", "nan", "loss", "L", "y", "x.T", "A[0]", "A[1:, ::2]", "w[-1]", "w[9]", "A[labels]",
    "A[::-1]", "w[1:0]", "axis=0", "axis=9", "axis=-1", "axis=(0, 1)", "keepdims=True", "shape=(3,)", "eps=0", "x > 0",
    "[1, 2]", "lambda: x", "f'{x}'", "x if x else w", "x for x in w", "σ", "−1", "x²",
)  # fmt: skip
SIGNS = (" + ", " - ", "*", "/", "**", " @ ", " // ", " % ", " < ", " == ", " and ", ", ", " ", "^", ".", " := ", " = ")


def expression(draw: random.Random, depth: int) -> str:
    """Something like a value."""
    if depth == 0 or draw.random() < 0.2:
        return draw.choice(PIECES[:3]) if draw.random() < 0.8 else draw.choice(PIECES)
    kind = draw.random()
    if kind < 0.45:
        sign = draw.choice(SIGNS[:6] if draw.random() < 0.9 else SIGNS)
        return f"{expression(draw, depth - 1)}{sign}{expression(draw, depth - 1)}"
    if kind < 0.55:
        return f"({expression(draw, depth - 1)})"
    if kind < 0.6:
        return f"-{expression(draw, depth - 1)}"
    name = draw.choice(NAMES)
    wanted = len(ROWS[name].inputs) if draw.random() < 0.9 else draw.choice((1, 2, 3))
    inputs = ", ".join(expression(draw, depth - 1) for _ in range(wanted))
    return f"{name}({inputs}{', ' + draw.choice(PIECES[-17:-9]) if draw.random() < 0.1 else ''})"


def formula(draw: random.Random) -> str:
    """Something like a formula; of some a part is cut out, doubled, or replaced by a sign."""
    text = f"L = sum({expression(draw, 3)})" if draw.random() < 0.7 else f"L = {expression(draw, 3)}"
    if draw.random() < 0.3:
        text = f"y = {expression(draw, 2)}; {text}"
    for _ in range(draw.choice((0, 0, 0, 0, 0, 1, 3))):
        a, b = sorted((draw.randrange(len(text) + 1), draw.randrange(len(text) + 1)))
        text = draw.choice((text[:a] + text[b:], text[:b] + text[a:], text[:a] + draw.choice(SIGNS) + text[a:]))
    return text


LARGE = (
    "L = " + "(" * 19_000, "L = x" + "+x" * 9_000, "L = " + "-" * 19_000 + "x", "L = x" + "**x" * 6_000,
    "L = " + "9" * 19_000, "L = " + "[" * 50 + "]" * 50, "L = x" + ".T" * 9_000, "L = sum(" * 50 + "x" + ")" * 50,
    "L = x" + "[0]" * 6_000, "x " * 9_000, "L = x\n" * 3_000, "L = x" + " if x else x" * 1_000, "L=" + "a," * 9_000,
    "L = " + "not " * 4_000 + "x", "L = " + "lambda:" * 2_500 + "x", "L = x\x00", "L = '\x1b[2J'", "L = \ud800",
)  # fmt: skip


def told(texts: list[str]) -> list[str]:
    """What is wrong with what `eval` makes of them."""
    return rig.run(("shell", ["eval", text, *VALUES, "--batch"]) for text in texts)


@pytest.mark.parametrize("part", range(2))
def test_formulas(part, full):
    draw = random.Random(f"formulas {part}")
    assert told([formula(draw) for _ in range(3000 if full else 200)]) == []


def test_large_formulas():
    assert told(list(LARGE)) == []
