"""The explanation of a composite's result: all in one go, its rule for each input, then its parts."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache

import pytest

from bptui.model.source import network
from bptui.symbolic.explain import WRITERS, derivation, explain
from tests.unit.symbolic.formula.test_latex_compiles import HEAD, TAIL

from .composites import uses, whole_of

FORMULA = "h = layer_norm(x, g, b); L = mean(h*h)"
VALUES = {"x": [[1.0, 2.0, 4.0], [0.5, -1.0, 2.0]], "g": [1.0, 1.1, 0.9], "b": [0.1, 0.2, 0.3]}


def test_the_whole_then_each_input_and_the_parts_by_name():
    said = explain(network.from_formula(FORMULA, VALUES, ["g", "b"]), "h[1,2]")
    rows = said.splitlines()
    heads = [row.lower() for row in rows if not row.startswith(" ")]
    assert "value, by layer_norm of 9 parts" in heads
    assert [row for row in heads if row.startswith("passed")] == [f"passed on to {name}" for name in "xgb"]
    assert any("definition  h[i,j] = (x[i,j] - m[i])/sqrt(v[i] + eps)·g[j] + b[j]" in row for row in rows)
    assert any("gradient    ∂L/∂g[p] = Σ_i ∂L/∂h[i,p]·(x[i,p] - m[i])/sqrt(eps + v[i])" in row for row in rows)
    assert sum("ok      forward" in row for row in rows) == 1
    parts = rows[next(n for n, row in enumerate(rows) if row.startswith("  parts")) :][:9]
    assert [row.removeprefix("  parts").split()[0] for row in parts][:3] == ["mean", "centered", "squares"]


def first_of_each():
    found: dict = {}
    for use in uses():
        found.setdefault(use.op, use)
    return found.values()


@cache
def recording_of(use):
    return whole_of(use)


@cache
def document_of(use):
    return derivation(recording_of(use)[0], use.op, "made")


@pytest.mark.corpus(rows=8)  # what is written of one composite is written by the code of all
@pytest.mark.parametrize("use", first_of_each(), ids=lambda use: use.op)
def test_every_composite_is_explained(use):
    _, composite = recording_of(use)
    said = WRITERS["text"](document_of(use))
    assert "no derivation" not in said
    node = composite.node
    assert node.op is not None
    passing = [n for n in range(len(node.inputs)) if node.op.differentiable(n)]
    assert said.lower().count("passed on to") == len(passing)
    assert all(part.label.removeprefix("made.") in said for part in composite.parts)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_pdflatex_takes_the_explanation_of_every_composite(tmp_path, full):
    pages = [WRITERS["latex"](document_of(use)) for use in [*first_of_each()][:: 1 if full else 6]]
    bodies = [page.partition(HEAD)[2].partition(TAIL)[0] for page in pages]
    (tmp_path / "all.tex").write_text(pages[0].partition(HEAD)[0] + HEAD + "\n".join(bodies) + TAIL)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True)
    assert ran.returncode == 0, ran.stdout.decode(errors="replace")[-2000:]
