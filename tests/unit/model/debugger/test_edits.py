"""What can be set, from when it holds, and what is said where it cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.edits import parse as edits
from bptui.model.debugger.edits import settings as settable
from bptui.model.debugger.findings.diagnose import diagnose, trials
from bptui.model.debugger.findings.trial import reached
from bptui.model.debugger.session import Session
from bptui.model.source.network import from_formula, from_mapping, load

FORMULA = "z = x*w; a = sigmoid(z)\nL = (y - a)**2"
VALUES = {"x": 2.0, "y": 1.0, "w": 0.5}


def course(session: Session, steps: int) -> list[bytes]:
    return [session.history.recording(step).memory for step in range(steps)]


def content(**changed: object) -> dict[str, object]:
    """A network file with a hidden layer, as the table that it is."""
    hidden = {"kind": "dense", "units": 3, "activation": "relu", "init": "he_uniform"}
    table = {
        "name": "small", "seed": 1, "data": {"inputs": [[0.5, -1.0], [1.5, 0.25]], "targets": [[1.0], [-1.0]]},
        "layers": [hidden, {"kind": "dropout", "p": 0.5}, {"kind": "dense", "units": 1}],
        "loss": {"kind": "mse"}, "optimizer": {"kind": "sgd", "learning_rate": 0.1},
    }  # fmt: skip
    return {**table, **changed}


def small(**changed: object) -> Session:
    return Session(from_mapping(content(**changed), "small.toml"))


EDITS = [
    "layer1.weight[0,1] = 0.3", "layer1.weight[1] = 2", "layer1.weight[:,0] = -1", "layer3.bias = 0.5",
    "layer1.weight = [[1, 2, 3], [4, 5, 6]]", "x[0,1] = 0.25", "y = 0", "layer1.weight = layer1.weight/2", "lr = 0.5",
    "lr = lr*10", "momentum = 0.9", "optimizer.weight_decay = 0.1", "optimizer = adam", "clip_norm = 0.1",
    'optimizer = {kind = "rmsprop", alpha = 0.5}', "layer1.activation = tanh", "layer2.p = 0.2", "loss = mae",
    'layer1.activation = {kind = "leaky_relu", negative_slope = 0.2}', "layer1.units = 5", "seed = 3",
    "layer1.init = zeros", "layer3.activation = sigmoid", "data.batch_size = 1", "dtype = float32",
    'schedule = {kind = "step", step_size = 2}', "schedule = plateau", "optimizer.schedule = linear",
    'optimizer.groups = [{parameters = ["layer1.*"], frozen = true}]', "optimizer = lion", "optimizer.kind = rprop",
    'optimizer = {update = "p - lr*m", states = ["m"], m = "0.5*m + grad"}',
]  # fmt: skip


def test_a_number_alone_is_asked_what_it_is_of():
    """`e` on what is computed fills in no name."""
    for number in ("2", "-0.5"):
        with pytest.raises(UserError, match=f"{number} of what.*select a parameter or an input, then e"):
            run(small(), f"set {number}")


@pytest.mark.parametrize("text", EDITS)
@pytest.mark.parametrize("at", [0, 3])
def test_every_edit_makes_a_branch_that_leaves_the_original_as_it_is(text, at):
    session = small()
    original = course(session, 6)
    run(session, f"goto step {at} loss")
    here = session.cursor
    reply = run(session, f"set {text}")
    assert reply.moved
    branch = session.branch
    assert branch.edits[-1].text in reply.text
    edited = course(session, 6)
    first = branch.edits[-1].step
    assert first == (0 if branch.edits[-1].anew else at)
    assert edited[:first] == original[:first]
    assert edited[first:] != original[first:]
    run(session, "undo")
    assert session.cursor == here
    assert course(session, 6) == original
    run(session, "redo")
    assert (session.branch, course(session, 6)) == (branch, edited)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(EDITS)), min_size=1, max_size=4))
def test_undo_and_redo_are_inverse_whatever_was_edited(drawn):
    session = small()
    original, seen = course(session, 5), []
    for step, text in drawn:
        try:
            run(session, f"goto step {step} loss")
            run(session, f"set {text}")
        except UserError:
            continue  # it is so already, or does not go with what was set before
        seen.append(course(session, 5))
    for expected in reversed([original, *seen][:-1]):
        assert run(session, "undo").ok or not seen
        assert course(session, 5) == expected
    assert session.branch is session.branches[0]
    for expected in seen:
        assert run(session, "redo").ok
        assert course(session, 5) == expected


def test_an_edit_at_the_start_is_the_network_with_that_setting():
    """What is trained anew, or from step 0 on, is what a file with the setting trains."""
    first, _, last = content()["layers"]
    for text, table in (
        ("layer2.p = 0.2", content(layers=[first, {"kind": "dropout", "p": 0.2}, last])),
        ("seed = 7", content(seed=7)),
        ("loss = mae", content(loss={"kind": "mae"})),
        ("optimizer = adam", content(optimizer={"kind": "adam", "learning_rate": 0.1})),
        ("data.batch_size = 1", content(data={**content()["data"], "batch_size": 1})),
    ):  # fmt: skip
        session, other = small(), Session(from_mapping(table, "other"))
        run(session, f"set {text}")
        assert course(session, 8) == course(other, 8), text


def test_another_operation_goes_on_with_the_parameters_as_they_are():
    session = small()
    run(session, "goto step 4 loss")
    weight = session.recording.value("layer1.weight")
    run(session, "set layer1.activation = tanh")
    assert session.recording.value("layer1.weight").tobytes() == weight.tobytes()
    assert session.graph.by_name["layer1.a"].op.name == "tanh"
    run(session, "untrain")
    assert session.graph.by_name["layer1.a"].op.name == "relu"
    assert session.recording is session.branches[0].history.recording(3)


def test_another_constant_is_another_operation_in_the_same_place():
    """The momentum of a batch_norm is a setting of what its running statistics become."""
    session = small(layers=[content()["layers"][0], {"kind": "batch_norm"}, content()["layers"][2]])
    run(session, "goto step 3 loss")
    run(session, "set layer2.momentum = 0.3")
    assert session.branch.edits[-1].step == 3
    assert "one of them only" not in run(session, "diff").text


def test_other_shapes_are_trained_anew_from_the_same_initial_values():
    session = small()
    run(session, "goto step 4 loss")
    first = session.history.recording(0)
    run(session, "set layer3.activation = sigmoid")
    assert session.branch.edits[-1].anew == "kept"
    assert session.history.recording(0).value("layer1.weight").tobytes() == first.value("layer1.weight").tobytes()
    assert session.cursor.step == 4
    assert "prediction" in session.graph.by_name


def test_a_new_adam_counts_its_updates_from_its_first():
    """Adam's first step is of size lr, in whichever training step it takes over."""
    session = small()
    run(session, "goto step 5 loss")
    run(session, "set optimizer = adam")
    recording = session.recording
    step = recording.after("layer3.bias") - recording.before("layer3.bias")
    assert np.allclose(np.abs(step), 0.1, rtol=1e-6)
    assert recording.optimizer.symbols(5)["t"] == 1


