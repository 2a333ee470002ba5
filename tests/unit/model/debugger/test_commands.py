"""The registry: every row is sweepable, true and runs; and what the commands beside moving do."""

import warnings
from contextlib import suppress
from importlib import import_module
from pkgutil import iter_modules

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.debugger import commands as package
from bptui.model.debugger.commands import help as manual
from bptui.model.debugger.commands import registry
from bptui.model.debugger.commands.completion import complete
from bptui.model.debugger.commands.registry import COMMANDS, find, run
from bptui.model.debugger.findings.diagnose import diagnose
from bptui.model.debugger.front_end import FrontEnd
from bptui.model.debugger.session import Session
from bptui.model.source.captured.network import network_of
from bptui.model.source.network import from_formula, load
from tests.forgotten import nothing_missing
from tests.records import two_layers
from tests.sessions import snapshot

XOR = load("xor")

ARGUMENT = {
    "remedy": "1",
    "until": "layer2.z",
    "goto": "backward",
    "break": "layer2.z if max(abs(grad)) > 10",
    "tbreak": "relu",
    "watch": "sum(layer1.weight)",
    "last": "layer1.bias[0]",
    "ignore": "1 2",
    "condition": "1 loss < 1",
    "enable": "1",
    "disable": "1",
    "print": "loss",
    "display": "grad(layer1.z)",
    "search": "layer2",
    "by": "layer1.z",
    "select": "layer1.weight[0,1]",
    "view": "layers",
    "sample": "2",
    "focus": "3",
    "says": "2",
    "why": "layer1.a[0,1]",
    "info": "network",
    "set": "lr = 0.5",
    "define": "twice",
}
"""An argument for each command that takes text and can run on a new session of xor."""


@pytest.fixture
def session():
    return Session(XOR)


def moved_in(session: Session) -> Session:
    session.goto("step 2 backward layer1.a")
    session.mark("here")
    return session


# the sweep


def test_words_aliases_and_keys_are_each_used_once():
    words = [word for command in COMMANDS for word in command.words]
    keys = [key for command in COMMANDS for key in command.keys]
    nothing_missing((word for word in words if words.count(word) > 1), "the word of two commands: take another")
    nothing_missing((key for key in keys if keys.count(key) > 1), "the key of two commands: take another")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.word)
def test_a_row_is_complete(command):
    assert command.summary
    assert (command.run is None) != (command.ask is None)
    assert command.takes == "text" or not command.needed
    assert bool(command.usage) == (command.takes != "nothing")
    assert any(command.word in text for text in manual.help_text())
    assert manual.help_text(command.word)[1].strip() == command.summary + "."
    assert find(command.word) is command
    if command.opens:
        assert command.takes == "text"


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.twin], ids=lambda command: command.word)
def test_a_twin_is_the_same_in_the_other_direction(command):
    twin = find(command.twin)
    assert twin.twin == command.word, f'`twin="{command.word}"` in the row of {twin.word}'
    assert (twin.takes, twin.usage, twin.group, twin.short) == (
        command.takes,
        command.usage,
        command.group,
        command.short,
    )
    letters = [(a, b) for a, b in zip(command.keys, twin.keys, strict=True) if len(a) == 1 and a.isalpha()]
    assert all(a.swapcase() == b for a, b in letters), "lowercase goes forward, UPPERCASE does the same backward"


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.run is not None], ids=lambda command: command.word)
def test_every_command_of_the_session_runs(command, session, tmp_path):
    moved_in(session)
    argument = ARGUMENT.get(command.word, "")
    if command.word == "write":
        argument = str(tmp_path / "a.json")
    if command.word == "source":
        (tmp_path / "a.bp").write_text("step")
        argument = str(tmp_path / "a.bp")
    if command.word == "end":
        run(session, "define twice")
    if command.word in ("delete", "enable", "disable", "ignore", "condition"):
        run(session, "break layer1.z")
    if command.word == "undisplay":
        run(session, "display loss")
    if command.word == "budget":
        session = Session(network_of(two_layers(), "step.bptui"))
    if command.word == "says":
        session.present(True)
    if command.word == "remedy":
        session.branch.diagnosis = diagnose(load("xor-stuck"), 20)
    lines = {f"{command.word} {argument}".strip()}
    if not command.needed:
        lines.add(command.word)
    if command.takes == "count":
        lines.add(f"{command.word} 3")
    for text in sorted(lines):
        try:
            reply = run(session, text)
        except UserError as refused:
            pytest.fail(f"`{text}` is refused ({refused}): an argument that it takes, in ARGUMENT of this file")
        assert reply.asks is None or command.word == "findings"
        assert session.message is reply or command.word == "end"
        assert reply.text or reply.then or reply.asks or command.word in ("focus", "zoom", "says")


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.run is None], ids=lambda command: command.word)
def test_what_the_screen_does_is_handed_to_it(command, session):
    """A front end that can do nothing says so, by the word of the command."""
    asks = run(session, f"{command.word} 1" if command.needed else command.word).asks
    assert asks is not None
    with pytest.raises(UserError, match=command.word):
        asks(FrontEnd())
    assert session.stop == 0


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.word)
def test_a_key_runs_its_command(command):
    for key in command.keys:
        assert [row for row in COMMANDS if key in row.keys] == [command]
        text = registry.key_line(command, key)
        found, argument = registry.split(text) if not text.endswith(" ") else (find(text.split()[0]), "")
        assert found is command
        assert not key.isdigit() or argument == key


