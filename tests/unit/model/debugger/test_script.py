"""Scripts: the same lines from a file, a command of one's own, the command line; a wrong one is said with its place."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.debugger import script
from bptui.model.debugger.commands import registry
from bptui.model.debugger.expectation import expect
from bptui.model.debugger.script import ScriptError, ScriptLine
from bptui.model.debugger.session import Session
from bptui.model.source.network import load
from tests.sessions import snapshot

XOR = load("xor")


@pytest.fixture
def session():
    return Session(XOR)


def run(session: Session, *texts: str) -> str:
    """Run lines and all that they stand for; what the last of them said."""
    said = ""
    for text in texts:
        waiting = [ScriptLine(text)]
        while waiting:
            reply = registry.run(session, waiting.pop())
            waiting += reversed(reply.then)
            said = reply.text
    return said


def test_a_file_runs_as_if_it_were_typed(session, tmp_path):
    path = tmp_path / "a.bp"
    path.write_text("# to the backward pass\n\ngoto backward\n:step 2\nbreak layer1.z\n", encoding="utf-8")
    run(session, f"source {path}")
    typed = Session(XOR)
    run(typed, "goto backward", "step 2", "break layer1.z")
    assert snapshot(session) == snapshot(typed)
    assert list(session.breakpoints.rows) == [1]


def test_a_command_of_ones_own_takes_arguments(session):
    run(session, "define far", "goto step $arg0 $arg1", "step $argc", "end", "far 3 backward")
    there = Session(XOR)
    run(there, "goto step 3 backward", "step 2")
    assert snapshot(session) == snapshot(there)
    with pytest.raises(UserError, match=r"far: \$arg1 is missing \(far takes 2 arguments\)"):
        run(session, "far 3")


def test_its_lines_are_not_run_while_they_are_written(session):
    assert "end ends it" in run(session, "define there")
    run(session, "goto end", "no such command", "# said, not done")
    assert session.stop == 0
    assert run(session, "end") == "there is a command of 3 lines now"
    with pytest.raises(ScriptError, match="there line 2: no: there is no such command"):
        run(session, "there")


@pytest.mark.parametrize("name", ["", "step", "s", "1x", "a b", "é", "\x1b[2J", "x" * 50, "define"])
def test_what_cannot_be_defined(session, name):
    with pytest.raises(UserError, match="define"):
        run(session, f"define {name}")
    assert session.scripts.defining is None
    with pytest.raises(UserError, match="nothing is being defined"):
        run(session, "end")


def test_a_wrong_line_is_named_with_its_file_and_every_caller(session, tmp_path):
    inner, outer = tmp_path / "inner.bp", tmp_path / "outer.bp"
    inner.write_text("step\nstep\nprint nosuch\nstep\n")
    outer.write_text(f"step\nsource {inner}\n")
    with pytest.raises(ScriptError) as told:
        run(session, f"source {outer}")
    assert re.match(r"…\S+outer.bp line 2, …\S+inner.bp line 3: 'nosuch': ", str(told.value))
    assert session.stop == 3


def test_what_runs_itself_is_ended(session, tmp_path):
    one, two = tmp_path / "1.bp", tmp_path / "2.bp"
    one.write_text(f"step\nsource {two}\n")
    two.write_text(f"step\nsource {one}\n")
    with pytest.raises(ScriptError, match="is being run already"):
        run(session, f"source {one}")
    run(session, "define ping", "pong", "end", "define pong", "ping", "end")
    with pytest.raises(ScriptError, match="ping: is being run already"):
        run(session, "ping")


def test_what_multiplies_is_ended(session):
    run(session, "define a0", *["# nothing"] * 20, "end")
    for n in range(1, 9):
        run(session, f"define a{n}", *[f"a{n - 1}"] * 20, "end")
    with pytest.raises(ScriptError, match="too many lines"):
        run(session, "a8")
    run(session, "a2")


def test_arguments_cannot_make_a_line_of_any_length(session):
    run(session, "define wide", "# " + "$arg0 " * 600, "end")
    with pytest.raises(UserError, match="too long"):
        run(session, "wide " + "x" * 3_000)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00", "is not text"),
        (b"x" * (2**20 + 1), "at most 1,048,576 bytes"),
        (b"\n" * 10_001, "10,001 lines"),
    ],
)
def test_files_that_are_no_scripts(session, tmp_path, content, said):
    path = tmp_path / "bad"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said):
        run(session, f"source {path}")
    with pytest.raises(UserError, match="is a folder"):
        run(session, f"source {tmp_path}")
    with pytest.raises(UserError, match="there is no such file"):
        run(session, "source /nonexistent/a.bp")


@given(st.text(max_size=60))
def test_whatever_a_script_says_only_commands_come_of_it(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("script") / "any"
    path.write_text(f"# {text}\nundefined {text}\n", encoding="utf-8", errors="replace")
    session = Session(XOR)
    with pytest.raises(UserError) as told:
        run(session, f"source {path}")
    assert str(told.value).isprintable()
    assert session.stop == 0


# what is expected


@pytest.mark.parametrize(
    "text",
    [
        "print loss == 0.87", "print loss == 0.866838", "print step == 0", "print 1/3 == 0.3333", "print 1/0 == inf",
        "print layer2.bias == [-0.2192]", "print layer1.z[0:1,0:2] == [[0.2795, 0.4243]]", "print 1e-9 == 1.00e-9",
    ],
)  # fmt: skip
def test_a_number_is_met_to_the_digits_that_are_written(session, text):
    session.goto("end")
    expect(session, text, "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("print loss == 0.88", r"loss is not 0.88 \(loss = 0.8668"),
        ("print step == 0.6", "is not 0.6"),
        ("print layer2.bias == 0", "is not 0"),
        ("print loss == nan", "is not nan"),
        ("print loss == much", "'much' is no number"),
        ("print loss == [1, 2", "is no number"),
        ("print nosuch == 1", "nosuch"),
        ("layer9", r"'layer9' is not shown \(what is shown begins with here\)"),
        ("", "something is missing"),
    ],
)
def test_what_is_not_met_says_what_there_is(session, text, said):
    session.goto("end")
    with pytest.raises(UserError, match=said):
        expect(session, text, "here\nand there")


def test_blanks_and_line_ends_are_all_the_same(session):
    expect(session, "here and  there", "  here\n   and there\n")


def test_what_is_not_computed_yet(session):
    with pytest.raises(UserError, match="loss is not computed yet"):
        expect(session, "print loss == 1", "")


def test_a_line_s_place_names_all_that_called_it():
    origin = script.Origin("b", 2, script.Origin("a", 1))
    assert origin.text == "a line 1, b line 2"
    assert origin.inside() == ["b", "a"]
