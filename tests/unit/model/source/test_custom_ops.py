"""Operations of one's own: where they may be defined, and what reaches the maker of their rows."""

from __future__ import annotations

import dataclasses
import sys
from types import ModuleType

import numpy as np
import pytest

import bptui
from bptui.model.base.errors import UserError
from bptui.model.engine import ops
from bptui.model.engine.program import Program
from bptui.model.source import custom_ops
from bptui.model.source.formula import parse
from bptui.model.source.network import from_formula, from_mapping


@pytest.fixture
def asked(monkeypatch):
    """A maker that takes every definition for silu, and what it was asked for."""
    calls = []
    maker = ModuleType(custom_ops.MAKER)

    def make(name, definition, where, settings, inputs):
        calls.append((name, definition, where))
        return dataclasses.replace(ops.OPS["silu"], name=name)

    maker.make = make
    monkeypatch.setitem(sys.modules, custom_ops.MAKER, maker)
    return calls


TABLE = {
    "data": {"inputs": [[0.0, 1.0]], "targets": [[1.0]]},
    "layers": [{"kind": "dense", "units": 3, "activation": "swoosh"}, {"kind": "dense", "units": 1}],
    "loss": {"kind": "mse"},
    "ops": {"swoosh": {"definition": "y = x/(1 + exp(-x))"}},
}


def test_in_a_formula(asked):
    step = Program(parse('swoosh = op("y = x/(1 + exp(-x))"); L = swoosh(w)', {"w": 2.0})).record()
    assert asked == [("swoosh", "y = x/(1 + exp(-x))", "formula 1:10: definition")]
    np.testing.assert_allclose(step.loss, 2 / (1 + np.exp(-2)))


def test_in_a_network_file_as_an_activation_and_in_its_formula(asked):
    graph = from_mapping(TABLE, "net.toml").graph
    assert graph.by_name["layer1.a"].op.name == "swoosh"
    assert asked[0] == ("swoosh", "y = x/(1 + exp(-x))", "net.toml: ops.swoosh.definition")
    table = {"formula": "L = swoosh(w)", "values": {"w": 1}, "ops": TABLE["ops"]}
    assert from_mapping(table, "net.toml").graph.by_name["L"].op.name == "swoosh"


def test_in_python(asked):
    swoosh = bptui.op("y = x/(1 + exp(-x))", name="swoosh")
    network = bptui.network(swoosh(bptui.param(2.0)))
    assert network.graph.by_name["loss"].op.name == "swoosh"


def test_what_is_wrong_before_anything_is_made(asked):
    for change, message in (
        ({"relu": {"definition": "y = x"}}, "ops.relu.definition: there is an operation 'relu' already"),
        ({"a b": {"definition": "y = x"}}, "'a b' is not a name"),
        ({"f": {}}, "ops.f: 'definition' is missing"),
        ({"f": {"definition": 3}}, "ops.f.definition: expected a text"),
        ({"f": {"definiton": "y = x"}}, "ops.f: unknown key 'definiton' (did you mean 'definition'?)"),
        ({"f": "y = x"}, "ops.f: found the text"),
        ({"f": {"definition": "y = " + "x + " * 1000 + "x"}}, "4,005 characters (at most 2,000)"),
    ):
        with pytest.raises(UserError) as problem:
            from_mapping(TABLE | {"ops": change}, "net.toml")
        assert message in str(problem.value)
    assert asked == []
    for text, message in (
        ('f = op("y = x")', "the loss is a fixed number"),
        ('f = op("y = x"); f = 3*w; L = f', "'f' is already defined at 1:1"),
        ("f = op(w); L = w*w", "unknown operation 'op'"),
    ):
        with pytest.raises(UserError, match=message):
            parse(text, {"w": 1})


def test_operations_of_ones_own_are_counted():
    """SymPy takes its time for each: 60 of them took 20 seconds before anything was shown."""
    count = custom_ops.MAX_OPERATIONS + 1
    table = {"formula": "L = sum(o0(x))", "values": {"x": [1.0]}}
    table["ops"] = {f"o{n}": {"definition": "y = x*x"} for n in range(count)}
    with pytest.raises(UserError, match="at most 20"):
        from_mapping(table, "net")
    lines = [f'o{n} = op("y = x*x")' for n in range(count)]
    with pytest.raises(UserError, match="at most 20"):
        from_formula("\n".join([*lines, "L = sum(o0(x))"]), {"x": [1.0]})
