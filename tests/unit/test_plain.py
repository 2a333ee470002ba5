"""Plain mode: each move tells where it has come to and what happens there, with true numbers, in words."""

import contextlib
import io
import re
import signal
import sys

import pytest

from bptui import plain, plain_moment
from bptui.model.base import numbers
from bptui.model.base.errors import UserError
from bptui.model.debugger.commands.registry import COMMANDS, run
from bptui.model.debugger.session import Session
from bptui.model.source.network import from_formula, load
from bptui.symbolic.card import card_for
from bptui.symbolic.service import Service

DARTS = from_formula("L = (y - w*x - b)**2", {"x": 2.0, "y": 2.0, "w": 0.5, "b": 0.1}, ["w", "b"])
XOR = load("xor")


class Told(plain.Plain):
    """A front end that keeps what it said."""

    def __init__(self, network):
        self.said: list[str] = []
        super().__init__(Session(network), self.said.append, self.said.append)

    def __call__(self, text: str) -> str:
        self.said.clear()
        self.command(text)
        return "\n".join(self.said)


@pytest.fixture
def darts():
    return Told(DARTS)


def test_a_forward_moment_tells_operation_definition_and_number(darts):
    text = darts("goto L")
    assert text.startswith("training step 0  forward 4/4  L")
    assert "definition" in text
    assert "0.81" in text
    assert "✓ forward" in text


def test_a_backward_moment_tells_rule_equation_and_checks(darts):
    text = darts("goto backward t1")
    assert "∂t1/∂" in text
    text = darts("by w")
    assert text.startswith("derivative by w")
    assert "∂t1/∂w" in text
    assert "-1.8 × 2 = -3.6" in text
    assert "✓ symbolic" in text
    assert "∂L/∂w () = -3.6" in text
    assert "derived in" in text or "proved by" in text


def _moment(front: Told) -> list[str]:
    front.said.clear()
    front.announce()
    return front.said


def test_an_update_tells_the_optimizer_s_formula_and_the_new_number(darts):
    text = darts("goto update")
    assert "update by sgd" in text
    assert "w () = 0.86" in text
    assert "✓ update" in text


def test_the_numbers_are_those_of_the_engine():
    front = Told(XOR)
    text = front("goto layer2.z")
    value = front.session.recording.value("layer2.z")
    for row in value:
        assert numbers.field(float(row[0])) in text


def test_large_tensors_are_told_by_their_range():
    text = Told(XOR)("goto layer1.a")
    assert "layer1.a (4,8)  0 to 0.6589" in text


def test_an_end_is_said_before_the_place(darts):
    assert darts("S").startswith("training step 0  forward 1/4  t1")
    assert "at the start of training step 0" in darts.said[0]
    assert darts("break L") == "breakpoint 1: L  in forward and backward"
    assert darts("c").splitlines()[0] == "breakpoint 1: L"


def test_an_empty_line_repeats_a_move_and_nothing_else(darts):
    darts("s")
    darts("")
    assert darts.session.stop == 2
    darts("print 1")
    assert darts("") == ""
    assert darts.session.stop == 2


def test_displays_are_told_at_every_stop(darts):
    darts("display w*x")
    assert "1: w*x = 1" in darts("s")


def test_help_copy_and_quit_are_its_own(darts):
    assert "reverse-step" in darts("help")
    assert "To the next layer" in darts("help next")
    assert darts("copy") == "1.0"
    darts("quit")
    assert darts.done


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.run is None], ids=lambda command: command.word)
def test_what_needs_a_screen_says_so(command):
    front = Told(DARTS)
    if command.word in ("help", "quit", "copy"):
        front(command.word)
    elif command.word not in ("expect", "claim", "export"):
        with pytest.raises(UserError, match="needs a screen"):
            front(f"{command.word} {command.complete.partition('|')[0] if command.needed else ''}")


def test_a_failed_check_is_told_in_full(darts, monkeypatch):
    from bptui.symbolic import check
    from bptui.symbolic.types import CheckRow

    wrong = CheckRow("L", "power", "x", "symbolic", "FAIL", 3.6, 1e-9, (), -1.8, 1.8, "wrong sign")
    monkeypatch.setattr(check, "check_node", lambda *_: (wrong,))
    text = darts("goto backward") and darts("s")
    assert "FAIL symbolic of L by x: got -1.8, expected 1.8; error 3.6, allowed 1e-9; wrong sign" in text
    assert darts.session.branch.failed


def test_checks_are_of_the_branch_that_is_told():
    """An edit makes other numbers at the same Moment: what was checked before it is not said of them."""
    session, service = Session(DARTS), Service()
    try:
        for edit in (None, "set w = 3"):
            if edit is not None:
                run(session, edit)
            session.goto("t1")
            node = session.graph.by_name["t1"]
            checks = plain_moment.check_rows(session, service, card_for(session, service, True), node)
            (row,) = (row for row in checks if row.row == "forward")
            assert row.got == session.recording.value(node), edit
    finally:
        service.close()


def test_every_moment_of_a_training_step_can_be_told():
    front = Told(XOR)
    for _ in range(front.session.walk.length + 1):
        assert front("s").startswith("training step ")


def test_numbers_that_are_not_finite_are_told():
    front = Told(from_formula("a = log(x)\nL = sum(a)", {"x": [0.0, 1.0]}))
    assert "-inf" in front.session.where()[0].text or "-inf" in "\n".join(_moment(front))
    while front.session.cursor.phase != "backward" or front.session.here.name != "a":
        front("s")
    assert "inf" in "\n".join(front.said)


