"""Every published number, and every example: what its file says of itself is true."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.model.source.examples import ORDER, examples
from bptui.model.source.formula import parse
from bptui.model.source.network import load
from tests.paths import REFERENCE

TORCH = json.loads((REFERENCE / "xor_torch.json").read_text())


def close(found, expected, relative=1e-9, absolute=1e-12):
    np.testing.assert_allclose(found, expected, rtol=relative, atol=absolute)


def step_of(name):
    return load(name).program().record()


def formula(text, train=(), rate=0.1, **values):
    return Program(parse(text, values, train), Optimizer("sgd", rate)).record()


def grads(step, **expected):
    for name, value in expected.items():
        close(step.grad(name), value, 1e-8, 5e-10)


def trained(name, rate, steps):
    """The losses of an example with another learning rate."""
    network = load(name)
    program = dataclasses.replace(
        network, optimizer=dataclasses.replace(network.optimizer, learning_rate=rate)
    ).program()
    return [program.record().loss for _ in range(steps)]


# ------------------------------------------------------------------------------------------------------ examples
def test_every_example_is_listed_says_what_it_is_and_trains():
    folder = resources.files("bptui") / "networks"
    files = {Path(item.name).stem for item in folder.iterdir() if item.name.endswith(".toml")}
    listed = [name for name, _ in examples()]
    assert set(ORDER) <= files == set(listed)
    for name, line in examples():
        assert 20 < len(line) <= 61, name
        text = (folder / f"{name}.toml").read_text(encoding="utf-8")
        assert text.startswith("# ")
        assert tomllib.loads(text)["name"] == name
        network = load(name)
        assert network.source
        assert network.story
        assert network.story[0].startswith("Look at ")
        assert all(len(text) <= 110 for text in network.story)
        program = network.program()
        program.run(3)
        assert np.isfinite(program.loss)


def test_darts_and_its_five_learning_rates():
    step = step_of("darts")
    close(step.loss, 0.81, absolute=1e-12)
    grads(step, w=-3.6, b=-1.8, x=-0.9)
    close(trained("darts", 0.1, 2)[1], 0, absolute=1e-15)
    close(trained("darts", 0.2, 5), [0.81] * 5)
    close(trained("darts", 0.25, 3), [0.81, 1.8225, 4.100625])


def test_chain():
    step = step_of("chain")
    assert (step.value("u"), step.value("y")) == (6, 36)
    grads(step, u=12, x=36)
    step = formula("u = 3*x; y = u**2", x=1)
    assert (step.loss, step.grad("x")) == (9, 18)


def test_boxes():
    step = step_of("boxes")
    assert [float(step.value(name)) for name in "xhgfL"] == [2, 3, 1, 5, 2]
    assert [float(step.grad(name)) for name in "xhgfL"] == [16, 16, 8, 2, 1]


def test_lesson_2_2_1():
    step = step_of("lesson-2-2-1")
    close(step.value("layer1.a"), [[0.509999, 0.5]], absolute=5e-7)
    close(step.value("prediction"), [[0.502499]], absolute=5e-7)
    close(step.loss, 0.0195033, absolute=5e-8)
    close(step.grad("prediction"), [[-0.1975007]], absolute=5e-8)
    close(step.grad("layer2.weight"), [[-0.1007251], [-0.0987503]], absolute=5e-8)
    close(step.grad("layer1.weight"), np.transpose([[-0.0123389, -0.0074033], [-0.0122204, -0.0073322]]), absolute=5e-8)


def test_mazur():
    network = load("mazur")
    program = network.program()
    step = program.record()
    near = {"relative": 0, "absolute": 5e-10}
    close(step.loss, 0.298371108760, **near)
    close(step.value("layer1.z"), [[0.3775, 0.3925]], **near)
    close(step.value("layer1.a"), [[0.593269992107, 0.596884378260]], **near)
    close(step.value("layer2.z"), [[1.105905967060, 1.224921404096]], **near)
    close(step.value("prediction"), [[0.751365069552, 0.772928465321]], **near)
    close(step.grad("prediction"), [[0.741365070, -0.217071535]], **near)
    close(step.grad("layer2.z"), [[0.138498562, -0.038098237]], **near)
    close(step.grad("layer2.bias"), [0.138498562, -0.038098237], **near)
    close(step.grad("layer1.bias"), [0.008771355, 0.009954255], **near)
    g = np.array([0.082167040564, 0.082667627848, -0.022602540477, -0.022740242216])
    close(step.grad("layer2.weight"), g.reshape(2, 2).T, **near)
    close(step.grad("layer1.a"), [[0.036350306393, 0.041370322649]], **near)
    g = np.array([0.000438567734, 0.000877135469, 0.000497712735, 0.000995425471])
    close(step.grad("layer1.weight"), g.reshape(2, 2).T, **near)
    new = np.array([0.149780716133, 0.199561432266, 0.249751143632, 0.299502287265])
    close(step.after("layer1.weight"), new.reshape(2, 2).T, **near)
    new = np.array([0.358916479718, 0.408666186076, 0.511301270239, 0.561370121108])
    close(step.after("layer2.weight"), new.reshape(2, 2).T, **near)
    step = program.record()
    close(step.loss, 0.291027773694, **near)
    close(step.value("layer1.bias"), [0.35, 0.35])
    program.run(9999 - 1)
    close(program.loss, 3.510855e-5, 2e-6)
    step = program.record()
    close(step.loss, 3.510188e-5, 5e-4)
    close(step.value("prediction"), [[0.015913620, 0.984064274]], absolute=2e-6)


@pytest.mark.parametrize(("name", "seed"), [("xor", "0"), ("xor-stuck", "14")])
def test_xor_as_pytorch_draws_it(name, seed):
    torch = TORCH[seed]
    program = load(name).program()
    step = program.record()
    single = {"relative": 2e-6, "absolute": 2e-7}
    for layer, key in (("layer1", "0"), ("layer2", "2")):
        close(step.value(f"{layer}.weight"), np.transpose(torch["init"][f"{key}.weight"]), 0, 0)
        close(step.value(f"{layer}.bias"), torch["init"][f"{key}.bias"], 0, 0)
        close(step.grad(f"{layer}.weight"), np.transpose(torch["grad"][f"{key}.weight"]), **single)
        close(step.grad(f"{layer}.bias"), torch["grad"][f"{key}.bias"], **single)
        close(step.after(f"{layer}.weight"), np.transpose(torch["after_adam_step1"][f"{key}.weight"]), **single)
        close(step.after(f"{layer}.bias"), torch["after_adam_step1"][f"{key}.bias"], **single)
    close(step.value("layer1.a"), torch["hidden"], **single)
    close(step.value("prediction"), torch["pred"], **single)
    close(step.loss, torch["loss"], **single)
    close(program.record().loss, torch["loss_after_1"], **single)
    program.run(998)
    step = program.record()
    dead = (step.value("layer1.a") == 0).all(axis=0).sum()
    assert dead == torch["dead_hidden_units"]
    close(step.loss, torch["loss_after_1000"], absolute=1e-7)


def test_cs231n_neuron():
    step = step_of("cs231n-neuron")
    close(step.loss, 0.7310585786, absolute=5e-11)
    values = {"t1": -2, "t2": 6, "t3": 4, "dot": 1, "t4": -1, "e": 0.3679, "t5": 1.3679, "f": 0.7311}
    for name, value in values.items():
        close(step.value(name), value, absolute=5e-5)
    grads(
        step, dot=0.1966119332, x0=0.3932238665, x1=-0.5898357997, w0=-0.1966119332, w1=-0.3932238665, w2=0.1966119332
    )
    close(step.grad("t5"), -0.5344, absolute=5e-5)


def test_two_paths():
    step = step_of("two-paths")
    assert [float(step.value(f"t{i}")) for i in range(1, 6)] == [6, 7, 3, 9, 4]
    assert step.loss == 13
    grads(step, w=-14, x=-12, b=-6, y=6)
    assert sorted(float(part.array) for part in step.contributions("w")) == [-18, 4]


def test_the_gradient_of_deep_sigmoid_vanishes_and_that_of_deep_relu_does_not():
    def means(name):
        step = step_of(name)
        return [float(np.abs(step.grad(f"layer{i}.weight")).mean()) for i in range(1, 6)]

    sigmoid, relu = means("deep-sigmoid"), means("deep-relu")
    assert sigmoid == sorted(sigmoid)
    assert 4900 < sigmoid[4] / sigmoid[0] < 5000
    assert 0.01 < min(relu) < max(relu) < 0.1

    def by_layer(name):  # as the layers view has it: root mean squares of what the layers pass on
        step = step_of(name)
        return [float(np.sqrt(np.mean(step.grad(f"layer{i}.{'z' if i == 5 else 'a'}") ** 2))) for i in range(1, 6)]

    sigmoid, relu = by_layer("deep-sigmoid"), by_layer("deep-relu")
    assert (f"{sigmoid[4]:.3g}", f"{sigmoid[0]:.3g}") == ("0.0158", "0.000156")
    assert 100 < sigmoid[4] / sigmoid[0] < 103
    assert 0.8 < relu[0] / relu[3] < 1.25
    for name, low, high in (("deep-sigmoid", 0.69, 0.70), ("deep-relu", 0, 0.001)):
        program = load(name).program()
        program.run(1000)
        assert low <= program.loss <= high


def test_classifier_learns():
    network = load("classifier")
    program = network.program()
    program.run(network.steps)
    assert program.loss < 0.01


@pytest.mark.parametrize(
    ("name", "begin", "end"),
    [
        ("lenet", (2.0, 3.0), 0.05),  # ln 10 is 2.30
        ("resnet-block", (2.0, 3.0), 0.1),
        ("lstm", (0.6, 0.8), 0.01),  # ln 2 is 0.69
        ("transformer", (2.7, 3.4), 0.35),  # ln 20 is 3.00; a window's first characters cannot be known
    ],
)
def test_modern_networks_learn(name, begin, end):
    network = load(name)
    program = network.program()
    losses = np.zeros(network.steps)
    program.run(network.steps, losses)
    assert begin[0] < losses[0] < begin[1]
    assert losses[-20:].mean() < end


def test_a_gradient_goes_through_the_residual_block_and_past_it():
    step = step_of("resnet-block")
    parts = step.contributions("stem_norm.a")
    assert len(parts) == 2
    close(parts[0].array + parts[1].array, step.grad("stem_norm.a"), absolute=1e-15)
    assert all(np.abs(part.array).max() > 0 for part in parts)


def test_the_transformer_looks_only_back():
    step = step_of("transformer")
    name = next(node.name for node in step.graph.ops if node.op.name == "masked_softmax")
    weights = step.value(name)
    close(weights.sum(-1), np.ones(weights.shape[:-1]))
    assert not np.triu(weights, 1).any()


# --------------------------------------------------------------------------------------- other published numbers
def test_cs231n_gates():
    step = formula("q = x + y; f = q*z", x=-2, y=5, z=-4)
    assert (step.value("q"), step.loss) == (3, -12)
    grads(step, z=3, q=-4, x=-4, y=-4)
    step = formula("f = 2*(x*y + maximum(z, w))", x=3, y=-4, z=2, w=-1)
    assert step.loss == -20
    grads(step, x=-8, y=6, z=2, w=0)
    step = formula("num = x + sigmoid(y); den = sigmoid(x) + (x + y)**2; f = num/den", x=3, y=-4)
    close([step.value("num"), step.value("den"), step.loss], [3.0179862100, 1.9525741268, 1.5456448841], absolute=5e-10)
    grads(step, x=2.0595697956, y=1.5922327515)


def test_micrograd():
    text = """
        c0 = a + b
        d0 = a*b + b**3
        c1 = c0 + c0 + 1
        c2 = c1 + 1 + c1 + (-a)
        d1 = d0 + d0*2 + relu(b + a)
        d2 = d1 + 3*d1 + relu(b - a)
        e = c2 - d2
        f = e**2
        g = f/2.0 + 10.0/f
    """
    step = formula(text, a=-4, b=2)
    close(step.loss, 24.7041, absolute=5e-5)
    close([step.grad("a"), step.grad("b")], [138.8338, 645.5773], absolute=5e-5)
    step = formula("z = 2*x + 2 + x; q = relu(z) + z*x; h = relu(z*z); y = h + q + q*x", x=-4)
    assert (step.loss, step.grad("x")) == (-20, 46)
    leaves = {"a": 2, "b": -3, "c": 10, "f": -2}
    step = formula("e = a*b; d = e + c; L = d*f", **leaves)
    assert (step.value("e"), step.value("d"), step.loss) == (-6, 4, -8)
    grads(step, L=1, f=4, d=-2, c=-2, e=-2, a=6, b=-4)
    nudged = formula("L = (a*b + c)*f", **{name: leaves[name] + 0.01 * float(step.grad(name)) for name in leaves})
    close(nudged.loss, -7.286496)
    step = formula("n = x1*w1 + x2*w2 + b; o = tanh(n)", x1=2, x2=0, w1=-3, w2=1, b=6.8813735870195432)
    close([step.value("n"), step.loss], [0.8813735870, 0.7071067812], absolute=5e-11)
    grads(step, w1=1, x1=-1.5, w2=0, x2=0.5)


def test_backprop_builder():
    step = formula("p = x*w + b; L = (p - t)**2", ("w", "b"), 0.05, x=2, w=3, b=1, t=9)
    assert (step.value("p"), step.loss) == (7, 4)
    grads(step, w=-8, b=-4)
    close([step.after("w"), step.after("b")], [3.4, 1.2])
    after = formula("p = x*w + b; L = (p - t)**2", x=2, w=3.4, b=1.2, t=9)
    close([after.value("p"), after.loss], [8, 1])


def test_goodfellow_s_xor_solution_has_no_gradient_at_all():
    x = [[0, 0], [0, 1], [1, 0], [1, 1]]
    text = "h = relu(x @ W + c); p = h @ w + b; L = mse(p, y)"
    step = formula(text, x=x, W=[[1, 1], [1, 1]], c=[0, -1], w=[[1], [-2]], b=[0], y=[[0], [1], [1], [0]])
    assert step.value("h").tolist() == [[0, 0], [1, 0], [1, 0], [2, 1]]
    assert step.value("p").tolist() == [[0], [1], [1], [0]]
    assert step.loss == 0
    assert all(not step.grad(name).any() for name in ("W", "c", "w", "b", "x"))


def test_d2l():
    step = formula("L = 2*(x @ x)", x=[0, 1, 2, 3])
    assert step.loss == 28
    assert step.grad("x").tolist() == [0, 4, 8, 12]
    assert formula("L = sum(x)", x=[0, 1, 2, 3]).grad("x").tolist() == [1, 1, 1, 1]
    assert formula("L = sum(x*x)", x=[0, 1, 2, 3]).grad("x").tolist() == [0, 2, 4, 6]


def test_the_slope_of_a_sigmoid_is_at_most_a_quarter():
    step = formula("L = sum(sigmoid(x))", x=np.linspace(-20, 20, 401))
    assert step.grad("x").max() == step.grad("x")[200] == 0.25


def test_what_the_stories_say_is_so():
    """The numbers of `story` that no other test has."""
    for name, dead in (("xor", [2, 6]), ("xor-stuck", [0, 3, 4, 7])):
        program = load(name).program()
        first = program.record()
        assert [j for j in range(8) if not first.value("layer1.a")[:, j].any()] == dead
        program.run(998)
        last = program.record()
        assert not last.value("layer1.a")[:, dead].any()
        assert (last.after("layer1.weight")[:, dead] == first.before("layer1.weight")[:, dead]).all()
    step = step_of("classifier")
    p = np.exp(step.value("layer3.z"))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(20), step.value("y").astype(int).ravel()] -= 1
    close(step.grad("layer3.z"), p / 20)
    graph = load("lstm").graph
    for part in ("w_ih", "w_hh", "b_ih", "b_hh"):
        weight = graph.by_name[f"layer1.{part}"]
        assert sum(weight.id in node.inputs for node in graph.nodes) == 4
    program = load("darts").program()
    program.record()
    assert program.record().loss == pytest.approx(0, abs=1e-30)


# ------------------------------------------------------------------------------------------------------ spring
def test_the_spring_learns_the_cosine_from_its_equation():
    network = load("spring")
    step = step_of("spring")
    close(step.loss, 1.756771314147082)
    h, w1, w2 = step.value("h"), step.value("W1"), step.value("W2")
    close(step.value("ut"), ((1 - h * h) * w1) @ w2)  # by hand
    close(step.value("utt"), (-2 * h * (1 - h * h) * w1 * w1) @ w2)
    close(step.value("ut.d_h"), np.ones((13, 1)) @ w2.T)
    program = network.program()
    program.run(2000)
    step = program.record()
    assert step.loss < 3e-4
    assert np.abs(step.value("u") - np.cos(step.value("t"))).max() < 0.01


def test_the_gradients_of_the_spring_are_those_of_a_double_backward():
    torch = pytest.importorskip("torch")
    step = step_of("spring")
    t, *weights = (torch.tensor(step.value(name), requires_grad=True) for name in ("t", "W1", "b1", "W2", "b2"))
    w1, b1, w2, b2 = weights
    u = torch.tanh(t @ w1 + b1) @ w2 + b2
    (ut,) = torch.autograd.grad(u.sum(), t, create_graph=True)
    (utt,) = torch.autograd.grad(ut.sum(), t, create_graph=True)
    loss = ((utt + u) ** 2).mean() + (u[0, 0] - 1) ** 2 + ut[0, 0] ** 2
    loss.backward()
    close(step.loss, loss.item())
    grads(step, **{name: weight.grad.numpy() for name, weight in zip(("W1", "b1", "W2", "b2"), weights, strict=True)})
