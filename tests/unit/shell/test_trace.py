"""`bptui trace` and `check` print what they are asked for, and the settings of a formula and weights reach them."""

import re
from dataclasses import replace

import numpy as np
import pytest

from bptui.model.engine import ops
from tests.unit.shell.rig import DARTS, result, run


def test_a_formula_is_traced(capsys):
    found = result(capsys, "trace", "--json", "--formula", *DARTS)
    assert found["format"] == 1
    assert found["target"] == "formula"
    assert found["dtype"] == "float64"
    assert found["losses"] == pytest.approx([0.81])
    assert found["step"]["index"] == 0
    assert found["step"]["grads"]["w"] == pytest.approx(-3.6)
    assert found["step"]["values"]["L"] == pytest.approx(0.81)
    assert found["step"]["updates"] == {}
    assert found["parameters"] == {}
    assert {"x", "y", "w", "b", "L", "t1"} <= set(found["step"]["values"])


def test_options_may_stand_anywhere(capsys):
    one = result(capsys, "trace", "--formula", *DARTS, "--train", "w,b", "--lr", "0.05", "--json")
    two = result(capsys, "trace", "x=2", "--lr", "0.05", "y=2", "--json", "w=0.5", "--train", "w,b", "b=0.1",
                 "--formula", DARTS[0])  # fmt: skip
    one["step"]["values"] = dict(sorted(one["step"]["values"].items()))
    assert one["losses"] == two["losses"]
    assert one["step"]["updates"]["w"]["before"] == 0.5
    assert one["step"]["updates"]["w"]["after"] == pytest.approx(0.5 + 0.05 * 3.6)
    assert one["parameters"]["b"] == pytest.approx(0.1 + 0.05 * 1.8)


def test_a_network_is_traced_by_its_public_names(capsys):
    found = result(capsys, "trace", "xor", "--json", "--steps", "5", "--at", "3")
    assert found["target"] == "xor"
    assert len(found["losses"]) == 5
    assert found["step"]["index"] == 3
    names = {"x", "y", "layer1.weight", "layer1.bias", "layer1.z", "layer1.a", "layer2.z", "prediction", "loss"}
    assert names <= set(found["step"]["values"])
    assert found["step"]["values"]["loss"] == found["losses"][3]
    assert found["step"]["values"]["prediction"] == found["step"]["values"]["layer2.z"]
    assert np.shape(found["step"]["grads"]["layer1.weight"]) == (2, 8)
    assert set(found["parameters"]) == {"layer1.weight", "layer1.bias", "layer2.weight", "layer2.bias"}
    last = result(capsys, "trace", "xor", "--json", "--steps", "5", "--at", "4")
    assert last["parameters"] == found["parameters"]
    assert last["step"]["updates"]["layer1.bias"]["after"] == found["parameters"]["layer1.bias"]


def test_the_states_of_an_optimizer_are_traced(capsys):
    one, two = (result(capsys, "trace", "xor", "--json", "--steps", "5", "--at", at) for at in "34")
    for name, update in one["step"]["updates"].items():
        assert set(update["states"]) == {"m", "v"}
        assert update["lr"] == 0.01
        for state, shown in update["states"].items():
            assert np.shape(shown["after"]) == np.shape(update["after"])
            assert shown["after"] == two["step"]["updates"][name]["states"][state]["before"]
    grad, found = one["step"]["grads"]["layer2.weight"], one["step"]["updates"]["layer2.weight"]["states"]["m"]
    m, after = np.array(found["before"]), np.array(found["after"])
    np.testing.assert_allclose(after, 0.9 * m + 0.1 * np.array(grad), rtol=1e-12)


def test_numbers_that_are_not_finite_are_strings(capsys):
    found = result(capsys, "trace", "--json", "--formula", "a = log(x)\nb = 0*a\nL = sum(b)", "x=[0, 1]")
    assert found["step"]["values"]["a"] == ["-inf", 0.0]
    assert found["step"]["values"]["b"] == ["nan", 0.0]
    assert found["losses"] == ["nan"]


def test_inf_is_given_as_in_a_formula(capsys):
    found = result(capsys, "trace", "--formula", "L = sum(softmax(x + m)*x)", "x=[1, 2]", "m=[0, -inf]", "--json")
    assert found["losses"] == [1.0]
    code, _, err = run(capsys, "trace", "--formula", "L = x*x", "x=info")
    assert (code, err) == (2, "bptui: error: x: 'info' is not JSON (a number or a list: 2, -0.5, [[1, 2], [3, 4]])\n")


def test_trace_for_a_reader(capsys):
    code, out, _ = run(capsys, "trace", "xor", "--steps", "3")
    assert code == 0
    assert "layer1.z (4,8) = x @ layer1.weight + layer1.bias" in out
    assert "loss 0.866838 at training step 0" in out
    assert run(capsys, "trace", "xor", "--ascii")[1].isascii()


def test_values_from_files(capsys, tmp_path):
    (tmp_path / "v.json").write_text('{"x": 2, "y": 2, "b": 0.1}')
    np.savez(tmp_path / "v.npz", x=2.0, y=2.0, b=0.1)
    for name in ("v.json", "v.npz"):
        found = result(capsys, "trace", "--json", "--values", str(tmp_path / name), "--formula", DARTS[0], "w=0.5")
        assert found["losses"] == pytest.approx([0.81])


