"""What if: promises and what came of them, branches, and what differs between them."""

from __future__ import annotations

import re
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base import arithmetic
from bptui.model.base.errors import UserError
from bptui.model.debugger.answers import whatif
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.difference import Row
from bptui.model.debugger.session import Session
from bptui.model.engine.state import State
from bptui.model.source.network import from_formula, from_mapping, load
from tests.sessions import snapshot
from tests.unit.model.debugger.test_edits import EDITS, content, course, small

TINY = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-9)


def lesson(place: str = "loss") -> Session:
    session = Session(load("lesson-2-2-1"))
    run(session, f"goto {place}")
    return session


def test_a_nudge_compares_what_was_promised_with_what_happened():
    """The numbers of look/18: the published example of this network."""
    session = lesson()
    reply = run(session, "nudge layer2.weight[0,0] 0.1")
    said = reply.text
    assert "-0.10073 × 0.10000 = -0.01007" in said
    assert "0.01073 - 0.01950 = -0.00877   0.87 of the promise" in said
    assert "3 of 18 numbers so far, first ≠ layer2.z, forward 3" in said
    made = session.branch.promise
    gradient = session.branches[0].history.recording(0).grad("layer2.weight")[0, 0]
    assert made.factors[0] == gradient
    assert made.factors[1] == pytest.approx(0.1)
    assert made.promised == pytest.approx(gradient * 0.1)
    assert made.really == session.recording.loss - session.branches[0].history.recording(0).loss
    assert session.selected_name == "layer2.weight[0,0]"
    assert session.recording.value("layer2.weight")[0, 0] == 0.6


def test_plus_and_minus_go_on_by_what_was_said_last():
    session = lesson()
    run(session, "nudge layer2.weight[0,0] 0.25")
    for key, value in (("nudge", 1.0), ("nudge-back", 0.75), ("nudge-back", 0.5)):
        run(session, key)
        assert session.recording.value("layer2.weight")[0, 0] == value
    assert session.branches[-1].history.recording(0).memory == session.branches[0].history.recording(0).memory
    run(session, "nudge -0.5")
    assert session.recording.value("layer2.weight")[0, 0] == 0.0


def test_a_smaller_nudge_keeps_more_of_its_promise():
    ratios = []
    for delta in (0.1, 0.01, 0.001):
        session = lesson()
        run(session, f"nudge layer2.weight[0,0] {delta}")
        ratios.append(abs(1 - session.branch.promise.ratio))
    assert ratios[0] > ratios[1] > ratios[2]


def test_ten_times_the_rate_rises_though_a_fall_was_promised():
    """The numbers of look/18a: -η·Σ∂L², really, and the ratio of either rate."""
    session = lesson()
    said = run(session, "set lr = 10*lr").text
    assert "-5.00000 × 0.06052 = -0.30260" in said
    assert "0.94589 - 0.01950 = 0.92639   a fall was promised, the loss rose: ratio -3.06" in said
    assert "a smaller rate: 0.5 kept 0.61 of its promise; undo goes back" in said
    assert "first ≠ layer1.weight, update 1 of step 0" in said
    run(session, "train")
    assert session.recording.loss == pytest.approx(session.branch.promise.after)
    assert "15 of 18 numbers differ" in run(session, "diff").text


def test_the_step_of_another_optimizer_is_promised_by_its_gradients():
    session = lesson()
    assert "gradient × step of the optimizer, summed over 9 numbers" in run(session, "set optimizer = adam").text
    made = session.branch.promise
    recording = session.recording
    each = [np.vdot(recording.grad(n), recording.after(n) - recording.before(n)) for n in recording.graph.params]
    assert made.promised == pytest.approx(sum(each))
    assert made.factors is None


def test_a_step_is_judged_on_its_own_batch_and_with_its_own_mask():
    """The next training step has another batch: its loss says nothing about this step."""
    session = small(data={**content()["data"], "batch_size": 1})
    run(session, "set lr = 1e-6")
    assert session.branch.promise.ratio == pytest.approx(1, abs=1e-3)