def test_every_family_is_in_the_registry():
    modules = [import_module(f"{package.__name__}.{found.name}") for found in iter_modules(package.__path__)]
    families = [module.family for module in modules if hasattr(module, "family")]
    assert sorted(family.group for family in families) == sorted(family.group for family in registry.FAMILIES)


# words


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("s", "step"),
        ("S", "reverse-step"),
        ("rs", "reverse-step"),
        ("reverse-s", "reverse-step"),
        ("fin", "finish"),
        ("unt", None),
        ("unti", "until"),
        ("untr", "untrain"),
        ("?", "help"),
        (">", "train"),
        ("bre", "break"),
        ("q", "quit"),
        ("exit", "quit"),
        ("pal", "palette"),
    ],
)
def test_a_beginning_is_enough_where_only_one_command_has_it(typed, word):
    if word is None:
        with pytest.raises(UserError, match="could be several commands"):
            find(typed)
    else:
        assert find(typed).word == word


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("steo", "did you mean 'step'"),
        ("xyzzy", "help lists them"),
        ("step x", "not a count"),
        ("step 0", "not a count"),
        ("step -3", "not a count"),
        ("step 99999999999999", "not a count"),
        ("finish 3", "takes no argument"),
        ("goto", "something is missing"),
        ("watch", "something is missing"),
        ("break nosuch", "is no place"),
        ("break layer1.zz", "did you mean 'layer1.z'"),
        ("break x", "layer1.z uses it first"),
        ("break layer1.z layer2.z", "more than one place"),
        ("break layer1.z if", "it is empty"),
        ("break layer1.z if 1 +", "cannot be read"),
        ("break if __import__('os').system('ls')", "not allowed"),
        ("print ().__class__", "nothing is"),
        ("print [1,x]", "stands in a list"),
        ("print open('x')", "no function 'open'"),
        ("print lambda: 1", "not allowed"),
        ("print layer1.wieght", "did you mean 'layer1.weight'"),
        ("print grad(1)", "grad takes the name"),
        ("print abs(1, 2)", "one argument"),
        ("print x[x]", "is not an index"),
        ("print x[99]", "no such element"),
        ("print x @ y @ x", "the shapes do not fit"),
        ("print " + "(" * 500 + "1" + ")" * 500, "nested deeper than 60"),
        ("print " + "1+" * 900 + "1", "parts"),
        ("print " + "a" * 3000, "at most 2,000"),
        ("x" * 5000, "at most 4000"),
        ("delete 7", "there is none"),
        ("undisplay 1", "info display"),
        ("info nonsense", "breakpoints"),
        ("jump", "m sets one"),
        ("view sideways", "operations"),
        ("sample 9", "0 to 3"),
        ("sample many", "all, mean"),
        ("focus 0", "focus 3"),
        ("why x[9,9]", "outside axis 0"),
        ("why x[0]", "has 2 axes"),
        ("why x[a,b]", "whole numbers"),
        ("select nope", "there are x,"),
        ("write a.exe", ".json, .npy or .txt"),
        ("write /nonexistent/dir/a.json", "there is no folder /nonexistent)"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_changes_nothing(text, said, session):
    before = snapshot(session)
    with pytest.raises(UserError) as raised:
        run(session, text)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 500
    assert snapshot(session) == before
    assert not session.breakpoints.rows


def refused(session: Session, text: str) -> str:
    """What is wrong with a command line, "" if nothing is."""
    try:
        run(session, text)
    except UserError as error:
        return str(error)
    return ""


WORDS = st.sampled_from([command.word for command in COMMANDS if command.word != "write"])


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=40), st.builds("{} {}".format, WORDS, st.text(max_size=20))))
def test_no_text_is_ever_a_crash(text):
    session = Session(FIXED)
    assert "\n" not in refused(session, text)
    complete(session, text)