def test_check_is_ok_and_says_so(capsys):
    found = result(capsys, "check", "xor", "--json")
    assert found["ok"] is True
    assert sum(found["counts"].values()) == len(found["checks"])
    keys = {"node", "op", "input", "row", "verdict", "error", "tolerance", "at", "got", "expected", "note"}
    assert all(set(row) == keys for row in found["checks"])
    code, out, _ = run(capsys, "check", "--formula", *DARTS)
    assert code == 0
    assert out.splitlines()[-1].startswith("formula: ok")


def test_a_wrong_derivative_fails_with_its_place_and_exit_code(capsys, monkeypatch):
    right = ops.OPS["tanh"]

    def wrong(emit, ctx):
        right.vjp(emit, ctx)
        emit(np.negative, ctx.into[0], out=ctx.into[0])

    monkeypatch.setattr(ops, "OPS", {**ops.OPS, "tanh": replace(right, vjp=wrong)})
    code, out, _ = run(capsys, "check", "--formula", "h = tanh(x)\nL = sum(h**2)", "x=[0.5, 1]")
    assert code == 1
    assert "FAIL" in out
    assert "h by x[" in out


def test_numbers_side_by_side_never_touch(capsys):
    """A field's first column is its sign's; `-4000.00` fills all eight."""
    _, out, _ = run(capsys, "trace", "--formula", "L = sum(x*y)", "x=[[-90,-90],[100,1]]", "y=[[1,2],[3,-4000]]")
    assert "[1]     3.00 -4000.00" in out
    assert "[0] -90.000 -90.000" in out
    assert not re.search(r"\d-\d", out.replace("e-", ""))


def test_a_formula_is_trained_in_the_words_of_a_network_file(capsys):
    words = ["trace", "--json", "--formula", *DARTS, "--train", "w,b"]
    one = result(capsys, *words, "--optimizer", "adam, beta1 = 0.8", "--lr", "0.05", "--dtype", "float32")
    assert one["dtype"] == "float32"
    assert one["parameters"]["w"] == pytest.approx(0.55, abs=1e-6)  # Adam's first step is the learning rate
    two = result(capsys, *words, "--optimizer", '{kind = "sgd", momentum = 0.9, learning_rate = 0.05}')
    assert two["parameters"]["w"] == pytest.approx(0.5 + 0.05 * 3.6)
    halved = result(
        capsys, *words, "--steps", "3", "--optimizer", 'sgd, schedule = {kind = "step", step_size = 1, gamma = 0.0}'
    )
    assert halved["losses"][1] == halved["losses"][2]  # its rate is 0 from the second step on
    assert result(capsys, *words, "--optimizer", "sgd")["parameters"]["w"] == pytest.approx(0.5 + 0.01 * 3.6)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--optimizer", "adamm"], "did you mean 'adam'"),
        (["--optimizer", "adam, beta3 = 1"], "did you mean 'beta2'"),
        (["--optimizer", "adam, beta1"], "is no table (adam, or"),
        (["--optimizer", "adam, beta1 = 2"], "does not make sense"),
        (["--optimizer", "adam, learning_rate = 1", "--lr", "1"], "has two values"),
        (["--dtype", "float16"], "float64"),
        (["--weights", "w.npz"], "goes with layers"),
    ],
)
def test_what_is_no_setting_of_a_formula_is_told(capsys, words, said):
    code, out, err = run(capsys, "trace", "--formula", *DARTS, *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_weights_go_into_an_example(capsys, tmp_path):
    path = str(tmp_path / "w.safetensors")
    assert run(capsys, "run", "xor", "--batch", "-ex", "train 2", "-ex", f"write {path}")[0] == 0
    again = result(capsys, "trace", "xor", "--json", "--weights", path)
    here = result(capsys, "trace", "xor", "--json", "--steps", "2")
    assert again["step"]["values"]["layer1.weight"] == here["parameters"]["layer1.weight"]
    code, _, err = run(capsys, "trace", "xor", "--weights", "model.pt")
    assert (code, err.count("\n")) == (2, 1)
    assert "save_file" in err
    code, _, err = run(capsys, "run", "xor", "--optimizer", "adam")
    assert "is not an option" in err


def test_weights_are_exported_as_a_training_step_starts_with_them(capsys, tmp_path):
    path = str(tmp_path / "w.npz")
    code, out, err = run(capsys, "export", "xor", "weights", "--at", "5", "--to", path)
    assert (code, err) == (0, "")
    assert "4 tensors with 33 numbers" in out
    with np.load(path) as found:
        assert found["layer1.weight"].shape == (8, 2)  # (out, in), as PyTorch has it
    there = result(capsys, "trace", "xor", "--json", "--weights", path)
    assert there["losses"][0] == result(capsys, "trace", "xor", "--json", "--steps", "6")["losses"][5]
    code, _, err = run(capsys, "export", "xor", "weights")
    assert (code, err.count("\n")) == (2, 1)