def test_what_promises_nothing_says_why():
    session = small()
    said = run(session, "set x[0,0] = 3").text
    assert "no gradient by x is computed" in said
    assert "\nreally    " in said
    assert "it is another network" in run(session, "set layer1.activation = tanh").text
    run(session, "set layer3.weight = 0")
    assert "gradient is 0" in run(session, "nudge layer1.weight[0,0] 0.5").text


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=3, max_size=3), st.floats(-1, 1), st.sampled_from("xyw"))
def test_what_is_printed_can_be_worked_out_again(values, delta, name):
    """Promise and reality follow from the printed numbers, whatever those are."""
    session = Session(from_formula("L = (y - w*x)**2", dict(zip("xyw", values, strict=True)), ["w"]))
    try:
        run(session, f"nudge {name} {delta:.3g}")
    except UserError:
        return  # it moves nothing
    made = session.branch.promise
    texts = whatif.Texts.of(made)
    if texts.sign == "=":
        a, b = map(float, texts.factors)
        assert arithmetic.gives(a * b, texts.promised, abs(a * b))
    if texts.difference == "=":
        scale = max(abs(made.before), abs(made.after))
        assert arithmetic.gives(float(Decimal(texts.after) - Decimal(texts.before)), texts.really, scale)
    if texts.ratio:
        assert arithmetic.gives(float(texts.really) / float(texts.promised), texts.ratio)


@settings(max_examples=200, deadline=None)
@given(TINY, TINY)
def test_a_row_of_a_difference_can_be_worked_out_again(before, after):
    session = lesson()
    texts = whatif.row_texts(Row(session.node, (0, 0), False, before, after))
    assert all(len(text) <= 11 for text in texts)
    first, second, change = (float(text) for text in texts)
    tolerance = max(float(10.0 ** arithmetic.last_place(text.lstrip("+"))) for text in texts)
    assert abs(second - first - change) <= tolerance
    assert abs(change - (after - before)) <= tolerance


@pytest.mark.parametrize("text", EDITS)
def test_a_branch_and_itself_differ_in_nothing(text):
    session = small()
    run(session, "goto step 2 backward layer1.z")
    run(session, f"set {text}")
    for number in (0, 1):
        assert "no number differs" in run(session, f"diff {number} {number}").text
    found = run(session, "diff").text
    if re.search(r"^\S+\s+original\s", found, re.MULTILINE):
        assert "branch 1 minus original" in found
    there = run(session, "diff 0 1").text.splitlines()[1:2]
    back = run(session, "diff 1 0").text.splitlines()[1:2]
    assert [line.startswith("≠ first") for line in there] == [line.startswith("≠ first") for line in back]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from([*EDITS, "undo", "redo", "branch 0", "diff", "train 2", "goto backward"]), max_size=8))
def test_nothing_that_is_done_in_branches_touches_the_original(lines):
    session = small()
    original = course(session, 6)
    for text in lines:
        try:
            run(session, f"set {text}" if "=" in text else text)
        except UserError:
            continue
    run(session, "branch 0")
    assert course(session, 6) == original
    assert course(Session(session.network), 6) == original


def test_the_rows_of_a_diff_are_every_number_that_differs_the_largest_change_first():
    session = small()
    run(session, "goto step 1 update layer1.weight")
    run(session, "branch 0")
    run(session, "set layer1.weight[0,1] = 0.25")
    run(session, "goto step 3 backward layer1.z")
    comparison = session.compare(session.branch, session.branches[0])
    for place in range(session.timeline.length):
        run(session, f"goto {place + 1}")
        found = whatif.differs(session, comparison, 200)
        expected, total = brute(session)
        assert {(row.node.name, row.at, row.gradient) for row in found.rows} == set(expected)
        assert (found.count, found.total) == (len(expected), total)
        sizes = [abs(row.after - row.before) for row in found.rows]
        assert sizes == sorted(sizes, reverse=True) == sorted(expected.values(), reverse=True)
        few = whatif.differs(session, comparison, 3).rows
        assert [abs(row.after - row.before) for row in few] == sizes[:3]


