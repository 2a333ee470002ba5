"""Stops: what each kind stops at, that going back visits the same Moments, and that any search can be ended."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from itertools import count
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.debugger import progress
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.expressions import expression as expressions
from bptui.model.debugger.progress import Progress
from bptui.model.debugger.session import Session
from bptui.model.debugger.stops.reading import Reading, Step
from bptui.model.engine import training as trainings
from bptui.model.source.network import Network, from_formula, load

TRAINED = "u = w*x\nh = tanh(u)\nL = sum((h - y)**2) + 0.01*w**2"


def trained(steps: int = 4) -> Network:
    return replace(from_formula(TRAINED, {"x": [0.5, -1.0], "y": [1.0, 0.0], "w": 0.3}, ["w"]), steps=steps)


def visited(session: Session, command: str) -> list[int]:
    """Where a command stops, until it finds nothing more in the training steps that are planned."""
    found = []
    while run(session, command).ok:
        found.append(session.stop)
        if session.stop == session.planned * session.walk.length - 1:
            break
    return found


STOPS = st.lists(
    st.sampled_from([
        "break h", "break u", "break backward", "break update w", "break forward if value > 0", "break if L < 1.7",
        "break if step > 1", "watch w", "watch L", "watch grad(u)", "watch value", "watch L > 1.7", "watch step",
        "watch x", "watch grad(w) * lr", "break tanh if max(abs(grad)) > 0.1",
    ]), min_size=1, max_size=4, unique=True,
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(STOPS)
def test_going_back_visits_the_same_moments_in_reverse(lines):
    session = Session(trained())
    for text in lines:
        run(session, text)
    there = visited(session, "continue")
    end = session.planned * session.walk.length - 1
    assert session.stop == end
    back = visited(session, "reverse-continue")
    assert session.stop == 0
    assert back[::-1] == [stop for stop in there if stop != end]


DIVERGING = "m = log(k)\nL = sum(w * exp(m + 400*w))"
NETWORKS = {
    "minibatches and dropout": lambda: load("classifier"),
    "NaN, inf": lambda: from_formula(DIVERGING, {"k": [1.0, 0.0], "w": [0.5, 1.5]}, ["w"]),
    "one step": lambda: from_formula("a = w*w\nL = a*a + a", {"w": 2.0}),
    "repeated use": lambda: from_formula("a = w*w\nL = a*a + a + log(a)", {"w": 0.6}, ["w"]),
}
ANYWHERE = st.lists(
    st.sampled_from([
        "break backward", "break update", "break forward", "break step 1", "break step 50% backward", "break *a*",
        "break if step > 0 and len(shape) == 1", "break forward if any(value > 1)", "break if max(upstream) > 0.1",
        "break if loss > 0.5", "break mul", "break backward m* if any(grad != 0)", "tbreak update",
        "watch loss", "watch value", "watch norm(grad)", "watch step", "watch loss > 0.5", "watch w", "watch grad(a)",
        "watch max(abs(value)) > 0.9", "watch shape",
    ]), min_size=1, max_size=4, unique=True,
)  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(list(NETWORKS)), ANYWHERE, st.integers(1, 60))
def test_the_law_holds_in_every_network_and_when_searches_are_interrupted(name, lines, patience):
    """Findings are stops, too. A search that is ended and taken up again visits what one that is not visits."""
    session = Session(replace(NETWORKS[name](), steps=2))
    for text in lines:
        with suppress(UserError):
            run(session, text.replace("tbreak", "break"))
    there = visited(session, "continue")
    end = session.planned * session.walk.length - 1
    assert session.stop == end
    back = visited(session, "reverse-continue")
    assert session.stop == 0
    assert back[::-1] == [stop for stop in there if stop != end]
    session.goto("start")
    again = []
    with mock.patch.object(progress, "ASK_SECONDS", 0.0):  # it asks wherever it can be ended
        for attempt in count():
            if session.stop == end:
                break
            session.progress.ask = Impatient(patience + attempt)
            if run(session, "continue").ok:
                again.append(session.stop)
    assert [stop for stop in again if stop != end] == [stop for stop in there if stop != end]


KNOWN = st.lists(
    st.sampled_from([
        "break if max(abs(value)) > 1.2", "break if w > 99", "break if w > 0.3", "break tanh if max(abs(grad)) > 0.1",
        "break backward if grad(u)[0] > 0.05", "break if nan(value)", "break h if value[0] < 0.2 or step == 2",
        "watch w > 0.31", "watch w > 99", "watch max(h) > 0.15", "watch grad(u)[0] > 9", "watch L * 0",
        "watch h[0] - 1", "watch loss < 0.8", "watch lr", "watch value > 0.3", "watch not finite(grad(w))",
        "watch x[0] > 2",
        "watch step > 1",
    ]), min_size=1, max_size=4, unique=True,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(KNOWN, st.sampled_from([TRAINED, TRAINED.replace("tanh(u)", "tanh(u) + log(0*w)*0 + w")]), st.booleans())
def test_what_was_kept_of_a_step_finds_the_same_stops_as_running_it_again(lines, text, trained_before):
    """Of a large program; here of a small one that is taken for a large one."""
    network = replace(from_formula(text, {"x": [0.5, -1.0], "y": [1.0, 0.0], "w": 0.3}, ["w"]), steps=4)
    plain = Session(network)
    with mock.patch.object(trainings, "MANY", 0):
        knowing = Session(network)
    if trained_before:
        knowing.history.advance(4)
    for session in (plain, knowing):
        for line in lines:
            run(session, line)
    for command in ("continue", "reverse-continue"):
        assert visited(knowing, command) == visited(plain, command)
        assert [row.hits for row in knowing.breakpoints.rows.values()] == [
            row.hits for row in plain.breakpoints.rows.values()
        ]
    assert knowing.history.summary(2) is not None
    assert plain.history.summary(2) is None


def test_a_step_in_which_nothing_can_stop_is_not_run_again(monkeypatch):
    with mock.patch.object(trainings, "MANY", 0):
        session = Session(trained(50))
    session.history.advance(50)
    for line in ("break tanh if max(abs(grad)) > 1e9", "watch w > 99", "break if nan(value)", "watch max(h) < 5"):
        run(session, line)
    last = session.history.recording(49)
    monkeypatch.setattr(
        type(session.history), "recording", lambda _, step, *__: last if step == 49 else pytest.fail("run again")
    )
    assert "planned" in run(session, "c").text


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(
        ["L", "w", "grad(u)", "grad(w)", "value", "grad", "step", "lr", "max(h) + grad(L)", "x[0]", "grad(h)[0] * w"]
    )
)
def test_a_number_is_looked_at_only_where_it_can_change(text):
    """Between two Moments at which it can change, an expression has the same number, or is as little there."""
    branch = Branch(trained())
    expression = expressions.parse(text, branch.graph)
    reading = Reading(expression, branch)
    for number in range(3):
        step = Step(branch, number, Progress())
        for index in range(branch.walk.length):
            state = Session(branch.network, branch.history)
            state.goto(f"step {number} {index + 1}")
            try:
                value = expression.evaluate(state.state, state.here)
            except expressions.NotYet:
                value = None
            found = reading.at(step, index)
            assert (found is None) == (value is None)
            assert value is None or found.tobytes() == np.asarray(value).tobytes()


@pytest.mark.parametrize("command", ["continue", "next-finding"])
def test_what_the_first_operation_makes_is_a_stop(command):
    session = Session(from_formula("a = log(x)\nL = sum(a)", {"x": [-1.0, 1.0]}))
    reply = run(session, command)
    assert reply.ok
    assert "a[0] is NaN" in reply.text
    assert session.stop == 0
    assert visited(session, command) == []  # once: from there it goes on
    assert visited(session, "reverse-" + command if command == "continue" else "previous-finding") == (
        [0] if command == "continue" else []
    )


def test_a_breakpoint_at_the_first_operation_is_a_stop_but_not_the_one_that_is_set_there():
    session = Session(trained())
    run(session, "break u")
    assert run(session, "continue").ok
    assert session.stop == 0
    session = Session(trained())
    run(session, "break")
    run(session, "continue")
    assert session.stop > 0


def test_what_is_wanted_is_passed_over_at_every_training_step_of_its_branch():
    values = {"k": [1.0, 0.0], "x": [1.0, 2.0], "w": [0.5, 0.25]}
    session = Session(replace(from_formula("m = log(k)\nL = sum(w * exp(m + x))", values, ["w"]), steps=3))
    reply = run(session, "x")
    assert "m[1] is -inf" in reply.text
    assert "wanted" in reply.text
    run(session, "x")
    assert session.stop != 0
    run(session, "goto step 0 start")
    run(session, "x")
    run(session, "wanted")
    assert 0 not in session.nonfinite
    found = visited(session, "x")
    assert not any(stop % session.walk.length == 0 for stop in found)
    run(session, "goto step 0 start")
    run(session, "set lr = 0.5")
    assert 0 not in session.nonfinite  # what was said holds in what follows from it
    run(session, "wanted")
    assert 0 in session.nonfinite
    run(session, "undo")
    assert 0 not in session.nonfinite


def test_why_at_a_finding_explains_its_number():
    session = Session(from_formula("t = x*x\nr = sqrt(t)\nL = sum(r)", {"x": [1.0, 2.0, 0.0]}))
    text = run(session, "x").text
    assert "grad(t)[2] is inf" in text
    told = run(session, "why").text
    assert told.startswith("grad(t)[2] is inf")
    assert "∂L/∂t[2] = inf" in told
    run(session, "select t[0]")  # what was selected since then is what is asked about
    assert "t[0] = 1" in run(session, "why").text


@pytest.mark.parametrize(
    ("source", "name", "said"),
    [
        ("L = (y - w*x)**2", "w", ""),
        ("V = 3*U\nL = (y - w*x)**2", "U", "it ends in V, which nothing uses"),
        ("V = 3*U\nL = (y - w*x)**2", "V", "nothing uses it"),
        ("L = (y - w*x)**2 + where(U, x, y)", "U", ""),
    ],
)
def test_why_says_what_does_not_reach_the_loss(source, name, said):
    values = {"x": 1.0, "y": 2.0, "w": 3.0} | ({"U": 4.0} if "U" in source else {})
    session = Session(from_formula(source, values, ["w", "U"] if "*U" in source else ["w"]))
    told = run(session, f"why {name}").text
    assert ("does not reach the loss" in told) == bool(said or "where" in source)
    assert said in told
    if said:
        assert "the update changes it" not in told


# ending


class Impatient:
    """Ends what is running at its `count`th question, and notes how long it was not asked."""

    def __init__(self, count: int) -> None:
        self.count, self.asked, self.longest = count, 0, 0.0
        self.last = time.monotonic()

    def __call__(self, part: float, what: str) -> bool:
        now = time.monotonic()
        self.longest, self.last = max(self.longest, now - self.last), now
        self.asked += 1
        return self.asked < self.count


@pytest.mark.parametrize(
    "lines",
    [
        ["watch value // 0", "continue 1000000000"],
        ["break loss", "continue 1000000000"],
        ["break if loss < 0", "continue"],
        ["watch sum(grad) > 1000", "continue"],
        ["break loss if loss < 0", "reverse-continue"],
        ["next-finding"],
        ["train 9000000"],
        ["goto step 9000000"],
    ],
)
def test_every_search_can_be_ended(lines):
    session = Session(replace(load("xor-stuck"), steps=10_000_000))
    session.progress.ask = asked = Impatient(12)
    *before, last = lines
    for text in before:
        run(session, text)
    if "reverse" in last:
        run(session, "train 200")
        asked.asked = 0
    reply = run(session, last)
    assert asked.asked >= 12 or "start" in reply.text
    assert "interrupted" in reply.text or "start" in reply.text
    assert not reply.ok


def test_an_expression_is_ended_between_its_parts(monkeypatch):
    """Also where one Moment takes long: it asks between any two of them, as if each took as long as a frame."""
    monkeypatch.setattr(progress, "ASK_SECONDS", 0.0)
    session = Session(from_formula("L = sum(w * x)", {"x": np.ones(10), "w": 1.0}, ["w"]))
    slow = "+".join(["sum(exp(x))"] * 30)
    run(session, f"break if {slow} < 0")
    session.progress.ask = asked = Impatient(5)
    assert "interrupted" in run(session, "continue").text
    assert session.stop == 0  # within the first evaluation
    assert asked.asked == 5
