"""rnn, lstm, gru beside PyTorch's: where they start and end, projections, samples that end earlier."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import bptui
from bptui.model.base.errors import UserError
from bptui.model.engine.optimizers import Optimizer
from bptui.model.source.network import from_formula, from_mapping

rng = np.random.default_rng(4)
SAMPLES, POSITIONS, FEATURES, UNITS = 3, 5, 4, 3
X = rng.normal(size=(SAMPLES, POSITIONS, FEATURES))
LENGTHS = [3, 5, 1]
WORDS = {"w_ih": "weight_ih", "w_hh": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh", "w_hr": "weight_hr"}


def padded(x, lengths, what=0.0):
    """x with something else after the end of each sample."""
    x = np.array(x)
    for row, length in zip(x, lengths, strict=True):
        row[length:] = what
    return x


def network(kind, keys, inputs=X, lengths=None, before=(), **data):
    """The layer, then a dense one over each position; the loss is the mean square."""
    layers = [*before, {"kind": kind, "name": "cells", "units": UNITS, "sequence": True, **keys}]
    given = {"inputs": np.asarray(inputs).tolist(), "targets": np.zeros((len(inputs), POSITIONS, 2)).tolist(), **data}
    if lengths is not None:
        given["lengths"], layers[-1]["lengths"] = lengths, True
    layers.append({"kind": "dense", "name": "last", "units": 2, "activation": "tanh"})
    return from_mapping(
        {"seed": 5, "data": given, "layers": layers, "loss": {"kind": "mse"}, "optimizer": {"learning_rate": 0.1}},
        "net.toml",
    )


def theirs(torch, kind, keys, graph, inputs=X, lengths=None, start=None):
    """(results, what has a gradient by our names) of the same layer and loss in PyTorch."""
    layers, both = keys.get("layers", 1), keys.get("bidirectional", False)
    proj = {"proj_size": keys["proj_size"]} if "proj_size" in keys else {}
    if "nonlinearity" in keys:
        proj = {"nonlinearity": keys["nonlinearity"]}
    made = getattr(torch.nn, kind.upper())(
        FEATURES, UNITS, layers, bias=keys.get("use_bias", True), bidirectional=both, batch_first=True, **proj
    ).double()
    params = {}
    for level in range(layers):
        for end in ("", "_reverse") if both else ("",):
            for ours, word in WORDS.items():
                name = f"cells.{ours}{'' if level == 0 else f'_{level + 1}'}{end}"
                if name in graph.by_name:
                    params[name] = getattr(made, f"{word}_l{level}{end}")
                    params[name].data = torch.tensor(graph.by_name[name].value)
    x = torch.tensor(np.asarray(inputs))
    if lengths is not None:
        x = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    out, state = made(x, start)
    if lengths is not None:
        out, _ = torch.nn.utils.rnn.pad_packed_sequence(out, batch_first=True, total_length=POSITIONS)
    weight, bias = (torch.tensor(graph.by_name[f"last.{n}"].value) for n in ("weight", "bias"))
    torch.tanh(out @ weight + bias).square().mean().backward()
    states = state if kind == "lstm" else (state,)
    return (out, *states), params


def agree(net, found, params):
    """Values and gradients are PyTorch's."""
    step = net.program().record()
    graph = net.graph
    ours = [step.value(graph.by_name["last.z"].inputs[0])]
    ours += [step.value(f"cells.{name}") for name in ("h_n", "c_n") if f"cells.{name}" in graph.by_name]
    for mine, other in zip(ours, found, strict=True):
        np.testing.assert_allclose(mine, other.detach().numpy(), rtol=1e-11, atol=1e-14)
    for name, param in params.items():
        np.testing.assert_allclose(step.grad(name), param.grad.numpy(), rtol=1e-9, atol=1e-14, err_msg=name)