@pytest.mark.parametrize("step", [3, 30, 900])
def test_a_network_that_has_converged_fails_no_check(step):
    front = Told(load("darts"))
    front(f"goto step {step} start")
    for _ in range(front.session.walk.length - 1):
        assert "FAIL" not in front("s")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_at_a_terminal_it_asks_goes_on_after_an_error_and_ends_with_the_input(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Terminal("nosuch\ns\n\n"))
    monkeypatch.setattr(plain, "_leave_on_signals", lambda: None)
    assert plain.run(DARTS, (), batch=False, unicode=True) == 0
    out, err = capsys.readouterr()
    assert out.count(plain.PROMPT) == 4
    assert "forward 3/4" in out
    assert err == "error: nosuch: there is no such command (help lists them)\n"


def test_given_commands_come_first(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("print 2\n"))
    monkeypatch.setattr(plain, "_leave_on_signals", lambda: None)
    assert plain.run(DARTS, ("print 1",), batch=False, unicode=True) == 0
    out = capsys.readouterr().out
    assert out.index("1 = 1") < out.index("2 = 2")
    assert plain.PROMPT not in out


def test_ascii(capsys, monkeypatch):
    monkeypatch.setattr(plain, "_leave_on_signals", lambda: None)
    assert plain.run(DARTS, ("goto backward t1", "goto update"), batch=True, unicode=False) == 0
    assert capsys.readouterr().out.isascii()


@pytest.mark.parametrize(
    "formula",
    ["L = sum(exp(e))", "L = sum(softmax(e))", "L = sum(concat(e, e)) + sum(x)", "L = mse(e, e)", "L = sum(e @ e.T)",
     "a = x[0:0]; L = sum(a) + sum(x)", "L = sum(layer_norm(e, e, e))"],
)  # fmt: skip
@pytest.mark.parametrize("empty", [[], [[], []]], ids=str)
def test_a_tensor_without_elements_is_stepped_and_told(formula: str, empty: list) -> None:
    values = {"e": empty, "x": [1.0, 2.0]}
    given = {name: value for name, value in values.items() if re.search(rf"\b{name}\b", formula)}
    session, told = Session(from_formula(formula, given)), []
    front = plain.Plain(session, told.append, told.append)
    words = [
        *["s"] * 8,
        "by e",
        "raw",
        "why e",
        "print e",
        "select e",
        "goto end",
        *["S"] * 4,
        "n",
        "N",
        "f",
        "F",
        "copy",
    ]
    for text in words:
        with contextlib.suppress(UserError):
            front.command(text)
    front.service.close()
    assert told


# ctrl+c


def interrupting(front: Told, step: int, times: int = 1) -> None:
    """Have ctrl+c pressed in the midst of a training step: between two calls of it."""
    program = front.session.history.program
    middle, pressed = len(program.calls) // 2, []

    def press() -> None:
        if program.step == step and not pressed:
            pressed.append(step)
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)

    program.calls = [*program.calls[:middle], press, *program.calls[middle:]]


@pytest.mark.parametrize("command", ["train 5000", "c", "goto step 5000", "tbreak step 4000\nc"])
def test_ctrl_c_in_the_midst_of_a_training_step_leaves_no_half_of_it(command):
    front, plain_run = Told(XOR), XOR.history()
    front.watched = True
    interrupting(front, 40)
    before = signal.getsignal(signal.SIGINT)
    for line in command.split("\n"):
        said = front(line)
    assert signal.getsignal(signal.SIGINT) is before
    assert "interrupted" in said
    reached = front.session.cursor.step
    assert 40 <= reached < 4000
    for step in (reached, reached + 1, 39, 40, 41):
        assert front.session.history.recording(step).memory == plain_run.recording(step).memory
    front("train 2")
    assert front.session.cursor.step == reached + 2


def test_a_second_ctrl_c_before_anything_has_ended_leaves():
    front = Told(XOR)
    front.watched = True
    interrupting(front, 40, times=2)
    with pytest.raises(SystemExit) as left:
        front("train 5000")
    assert left.value.code == 130


def test_without_a_terminal_ctrl_c_ends_the_program():
    front = Told(XOR)
    interrupting(front, 40)
    with pytest.raises(KeyboardInterrupt):
        front("train 5000")


def test_a_path_is_told_as_one_line_too():
    told: list[str] = []
    front = plain.Plain(Session(load("lesson-2-2-1")), told.append, told.append)
    for text in ("goto end", "paths layer1.weight[0,0]"):
        front.command(text)
    front.service.close()
    assert "  ∂L/∂W[0,0] = (z - y) · W · a·(1 - a) · x" in told
    assert "  in numbers (-0.1975) · 0.5000 · 0.2499 · 0.5000 = -0.01234" in told


def test_something_long_says_how_far_it_has_come_where_someone_watches(monkeypatch):
    monkeypatch.setattr(plain, "PATIENCE", (0.0, 0.0))
    front = Told(XOR)
    front("train 300")
    assert not any("ctrl+c ends it" in row for row in front.said)
    front.watched = True
    front("train 300")
    said = [row for row in front.said if "ctrl+c ends it" in row]
    assert re.fullmatch(r"training step \d+ of 600: \d+%, ctrl\+c ends it", said[0])