def test_a_parameter_that_was_updated_is_set_for_the_next_step():
    session = small()
    run(session, "goto step 2 end")
    reply = run(session, "set layer3.bias[0] = 3")
    assert "from training step 3 on" in reply.text
    assert (session.cursor.step, session.cursor.phase) == (3, "forward")
    assert session.recording.value("layer3.bias")[0] == 3
    assert session.history.recording(2) is session.branches[0].history.recording(2)


def test_a_number_of_a_batch_is_set_in_its_sample():
    session = small(data={**content()["data"], "batch_size": 1})
    run(session, "goto step 1 loss")
    sample = int(session.network.batches.rows(1, 1)[0])
    reply = run(session, "set x[0,0] = 9")
    assert f"sample {sample} of the data" in reply.text
    assert session.recording.value("x")[0, 0] == 9
    assert session.network.batches.arrays["x"][sample, 0] == 9
    assert 9 not in session.branches[0].network.batches.arrays["x"]


def test_labels_stay_labels():
    session = Session(load("classifier"))
    name = "y"
    assert session.graph.by_name[name].whole
    with pytest.raises(UserError, match="whole numbers"):
        run(session, "set y[0] = 0.5")
    with pytest.raises(UserError, match="expected 0 to"):
        run(session, "set y[0] = 99")
    now = int(session.recording.value(name)[0])
    run(session, f"set y[0] = {1 - now if now < 2 else 0}")
    assert session.recording.value(name)[0] != now