FIXED = from_formula("L = (y - w*x)**2", {"x": 2.0, "y": 2.0, "w": 0.5})


def test_nothing_is_a_command_and_a_comment_is_none(session):
    assert run(session, "").lines == ()
    assert run(session, "  # a comment").lines == ()
    assert run(session, ":step").moved


# completion


def test_completion_of_commands_and_arguments(session):
    assert "step" in complete(session, "st")
    assert complete(session, "goto layer2.") == ["goto layer2.weight", "goto layer2.bias", "goto layer2.z"]
    assert "goto backward" in complete(session, "goto b")
    assert complete(session, "view l") == ["view layers"]
    assert "break layer1.z" in complete(session, "b layer1")
    assert "print max(abs(layer1.z" in complete(session, "print max(abs(layer1.")
    assert complete(session, "help undi") == ["help undisplay"]
    assert complete(session, "nosuch x") == []
    session.mark("mine")
    assert complete(session, "jump m") == ["jump mine"]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.word)
def test_what_completion_offers_is_accepted(command, session):
    moved_in(session)
    if command.run is not None and command.complete and command.complete not in ("expression", "file"):
        for line in complete(session, f"{command.word} ")[:40]:
            if line != "goto step":
                # a given value has no moment; everything else must do
                wrong = refused(session, line)
                assert not wrong or "uses it first" in wrong


# stops


def test_continue_stops_at_a_breakpoint_both_ways_and_at_the_ends(session):
    run(session, "break layer2.z")
    stops = []
    while len(stops) < 4:
        assert run(session, "continue").ok
        stops.append(session.cursor)
    assert [(m.step, m.phase) for m in stops] == [(0, "forward"), (0, "backward"), (1, "forward"), (1, "backward")]
    for expected in stops[-2::-1]:
        run(session, "reverse-continue")
        assert session.cursor == expected
    reply = run(session, "reverse-continue")
    assert not reply.ok
    assert session.stop == 0
    assert "at the start of training step 0" in reply.text
    assert run(session, "continue 3").ok
    assert session.cursor == stops[2]


def test_continue_without_stops_goes_to_the_end_of_what_is_planned():
    session = Session(FIXED)
    reply = run(session, "c")
    assert not reply.ok
    assert session.stop == session.walk.length - 1
    session = Session(from_formula("L = (y - w*x)**2", {"x": 2.0, "y": 2.0, "w": 0.5}, ["w"]))
    reply = run(session, "c")
    assert session.cursor == (999, "update", 0)
    assert "1000 training steps planned" in reply.text
    run(session, "s")
    assert session.cursor.step == 1000
    run(session, "c")
    assert session.cursor.step > 1000


def test_breakpoints_by_operation_layer_glob_and_phase(session):
    for text, place in (("relu", "layer1.a"), ("layer2", "layer2.z"), ("*.a", "layer1.a"), ("backward", "loss"),
                        ("backward layer1.z", "layer1.z"), ("update", "layer1.weight")):  # fmt: skip
        session.goto("step 0 start")
        run(session, f"break {text}")
        run(session, "c")
        assert session.here.name == place
        run(session, "delete")


def test_a_condition_looks_at_the_numbers_of_the_moment(session):
    run(session, "break layer2.weight if max(abs(grad)) < 0.1")
    assert run(session, "c").ok
    grad = np.abs(session.state.gradient("layer2.weight").array).max()
    assert grad < 0.1
    assert session.cursor.step > 0
    before = session.history.recording(session.cursor.step - 1).grad("layer2.weight")
    assert np.abs(before).max() >= 0.1


