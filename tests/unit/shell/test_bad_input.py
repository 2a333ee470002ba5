"""Every bad word of a command line is one line on stderr and a 2; a defect is a 70."""

import os
import sys
from pathlib import Path

import pytest

from bptui import cli, terminal
from bptui.model.engine import ops
from tests.unit.shell.rig import run

BAD = [
    (["nosuch"], "is not a command"),
    (["xor"], "bptui run xor"),
    (["rnu", "xor"], "did you mean 'run'"),
    (["learn"], "needs a terminal with a screen"),
    (["learn", "99"], "there is no lesson 99"),
    (["learn", "nosuch.md"], "there is no such file"),
    (["help", "rnu"], "did you mean 'run'"),
    (["version"], "bptui --version"),
    (["lesson"], "bptui learn"),
    (["L = (y - w*x)**2", "x=2"], 'bptui eval "L = (y - w*x)**2" NAME=VALUE'),
    (["train.py"], "bptui capture train.py"),
    (["mine.md"], "bptui learn mine.md"),
    (["--theme", "drak"], "did you mean 'dark'"),
    (["run", "xor", "--lr", "0.1"], "is not an option of bptui run (eval, trace"),
    (["trace", "xor", "--json=1"], "--json: takes no value"),
    (["trace", "xor", "--zzz"], "bptui trace --help lists the options"),
    (["eval", "L", "=", "w*x", "x=2"], "no blanks around its =, and a formula in quotes"),
    (["eval", "L = x", "x", "=", "2"], "no blanks around its ="),
    (["learn", "99", "--check"], "there is no lesson 99"),
    (["learn", "4", "--seed", "3"], "belongs to --worksheet"),
    (["learn", "4", "--worksheet", "--seed", "-1"], "0 to 2147483647"),
    (["learn", "4", "5"], "one argument too many"),
    (["learn", "--check"], "is missing"),
    (["learn", "4", "--check", "--export"], "one at a time"),
    (["learn", "nosuch.md", "--check"], "there is no such file"),
    (["learn", "chain", "--check"], "neither a number nor a .md file"),
    (["run"], "is missing"),
    (["run", "xorr"], "did you mean 'xor'"),
    (["run", "xor", "xor-stuck"], "one argument too many"),
    (["explain", "xor", "loss", "more"], "bptui explain xor"),
    (["trace", "xor", "--at", "7"], "(--steps 8 --at 7)"),
    (["run", "xor", "--batch", "-ex", "e"], "e: could be several commands"),
    (["run", "xor", "--plian"], "did you mean '--plain'"),
    (["run", "xor", "--theme", "drak"], "did you mean 'dark'"),
    (["run", "xor", "--theme"], "expected one argument"),
    (["run", "/nonexistent/a.toml"], "no such file"),
    (["run", "/"], "folder"),
    (["run", "x" * 5000], "neither an example nor a file"),
    (["run", "a\0b"], "neither an example nor a file"),
    (["run", "xor", "--batch", "-x", "/nonexistent"], "no such file"),
    (["run", "xor", "--batch", "-x", "/"], "is a folder"),
    (["trace", "xor", "--steps", "0"], "1 to 10,000,000"),
    (["trace", "xor", "--steps", "-5"], "1 to 10,000,000"),
    (["trace", "xor", "--steps", "99999999999"], "1 to 10,000,000"),
    (["trace", "xor", "--steps", "x"], "a whole number"),
    (["trace", "xor", "--at", "1"], "there is no training step 1 in --steps 1"),
    (["trace", "xor", "--steps", "3", "--at", "3"], "--steps 4 --at 3"),
    (["trace", "xor", "--at", "-1"], "there is no training step"),
    (["trace", "xor", "--train", "w"], "belongs to a formula"),
    (["trace", "xor", "--jsno"], "did you mean '--json'"),
    (["trace"], "is missing"),
    (["eval"], "is missing"),
    (["eval", "L = x", "x"], "is not NAME=VALUE"),
    (["--ascii", "xor"], "stands without a command"),
    (["--theme", "light", "-ex", "next"], "stands without a command"),
    (["eval", "L = x", "x="], "is not JSON"),
    (["eval", "L = x", "x=abc"], "is not JSON"),
    (["eval", "L = x", "x=" + "[" * 100_000], "nested too deep"),
    (["eval", "L = x", "x=1", "x=2"], "two values"),
    (["eval", "L = x", "x=\"a\""], "found"),
    (["eval", "L = x", "x=null"], "found"),
    (["eval", "L = sum(x)", "x=[[1,2],[3]]"], "different lengths"),
    (["eval", "L = sum(x)", "x=[1e999]"], "1e999 is too large"),
    (["eval", "L = x", "x=NaN"], "finite"),
    (["eval", "L = q*x", "x=1"], "q"),
    (["eval", "L = sgimoid(x)", "x=1"], "did you mean 'sigmoid'"),
    (["eval", "L = sigmoid(x, x, x)", "x=1"], "sigmoid"),
    (["eval", "L = sum(x @ y)", "x=[[1,2]]", "y=[[1,2]]"], "(1, 2)"),
    (["eval", "L = x * 10**10**10", "x=1"], ""),
    (["eval", "L = " + "x + " * 25_000 + "x", "x=1"], ""),
    (["eval", "L = " + "(" * 5000 + "x" + ")" * 5000, "x=1"], ""),
    (["eval", '__import__("os").system("touch /tmp/bptui-was-here")', "x=1"], ""),
    (["eval", "L = x.__class__", "x=1"], ""),
    (["eval", "L = x", "x=1", "--train", "q"], "q"),
    (["eval", "L = x", "x=1", "--train", "1a"], "is not a name"),
    (["eval", "L = x", "x=1", "--train", "x", "--lr", "-1"], "greater than 0"),
    (["eval", "L = x", "x=1", "--train", "x", "--lr", "nan"], "greater than 0"),
    (["eval", "L = x", "x=1", "--train", "x", "--lr", "big"], "a number"),
    (["eval", "L = x", "--values", "/nonexistent.json"], "no such file"),
    (["eval", "L = x", "--values", "/nonexistent.npz"], ""),
    (["eval", "L = x", "--values", "a.csv"], "neither .json nor .npz"),
    (["eval", "", "x=1"], ""),
    (["eval", "L = x", "x=[1,2]"], "a single number"),
    (["explain", "xor"], "is missing"),
    (["explain", "xor", "nosuch"], "no node is called"),
    (["explain", "xor", "layer1.z[9,9]"], "outside axis 0"),
    (["explain", "xor", "layer1.z", "--format", "pdf"], "text, markdown, latex"),
    (["explain", "--formula", "L = x", "x=1"], "is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("argv", "said"), BAD, ids=[" ".join(argv)[:40] for argv, _ in BAD])
def test_bad_input_is_one_line_and_a_2(capsys, argv, said):
    if argv[0] in ("run", "eval") and "--batch" not in argv:
        argv = [*argv, "--batch"]
    code, out, err = run(capsys, *argv)
    assert code == 2, out
    assert out == ""
    assert err.startswith("bptui: error: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert "Traceback" not in err
    assert len(err) <= 500
    assert said in err
    assert not Path("/tmp/bptui-was-here").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", ""),
        (b"\x00\xff\xfe binary", ""),
        (b"name = ", ""),
        (b"{not json", ""),
        (b'nmae = "x"', "did you mean 'name'"),
        (b"seed = 'x'", "seed"),
    ],
)
def test_a_bad_network_file_is_named(capsys, tmp_path, content, said):
    path = tmp_path / "net.toml"
    path.write_bytes(content)
    code, _, err = run(capsys, "trace", str(path))
    assert code == 2
    assert err.count("\n") == 1
    assert "net.toml" in err
    assert said in err


@pytest.mark.parametrize(
    ("typed", "meant"), [("net.tml", "net.toml"), ("net", "net.toml"), ("nte.toml", "net.toml"), ("q.toml", "")]
)
def test_a_file_that_is_nearly_called_so_is_named(capsys, tmp_path, monkeypatch, typed, meant):
    (tmp_path / "net.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    for at in ("", f"{tmp_path}{os.sep}"):
        code, _, err = run(capsys, "trace", at + typed)
        assert code == 2
        assert (f"did you mean '{at}{meant}'?" in err) == bool(meant), err
        if not meant:
            assert "bptui examples lists what is built in" in err


def test_a_captured_step_is_meant_too(capsys, tmp_path, monkeypatch):
    (tmp_path / "step.bptui").mkdir()
    monkeypatch.chdir(tmp_path)
    assert "did you mean 'step.bptui'?" in run(capsys, "check", "stpe")[2]


def test_a_list_that_is_too_long_is_cut_between_its_words(capsys, tmp_path):
    path = tmp_path / "net.toml"
    path.write_text('[data]\ninputs=[[1]]\ntargets=[[1]]\n[[layers]]\nkind="dense"\nunits=1\n[loss]\nkind="mean"\n')
    code, _, err = run(capsys, "trace", str(path))
    assert code == 2
    words = err.rpartition("(known: ")[2].rstrip(")\n").split(", ")
    assert "…" in words
    assert set(words) - {"…"} <= {*ops.OPS, *ops.COMPOSITES}


def test_bad_files_of_values(capsys, tmp_path):
    (tmp_path / "v.json").write_text("[1, 2]")
    (tmp_path / "v.npz").write_text("no zip")
    (tmp_path / "b.json").write_bytes(b"\xff\xfe")
    for name in ("v.json", "v.npz", "b.json"):
        code, _, err = run(capsys, "eval", "L = x", "--values", str(tmp_path / name), "--batch")
        assert code == 2
        assert err.count("\n") == 1


def test_the_same_name_twice(capsys, tmp_path):
    (tmp_path / "v.json").write_text('{"x": 1}')
    code, _, err = run(capsys, "eval", "L = x", "x=2", "--values", str(tmp_path / "v.json"), "--batch")
    assert code == 2
    assert "two values" in err


def test_a_terminal_that_is_too_small_is_said(capsys, monkeypatch):
    monkeypatch.setattr(cli, "has_screen", lambda: True)
    monkeypatch.setattr(terminal.shutil, "get_terminal_size", lambda: os.terminal_size((10, 3)))
    code, out, err = run(capsys, "run", "xor")
    assert (code, out) == (2, "")
    assert err == "bptui: error: terminal: it is 10x3 (at least 24x6, or --plain)\n"


def test_a_name_that_is_not_there_paints_no_screen(capsys, monkeypatch):
    monkeypatch.setattr(cli, "has_screen", lambda: True)
    monkeypatch.setitem(sys.modules, "bptui.app", None)
    assert run(capsys, "run", "xorr")[0] == 2


def test_a_defect_is_not_a_failed_check(capsys, monkeypatch):
    monkeypatch.setitem(cli.HANDLERS, "info", lambda _: 1 // 0)
    code, _, err = run(capsys, "info")
    assert code == 70
    assert "defect of bptui" in err.splitlines()[-1]


def test_the_smallest_terminal_and_the_themes_are_those_of_the_screen():
    from bptui.screens import layout, theme

    assert terminal.SMALLEST == layout.SMALLEST
    assert set(terminal.THEMES) == set(theme.CHOICES)
