"""One number's derivation, to read, to paste, to typeset."""

from __future__ import annotations

import pytest

from bptui.model.base.errors import UserError
from bptui.model.source import network
from bptui.symbolic.explain import WRITERS, explain
from tests.unit.symbolic.formula.test_printing import KNOWN, compiles

DOCUMENT = {"documentclass", "usepackage", "allowdisplaybreaks", "section", "subsection"}


def test_text_says_value_gradient_and_update():
    said = explain(network.load("lesson-2-2-1"), "layer1.weight[0,0]")
    assert said.startswith("layer1.weight[0,0] of lesson-2-2-1, training step 0")
    for part in ("VALUE", "GRADIENT, by layer1.z", "UPDATE", "∂z[i,j]/∂W[p,q] = x[i,p]·δ[j,q]", "-0.0123389", "ok"):
        assert part in said


def test_a_hidden_value_shows_its_equation():
    said = explain(network.load("lesson-2-2-1"), "layer1.z[0,0]")
    assert "x[0,0] 0.5 × W[0,0] 0.02" in said
    assert "-0.0987503" in said
    assert "0.5100·(1 - 0.5100)" in said


def test_several_consumers_are_added_up():
    said = explain(network.load("two-paths"), "w")
    assert said.count("GRADIENT, by") == 2
    assert "GRADIENT, together" in said


def test_without_an_index_it_is_the_first_element_and_the_loss_has_its_seed():
    made = network.load("xor")
    assert explain(made, "layer1.a").startswith("layer1.a[0,0]")
    assert "∂L/∂L = 1" in explain(made, "loss")


def test_markdown_has_tables():
    said = explain(network.load("xor"), "layer1.weight[1,3]", "markdown")
    assert said.startswith("# layer1.weight[1,3]")
    for row in (line for line in said.splitlines() if line.startswith("|")):
        assert row.endswith("|")
    assert "| 3 |" in said


@pytest.mark.parametrize("place", ["layer1.weight[1,3]", "layer1.a[1,2]", "loss", "layer2.bias[0]", "layer1.z[0,0]"])
def test_latex_compiles(place):
    said = explain(network.load("xor"), place, "latex")
    assert said.startswith(r"\documentclass{article}")
    assert said.endswith(r"\end{document}")
    assert said.count(r"\begin{align*}") == said.count(r"\end{align*}") > 0
    for block in said.split(r"\begin{align*}")[1:]:
        compiles(block.split(r"\end{align*}")[0])
    assert KNOWN | DOCUMENT


@pytest.mark.corpus
@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("example", [name for name, _ in network.examples()])
def test_every_example_explains_its_parameters(example, form):
    made = network.load(example)
    parameter = made.graph.params[0]
    assert parameter.label in explain(made, parameter.name, form).replace("\\", "")


def test_a_place_that_is_not_there_is_a_user_error():
    with pytest.raises(UserError):
        explain(network.load("xor"), "layer9.z")
    with pytest.raises(UserError):
        explain(network.load("xor"), "layer1.z[9,9]")


def test_what_the_argmax_of_a_rule_is_stands_in_every_format():
    said = {form: explain(network.load("lenet"), "layer1.a[0,0,4,5]", form) for form in WRITERS}
    assert "argmax_a[n,c,h,w], argmax_b[n,c,h,w] = first a,b of the largest" in said["text"]
    assert "first a,b of the largest" in said["markdown"]
    assert r"\mathrm{argmax\_a,{\ }argmax\_b}_{n,c,h,w} &= \operatorname{first\ argmax}_{a, b}" in said["latex"]