def brute(session: Session) -> tuple[dict[tuple[str, tuple[int, ...], bool], float], int]:
    """Every number that differs at the Moment, by how much, and of how many: number by number."""
    state, other = session.state, State(session.branches[0].history.recording(session.cursor.step), session.cursor)
    expected, total = {}, 0
    for node in session.graph.nodes:
        pairs = [(other.value(node), state.value(node), False)]
        if state.gradient(node).final:
            pairs.append((other.gradient(node).array, state.gradient(node).array, True))
        for a, b, gradient in pairs:
            if a is not None:
                total += a.size
                for at in np.ndindex(a.shape):
                    if a[at] != b[at]:
                        expected[node.name, at, gradient] = abs(float(b[at]) - float(a[at]))
    return expected, total


def test_the_first_place_of_divergence_is_the_first_moment_that_computes_another_number():
    session = Session(load("xor"))
    run(session, "goto step 40 loss")
    run(session, "set layer2.bias[0] = 0.25")
    first = session.comparison.first
    assert (first.moment.step, first.node.name, first.moment.phase) == (40, "layer2.z", "forward")
    run(session, "train 100")
    assert session.comparison.first is first
    run(session, "goto step 3")
    assert session.compare(session.branch, session.branches[0]).difference(3).at(session.state, 9).count == 0


def test_a_change_without_effect_has_no_place_of_divergence():
    """The unit of this weight is dead on all samples: another number there changes nothing."""
    dead = {"kind": "dense", "units": 1, "activation": "relu", "weight": [[1.0]], "bias": [-10.0]}
    last = {"kind": "dense", "units": 1, "weight": [[1.0]], "bias": [0.0]}
    session = small(layers=[dead, last], data={"inputs": [[1.0], [2.0]], "targets": [[1.0], [0.0]]})
    run(session, "goto loss")
    said = run(session, "nudge layer1.weight[0,0] 0.5").text
    assert "nothing was promised: the gradient is 0" in said
    assert session.comparison.first.node.name == "layer1.z"
    run(session, "undo")
    run(session, "set lr = 0.2")
    assert session.comparison.first.text == "layer2.bias, update 4 of step 0"


def test_two_edited_branches_part_where_the_earlier_edit_was_made():
    session = small()
    run(session, "goto step 4")
    run(session, "set lr = 0.5")
    run(session, "branch 0")
    run(session, "goto step 2")
    run(session, "set lr = 0.25")
    comparison = session.compare(session.branches[1], session.branches[2])
    assert comparison.parted == 2
    assert "branch 2 minus branch 1" in run(session, "diff 1 2").text
    assert session.base is session.branches[1]


