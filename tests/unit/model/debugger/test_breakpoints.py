"""What a user sets: where it stops, when it does not, what is refused because it never would; and `last`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base import numbers
from bptui.model.base.errors import UserError
from bptui.model.debugger.changes import Change
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.expressions import expression as expressions
from bptui.model.debugger.session import Session
from bptui.model.source.network import Network, from_formula, load

TRAINED = "u = w*x\nh = tanh(u)\nL = sum((h - y)**2) + 0.01*w**2"


def trained(steps: int = 4) -> Network:
    return replace(from_formula(TRAINED, {"x": [0.5, -1.0], "y": [1.0, 0.0], "w": 0.3}, ["w"]), steps=steps)


@pytest.fixture
def session():
    return Session(trained())


def visited(session: Session, command: str) -> list[int]:
    """Where a command stops, until it does not stop in the training steps that are planned."""
    found = []
    while run(session, command).ok and session.cursor.step < session.planned:
        found.append(session.stop)
    return found


def number(session: Session, text: str) -> bytes | None:
    """The bits of an expression where one stands."""
    try:
        return np.asarray(expressions.parse(text, session.graph).evaluate(session.state, session.here)).tobytes()
    except expressions.NotYet:
        return None


# where


@pytest.mark.parametrize(
    ("text", "cursor"),
    [
        ("step 2", (2, "forward", 0)),
        ("step 50%", (2, "forward", 0)),
        ("step 1 backward", (1, "backward", 0)),
        ("step 3 tanh", (3, "forward", 1)),
        ("step 1 update w", (1, "update", 0)),
        ("tan*", (0, "forward", 1)),
        ("backward tan*", (0, "backward", 7)),
        ("if shape[0] == 2 and value[0] > 0.29", None),
        ("h if max(abs(upstream)) > 0.1", None),
        ("if loss < 0.8", None),
    ],
)
def test_where_a_breakpoint_stops(session, text, cursor):
    run(session, f"break {text}")
    assert run(session, "c").ok
    if cursor is not None:
        assert session.cursor == cursor
    else:
        condition = text.partition("if ")[2]
        assert expressions.parse(condition, session.graph).evaluate(session.state, session.here)


def test_the_upstream_gradient_is_the_complete_one():
    session = Session(from_formula("a = w*w\nL = a*a + a", {"w": 2.0}, ["w"]))
    arrivals = session.timeline.arrivals(session.graph.by_name["a"].id)
    assert len(arrivals) > 1
    run(session, "break backward if upstream != grad")
    assert not run(session, "c").ok
    session.move(arrivals[0].place)
    assert number(session, "grad(a)") is not None
    with pytest.raises(expressions.NotYet, match="all of"):
        expressions.parse("upstream", session.graph).evaluate(session.state, session.graph.by_name["a"])


def test_a_composite_stops_where_all_of_it_is_done():
    values = {"x": [[1.0, 2.0, 4.0]], "g": [1.0, 1.1, 0.9], "b": [0.1, 0.2, 0.3]}
    session = Session(from_formula("h = layer_norm(x, g, b); L = mean(h*h)", values, ["g", "b"]))
    assert "in forward and backward" in run(session, "break layer_norm").text
    run(session, "c")
    assert session.here.name == "h"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("tanh", {"h"}),
        ("if loss < 1 and max(abs(grad(u))) > 0", {"L", "u"}),
        ("backward", {"L"}),
        ("if max(abs(grad)) > 1", set()),
        ("step 2", {"u"}),
        ("update w if step > 1", {"w"}),
    ],
)
def test_the_nodes_that_a_breakpoint_is_about_are_marked(session, text, names):
    run(session, f"break {text}")
    assert {session.graph.nodes[i].name for i in session.marked} == names
    run(session, "disable 1")
    assert not session.marked


# what never stops is refused


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("break nope", "is no place"),
        ("break nope*", "is no place"),
        ("break x", "it is given"),
        ("break update u", "u has no update moment"),
        ("break forward w", "w has no forward moment"),
        ("break h if grad", "not true or false"),
        ("break h if 3", "not true or false"),
        ("break if 1 > 2", "never true"),
        ("break h if value[5] > 0", "no such element"),
        ("break h if x @ x @ x > 0", "do not fit"),
        ("break forward if max(grad) > 0", "at none of these moments there is a gradient yet"),
        ("break forward if w > 0 and grad(h)[0] > 0", None),
        ("break forward if w > 9 or grad(h)[0] > 0", None),
        ("break step 99999999", "there is no training step"),
        ("break step x", "not a training step"),
        ("break if __import__('os').system('true')", "not allowed"),
        ("watch x @ x @ x", "do not fit"),
        ("watch [loss]", "stands in a list"),
        ("ignore 1 2", "there is none"),
        ("ignore 1", "there is no number"),
        ("condition 1 loss < 1", "there is none"),
    ],
)
def test_what_can_never_stop_is_refused_and_not_kept(session, text, said):
    if said is None:
        run(session, text)
        return
    with pytest.raises(UserError, match=said.replace("(", r"\(")):
        run(session, text)
    assert not session.breakpoints.rows


def test_a_phase_that_there_is_not_is_no_place_to_stop():
    session = Session(from_formula("L = (y - w*x)**2", {"x": 2.0, "y": 2.0, "w": 0.5}))
    with pytest.raises(UserError, match="nothing is trained"):
        run(session, "break update")
    with pytest.raises(UserError, match="there is no training step 1"):
        run(session, "break step 1")


def test_what_never_changes_is_said(session):
    assert "it never changes here" in run(session, "watch x[0]").text
    assert "it never changes here" in run(session, "watch 1 + 1").text
    assert "never changes" not in run(session, "watch h[0] * 2").text
    assert "never changes" not in run(session, "watch step").text
    assert not run(session, "last x[0]").ok


def test_in_one_step_only_what_is_updated_or_added_up_changes():
    session = Session(from_formula("a = w*w\nL = a*a + a", {"w": 2.0}))
    assert "it never changes here" in run(session, "watch a").text
    assert "it never changes here" in run(session, "watch step").text
    assert "never changes" not in run(session, "watch grad(a)").text


def test_a_step_beyond_the_plan_is_said(session):
    assert "beyond the 4 planned" in run(session, "break step 4").text


def test_what_an_edit_took_away_is_said(session):
    run(session, "break update w")
    run(session, "watch h[0]")
    assert len(run(session, "info watchpoints").lines) == 1
    assert "nowhere" not in run(session, "info breakpoints").text
    session.breakpoints.rows[1].name = "gone"  # as in a branch of another graph
    session.breakpoints.rows[1]._resolved.clear()
    told = run(session, "info breakpoints").text
    assert "nowhere in this branch" in told
    assert run(session, "c").text.endswith("watch 2: h[0] was {}, is {}".format(*numbers.apart(
        *(float(session.history.recording(k).value("h")[0]) for k in (0, 1)))))  # fmt: skip


def test_a_training_step_is_no_reason_to_run_the_others_again(session, monkeypatch):
    session.history.advance(4)
    run(session, "x")
    run(session, "goto step 0 start")
    ran = []
    recording = type(session.history).recording
    monkeypatch.setattr(
        type(session.history), "recording", lambda self, step, *rest: ran.append(step) or recording(self, step, *rest)
    )
    for text in ("if step == 3", "if step == 3 and shape[0] == 2", "if loss < 0 or step == 3", "step 3"):
        ran.clear()
        run(session, f"break {text}")
        assert run(session, "c").ok
        assert session.cursor.step == 3
        assert set(ran) <= {3}
        run(session, "goto step 0 start")
        run(session, "delete")


# passing over


STOPS = ("h", "backward", "update w", "forward if L < 0.8", "if step == 2 and value[0] > 0", "tanh")


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(STOPS), st.integers(0, 6))
def test_an_ignored_breakpoint_stops_at_what_is_left(text, count):
    plain, ignoring = Session(trained()), Session(trained())
    run(plain, f"break {text}")
    run(ignoring, f"break {text}")
    run(ignoring, f"ignore 1 {count}")
    stops = visited(plain, "c")
    assert visited(ignoring, "c") == stops[count:]
    row = ignoring.breakpoints.rows[1]
    assert row.hits >= min(count, len(stops))
    assert row.ignored == max(0, count - row.hits)


def test_where_two_stop_each_counts_and_one_may_be_ignored(session):
    run(session, "break h")
    run(session, "break tanh")
    run(session, "ignore 1 1")
    assert run(session, "c").text.endswith("breakpoint 2: tanh")
    assert run(session, "c").text.endswith("breakpoint 1: h; breakpoint 2: tanh")
    assert [row.hits for row in session.breakpoints.rows.values()] == [2, 2]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(STOPS), min_size=2, max_size=4, unique=True), st.data())
def test_what_is_disabled_is_as_if_it_were_not_there(texts, data):
    off = data.draw(st.sets(st.integers(1, len(texts))))
    some, less = Session(trained()), Session(trained())
    for n, text in enumerate(texts, 1):
        run(some, f"break {text}")
        if n not in off:
            run(less, f"break {text}")
    if off:
        run(some, "disable " + " ".join(map(str, sorted(off))))
    assert visited(some, "c") == visited(less, "c")
    run(some, "enable")
    assert all(row.enabled for row in some.breakpoints.rows.values())


def test_a_condition_can_be_changed(session):
    run(session, "break h")
    assert "if step == 2" in run(session, "condition 1 step == 2").text
    run(session, "c")
    assert session.cursor.step == 2
    assert "if" not in run(session, "condition 1").text
    run(session, "C")
    assert session.cursor.step == 1
    with pytest.raises(UserError, match="not true or false"):
        run(session, "condition 1 value")
    run(session, "watch w")
    with pytest.raises(UserError, match="is a watch"):
        run(session, "condition 2 w > 0")
    assert "disabled" in run(session, "disable 2").text
    assert "deleted" in run(session, "delete 1 2").text
    assert not session.breakpoints.rows


def test_beyond_the_plan_it_searches_as_far_again(session):
    run(session, "c")
    assert session.cursor.step == 3
    run(session, "break step 6")
    reply = run(session, "c")
    assert reply.ok
    assert session.cursor.step == 6
    reply = run(session, "c")
    assert session.cursor == (7, "update", 0)
    assert "no stop up to the end of training step 7, beyond the 4 planned" in reply.text


# watches, last


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(["w", "L", "grad(u)[0]", "h", "L > 0.8", "w * 2", "grad(w) * lr"]), st.booleans())
def test_a_watch_says_the_numbers_before_and_after(text, back):
    session = Session(trained())
    if back:
        run(session, "c")
    run(session, f"watch {text}")
    reply = run(session, "C" if back else "c")
    assert reply.ok
    expression, stop = expressions.parse(text, session.graph), session.stop
    now = expression.evaluate(session.state, session.here)
    before = None
    while before is None and session.stop:
        session.reverse_step()
        try:
            before = expression.evaluate(session.state, session.here)
        except expressions.NotYet:
            continue
    session.move(stop)
    assert before is not None
    assert reply.text.endswith(f"watch 1: {text} {Change(before, now).text}")


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(["w", "h[0]", "grad(u)", "L", "loss < 0.8", "max(h)"]), st.integers(0, 60))
def test_last_goes_where_the_watch_goes_back_to_again_and_again(text, start):
    watching, asking = Session(trained(6)), Session(trained(6))
    run(watching, f"watch {text}")
    for each in (watching, asking):
        each.move(start)
    run(asking, "break h")  # it ends at nothing else
    first = run(asking, f"last {text}")
    found = [asking.stop] if first.ok else []
    while found and run(asking, "last").ok:
        found.append(asking.stop)
    assert found == visited(watching, "C")


def test_last_follows_the_selected_number_to_who_wrote_it():
    session = Session(load("xor"))
    run(session, "goto step 3 backward layer1.a")
    run(session, "select layer2.weight[0,0]")
    before, now = (float(session.history.recording(k).value("layer2.weight")[0, 0]) for k in (2, 3))
    reply = run(session, "last")
    assert session.cursor[:2] == (2, "update")
    assert session.here.name == "layer2.weight"
    assert (session.node.name, session.element) == ("layer2.weight", (0, 0))
    assert reply.text.endswith("layer2.weight[0,0] was {}, is {}".format(*numbers.apart(before, now)))
    for step in (1, 0):
        run(session, "last")
        assert session.cursor[:2] == (step, "update")
    reply = run(session, "last")
    assert not reply.ok
    assert "has not changed before" in reply.text
    assert session.cursor[:2] == (0, "update")


def test_a_change_of_a_tensor_says_how_many_and_which_most():
    a, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 2.5], [0.0, 4.0]])
    assert Change(a, b).text == "changed at 2 of 4: [1,0] was 3, is 0"
    assert Change(a[0], b[0]).text == "changed at 1 of 2: [1] was 2, is 2.5"
    assert Change(a > 2, b > 2).text == "changed at 2 of 4: [0,1] was false, is true"
    assert Change(np.array(True), np.array(False)).text == "was true, is false"
    assert Change(np.array([np.nan, 1.0]), np.array([1.0, 3.0])).text == "changed at 2 of 2: [0] was NaN, is 1"
    assert Change(np.array(0.0), np.array(-0.0)).text == "was 0.0, is -0.0"


def test_a_gradient_reads_no_value():
    graph = trained().graph
    assert expressions.parse("max(grad(h)) + w", graph).reads == {("grad", "h"), ("value", "w")}
    assert expressions.parse("upstream > lr", graph).reads == {("upstream", "")}


def test_the_number_that_changed_is_selected():
    session = Session(load("xor"))
    run(session, "goto step 5 end")
    run(session, "last layer1.bias[3]")
    assert (session.here.name, session.element) == ("layer1.bias", (3,))
    run(session, "watch layer1.weight")
    run(session, "c")
    at = session.element
    change = session.state.value("layer1.weight") - session.recording.before("layer1.weight")
    assert abs(change[at]) == abs(change).max()


# from an operation to its backward


def test_the_mirror_of_a_mirror_is_where_one_was():
    session = Session(load("xor"))
    for place in range(session.walk.length):
        session.move(place)
        reply = run(session, "mirror")
        if session.timeline.events[place].phase == "update":
            assert not reply.ok
            assert session.stop == place
            continue
        assert session.here.id == session.timeline.events[place].node
        assert session.timeline.events[session.stop].phase != session.timeline.events[place].phase
        run(session, "mirror")
        if not session.timeline.events[place].seed:
            assert session.stop == place