def test_a_formula_is_edited_by_its_names():
    session = Session(from_formula(FORMULA, VALUES, ["w"]))
    run(session, "goto step 3 loss")
    run(session, "set a = tanh(z)")
    assert float(session.recording.value("a")) == pytest.approx(np.tanh(float(session.recording.value("z"))))
    assert session.branch.edits[-1].step == 3
    run(session, "set L = abs(y - a)")
    run(session, "set loss = (y - a)**2 + w**2")  # the last statement, by its other name
    assert session.branch.edits[-1].anew == "kept"
    run(session, "set x = 1")
    run(session, "set w = 3")
    assert float(session.recording.value("z")) == 3.0
    fixed = Session(from_formula(FORMULA, VALUES))
    run(fixed, "set w = 3")
    assert float(fixed.recording.value("z")) == 6.0
    with pytest.raises(UserError, match="nothing is trained"):
        run(fixed, "set lr = 0.5")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("layr1.units = 3", "did you mean 'layer1.units'?"), ("layer1.unitz = 3", "did you mean 'units'?"),
        ("layer1.units = 0", "must be at least 1"), ("layer1.units = many", "must be a whole number"),
        ("layer1.activation = rellu", "did you mean 'relu'?"), ("loss = hubber", "did you mean 'huber'?"),
        ("optimizer = addam", "did you mean 'adam'?"), ("beta1 = 0.5", "sgd has no beta1"),
        ("betas = 3", "two numbers"),
        ("layer1.z = 3", "computed .*x, layer1.weight, layer1.bias"),
        ("layer1.a[0,0] = 3", "computed .*from: x, layer1.weight, layer1.bias"), ("prediction[0,0] = 1", "is computed"),
        ("layer2.mask = 1", "drawn anew at each training step"), ("layer1.weight = [[1, 2], [3, 4]]", r"\(2, 3\)"),
        ("layer1.weight[0,9] = 1", "outside axis 1"), ("layer1.weight[0,0,0] = 1", "2 axes"),
        ("layer1.weight[a] = 1", "not an index"), ("layer1.weight[5] = 1", "outside axis 0"),
        ("lr = 0.1", "so already"),
        ("layer1.activation = relu", "so already"), ("layer1.weight = layer1.weight", "so already"),
        ("layer1.weight[0,0] = nan", "must be finite"), ("layer1.weight[0,0] = 1/0", "must be finite"),
        ("layer1.weight[0,0] = [1, 2", "not JSON"), ("x = layer1.a", "not computed yet"),
        ("lr = x", "must be a number"),
        ("lr = x + 1", "expected one number"), ("name = other", "nothing is called 'name'"),
        ("steps = -1", "must be at least 1"), ("layer1.units = 3 = 4", "is no value"),
        ("seed = 3\n[x]", "not NAME = VALUE"),
        ("data.inputs = [[1]]", "one target per input|numbers of samples"),
    ],
)  # fmt: skip
def test_what_cannot_be_set_is_said_in_one_line(text, said):
    session = small()
    with pytest.raises(UserError, match=said) as error:
        edits.parse(text, session.branch, session.cursor)
    assert "\n" not in str(error.value)
    assert len(session.branches) == 1


@pytest.mark.parametrize(
    "hostile",
    [
        "__import__('os').system('touch {trap}')", "open('{trap}', 'w')", "().__class__.__bases__[0].__subclasses__()",
        "exec(\"open('{trap}','w')\")", "[x for x in (1, open('{trap}', 'w'))]", "(lambda: open('{trap}', 'w'))()",
        "f\"{{open('{trap}', 'w')}}\"", "eval('1')", "9**9**9**9", "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]",
        "{{kind = \"relu\", negative_slope = __import__('os')}}", "1" * 5000, "a." * 300 + "b = 1",
    ],
)  # fmt: skip
def test_a_hostile_value_is_never_executed(hostile, tmp_path):
    trap = tmp_path / "trap"
    text = hostile.format(trap=trap)
    for name in ("layer1.weight[0,0]", "x", "lr", "optimizer", "layer1.activation", "seed", "loss", "layer1"):
        session = small()
        with pytest.raises(UserError):
            run(session, f"set {name} = {text}"[:3999])
    formula = Session(from_formula(FORMULA, VALUES, ["w"]))
    for name in ("a", "L", "w", "formula"):
        with pytest.raises(UserError):
            run(formula, f"set {name} = {text}"[:3999])
    assert not trap.exists()


