"""No false alarm where a training has come to: gradients that cancel, losses of 1e-32, corners next to a value."""

import dataclasses

import numpy as np
import pytest

from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.model.engine.training import Training
from bptui.model.source.examples import examples
from bptui.model.source.formula import parse
from bptui.model.source.network import load
from bptui.symbolic.check import check_step


def failures(of):
    return [row for row in check_step(of).rows if row.verdict == "FAIL"]


@pytest.mark.corpus(rows=3)
@pytest.mark.parametrize("step", [5, 500])
@pytest.mark.parametrize("name", [name for name, _ in examples()])
def test_a_trained_network_fails_no_check(name, step):
    assert failures(Training(load(name)).recording(step)) == []


@pytest.mark.corpus(rows=3)  # their parts are checked in both dtypes row by row; lstm is below
@pytest.mark.parametrize("name", ["lenet", "resnet-block", "transformer"])
def test_a_modern_network_in_single_precision_fails_no_check(name):
    program = dataclasses.replace(load(name), dtype="float32").program()
    program.run(3)
    assert failures(program) == []


CANCELS = {
    "a bias before batch_norm": "L = mean(batch_norm(affine(x, W, b))*y)",
    "the bias of keys": "L = mean((softmax(x @ transpose(affine(x, W, b))) @ x)*x)",
}


@pytest.mark.parametrize("case", CANCELS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_gradient_that_cancels_is_known_to_the_rounding_of_its_terms(case, dtype):
    for seed in range(3):
        random = np.random.default_rng(seed)
        shapes = {"x": (40, 6), "W": (6, 6), "b": (6,), "y": (40, 6)}
        values = {name: random.normal(size=shape).tolist() for name, shape in shapes.items()}
        program = Program(parse(CANCELS[case], values, ["W", "b"], dtype), dtype=dtype)
        step = program.record()
        assert np.abs(step.grad("b")).max() < 1e-5 * np.abs(step.grad("W")).max()
        assert failures(step) == []


def test_a_saturated_slope_is_known_to_the_rounding_of_its_output():
    program = dataclasses.replace(load("lstm"), dtype="float32").program()
    program.run(150)
    assert failures(program) == []
    rows = {"z": [[9.0, -8.0, 7.0, -9.5, 8.5]]}  # 1 - tanh(z)² is 6e-8 to 3e-6: one to fifty ulp of 1 in float32
    step = Program(parse("L = sum(tanh(z))", rows, ["z"], "float32"), dtype="float32").record()
    assert failures(step) == []


def test_a_training_that_went_to_nan_fails_no_check():
    network = dataclasses.replace(load("xor"), optimizer=Optimizer(kind="sgd", learning_rate=50.0))
    step = Training(network).recording(300)
    assert np.isnan(step.loss)
    assert failures(step) == []