CASES = [
    ("rnn", {}),
    ("rnn", {"nonlinearity": "relu", "use_bias": False, "layers": 2}),
    ("lstm", {"layers": 2, "bidirectional": True}),
    ("lstm", {"proj_size": 2, "layers": 2, "bidirectional": True}),
    ("lstm", {"proj_size": 2, "use_bias": False}),
    ("gru", {"bidirectional": True, "use_bias": False}),
    ("gru", {"layers": 3}),
]


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["all", "lengths"])
@pytest.mark.parametrize(("kind", "keys"), CASES, ids=lambda part: part if isinstance(part, str) else "")
def test_values_states_and_gradients_are_pytorchs(kind, keys, lengths):
    torch = pytest.importorskip("torch")
    rows = keys.get("layers", 1) * (2 if keys.get("bidirectional") else 1)
    h = np.random.default_rng(1).normal(size=(rows, SAMPLES, keys.get("proj_size", UNITS)))
    c = np.random.default_rng(2).normal(size=(rows, SAMPLES, UNITS))
    given = {"h0": h.tolist(), **({"c0": c.tolist()} if kind == "lstm" else {})}
    net = network(kind, {**keys, **given, "states": True}, lengths=lengths)
    start = tuple(torch.tensor(s) for s in ((h, c) if kind == "lstm" else (h,)))
    agree(net, *theirs(torch, kind, keys, net.graph, lengths=lengths, start=start if kind == "lstm" else start[0]))


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_a_learned_start_has_pytorchs_gradient(kind):
    torch = pytest.importorskip("torch")
    net = network(kind, {"h0": "learned", "layers": 2, "states": True}, lengths=LENGTHS)
    names = [["cells.learned_h0", "cells.learned_h0_2"], ["cells.learned_c0", "cells.learned_c0_2"]]
    params = {name: torch.zeros(UNITS, dtype=torch.float64, requires_grad=True) for row in names for name in row}
    rows = [torch.stack([params[name].expand(SAMPLES, UNITS) for name in row]) for row in names]
    start = tuple(rows) if kind == "lstm" else rows[0]
    found, more = theirs(torch, kind, {"layers": 2}, net.graph, lengths=LENGTHS, start=start)
    agree(net, found, more | {name: p for name, p in params.items() if kind == "lstm" or "h0" in name})


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("what", [np.nan, np.inf, 1e300, 7.0])
def test_nothing_flows_from_what_follows_the_end(kind, what):
    """Whatever stands there, every number of the step is the same."""
    keys = {"layers": 2, "bidirectional": True}
    net = network(kind, keys, padded(X, LENGTHS), LENGTHS)
    nodes, x = list(net.graph.nodes), net.graph.by_name["x"]
    nodes[x.id] = dataclasses.replace(x, value=padded(X, LENGTHS, what))
    dirty = dataclasses.replace(net, graph=dataclasses.replace(net.graph, nodes=tuple(nodes)))
    clean, found = net.program().record(), dirty.program().record()
    assert found.loss == clean.loss
    for node in net.graph.params:
        assert np.array_equal(found.grad(node.id), clean.grad(node.id)), node.name


def test_one_layer_starts_where_another_ended():
    torch = pytest.importorskip("torch")
    before = [{"kind": "lstm", "name": "encoder", "units": UNITS, "sequence": True}]
    net = network("lstm", {"h0": "encoder"}, np.zeros((SAMPLES, POSITIONS, UNITS)) + 0.5, before=before)
    step, graph = net.program().record(), net.graph
    states = tuple(torch.tensor(step.value(name)) for name in ("encoder.h5", "cells.c0"))
    np.testing.assert_array_equal(step.value("cells.c0"), step.value("encoder.hc5")[:, UNITS:])
    first = torch.tensor(step.value("encoder.join1_1")[:, 0])
    weights = [torch.tensor(graph.by_name[f"cells.{name}"].value) for name in ("w_ih", "w_hh", "b_ih", "b_hh")]
    expected, _ = torch._VF.lstm_cell(first, states, *weights)
    np.testing.assert_allclose(step.value("cells.h1"), expected.numpy(), rtol=1e-12)


def test_lengths_go_with_their_samples_into_batches():
    """At a rate of 0, the loss of all samples is the mean of the losses of each alone."""

    def losses(count, **data):
        net = dataclasses.replace(network("gru", {}, lengths=LENGTHS, **data), optimizer=Optimizer("sgd", 0.0))
        program = net.program()
        return [program.record().loss for _ in range(count)]

    assert np.mean(losses(SAMPLES, batch_size=1, shuffle=False)) == pytest.approx(losses(1)[0], rel=1e-12)


