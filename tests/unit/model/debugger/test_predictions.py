"""What a network says of each sample beside what it should: facts, recomputed here, and text and JSON of them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bptui.model.debugger.answers.prediction_lines import as_json
from bptui.model.debugger.answers.predictions import Predictions, predictions
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.hidden import Target
from bptui.model.debugger.session import Session
from bptui.model.source.network import Network, from_formula, from_mapping, load

LISTED = ("xor", "xor-stuck", "classifier", "lenet", "lstm", "transformer", "mazur", "swoosh", "resnet-block")
X = [[0.2, -1.0], [1.5, 0.3], [-0.7, 0.9], [0.1, 0.4], [2.0, -0.6]]


def found(session: Session) -> Predictions:
    made = predictions(session)
    assert isinstance(made, Predictions), made
    return made


def network(loss: str, targets: object, units: int = 1, formula: str = "", **more: object) -> Network:
    """Five samples through one layer, or a formula of them."""
    table: dict[str, object] = {"data": {"inputs": X, "targets": targets}, "seed": 3, "name": "small", **more}
    if formula:
        return from_mapping({**table, "formula": formula}, "small")
    layers = [{"kind": "dense", "units": units}]
    return from_mapping({**table, "layers": layers, "loss": {"kind": loss}}, "small")


@pytest.mark.parametrize("name", LISTED)
@pytest.mark.parametrize("step", [0, 3])
def test_the_losses_of_the_samples_make_up_the_loss(name: str, step: int) -> None:
    session = Session(load(name))
    session.train(step)
    session.goto("backward")
    made = found(session)
    losses = np.array([row.loss for row in made.rows], float)
    assert made.why == ""
    assert (losses.mean() if made.mean else losses.sum()) == pytest.approx(session.recording.loss, rel=1e-9)
    assert sum(row.share or 0 for row in made.rows) == pytest.approx(1)
    assert [row.sample for row in made.ordered(True)] == np.argsort(-losses, kind="stable").tolist()


@pytest.mark.parametrize(
    ("kind", "targets", "one"),
    [
        ("mse", [[0.5], [1.0], [-1.0], [2.0], [0.0]], lambda p, t: (p - t) ** 2),
        ("half_sse", [[0.5], [1.0], [-1.0], [2.0], [0.0]], lambda p, t: (p - t) ** 2 / 2),
        ("mae", [[0.5], [1.0], [-1.0], [2.0], [0.0]], lambda p, t: abs(p - t)),
        ("bce_with_logits", [[0], [1], [1], [0], [1]], lambda p, t: np.log1p(np.exp(p)) - t * p),
        ("hinge", [[-1], [1], [1], [-1], [1]], lambda p, t: np.maximum(0, 1 - t * p)),
        ("log_cosh", [[0.5], [1.0], [-1.0], [2.0], [0.0]], lambda p, t: np.log(np.cosh(p - t))),
        ("poisson_nll", [[0], [1], [2], [0], [1]], lambda p, t: np.exp(p) - t * p),
        ("multilabel_soft_margin", [[0], [1], [1], [0], [1]], lambda p, t: np.log1p(np.exp(p)) - t * p),
    ],
)
def test_the_loss_of_a_sample_is_what_its_definition_says(kind: str, targets: object, one: object) -> None:
    session = Session(network(kind, targets))
    session.goto("backward")
    for row in found(session).rows:
        assert row.loss == pytest.approx(float(one(row.prediction, row.target)[0]))  # type: ignore[operator]


def test_the_loss_of_class_numbers() -> None:
    session = Session(network("cross_entropy", [0, 2, 1, 2, 0], 3))
    session.goto("backward")
    made = found(session)
    for row in made.rows:
        z = row.prediction
        assert row.loss == pytest.approx(float(np.log(np.exp(z).sum()) - z[int(row.target)]))
        assert row.is_right == (int(z.argmax()) == int(row.target))
    assert made.right == (sum(bool(row.is_right) for row in made.rows), 5)


@pytest.mark.parametrize(
    ("formula", "made_of_samples"),
    [
        ("p = x @ w; L = mean((p - y)**2)", True),
        ("p = x @ w; L = sum((p - y)**2)/5", True),
        ("p = x @ w; L = sum((p - y)**2)/2", True),
        ("p = x @ w; L = mean((p - y)**2)/mean(y**2)", True),
        ("p = x @ w; L = mean((p - y)**2) + 0.1*sum(w**2)", True),
        ("p = x @ w; L = sum((p - y)**2) + 0.1*sum(w**2)", False),
        ("p = x @ w; L = max((p - y)**2)", False),
    ],
)
def test_a_loss_that_is_written_out(formula: str, made_of_samples: bool) -> None:
    targets = [[0.5], [1.0], [-1.0], [2.0], [0.1]]
    made = network("", targets, formula=formula, values={"w": [[0.3], [-0.2]]}, train=["w"])
    session = Session(made)
    session.goto("backward")
    listed = predictions(session)
    if isinstance(listed, str):  # it is not seen what is compared with what
        assert "compares nothing" in listed
        return
    assert (listed.why == "") == made_of_samples
    assert all((row.loss is not None) == made_of_samples for row in listed.rows)
    if made_of_samples:
        losses = [row.loss for row in listed.rows if row.loss is not None]
        assert (np.mean(losses) if listed.mean else np.sum(losses)) == pytest.approx(session.recording.loss)
    if not made_of_samples:
        assert "neither the sum nor the mean" in listed.why
        assert "neither the sum nor the mean" in run(session, "predictions").text


@pytest.mark.parametrize(
    ("kind", "targets", "units", "text"),
    [
        ("mse", [[0.5], [1.0], [-1.0], [2.0], [0.0]], 1, ""),
        ("mse", [[0], [1], [1], [0], [1]], 1, "0.5"),
        ("mse", [[-1], [1], [1], [-1], [1]], 1, "0 or more"),
        ("mse", [[1, 0], [0, 1], [0, 1], [1, 0], [0, 1]], 2, "largest"),
        ("mse", [[1], [1], [1], [1], [1]], 1, ""),
        ("hinge", [[-1], [1], [1], [-1], [1]], 1, "0 or more"),
        ("bce_with_logits", [[0.1], [0.9], [0.9], [0.1], [0.9]], 1, "0 or more"),
        ("cross_entropy", [0, 1, 1, 0, 1], 2, "largest"),
        ("focal", [0, 1, 1, 0, 1], 2, "largest"),
        ("multilabel_soft_margin", [[0.1], [0.9], [0.9], [0.1], [0.9]], 1, "0 or more"),
        ("poisson_nll", [[0], [1], [2], [0], [1]], 1, ""),
    ],
)
def test_right_and_wrong_are_told_of_classes_alone(kind: str, targets: object, units: int, text: str) -> None:
    session = Session(network(kind, targets, units))
    session.goto("backward")
    made = found(session)
    assert (made.decision is not None) == bool(text)
    if made.decision is None:
        assert made.right == (0, 0)
        return
    assert text in made.decision.text
    for row in made.rows:
        level = {"0.5": 0.5, "0 or more": 0.0}.get(text)
        if level is None:
            wanted = int(np.argmax(row.target)) if row.target.ndim else int(row.target)
            assert row.is_right == (int(np.argmax(row.prediction)) == wanted)
        else:
            upper = float(row.target[0]) > 0.5
            assert row.is_right == ((float(row.prediction[0]) >= level) == upper)


def test_what_is_not_computed_yet_is_not_shown() -> None:
    session = Session(load("xor"))
    made = found(session)
    assert all(row.prediction is None and row.loss is None and row.is_right is None for row in made.rows)
    assert all(row.target is not None for row in made.rows)
    session.goto("forward layer2.z")
    made = found(session)
    assert all(row.prediction is not None and row.loss is None for row in made.rows)
    assert made.right == (2, 4)


def test_why_there_are_none() -> None:
    for name, word in (("cs231n-neuron", "no targets"), ("chain", "no targets"), ("two-paths", "no samples")):
        session = Session(load(name))
        said = predictions(session)
        assert isinstance(said, str)
        assert said.startswith(word)
        assert run(session, "predictions").text == said
        assert json.loads(run(session, "predictions json").text) == {"format": 1, "why": said, "samples": []}
    session = Session(from_formula("L = mean((x - y)**2)", {"x": [1.0, 2.0], "y": [0.0, 1.0]}))
    assert str(predictions(session)).startswith("no samples")  # axis 0 of what a formula was given is no batch


@pytest.mark.parametrize("name", LISTED)
def test_text_and_json_say_the_same(name: str) -> None:
    session = Session(load(name))
    session.goto("backward")
    told = run(session, "predictions").text.splitlines()
    content = as_json(session, False)
    assert json.loads(run(session, "predictions json").text) == json.loads(json.dumps(content))
    for text, row in zip(told[1:], content["samples"], strict=False):
        assert text.split()[0] == str(row["sample"])
        if row["right"] is not None:
            assert ("wrong" not in text.split()) or row["right"] is False
        assert f"{row['loss']:.4f}" in text
    worst = json.loads(run(session, "predictions worst").text and run(session, "predictions json").text)
    assert [row["loss"] for row in worst["samples"]] == sorted((row["loss"] for row in worst["samples"]), reverse=True)


def test_a_followed_sample_is_that_of_every_element() -> None:
    session = Session(load("xor"))
    session.goto("backward layer1.a")
    run(session, "sample 2")
    for node in session.graph.nodes:
        at = session.element_of(node)
        assert (at[:1] == (2,)) == (session.batch_of(node) > 0)
    run(session, "select layer1.weight[0,5]")
    assert session.element == (0, 5)
    run(session, "select")
    assert session.element[0] == 2
    run(session, "select layer1.z[3,1]")  # who names another one follows that
    assert session.view.sample == 3
    run(session, "sample all")
    run(session, "select layer1.z[1,1]")
    assert session.view.sample == "all"


def test_why_chooses_the_row_of_the_followed_sample() -> None:
    from bptui.model.debugger.answers import why

    session = Session(load("xor"))
    session.goto("end")
    run(session, "sample 2")
    run(session, "why grad(layer2.weight[0,0])")
    answer = session.view.answer
    assert answer is not None
    table = why.explained(session, why.chosen(session, answer.text))
    assert table is not None
    assert table.rows[answer.row].label == "2"
    run(session, "sample 1")
    assert table.rows[answer.row].label == "1"


def test_nan_is_wrong() -> None:
    made = network("mse", [[0], [1], [1], [0], [1]], formula="p = log(x @ w); L = mean((p - y)**2)",
                   values={"w": [[-1.0], [-1.0]]}, train=["w"])  # fmt: skip
    session = Session(made)
    session.goto("backward")
    listed = found(session)
    assert any(np.isnan(row.prediction).any() and row.is_right is False for row in listed.rows)
    assert run(session, "predictions worst").ok


@pytest.mark.parametrize("name", ["xor", "classifier", "transformer"])
def test_what_is_hidden_is_not_told_by_what_is_made_of_it(name: str) -> None:
    session = Session(load(name))
    session.goto("backward")
    made = found(session)
    prediction = session.graph.by_name["prediction"]
    at = (1,) + (0,) * (len(prediction.shape) - 1)
    session.view.hidden = frozenset({Target(prediction.name, "value", at)})
    text = run(session, "predictions").text.splitlines()[2]
    assert text.count("?") >= 2
    assert f"{made.rows[1].loss:.4f}" not in text
    assert not {"right", "wrong"} & set(text.split())
    content = as_json(session, False)["samples"][1]
    assert (content["class"], content["right"], content["loss"]) == (None, None, "?")
    session.view.hidden = frozenset({Target("loss", "value")})
    assert all(row.loss is None for row in found(session).rows)


@pytest.mark.parametrize("step", [0, 5])
def test_a_sample_of_a_batch_has_its_number_in_the_data(step: int) -> None:
    session = Session(load("classifier"))
    session.train(step)
    session.goto("backward")
    batches = session.network.batches
    assert batches is not None
    for row in found(session).rows:
        assert row.data is not None
        assert row.inputs[0].tolist() == batches.arrays["x"][row.data].tolist()
        assert row.target == batches.arrays["y"][row.data]
    assert all(row.data is None for row in found(Session(load("xor"))).rows)