def test_what_is_set_before_an_edit_does_not_have_that_edit():
    """Training step 3 was trained with the rate of the original: what is changed there goes on from that."""
    session, other = small(), small()
    run(session, "goto step 10 loss")
    run(session, "set lr = 5")
    run(session, "set layer1.activation = tanh")
    run(session, "goto step 3 loss")
    run(session, "set momentum = 0.5")
    assert session.network.optimizer.learning_rate == 0.1
    assert [edit.said for edit in session.branch.edits] == ["momentum = 0.5"]
    run(other, "goto step 3 loss")
    run(other, "set momentum = 0.5")
    assert course(session, 14) == course(other, 14)
    run(session, "undo")
    assert session.branch is session.branches[2]
    run(session, "goto step 9 end")
    run(session, "set layer3.bias = 1")  # holds from training step 10 on, as those two do
    assert [edit.said for edit in session.branch.edits] == ["lr = 5", "layer1.activation = tanh", "layer3.bias = 1"]
    assert session.history.recording(10).optimizer.learning_rate == 5


def test_what_can_be_set_is_completed():
    session = small()
    known = settable.names(session.branch)
    assert {"layer1.weight", "x", "y", "lr", "momentum", "layer1.activation", "layer2.p", "loss.kind", "seed"} <= {
        *known
    }
    assert not {"layer1.z", "layer2.mask", "name"} & {*known}


def test_a_name_alone_says_what_it_is_now():
    session = small()
    for name, said in (
        ("lr", "lr = 0.1"), ("momentum", "momentum = 0"), ("layer1.activation", "relu"),
        ("layer1", "kind = dense, units = 3"), ("optimizer", "kind = sgd"), ("seed", "seed = 1"), ("y", "1"),
        ("layer3.bias[0]", "layer3.bias[0] = 0"), ("layer3.activation", "by default"), ("clip_norm", "by default"),
    ):  # fmt: skip
        assert said in run(session, f"set {name}").text
    assert session.branches == [session.branch]


NAMES = ("layer1.weight[0,1]", "x", "lr", "optimizer", "layer1.activation", "layer1", "loss", "seed", "a")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(NAMES), st.text(max_size=30) | st.text("0123456789.[]{}(),:-+*/= abcxyz_\"'", max_size=30))
def test_any_text_makes_an_edit_or_one_line(name, text):
    session = small()
    try:
        made = edits.parse(f"{name} = {text}", session.branch, session.cursor)
    except UserError:
        return  # in one line, as every UserError is
    session.edit(made)
    assert "\n" not in made.text
    assert len(made.text) < 300


def test_a_remedy_typed_line_by_line_reaches_what_its_trial_reached():
    name = "xor-stuck"  # its weights are given: those of another activation are not drawn otherwise
    diagnosis = diagnose(load(name), 50)
    for diagnosis in trials(diagnosis):  # noqa: B007, B020  the last one has them all
        pass
    remedies = [each for finding in diagnosis.findings for each in finding.remedies if each.tried]
    assert remedies
    for remedy in remedies:
        session = Session(load(name))
        for line in remedy.change.split("; "):
            assert run(session, line).ok, line
        session.history.advance(50)
        assert reached(tuple(session.history.losses[:50].tolist())) == pytest.approx(remedy.loss_after, nan_ok=True)


def test_an_unusual_rate_is_asked_about():
    """Outside of 1e-4 to 1, both of which are usual; of a branch as of a file."""
    for rate, asked in (("1e-4", False), ("1", False), ("5", True), ("0.00001", True)):
        session = Session(load("darts"))
        run(session, f"set lr = {rate}")
        assert ("is it meant?" in run(session, "info network").text) is asked, rate