def test_the_mean_is_over_the_positions_that_are_there():
    data = {"inputs": padded(X, LENGTHS, 1e6).tolist(), "targets": np.zeros((SAMPLES, 2)).tolist(), "lengths": LENGTHS}
    layers = [{"kind": "mean_positions", "lengths": True}, {"kind": "dense", "units": 2}]
    step = from_mapping({"data": data, "layers": layers, "loss": {"kind": "mse"}}, "n").program().record()
    expected = [row[:length].mean(0) for row, length in zip(X, LENGTHS, strict=True)]
    np.testing.assert_allclose(step.value("layer1.a"), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("kind", "keys", "data", "message"),
    [
        ("gru", {"lengths": True}, {}, "layer1.lengths: [data] has no lengths"),
        ("gru", {}, {"lengths": [1, 2, 3]}, "data.lengths: no layer reads them"),
        ("gru", {"lengths": True}, {"lengths": [1, 2]}, "data.lengths: found shape (2,)"),
        ("gru", {"lengths": True}, {"lengths": [1, 0, 2]}, "data.lengths: [1] is 0 (a whole number from 1 to 5"),
        ("gru", {"lengths": True}, {"lengths": [1, 6, 2]}, "data.lengths: [1] is 6"),
        ("gru", {"lengths": True}, {"lengths": [1, 1.5, 2]}, "data.lengths: [1] is 1.5"),
        ("gru", {"h0": "lerned"}, {}, "layer1.h0: 'lerned' is no recurrent layer before it (did you mean 'learned'?)"),
        (
            "gru",
            {"h0": 3},
            {},
            'layer1.h0: expected "zeros", "learned", numbers, or the name of a layer, found the number 3',
        ),
        ("gru", {"h0": [[0.5, 1]]}, {}, "layer1.h0: found shape (1, 2) (expected (1, 3) or (1, 3, 3))"),
        ("gru", {"c0": "zeros"}, {}, "unknown key 'c0'"),
        ("lstm", {"proj_size": 3}, {}, "layer1.proj_size: 3 of 3 units (a projection is smaller than units)"),
        ("gru", {"proj_size": 2}, {}, "unknown key 'proj_size'"),
    ],
)
def test_what_does_not_fit_is_one_line(kind, keys, data, message):
    with pytest.raises(UserError) as problem:
        from_mapping(
            {
                "data": {"inputs": X.tolist(), "targets": np.zeros((SAMPLES, UNITS)).tolist(), **data},
                "layers": [{"kind": kind, "units": UNITS, **keys}],
                "loss": {"kind": "mse"},
            },
            "net.toml",
        )
    assert message in str(problem.value)
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["all", "lengths"])
@pytest.mark.parametrize(("kind", "proj"), [("rnn", 0), ("gru", 0), ("lstm", 0), ("lstm", 2)])
def test_the_functions_of_python_are_pytorchs(kind, proj, lengths):
    """One layer, one way: values, the state in the end, and the gradient of every number that goes in."""
    torch = pytest.importorskip("torch")
    made = getattr(torch.nn, kind.upper())(FEATURES, UNITS, batch_first=True, **({"proj_size": proj} if proj else {}))
    made.double()
    names = [name for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0") if hasattr(made, name)]
    given = {"x": X, "h0": np.random.default_rng(1).normal(size=(SAMPLES, proj or UNITS))}
    given |= {name: getattr(made, name).detach().numpy() for name in [*names, *(["weight_hr_l0"] if proj else [])]}
    if kind == "lstm":
        given["c0"] = np.random.default_rng(2).normal(size=(SAMPLES, UNITS))
    ours = {name: bptui.param(value, name=name) for name, value in given.items()}
    states = {name: ours[name] for name in ("h0", "c0") if name in ours}
    weights = [value for name, value in ours.items() if name.startswith(("weight", "bias"))]
    results = getattr(bptui, kind)(ours["x"], *weights, **states, lengths=lengths)
    found = bptui.grads(sum((bptui.sum(bptui.square(each)) for each in results[1:]), bptui.sum(bptui.tanh(results[0]))))
    x, *start = (torch.tensor(given[name], requires_grad=True) for name in ("x", *states))
    rows = tuple(state[None] for state in start)
    source = x
    if lengths is not None:
        source = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    out, end = made(source, rows if kind == "lstm" else rows[0])
    if lengths is not None:
        out, _ = torch.nn.utils.rnn.pad_packed_sequence(out, batch_first=True, total_length=POSITIONS)
    ends = end if kind == "lstm" else (end,)
    (torch.tanh(out).sum() + sum(each.square().sum() for each in ends)).backward()
    right = {"x": x.grad, **dict(zip(states, (each.grad for each in start), strict=True))}
    right |= {name: value.grad for name, value in made.named_parameters()}
    for name in given:
        np.testing.assert_allclose(found[name], right[name].numpy(), rtol=1e-9, atol=1e-13, err_msg=name)


def test_what_the_functions_of_python_refuse_is_one_line():
    w = np.ones((3, 4)), np.ones((3, 3))
    for given, keys, said in (
        ((X[0], *w), {}, r"x has shape \(5, 4\): it must be \(samples, positions, features\)"),
        ((X, w[0]), {}, "w_ih and w_hh are missing"),
        ((X, *w), {"lengths": [1, 2]}, r"lengths have shape \(2,\)"),
    ):
        with pytest.raises(UserError, match=said):
            bptui.rnn(*given, **keys)


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_a_formula_gives_what_python_gives(kind):
    """All positions and the last states, backwards and with samples that end."""
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[kind]
    there = (np.arange(POSITIONS) < np.array(LENGTHS)[:, None]).astype(float)
    given = {"x": X, "u": rng.normal(size=(gates * 2, FEATURES)), "w": rng.normal(size=(gates * 2, 2)), "there": there}
    given["s"] = rng.normal(size=(SAMPLES, 2))
    states = "y, h, c" if kind == "lstm" else "y, h"
    loss = "sum(y*y) + sum(h)" + (" + sum(c*c)" if kind == "lstm" else "")
    text = f"{states} = {kind}(x, u, w, h0=s, there=there, reverse=True)\nL = {loss}"
    step = from_formula(text, given, ["u", "w", "s"]).program().record()
    ours = {name: bptui.param(given[name], name=name) for name in ("u", "w", "s")}
    y, h, *c = getattr(bptui, kind)(X, ours["u"], ours["w"], h0=ours["s"], lengths=LENGTHS, reverse=True)
    total = bptui.sum(y * y) + bptui.sum(h)
    right = bptui.grads(total + bptui.sum(c[0] * c[0]) if c else total)
    for name in ours:
        np.testing.assert_allclose(step.grad(name), right[name], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("y, h = lstm(x, u, w); L = sum(y)", "formula 1:8: lstm gives 3 values (write y, h, c = lstm(x, w_ih"),
        ("y, h = gru(x, u); L = sum(y)", "gru has 2 values"),
        ("y, h = gru(x, u, w, size=3); L = sum(y)", "gru has no setting 'size'"),
        ("y, h = gru(x[0], u, w); L = sum(y)", "gru: x has shape (5, 4): it must be (samples, positions, features)"),
        ("y, h = gru(x, u, w, there=x); L = sum(y)", "there has shape (3, 5, 4): it must be (3, 5)"),
        ("y, h = gru(x, w, u); L = sum(y)", "gru_cell"),
        ("y, h = gru(x, x, x); L = sum(y)", "gru"),
        ("L = sum(gru(x, u, w))", "over all positions y, h, c = lstm(x, w_ih, w_hh)"),
    ],
)
def test_what_does_not_fit_in_a_formula_is_one_line(text, said):
    given = {"x": X, "u": np.ones((6, FEATURES)), "w": np.ones((6, 2))}
    with pytest.raises(UserError) as problem:
        from_formula(text, given, ["u"])
    assert said in str(problem.value)
    assert "\n" not in str(problem.value)
