"""Running statistics: leaves that a training step changes without a gradient, as PyTorch's BatchNorm does its own."""

import numpy as np
import pytest

import bptui
from bptui.model.base.errors import UserError
from bptui.model.engine.program import Program
from bptui.model.engine.training import Training
from bptui.model.source.formula import parse

RANDOM = np.random.default_rng(4)
X, W = RANDOM.normal(size=(5, 3, 2)), RANDOM.normal(size=(3, 3))
G, B, M, V = np.array([1.0, 0.5, 2.0]), np.zeros(3), np.array([0.1, -0.2, 0.3]), np.array([1.0, 2.0, 0.5])
GIVEN = {"x": X.tolist(), "w": W.tolist(), "g": G.tolist(), "b": B.tolist(), "m": M.tolist(), "v": V.tolist()}
FORMULA = 'z = einsum("ncl,cd->ndl", x, w); y = batch_norm(z, g, b, m, v, momentum=0.25); L = mean(y**3)'


def program(formula=FORMULA, **given):
    return Program(parse(formula, {**GIVEN, **given}, ["w", "g"]), bptui.model.engine.optimizers.Optimizer("sgd", 0.1))


def test_they_go_on_as_pytorchs_do():
    torch = pytest.importorskip("torch")
    ours = program()
    w, g = (torch.tensor(array, requires_grad=True) for array in (W, G))
    kept = [torch.tensor(M), torch.tensor(V)]
    for _ in range(4):
        step = ours.record()
        z = torch.einsum("ncl,cd->ndl", torch.tensor(X), w)
        y = torch.nn.functional.batch_norm(z, *kept, g, torch.tensor(B), training=True, momentum=0.25)
        loss = (y**3).mean()
        gradients = torch.autograd.grad(loss, (w, g))
        np.testing.assert_allclose(step.loss, loss.item(), rtol=1e-12)
        for name, state in zip("mv", kept, strict=True):
            np.testing.assert_allclose(step.after(name), state.numpy(), rtol=1e-12)
            np.testing.assert_array_equal(step.after(name), step.value(f"{name}_next"))
        with torch.no_grad():
            for leaf, gradient in zip((w, g), gradients, strict=True):
                leaf -= 0.1 * gradient


def test_they_have_a_moment_and_no_gradient():
    step = program().record()
    nodes = step.graph.by_name
    assert nodes["m"].role == nodes["v"].role == "state"
    assert not any(nodes[name].wants_grad for name in ("m", "v", "m_next", "v_next"))
    forward = [event.node for event in step.timeline.events if event.phase == "forward"]
    assert {nodes["m_next"].id, nodes["v_next"].id} <= set(forward)


def test_any_step_is_the_same_bits_from_a_checkpoint():
    history = Training(program())
    history.advance(50)
    straight = [history.recording(step).after("v").tobytes() for step in range(50)]
    again = Training(program(), checkpoint_bytes=256)
    again.advance(50)
    for step in (0, 49, 7, 31):
        assert again.recording(step).after("v").tobytes() == straight[step]
    assert len(set(straight)) == 50


def test_frozen_they_are_used_and_stay():
    step = program(FORMULA.replace("momentum=0.25", "training=False")).record()
    np.testing.assert_array_equal(step.after("m"), M)
    z = step.value("z")
    expected = (z - M[:, None]) / np.sqrt(V + 1e-5)[:, None] * G[:, None]
    np.testing.assert_allclose(step.value("y"), expected, rtol=1e-12)
    assert step.grad("m") is None


def test_two_uses_of_one_are_one_after_the_other():
    formula = "y = batch_norm(x, g, b, m, v); z = batch_norm(x*w[0, 0], g, b, m, v); L = mean(y*z*z)"
    step = program(formula).record()
    first = 0.9 * M + 0.1 * X.mean((0, 2))
    np.testing.assert_allclose(step.after("m"), 0.9 * first + 0.1 * (X * W[0, 0]).mean((0, 2)), rtol=1e-12)


def test_in_python_and_what_is_trained_is_none():
    x, g, b, m, v = (bptui.data(array, name=name) for name, array in zip("xgbmv", (X, G, B, M, V), strict=True))
    scale = bptui.param(1.5, name="s")
    loss = bptui.mean(bptui.batch_norm(x * scale, g, b, m, v) ** 3)
    step = Program(bptui.network(loss).graph).record()
    np.testing.assert_allclose(step.after("m"), 0.9 * M + 0.1 * 1.5 * X.mean((0, 2)), rtol=1e-12)
    with pytest.raises(UserError, match="'m' is trained"):
        parse("L = mean(batch_norm(x, g, b, m, v)**3)", GIVEN, ["m"])