def test_a_condition_on_the_loss_may_be_anywhere(session):
    run(session, "break if step > 3 and loss < 100")
    run(session, "c")
    assert session.cursor == (4, "forward", 3)


def test_a_temporary_breakpoint_stops_once(session):
    run(session, "tbreak loss")
    run(session, "c")
    assert session.here.name == "loss"
    assert not session.breakpoints.rows


def test_b_toggles_a_breakpoint_at_the_selected_node(session):
    run(session, "break")
    assert session.marked == {session.node.id}
    run(session, "break")
    assert not session.marked
    run(session, "break if loss < 1")
    assert session.marked


def test_a_watch_stops_where_its_number_changes(session):
    run(session, "watch layer2.bias")
    reply = run(session, "c")
    assert "layer2.bias was -0.229166, is -0.219166" in reply.text
    assert session.cursor == (0, "update", 3)
    run(session, "c")
    assert session.cursor == (1, "update", 3)


def test_findings_are_where_a_number_stops_being_finite():
    network = from_formula("h = log(x)\nL = sum(h * w)", {"x": [1.0, 0.0], "w": [2.0, 1.0]}, ["w"])
    session = Session(network)
    reply = run(session, "next-finding")
    assert reply.ok == (not reply.moved and session.stop == 0) or reply.moved
    session = Session(from_formula("a = x*x\nh = log(a)\nL = sum(h)", {"x": [1.0, 0.0]}))
    reply = run(session, "x")
    assert session.here.name == "h"
    assert "h[1] is -inf" in reply.text
    assert not run(session, "X").ok
    session.goto("start")
    assert "h[1]" in run(session, "continue").text


def test_a_failed_check_is_a_finding(session):
    node, weight = session.graph.by_name["layer1.a"], session.graph.by_name["layer1.weight"]
    session.branch.checked(40, node.id, True)
    session.branch.checked(41, weight.id, True)
    assert not session.is_finding(node.id, "backward")  # not in the step that one stands in
    reply = run(session, "x")
    assert (session.cursor.step, session.cursor.phase, session.here.name) == (40, "backward", "layer1.a")
    assert "failed its check" in reply.text
    assert session.is_finding(node.id, "backward")
    run(session, "x")
    assert (session.cursor.step, session.cursor.phase, session.here.name) == (41, "update", "layer1.weight")
    session.branch.checked(40, node.id, False)
    assert not run(session, "X").ok


def test_a_search_for_stops_can_be_interrupted(session):
    session.progress.ask = lambda part, what: part < 0.1
    reply = run(session, "continue")
    assert "interrupted" in reply.text
    assert 0 < session.cursor.step < 999


# looking


def test_why_names_what_computes_a_number_and_what_adds_to_its_gradient():
    network = from_formula("u = x*w\nL = u**2 + 3*u", {"x": 2.0, "w": 1.5}, ["w"])
    session = Session(network)
    run(session, "goto end")
    text = run(session, "why u").text
    assert "u = 3" in text
    assert "computed by mul from x, w" in text
    assert "∂L/∂u = 9" in text
    assert text.count("from ") >= 3
    assert "a parameter" in run(session, "why w").text


def test_a_partial_gradient_is_never_shown_as_whole():
    network = from_formula("u = x*w\nL = u**2 + 3*u", {"x": 2.0, "w": 1.5}, ["w"])
    session = Session(network)
    node = session.graph.by_name["u"]
    while session.state.gradient(node).arrived != 1:
        session.step()
    text = run(session, "why u").text
    assert "…" in text
    assert "1 of 2 in" in text
    assert "not yet" in text


def test_print_and_display(session):
    assert run(session, "print 1 + 2*3").text == "1 + 2*3 = 7"
    assert "not computed yet" in run(session, "print loss").text
    assert "grad(layer1.z) is not computed yet" in run(session, "display grad(layer1.z)").text
    session.goto("end")
    assert run(session, "print loss").text.startswith("loss = 0.866")
    assert run(session, "print loss < 1").text.endswith("true")
    assert run(session, "print norm(grad(layer1.weight)) > 0").text.endswith("true")
    shown = run(session, "display")
    assert shown.text.startswith("1: grad(layer1.z)")
    run(session, "undisplay 1")
    assert not session.displays


def test_large_tensors_are_elided():
    network = from_formula("L = sum(x)", {"x": np.arange(10000.0).reshape(100, 100).tolist()})
    text = run(Session(network), "print x").text
    assert "…" in text
    assert len(text) < 2000