def test_branches_are_listed_with_what_was_edited_and_their_loss():
    session = lesson()
    run(session, "nudge layer2.weight[0,0] 0.1")
    run(session, "set lr = 5")
    run(session, "branch 1")
    rows = run(session, "branches").text.splitlines()
    assert [row[:1] for row in rows] == [" ", "*", " "]
    assert "the original" in rows[0]
    assert "layer2.weight[0,0] = 0.6 from training step 0 on" in rows[1]
    assert "lr = 5 from training step 0 on   of branch 1" in rows[2]
    assert all(re.search(r"loss \S+ at step 0$", row) for row in rows)
    assert run(session, "branch").text == rows[1]
    run(session, "branch original")
    assert session.branch is session.branches[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("branch 7", "there is the original alone"), ("branch x", "no branch 'x'"), ("diff 0 1 2", "more than two"),
        ("diff 3", "no branch '3'"), ("nudge layer1.z 0.1", "layer1.z is computed"), ("nudge 0", "moves nothing"),
        ("nudge layer1.weight[0,0]x", "not a number"), ("nudge layer1.weight[9,9] 0.1", "outside axis 0"),
        ("nudge layer9.weight[0,0]", "no node is called"), ("nudge layer1.weight[0,0] 1e999", "moves nothing"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(text, said):
    session = lesson()
    before = snapshot(session)
    with pytest.raises(UserError, match=said):
        run(session, text)
    assert snapshot(session) == before


def test_without_an_edit_there_is_nothing_to_show():
    session = lesson()
    for word in ("undo", "redo", "diff column", "nudge"):
        assert not run(session, word).ok
    assert "no number differs" in run(session, "diff").text


def test_nan_and_infinity_are_told_apart_from_numbers():
    session = Session(from_formula("L = sum(log(x))", {"x": [1.0, 2.0]}))
    run(session, "goto loss")
    said = run(session, "nudge x[0] -2").text
    assert "the loss is not finite" in said
    assert "NaN" in run(session, "diff").text


def test_networks_of_other_shapes_are_compared_where_they_have_the_same_names():
    session = lesson()
    run(session, "set layer1.units = 3")
    said = run(session, "diff").text
    assert "in another shape" in said
    assert "layer1.weight" in said.splitlines()[-1]
    assert "loss" in said


def test_the_original_is_held_against_nothing():
    session = Session(from_mapping(content(), "small"))
    run(session, "goto loss")
    assert session.comparison is None
    run(session, "set lr = 0.5")
    assert session.comparison.base is session.branches[0]
    run(session, "diff column")
    assert session.comparison.base is session.branches[0]  # the answer says how many numbers differ
    run(session, "close")
    assert session.comparison is None


@pytest.mark.parametrize("name", ["lesson-2-2-1", "xor", "classifier"])
def test_what_moved_the_loss_adds_up_to_what_the_step_promised(name):
    session = Session(load(name))
    run(session, "goto step 3")
    rows = run(session, "moved").text.splitlines()
    terms = [re.fullmatch(r"(\S+)\s+(\S+) ×\s+(\S+) =\s+(\S+)", row) for row in rows[2:10]]
    for matched in terms:
        gradient, change, product = map(float, matched.groups()[1:])
        assert arithmetic.gives(gradient * change, matched[4]), matched[0]
        node, at = matched[1].rstrip("]").split("[")
        at = tuple(map(int, at.split(",")))
        recording = session.recording
        true = recording.grad(node)[at] * (recording.after(node)[at] - recording.before(node)[at])
        assert product == pytest.approx(true, rel=1e-2)
    assert [abs(float(each[4])) for each in terms] == sorted((abs(float(each[4])) for each in terms), reverse=True)
    rest, promised = float(rows[10].split()[-1]), float(rows[11].split()[-1])
    assert rows[10].startswith("and ")
    assert rows[11].startswith("promised")
    assert sum(float(each[4]) for each in terms) + rest == pytest.approx(promised, rel=1e-3)


def test_where_nothing_is_trained_nothing_moved():
    with pytest.raises(UserError, match="no parameter is updated"):
        run(Session(from_formula("L = (y - w*x)**2", {"x": 2.0, "y": 2.0, "w": 0.5})), "moved")


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from([*EDITS, "undo", "branch 0", "train 2", "untrain"]), max_size=6))
def test_a_branch_that_was_forgotten_is_trained_again_bit_for_bit(lines):
    session = small()
    for text in lines:
        try:
            run(session, f"set {text}" if "=" in text else text)
        except UserError:
            continue
    courses = [[branch.history.recording(step).memory for step in range(4)] for branch in session.branches]
    for branch in session.branches:
        branch.rest(forget=True)
    assert [branch.nbytes > 0 for branch in session.branches] == [True] + [False] * (len(courses) - 1)
    assert all(len(branch.losses) >= 4 for branch in session.branches)
    for branch, course_of in reversed([*zip(session.branches, courses, strict=True)]):
        assert [branch.history.recording(step).memory for step in range(4)] == course_of
