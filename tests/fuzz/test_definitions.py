"""Definitions of operations: each is refused in one line, or its value and its derived rule are right."""

from __future__ import annotations

import time

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.source.network import from_formula
from bptui.symbolic.check import check_step

from .definitions import drawn

SECONDS = 20.0
"""Of one definition with its check: far more than any takes."""
FOUND = (
    "h[i] = x[i]; y[i] = h[i]*h[i + i]",
    "y = sqrt(sum(-2 for k in w.shape[0]))*x + w[0]",
    "y = (x[0] if sum(-2 for k in x.shape[0])**0.5 > 0 else x[1])",
    "y = x[0]/floor(x[1])*(x[0] + x[1])",
    "y = max(x[k] for k in range(1, 3) if x[k] < x[k])",
    "y = min(min(x[l] for m in range(k + 1) if x[m] < x[2*k]) for k in 0 for l in L)",
    "y = (x*x*x**0)**0.5",
    "h = 2 if x[0] <= sqrt(0 - 1 - w*w) else w; y = x[1]*h",
    "y[i,j] = max(x[j]*x[k] for k in range(j + 1)) + x[i]",
    "y[i,j] = max(x[j]*x[i] if x[k] < -1 else 0 for k in range(j + 1))",
    "y[i] = x[i] + sum(x[i-k]*w[k] for k in range(i + 1))",
    "y[i,j] = sqrt(sin((x[j] if j + 1 == j + 1 else x[i])))",
    "y[i,j] = x[i,i]*x[i + i,j] if 2*i == i else (tanh(x[i//2,i]) if 2*i != i else x[j,j]*x[2*i,i])",
    "y = (sin(2)-1)**x",
    # float64 has no digit of what they are beside 1e20
    "y = ((sum(x[k] for k in range(1, 3)) - (x[0] * 1e20)) / x[0])",
    "y = sin((w[1] + 1e20))*w[0]",
    "h = ((x[1] * x[0]) / (x[1] * 1e20)); y = (x[0] / abs((h / 3)))",
    "y = sin((x[1] * x[0]) * (1e20 / x[1]))",
    "y = cos(1e20 / x)",
    "y = (floor((1e20 / x)) + x)",
    "y[i] = (sin((1e20 + x[i])))**-1",
    "h = (x[0,0] + (1 - 1e20)); y = ((sin(h) * (h * h)))**3",
    "y = tanh(exp((x * 1e20)))",
    "y = x*exp(sinh(1e20))",
)
"""What once was wrong."""


def told(text: str, seed: int = 0) -> str:
    """What is wrong with what becomes of a definition; empty where all is well."""
    random, start = np.random.default_rng(seed), time.perf_counter()
    ranks = {"x": 0, "w": 0} | {name: count for name in "xw" if (count := _rank(text, name))}
    names = [name for name in sorted(ranks, key=text.find) if name in text]
    values = {
        name: np.round(random.uniform(0.2, 1.9, (4,) * ranks[name]) * random.choice([1, 1, -1], (4,) * ranks[name]), 2)
        for name in names
    }
    try:
        network = from_formula(f's = op("{text}"); t = s({", ".join(names)}); L = sum(t*t)', values)
        report = check_step(network)
    except UserError:
        return ""
    if time.perf_counter() - start > SECONDS:
        return f"{text}: took {time.perf_counter() - start:.0f} s"
    # what is not finite is the formula's own: sqrt of what is negative, 1/floor(0.5)
    wrong = [row for row in report.rows if row.verdict == "FAIL" and not row.row.startswith("finite")]
    return f"{text}: {wrong[0]}" if wrong else ""


def _rank(text: str, name: str) -> int:
    """How many indices a tensor has in a text."""
    at = text.find(f"{name}[")
    if at < 0:
        return 0
    depth = count = 0
    for character in text[at + 1 :]:
        depth += (character in "[(") - (character in "])")
        count += character == "," and depth == 1
        if not depth:
            break
    return count + 1


@pytest.mark.parametrize("text", FOUND)
def test_what_once_was_wrong_is_right(text):
    assert told(text) == ""


def test_definitions(full):
    """Value = definition at 50 digits, derived rule = differences, as `bptui check` does it."""
    found = [said for seed in range(1200 if full else 60) if (said := told(drawn(seed)[0], seed))]
    assert found == []
