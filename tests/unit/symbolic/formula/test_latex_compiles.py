"""The explanation as LaTeX, through pdflatex where it is installed: one run over a page of each kind of formula."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from bptui.model.base import numbers
from bptui.model.source import network
from bptui.symbolic.explain import explain, explained
from tests.screens.test_cards_whole import USES
from tests.unit.symbolic.steps import step_of

FORMULAS = [
    ("L = sum(silu(x)) + sum(gelu(x)) + sum(mish(x))", {"x": [0.5, -1.0]}, "x[0]"),
    ("L = sum(clip(x, min=-0.5, max=0.8)**3)", {"x": [0.5, -1.0]}, "x[1]"),
    ("h = layer_norm(x, g, b); L = mean(h*h)", {"x": [[1.0, 2.0]], "g": [1.0, 1.1], "b": [0.0, 0.1]}, "h[0,1]"),
    ("L = cross_entropy(x, y)", {"x": [[0.1, 0.2], [0.3, -0.4]], "y": [0, 1]}, "x[0,1]"),
    ("L = sum(max_pool2d(x, kernel_size=2))", {"x": [[[[1.0, 2.0], [3.0, 4.0]]]]}, "x[0,0,1,1]"),
    ("L = sum(conv1d(x, w, padding=1))", {"x": [[[1.0, 2.0, 3.0]]], "w": [[[1.0, -1.0]]]}, "w[0,0,1]"),
    ("L = sum(log(x)/x[0])", {"x": [1e-9, 2.0]}, "x[0]"),
]
HEAD, TAIL = r"\begin{document}", r"\end{document}"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_pdflatex_takes_every_kind_of_formula(tmp_path):
    pages = [explain(network.from_formula(text, values), place, "latex") for text, values, place in FORMULAS]
    pages += [explain(network.load("xor"), place, "latex") for place in ("layer1.weight[1,3]", "loss")]
    bodies = [page.partition(HEAD)[2].partition(TAIL)[0] for page in pages]
    whole = pages[0].partition(HEAD)[0] + HEAD + "\n".join(bodies) + TAIL
    assert whole.isascii()
    (tmp_path / "all.tex").write_text(whole)
    ran = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"], cwd=tmp_path, capture_output=True
    )
    assert ran.returncode == 0, ran.stdout.decode(errors="replace")[-2000:]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_no_formula_of_any_operation_runs_past_the_page(tmp_path, full):
    pages = []
    for use in USES[:: 1 if full else 8]:  # of each operation the one with the longest formulas
        recording, node = step_of(use.row, tuple(use.inputs()), use.attributes)
        for told in (node, recording.graph.nodes[node.inputs[0]]):
            place = f"{told.name}{numbers.index(tuple(n - 1 for n in told.shape))}" if told.shape else told.name
            pages.append(explained(recording, str(use), place, "latex"))
    bodies = [page.partition(HEAD)[2].partition(TAIL)[0] for page in pages]
    (tmp_path / "all.tex").write_text(pages[0].partition(HEAD)[0] + HEAD + r"\clearpage".join(bodies) + TAIL)
    subprocess.run(["pdflatex", "-interaction=nonstopmode", "all.tex"], cwd=tmp_path, capture_output=True, check=True)
    log = (tmp_path / "all.log").read_text(errors="replace")
    over = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert max(over, default=0) < 2


@pytest.mark.parametrize("form", ["text", "latex"])
def test_what_has_helpers_is_explained(form):
    said = explain(network.from_formula("L = sum(silu(x))", {"x": [0.5, -1.0]}), "x[1]", form)
    assert "digits right" in said