def test_search_walks_over_the_matches_in_a_circle(session):
    found = []
    run(session, "/layer2")
    for _ in range(3):
        found.append(session.node.name)
        run(session, "search-next")
    assert found == ["layer2.weight", "layer2.bias", "layer2.z"] or sorted(found) == sorted(set(found))
    first = session.node.name
    run(session, "search-previous")
    run(session, "search-next")
    assert session.node.name == first
    assert not run(session, "search nosuchthing").ok


def test_marks(session):
    session.goto("step 3 backward")
    run(session, "mark here")
    run(session, "mark")
    session.goto("step 0 start")
    run(session, "jump here")
    assert session.cursor == (3, "backward", 0)
    with pytest.raises(UserError, match="did you mean 'here'"):
        run(session, "jump her")


def test_a_written_tensor_reads_back_and_nothing_is_overwritten(session, tmp_path):
    run(session, "select layer1.weight")
    expected = session.state.value("layer1.weight")
    run(session, f"write {tmp_path / 'w.npy'}")
    assert (np.load(tmp_path / "w.npy") == expected).all()
    run(session, f"write {tmp_path / 'w.txt'}")
    assert (np.loadtxt(tmp_path / "w.txt") == expected).all()
    with pytest.raises(UserError, match="nothing is ever overwritten"):
        run(session, f"write {tmp_path / 'w.npy'}")


def test_the_next_view_is_one_with_something_in_it() -> None:
    """A formula has neither layers nor neurons; asked for by name they say so themselves."""
    session = Session(load("two-paths"))
    assert run(session, "view").text == "view: graph"
    assert run(session, "view neurons").text == "view: neurons"
    assert [run(session, "view").text for _ in range(2)] == ["view: graph", "view: operations"]
    session = Session(load("xor"))
    views = ["view: layers", "view: neurons", "view: graph", "view: operations"]
    assert [run(session, "view").text for _ in range(4)] == views
    session = Session(from_formula("a = " + "+".join(["x"] * 60) + "; L = a*x", {"x": 2.0}))
    assert run(session, "view").text == "view: operations, the only one: it has no layers"


def test_a_stop_says_which_it_is_and_where_it_stops(session):
    assert run(session, "break loss if loss < 0.5").text == "breakpoint 1: loss if loss < 0.5  in forward and backward"
    assert run(session, "tbreak backward loss").text == "breakpoint 2: backward loss  once"
    assert "breakpoint 2: backward loss" in run(session, "c").text
    assert "breakpoint 1: loss if loss < 0.5" in run(session, "c").text
    assert run(session, "watch layer1.weight").text == "watch 3: layer1.weight"
    run(session, "delete 1")
    assert "watch 3: layer1.weight changed" in run(session, "c").text


def test_a_search_for_nothing_says_how_far_it_went_and_where_to_look(session):
    assert "up to training step 999" in run(session, "x").text
    assert "back to training step 0" in run(session, "X").text
    exploding = Session(from_formula("L = (w**3)**3", {"w": 9.0}, ["w"], learning_rate=100.0))
    run(exploding, "train 50")
    assert "X goes back" in run(exploding, "x").text
    assert run(exploding, "X").ok


def test_the_element_that_is_explained_is_of_the_sample_that_is_shown(session):
    session.goto("layer1.a")
    session.select_element((0, 3))
    run(session, "sample 2")
    assert session.element == (2, 3)
    session.goto("layer2.z")
    assert session.element == (2, 0)


COMPUTING = (
    "nudge w[1] 1", "set w[1] = 0.5", "set lr = 0.5", "why w[0]", "paths w[1]", "diff", "predictions", "print w - w",
    "info", "x", "findings", "last", "claim w = x",
)  # fmt: skip


@pytest.mark.parametrize("line", COMPUTING)
def test_no_command_warns_where_numbers_are_not_finite(line):
    """inf - inf in the promise of an edit came to stderr in NumPy's words."""
    values = {"w": [7.0, 1.0], "x": [1e300, 2.0]}
    session = Session(from_formula("L = sum(w*x)", values, ["w"], learning_rate=1e10))
    session.train(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for text in ("nudge w[1] 1", line):
            with suppress(UserError):
                registry.run(session, text)