def test_a_rate_that_is_set_holds_and_a_base_that_is_set_is_scheduled():
    """From the training step in which it is set; those before keep their bits."""
    optimizer = {"kind": "sgd", "learning_rate": 0.1, "schedule": {"kind": "step", "step_size": 2, "gamma": 0.5}}
    session = small(optimizer=optimizer)
    original = course(session, 6)
    assert [session.history.recording(n).rate for n in range(6)] == [0.1, 0.1, 0.05, 0.05, 0.025, 0.025]
    run(session, "goto step 3 loss")
    assert run(session, "set lr").text == "lr = 0.05 in this training step, by step, step_size 2, gamma 0.5"
    run(session, "set lr = 0.07")
    assert [session.history.recording(n).rate for n in range(6)] == [0.1, 0.1, 0.05, 0.07, 0.07, 0.07]
    assert course(session, 3) == original[:3]
    run(session, "undo")
    run(session, "set learning_rate = 0.2")
    assert [session.history.recording(n).rate for n in range(6)] == [0.1, 0.1, 0.05, 0.1, 0.05, 0.05]
    run(session, "undo")
    assert course(session, 6) == original
    run(session, "set schedule = default")
    assert [session.history.recording(n).rate for n in range(3, 6)] == [0.1, 0.1, 0.1]


def test_a_scheduled_rate_is_watched_and_asked_for():
    optimizer = {"kind": "sgd", "learning_rate": 0.1, "schedule": {"kind": "step", "step_size": 3, "gamma": 0.5}}
    session = small(optimizer=optimizer)
    run(session, "watch lr")
    run(session, "continue")
    assert session.cursor.step == 3
    run(session, "delete 1")
    run(session, "break update if lr < 0.02")
    run(session, "continue")
    assert session.cursor.step == 9
    run(session, "last lr")
    assert session.cursor.step == 9
    assert session.cursor.index == 0
    run(session, "last lr")
    assert session.cursor.step == 6


def test_a_plateau_goes_on_over_an_edit():
    """What it has seen is carried into the branch of another number, and not into that of another schedule."""
    schedule = {"kind": "plateau", "patience": 0, "threshold": 0.9, "factor": 0.5}
    session = small(optimizer={"kind": "sgd", "learning_rate": 0.1, "schedule": schedule})
    before = [session.history.recording(n).rate for n in range(5)]
    assert before[4] < before[0]
    run(session, "goto step 4 loss")
    run(session, "set layer3.bias = 0.5")
    assert session.history.recording(4).rate == before[4]
    run(session, "undo")
    run(session, 'set schedule = {kind = "plateau", factor = 0.1}')
    assert session.history.recording(4).rate == 0.1


def test_a_setting_of_all_parameters_leaves_a_group_its_own():
    groups = [{"parameters": ["layer1.*"], "learning_rate": 0.01}, {"parameters": ["layer3.bias"], "frozen": True}]
    session = small(optimizer={"kind": "sgd", "learning_rate": 0.1, "groups": groups})
    run(session, "set lr = 0.3")
    rules = {name: session.history.recording(0).update_rule(name) for name in ("layer1.weight", "layer3.weight")}
    assert {name: rule.learning_rate for name, rule in rules.items()} == {"layer1.weight": 0.01, "layer3.weight": 0.3}
    assert session.history.recording(0).update_rule("layer3.bias").kind == "frozen"
    with pytest.raises(UserError, match=r"no parameter is called 'layer9\.\*'"):
        run(session, 'set optimizer.groups = [{parameters = ["layer9.*"], frozen = true}]')


def test_info_network_says_what_trains_it():
    optimizer = {"kind": "adam", "weight_decay": 0.1, "schedule": {"kind": "step", "step_size": 3},
                 "groups": [{"parameters": ["layer1.*"], "frozen": True},
                            {"parameters": ["layer3.bias"], "weight_decay": 0.0}]}  # fmt: skip
    text = run(small(optimizer=optimizer), "info network").text
    assert "trained by adam, learning rate 0.01, weight_decay 0.1" in text
    assert "its rate by step, step_size 3, gamma 0.1" in text
    assert "group layer1.*: 2 parameters, frozen" in text
    assert "group layer3.bias: 1 parameter, weight_decay 0" in text
