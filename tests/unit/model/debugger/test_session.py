"""Moving through time: every move has its mirror image, and what is seen depends on where one stands alone."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.debugger import locations
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.session import Session
from bptui.model.source.network import from_formula, load
from tests.sessions import snapshot

TWO_USES = "z = x@w + b\na = sigmoid(z)\nL = mse(a, y) + 0.1*sum(w**2)"
VALUES = {"x": [[1.0, 2.0], [3.0, 4.0]], "w": [[0.5], [0.25]], "b": [0.1], "y": [[1.0], [0.0]]}

FORMULA = from_formula(TWO_USES, VALUES, ["w", "b"])
FIXED = from_formula("L = (y - w*x)**2", {"x": 2.0, "y": 2.0, "w": 0.5})
XOR = load("xor")


@pytest.fixture(params=[FORMULA, XOR, FIXED], ids=["formula", "xor", "nothing trained"])
def session(request):
    return Session(request.param)


def visible(session: Session) -> tuple:
    """All that a screen shows of the numbers, beside the snapshot."""
    shown = []
    for node in session.graph.nodes:
        value, gradient = session.state.value(node), session.state.gradient(node)
        array = gradient.array
        shown.append((
            None if value is None else value.tobytes(),
            None if array is None else array.tobytes(),
            gradient.arrived,
            session.state.written(node),
        ))  # fmt: skip
    return snapshot(session), tuple(shown)


MOVES = st.sampled_from(
    [("step", "reverse_step"), ("reverse_step", "step"), ("train", "untrain"), ("untrain", "train")]
)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([FORMULA, XOR, FIXED]), st.integers(0, 80), MOVES, st.integers(1, 3))
def test_a_move_and_its_mirror_image_leave_everything_as_it_was(network, start, moves, count):
    session = Session(network)
    session.move(session.walk.within(start))
    before = visible(session)
    there, back = (getattr(session, name) for name in moves)
    if there(count).ok:
        assert back(count).ok
        assert visible(session) == before


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([FORMULA, XOR]), st.data())
def test_what_is_seen_depends_on_the_place_alone(network, data):
    walked, direct = Session(network), Session(network)
    moves = ("step", "reverse_step", "next", "reverse_next", "finish", "reverse_finish", "train", "untrain")
    for name in data.draw(st.lists(st.sampled_from(moves), max_size=12)):
        getattr(walked, name)()
        assert walked.stop >= 0
    direct.move(walked.stop)
    assert visible(walked) == visible(direct)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([FORMULA, XOR]), st.integers(1, 19))
def test_goto_k_is_k_minus_one_steps(network, k):
    gone, stepped = Session(network), Session(network)
    k = min(k, gone.walk.length)
    gone.goto(str(k))
    for _ in range(k - 1):
        stepped.step()
    assert visible(gone) == visible(stepped)


def test_counted_steps_are_single_steps(session):
    other = Session(session.network)
    session.step(5)
    for _ in range(5):
        other.step()
    assert session.cursor == other.cursor


def test_layers_forward_and_back_are_the_same_stops(session):
    forward = [session.stop]
    while session.cursor.step < 2 and session.next().ok:
        forward.append(session.stop)
    if session.walk.last == 0:  # the end of the line is no start of a layer
        session.move(forward[-1])
    back = [session.stop]
    while session.stop:
        session.reverse_next()
        back.append(session.stop)
    assert forward == back[::-1]


def test_next_goes_layer_by_layer_through_all_phases():
    session = Session(XOR)
    seen = []
    while session.cursor.step == 0:
        seen.append((session.cursor.phase, session.here.name))
        session.next()
    assert seen == [
        ("forward", "layer1.z"),
        ("forward", "layer2.z"),
        ("forward", "loss"),
        ("backward", "loss"),
        ("backward", "layer2.z"),
        ("backward", "layer1.a"),
        ("update", "layer1.weight"),
        ("update", "layer2.weight"),
    ]


def ends(labels: list, stop: int) -> int:
    """The last stop of the run of equal labels that `stop` is in."""
    while stop + 1 < len(labels) and labels[stop + 1] == labels[stop]:
        stop += 1
    return stop


def finished(layers: list, phases: list, stop: int) -> int:
    """`finish`, written as its sentence says."""
    for labels in (layers, phases):
        if ends(labels, stop) > stop:
            return ends(labels, stop)
    return stop + 1


@pytest.mark.parametrize("network", [FORMULA, XOR])
def test_reverse_finish_is_finish_seen_in_a_mirror(network):
    walk = Session(network).walk
    length, total = walk.length, 4 * walk.length
    layers = [(stop // length, sum(start <= stop % length for start in walk.layers)) for stop in range(total)]
    phases = [(walk.moment(stop).step, walk.moment(stop).phase) for stop in range(total)]
    for stop in range(length, 3 * length):
        assert walk.finish(stop) == finished(layers, phases, stop)
        assert walk.reverse_finish(stop) == total - 1 - finished(layers[::-1], phases[::-1], total - 1 - stop)


def test_finish_goes_to_the_end_of_the_layer_then_of_the_phase():
    session = Session(XOR)
    places_seen = []
    for _ in range(7):
        session.finish()
        places_seen.append((session.cursor.phase, session.here.name))
    assert places_seen == [
        ("forward", "layer1.a"), ("forward", "loss"), ("backward", "loss"), ("backward", "loss"),
        ("backward", "layer1.z"), ("update", "layer1.weight"), ("update", "layer1.bias"),
    ]  # fmt: skip
    for name in ("layer1.weight", "layer1.z", "layer1.a", "loss", "loss", "layer1.z"):
        session.reverse_finish()
        assert session.here.name == name


@pytest.mark.parametrize("network", [FORMULA, XOR])
def test_finish_stops_on_both_sides_of_the_turn(network):
    """The backward pass is never run through in one go from the loss: its seed comes first."""
    session = Session(network)
    session.goto("forward " + session.graph.nodes[session.graph.loss].name)
    session.finish()
    assert session.timeline.is_seed(session.cursor)
    assert "seed 1" in session.finish().text or session.cursor.index > 0
    session.goto("backward")
    session.reverse_finish()
    assert (session.cursor.phase, session.here.id) == ("forward", session.graph.loss)


def test_the_ends_stop_and_say_so(session):
    reply = session.reverse_step()
    assert not reply.ok
    assert not reply.moved
    assert "at the start of training step 0" in reply.text
    assert session.stop == 0
    reply = session.reverse_step(10**9)
    assert "at the start" in reply.text
    if session.walk.last == 0:
        reply = session.step(10**6)
        assert "at the end of training step 0" in reply.text
        assert session.stop == session.walk.length - 1
        assert "at the end" in session.train().text


def test_a_step_from_the_last_update_begins_the_next_training_step(session):
    session.goto("end")
    reply = session.step()
    if session.walk.last is None:
        assert session.cursor == (1, "forward", 0)
        session.reverse_step()
    else:
        assert not reply.ok
    assert session.stop == session.walk.length - 1


def test_untraining_beyond_the_first_step_keeps_the_place():
    session = Session(XOR)
    session.goto("step 2 backward layer1.a")
    reply = session.untrain(7)
    assert session.cursor.step == 0
    assert session.here.name == "layer1.a"
    assert not reply.ok


@pytest.mark.parametrize("start", [0, 5, 12, 30])
def test_until_lands_on_the_node_whichever_way_it_lies(start):
    session = Session(XOR)
    for node in (*session.graph.ops, *session.graph.params):
        session.move(start)
        session.until(node.name)
        assert session.here.id == node.id
        assert session.cursor.step == session.walk.moment(start).step


def test_until_runs_to_the_selected_node_and_lets_go_of_it():
    session = Session(XOR)
    session.select("layer2.z")
    session.until()
    assert session.here.name == "layer2.z"
    assert session.selection.pinned is None
    assert "already" in session.until().text


def test_until_a_given_value_says_who_uses_it():
    with pytest.raises(UserError, match=r"layer1\.z uses it first"):
        Session(XOR).until("x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", (0, "forward", 0)),
        ("start", (0, "forward", 0)),
        ("0%", (0, "forward", 0)),
        ("100%", (0, "update", 3)),
        ("end", (0, "update", 3)),
        ("backward", (0, "backward", 0)),
        ("update", (0, "update", 0)),
        ("layer2.z", (0, "forward", 2)),
        ("layer2", (0, "forward", 2)),
        ("backward layer2.z", (0, "backward", 2)),
        ("layer2.z backward", (0, "backward", 2)),
        ("layer1.weight", (0, "update", 0)),
        ("loss", (0, "forward", 3)),
        ("backward loss", (0, "backward", 1)),
        ("step 7", (7, "forward", 0)),
        ("step 7 backward", (7, "backward", 0)),
        ("step 1%", (10, "forward", 0)),
        ("+3", (0, "forward", 3)),
        ("prediction", (0, "forward", 2)),
    ],
)
def test_goto_understands(text, expected):
    session = Session(XOR)
    session.goto(text)
    assert session.cursor == expected


def test_goto_prefers_the_phase_one_is_in():
    session = Session(XOR)
    session.goto("backward")
    session.goto("layer1.z")
    assert session.cursor.phase == "backward"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "where to"),
        ("0", "1 to 13"),
        ("14", "1 to 13"),
        ("101%", "0% to 100%"),
        ("x%", "0% to 100%"),
        ("layer3", "did you mean"),
        ("layer1.zz", "did you mean 'layer1.z'"),
        ("step", "which training step"),
        ("step x", "not a training step"),
        ("step 99999999999", "0 to 10000000"),
        ("x", "layer1.z uses it first"),
        ("update layer1.z", "has no update moment"),
        ("9" * 500, "not a place"),
        ("%", "0% to 100%"),
        ("nan%", "0% to 100%"),
    ],
)
def test_goto_says_what_is_wrong(text, said):
    session = Session(XOR)
    with pytest.raises(UserError) as raised:
        session.goto(text)
    assert said in str(raised.value)
    assert len(str(raised.value)) < 300
    assert session.stop == 0


def test_the_selection_follows_the_moment_unless_a_node_is_pinned():
    session = Session(XOR)
    assert session.node.name == "layer1.z"
    session.step()
    assert session.node.name == "layer1.a"
    session.select("layer1.weight[0,3]")
    session.step()
    assert (session.node.name, session.element) == ("layer1.weight", (0, 3))
    session.select()
    assert session.node.name == "layer2.z"
    assert session.element == (0, 0)
    session.reverse_step()
    assert session.element == (0, 3)


def test_the_element_is_kept_where_it_fits():
    assert locations.fit((1, 3), (4, 8)) == (1, 3)
    assert locations.fit((1, 3), (8,)) == (3,)
    assert locations.fit((1, 3), (4, 1)) == (1, 0)
    assert locations.fit((1, 3), ()) == ()
    assert locations.fit((3,), (4, 8)) == (0, 3)
    assert locations.fit((5, 5), (0, 2)) == (0, 1)


def test_the_arrows_stop_at_the_edges():
    session = Session(XOR)
    session.move_element(-1, -5)
    assert session.element == (0, 0)
    session.move_element(-1, 100)
    session.move_element(-2, 100)
    assert session.element == (3, 7)
    session.goto("loss")
    session.move_element(-1, 1)
    assert session.element == ()


@given(st.lists(st.integers(-20, 20), max_size=5), st.lists(st.integers(1, 6), max_size=5))
def test_a_fitted_element_is_inside(element, shape):
    fitted = locations.fit(tuple(element), shape)
    assert len(fitted) == len(shape)
    assert all(0 <= i < size for i, size in zip(fitted, shape, strict=True))
    assert locations.fit(fitted, shape) == fitted


def test_the_input_whose_derivative_is_shown():
    session = Session(XOR)
    names = [session.graph.nodes[session.node.inputs[i]].name for i in session.inputs]
    assert "layer1.weight" in names
    run(session, "by layer1.bias")
    assert session.graph.nodes[session.node.inputs[session.input]].name == "layer1.bias"
    run(session, "by")
    assert session.input == session.inputs[0]
    with pytest.raises(UserError, match="did you mean"):
        run(session, "by layer1.bia")


def test_a_long_training_can_be_interrupted_and_stays_where_it_is():
    session = Session(XOR)
    told = []
    session.progress.ask = lambda part, what: told.append((part, what)) or len(told) < 3
    reply = session.train(100_000)
    assert 0 < session.cursor.step < 100_000
    assert session.cursor.phase == "forward"
    assert "interrupted" in reply.text
    assert all(0 <= part <= 1 for part, _ in told)


def test_more_training_steps_than_a_history_keeps_are_refused():
    session = Session(XOR)
    with pytest.raises(UserError, match="at most"):
        session.train(10**9)
    assert session.stop == 0


def test_numbers_that_are_not_finite_are_numbers_like_any_other():
    session = Session(from_formula("L = sum(log(x))", {"x": [0.0, 1.0]}))
    while session.step().ok:
        pass
    assert math.isinf(float(session.state.value(session.graph.loss)))
    assert np.isinf(session.state.gradient("x").array[0])


def test_an_answer_gives_the_focus_back():
    session = Session(load("lesson-2-2-1"))
    for line in ("focus 1", "select layer1.weight[0,0]", "nudge", "why"):
        run(session, line)
    assert session.view.focus == 2
    run(session, "close")
    assert (session.view.focus, session.view.answer) == (1, None)
    for line in ("why", "focus 3", "close"):
        run(session, line)
    assert session.view.focus == 3
