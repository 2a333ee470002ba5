"""The shell: what it prints, where, with which exit code; and that every bad word is one line on stderr and a 2."""

import errno
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bptui import cli, terminal
from bptui.arguments import EXAMPLES, PARTS, parser
from bptui.capturing import parted
from bptui.model.engine import ops
from bptui.model.source.examples import examples
from tests.paths import ROOT

DARTS = ["L = (y - w*x - b)**2", "x=2", "y=2", "w=0.5", "b=0.1"]


def run(capsys, *argv: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    code = cli.main(argv)
    done = capsys.readouterr()
    return code, done.out, done.err


def result(capsys, *argv: str):
    """The JSON that a command printed."""
    code, out, err = run(capsys, *argv)
    assert (code, err) == (0, "")
    return json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


# trace


def test_a_formula_is_traced(capsys):
    found = result(capsys, "trace", "--json", "--formula", *DARTS)
    assert found["format"] == 1
    assert found["target"] == "formula"
    assert found["dtype"] == "float64"
    assert found["losses"] == pytest.approx([0.81])
    assert found["step"]["index"] == 0
    assert found["step"]["grads"]["w"] == pytest.approx(-3.6)
    assert found["step"]["values"]["L"] == pytest.approx(0.81)
    assert found["step"]["updates"] == {}
    assert found["parameters"] == {}
    assert {"x", "y", "w", "b", "L", "t1"} <= set(found["step"]["values"])


def test_options_may_stand_anywhere(capsys):
    one = result(capsys, "trace", "--formula", *DARTS, "--train", "w,b", "--lr", "0.05", "--json")
    two = result(capsys, "trace", "x=2", "--lr", "0.05", "y=2", "--json", "w=0.5", "--train", "w,b", "b=0.1",
                 "--formula", DARTS[0])  # fmt: skip
    one["step"]["values"] = dict(sorted(one["step"]["values"].items()))
    assert one["losses"] == two["losses"]
    assert one["step"]["updates"]["w"]["before"] == 0.5
    assert one["step"]["updates"]["w"]["after"] == pytest.approx(0.5 + 0.05 * 3.6)
    assert one["parameters"]["b"] == pytest.approx(0.1 + 0.05 * 1.8)


def test_a_network_is_traced_by_its_public_names(capsys):
    found = result(capsys, "trace", "xor", "--json", "--steps", "5", "--at", "3")
    assert found["target"] == "xor"
    assert len(found["losses"]) == 5
    assert found["step"]["index"] == 3
    names = {"x", "y", "layer1.weight", "layer1.bias", "layer1.z", "layer1.a", "layer2.z", "prediction", "loss"}
    assert names <= set(found["step"]["values"])
    assert found["step"]["values"]["loss"] == found["losses"][3]
    assert found["step"]["values"]["prediction"] == found["step"]["values"]["layer2.z"]
    assert np.shape(found["step"]["grads"]["layer1.weight"]) == (2, 8)
    assert set(found["parameters"]) == {"layer1.weight", "layer1.bias", "layer2.weight", "layer2.bias"}
    last = result(capsys, "trace", "xor", "--json", "--steps", "5", "--at", "4")
    assert last["parameters"] == found["parameters"]
    assert last["step"]["updates"]["layer1.bias"]["after"] == found["parameters"]["layer1.bias"]


def test_the_states_of_an_optimizer_are_traced(capsys):
    one, two = (result(capsys, "trace", "xor", "--json", "--steps", "5", "--at", at) for at in "34")
    for name, update in one["step"]["updates"].items():
        assert set(update["states"]) == {"m", "v"}
        assert update["lr"] == 0.01
        for state, shown in update["states"].items():
            assert np.shape(shown["after"]) == np.shape(update["after"])
            assert shown["after"] == two["step"]["updates"][name]["states"][state]["before"]
    grad, found = one["step"]["grads"]["layer2.weight"], one["step"]["updates"]["layer2.weight"]["states"]["m"]
    m, after = np.array(found["before"]), np.array(found["after"])
    np.testing.assert_allclose(after, 0.9 * m + 0.1 * np.array(grad), rtol=1e-12)


def test_numbers_that_are_not_finite_are_strings(capsys):
    found = result(capsys, "trace", "--json", "--formula", "a = log(x)\nb = 0*a\nL = sum(b)", "x=[0, 1]")
    assert found["step"]["values"]["a"] == ["-inf", 0.0]
    assert found["step"]["values"]["b"] == ["nan", 0.0]
    assert found["losses"] == ["nan"]


def test_trace_for_a_reader(capsys):
    code, out, _ = run(capsys, "trace", "xor", "--steps", "3")
    assert code == 0
    assert "layer1.z (4,8) = x @ layer1.weight + layer1.bias" in out
    assert "loss 0.866838 at training step 0" in out
    assert run(capsys, "trace", "xor", "--ascii")[1].isascii()


def test_values_from_files(capsys, tmp_path):
    (tmp_path / "v.json").write_text('{"x": 2, "y": 2, "b": 0.1}')
    np.savez(tmp_path / "v.npz", x=2.0, y=2.0, b=0.1)
    for name in ("v.json", "v.npz"):
        found = result(capsys, "trace", "--json", "--values", str(tmp_path / name), "--formula", DARTS[0], "w=0.5")
        assert found["losses"] == pytest.approx([0.81])


# check, examples, info, explain


def test_check_is_ok_and_says_so(capsys):
    found = result(capsys, "check", "xor", "--json")
    assert found["ok"] is True
    assert sum(found["counts"].values()) == len(found["checks"])
    keys = {"node", "op", "input", "row", "verdict", "error", "tolerance", "at", "got", "expected", "note"}
    assert all(set(row) == keys for row in found["checks"])
    code, out, _ = run(capsys, "check", "--formula", *DARTS)
    assert code == 0
    assert out.splitlines()[-1].startswith("formula: ok")


def test_a_wrong_derivative_fails_with_its_place_and_exit_code(capsys, monkeypatch):
    right = ops.OPS["tanh"]

    def wrong(emit, ctx):
        right.vjp(emit, ctx)
        emit(np.negative, ctx.into[0], out=ctx.into[0])

    monkeypatch.setattr(ops, "OPS", {**ops.OPS, "tanh": replace(right, vjp=wrong)})
    code, out, _ = run(capsys, "check", "--formula", "h = tanh(x)\nL = sum(h**2)", "x=[0.5, 1]")
    assert code == 1
    assert "FAIL" in out
    assert "h by x[" in out


def test_the_list_of_examples(capsys):
    _, out, _ = run(capsys, "examples")
    assert [line.split()[0] for line in out.splitlines()] == [name for name, _ in examples()]


def test_info_names_versions_and_limits(capsys):
    code, out, _ = run(capsys, "info")
    assert code == 0
    for word in ("numpy", "sympy", "textual", "python", "terminal", "limits", "threads"):
        assert word in out
    assert run(capsys, "--info")[1] == out


@pytest.mark.parametrize("argv", [(), ("--ascii",), ("--theme", "light", "--no-color"), ("--theme=light",)])
def test_home_has_the_options_of_a_screen(capsys, argv):
    code, out, _ = run(capsys, *argv)  # here there is no screen: it says what home would list
    assert code == 0
    assert "lesson-2-2-1" in out


@pytest.mark.parametrize("argv", [(), ("--help",), ("-h",), ("help",)])
def test_a_newcomer_is_told_what_there_is(capsys, argv):
    code, out, _ = run(capsys, *argv)
    assert code == 0
    assert all(f"bptui {name}" in out for name in PARTS)


@pytest.mark.parametrize("command", PARTS)
def test_every_command_has_help(capsys, command):
    code, out, _ = run(capsys, command, "--help")
    assert code == 0
    assert out.startswith("usage:")
    assert parser(command).description == PARTS[command]


@pytest.mark.parametrize("command", EXAMPLES)
def test_what_the_help_gives_as_an_example_is_a_command_line(command):
    for example in EXAMPLES[command]:
        words = [command, *shlex.split(example)]
        if command == "serve":  # what it serves is a command line of its own
            _, words = parser(command).parse_known_args(words[1:])
        if command == "capture":  # the program's arguments are its own
            words = [command, *parted(words[1:])[0]]
        if words:
            parser(words[0]).parse_intermixed_args(words[1:])


@pytest.mark.parametrize("form", ["text", "markdown", "latex"])
def test_one_number_is_explained(capsys, form):
    code, out, err = run(capsys, "explain", "xor", "layer1.weight[0,3]", "--format", form)
    assert (code, err) == (0, "")
    assert "0.0606674" in out
    assert run(capsys, "explain", "xor", "layer1.weight[0,3]", "--ascii")[1].isascii()


def test_a_number_of_a_formula_is_explained(capsys):
    code, out, _ = run(capsys, "explain", "--formula", *DARTS, "w")
    assert code == 0
    assert "-3.6" in out


def test_a_later_training_step_is_checked_and_explained(capsys):
    step = result(capsys, "trace", "xor", "--steps", "4", "--at", "3", "--json")["step"]
    code, out, _ = run(capsys, "explain", "xor", "layer1.weight[0,3]", "--at", "3")
    assert code == 0
    assert "training step 3" in out.splitlines()[0]
    assert f"= {step['grads']['layer1.weight'][0][3]:.6}"[:9] in out
    code, out, _ = run(capsys, "check", "xor", "--at", "3")
    assert code == 0
    assert out.splitlines()[-1].startswith("xor, training step 3: ok")
    found = json.loads(run(capsys, "check", "xor", "--at", "3", "--json")[1])
    values = [row["got"] for row in found["checks"] if row["node"] == "loss" and row["row"] == "forward"]
    assert values == [step["values"]["loss"]]


def test_a_loss_that_is_not_finite_is_told_although_the_derivatives_are_right(capsys):
    exploding = ("--formula", "L = (w**3)**3", "w=9.0", "--train", "w", "--lr", "100")
    code, out, _ = run(capsys, "check", *exploding, "--at", "20")
    assert code == 0
    assert "skipped: " in out
    assert "the loss is " in out.splitlines()[-2]


def keys(found) -> object:
    """The keys of nested tables, without their values; of a list, those of its first."""
    if isinstance(found, dict):
        return {key: keys(value) for key, value in found.items() if key not in ("values", "grads", "counts")}
    return keys(found[0]) if isinstance(found, list) and found and isinstance(found[0], dict) else None


def test_the_page_of_the_shell_shows_what_is_printed(capsys):
    page = (ROOT / "docs" / "shell.md").read_text(encoding="utf-8")
    assert all(f"`bptui {name}" in page for name in PARTS)
    traced, checked = (json.loads(block.split("```")[0]) for block in page.split("```json")[1:])
    found = result(capsys, "trace", "xor", "--json")
    for part in ("updates",):
        found["step"][part] = {"layer2.bias": found["step"][part]["layer2.bias"]}
    found["parameters"] = {"layer2.bias": found["parameters"]["layer2.bias"]}
    assert keys(traced) == keys(found)
    assert traced["losses"] == pytest.approx(found["losses"], rel=1e-12)  # the last bit is the processor's
    found = result(capsys, "check", "xor", "--json")
    assert keys(checked) == keys(found)
    assert checked["counts"] == found["counts"]


# batch


def test_batch_runs_commands_prints_and_goes(capsys):
    code, out, err = run(capsys, "eval", *DARTS, "--batch", "-ex", "goto end", "-ex", "why w")
    assert (code, err) == (0, "")
    assert "∂L/∂w = -3.6" in out


def test_a_batch_without_commands_says_where_it_is(capsys):
    code, out, _ = run(capsys, "run", "darts", "--batch")
    assert code == 0
    assert out.startswith("training step 0  forward 1/4")


def test_a_disk_that_is_full_is_no_defect(capsys, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("builtins.print", full)
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    monkeypatch.setattr(cli, "_fail", lambda message, code=2: (code, message))
    assert cli.main(["trace", "darts"]) == (2, "output: no space left on device")


def test_without_unicode_a_list_is_still_said_in_words(capsys):
    out = run(capsys, "examples", "--ascii")[1]
    assert "y = u^2" in out
    assert "2 -> 3 -> 1" in out


def test_scripts_and_commands_run_in_their_order(capsys, tmp_path):
    (tmp_path / "a.gdb").write_text("# to the loss\ngoto loss\n\nprint loss\n")
    code, out, _ = run(capsys, "run", "xor", "--batch", "-ex", "print 1+1", "-x", str(tmp_path / "a.gdb"), "-ex",
                       "print 2+2")  # fmt: skip
    assert code == 0
    places = [out.index(text) for text in ("1+1 = 2", "loss = 0.866838", "2+2 = 4")]
    assert places == sorted(places)


def test_batch_stops_at_the_first_wrong_command(capsys):
    code, out, err = run(capsys, "run", "xor", "--batch", "-ex", "print 1", "-ex", "nosuch", "-ex", "print 2")
    assert code == 2
    assert "print" not in out
    assert "1 = 1" in out
    assert "2 = 2" not in out
    assert err.startswith("bptui: error: nosuch:")


# bad input: exit 2, one line


BAD = [
    (["nosuch"], "is not a command"),
    (["xor"], "bptui run xor"),
    (["rnu", "xor"], "did you mean 'run'"),
    (["learn"], "needs a terminal with a screen"),
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
    (["eval", "L = sum(x)", "x=[1e999]"], "finite"),
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


# as a process


def process(*argv: str, stdin: str | None = "", **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "bptui", *argv], input=stdin, capture_output=True, text=True, cwd=ROOT, timeout=60,
        env={**os.environ, "TERM": "xterm", **environment},
    )  # fmt: skip


def test_a_wrong_line_of_a_script_is_a_1_with_its_place(tmp_path):
    path = tmp_path / "a.bp"
    path.write_text("step\nexpect layer1.a\nexpect print step == 1\nprint 7\n")
    for words in (["-x", str(path)], ["-ex", f"source {path}"]):
        done = process("run", "xor", "--batch", *words)
        assert done.returncode == 1
        assert re.search(r"a.bp line 3: expect: step is not 1 \(step = 0\)\n$", done.stderr)
        assert "forward 2/4" in done.stdout
        assert "7 = 7" not in done.stdout


def test_a_pipe_chooses_plain_by_itself():
    done = process("run", "xor", stdin="s\nq\nprint 1\n")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "forward 1/4" in done.stdout
    assert "forward 2/4" in done.stdout
    assert "\x1b" not in done.stdout
    assert "(bptui)" not in done.stdout
    assert "1 = 1" not in done.stdout


def test_a_wrong_command_in_a_pipe_is_an_error():
    done = process("run", "xor", stdin="nosuch\n")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_ascii_and_other_encodings():
    done = process("run", "xor", "--ascii", stdin="goto backward layer1.a\n")
    assert done.returncode == 0
    assert done.stdout.isascii()
    done = process("trace", "xor", PYTHONIOENCODING="latin-1", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr


def test_a_reader_that_has_gone_is_no_traceback():
    done = subprocess.run(
        f"{sys.executable} -m bptui trace xor --steps 200 --json | head -c 20", shell=True, capture_output=True,
        text=True, cwd=ROOT, timeout=60,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_without_stdin_there_is_nothing_to_debug_with():
    code = "import sys; sys.stdin = None; from bptui.cli import main; sys.exit(main(['run', 'xor']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("bptui: error: stdin")


def test_threads_are_set_before_numpy_is_there():
    code = "import os, sys; from bptui.cli import main; main(['examples']); print(os.environ['OPENBLAS_NUM_THREADS'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60,
                          env={k: v for k, v in os.environ.items() if not k.endswith("_THREADS")})  # fmt: skip
    assert done.stdout.splitlines()[-1] == "1"


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


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_signal_ends_it_without_a_word():
    with subprocess.Popen(
        [sys.executable, "-m", "bptui", "run", "xor"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, cwd=ROOT,
    ) as running:  # fmt: skip
        assert running.stdout.readline().startswith("training step 0")
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=30)
        assert running.returncode == 128 + signal.SIGTERM
        assert err == ""


def test_the_smallest_terminal_and_the_themes_are_those_of_the_screen():
    from bptui.screens import layout, theme

    assert terminal.SMALLEST == layout.SMALLEST
    assert set(terminal.THEMES) == set(theme.CHOICES)


@pytest.mark.parametrize(
    "when",
    [
        "sys.meta_path.insert(0, type('Hook', (), {'find_spec': staticmethod(lambda name, *_: interrupt(name))}))",
        "import bptui.cli; bptui.cli._main = lambda _: exec('import os, signal; os.kill(os.getpid(), signal.SIGINT)')",
        "import bptui.cli; bptui.cli._main = lambda argv: os.kill(os.getpid(), signal.SIGINT)",
    ],
    ids=["while it starts", "inside of an exec", "while it runs"],
)
def test_sigint_is_130_and_one_line(when):
    code = f"""
import os, signal, sys
import bptui.__main__
def interrupt(name):
    if name == "bptui.cli":
        os.kill(os.getpid(), signal.SIGINT)
{when}
bptui.__main__.run()
"""
    command = [sys.executable, "-c", code, "examples"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (130, "bptui: error: interrupted\n")


def test_numbers_side_by_side_never_touch(capsys):
    """A field's first column is its sign's; `-4000.00` fills all eight."""
    _, out, _ = run(capsys, "trace", "--formula", "L = sum(x*y)", "x=[[-90,-90],[100,1]]", "y=[[1,2],[3,-4000]]")
    assert "[1]     3.00 -4000.00" in out
    assert "[0] -90.000 -90.000" in out
    assert not re.search(r"\d-\d", out.replace("e-", ""))


# explore


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "NAME: is missing (bptui explore chain, rate, flow, activations, race)"),
        (["chian"], "explore: there is no explorer 'chian' (did you mean 'chain'?)"),
        (["rate", "nope"], "nope: neither an example nor a file"),
        (["rate", "xor", "more"], "more: is one argument too many"),
        (["rate", "--lr", "0.1"], "--lr: belongs to a formula"),
        (["rate", "xor", "--by", "layer1.z"], "rate: layer1.z is computed"),
        (["rate", "L = x**2", "x=2"], "rate: nothing is trained in it"),
        (["flow", "darts"], "flow: there are no layers with weights in it"),
        (["flow", "xor", "--by", "y"], "--by: flow takes no number (chain, rate, race)"),
        (["activations", "darts"], "activations: darts has no activation"),
        (["race", "xor", "--by", "layer1.weight"], "race: 'layer1.weight' is not two weights"),
        (["chain", "L = w*", "w=1"], "formula 1:7: this is not a formula"),
    ],
)
def test_an_explorer_that_cannot_be_is_one_line(capsys, words, says):
    code, out, err = run(capsys, "explore", *words)
    assert (code, out) == (2, "")
    assert err.startswith(f"bptui: error: {says}")
    assert err.count("\n") == 1


def test_without_a_terminal_an_explorer_is_a_page(capsys):
    code, out, err = run(capsys, "explore", "chain", "L = (y - w*x)**2", "x=2", "y=2", "w=0.5", "--by", "w")
    assert (code, err) == (0, "")
    assert re.search(r"2\.0000 +× +-1\.0000 +× +2\.0000 += +-4\.0000", out)
    _, out, _ = run(capsys, "explore", "race", "--ascii")
    assert out.isascii()
    assert "below ##" in out


# the settings of a formula, and weights


def test_a_formula_is_trained_in_the_words_of_a_network_file(capsys):
    words = ["trace", "--json", "--formula", *DARTS, "--train", "w,b"]
    one = result(capsys, *words, "--optimizer", "adam, beta1 = 0.8", "--lr", "0.05", "--dtype", "float32")
    assert one["dtype"] == "float32"
    assert one["parameters"]["w"] == pytest.approx(0.55, abs=1e-6)  # Adam's first step is the learning rate
    two = result(capsys, *words, "--optimizer", '{kind = "sgd", momentum = 0.9, learning_rate = 0.05}')
    assert two["parameters"]["w"] == pytest.approx(0.5 + 0.05 * 3.6)
    halved = result(
        capsys, *words, "--steps", "3", "--optimizer", 'sgd, schedule = {kind = "step", step_size = 1, gamma = 0.0}'
    )
    assert halved["losses"][1] == halved["losses"][2]  # its rate is 0 from the second step on
    assert result(capsys, *words, "--optimizer", "sgd")["parameters"]["w"] == pytest.approx(0.5 + 0.01 * 3.6)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--optimizer", "adamm"], "did you mean 'adam'"),
        (["--optimizer", "adam, beta3 = 1"], "did you mean 'beta2'"),
        (["--optimizer", "adam, beta1"], "is no table (adam, or"),
        (["--optimizer", "adam, beta1 = 2"], "does not make sense"),
        (["--optimizer", "adam, learning_rate = 1", "--lr", "1"], "has two values"),
        (["--dtype", "float16"], "float64"),
        (["--weights", "w.npz"], "goes with layers"),
    ],
)
def test_what_is_no_setting_of_a_formula_is_told(capsys, words, said):
    code, out, err = run(capsys, "trace", "--formula", *DARTS, *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_weights_go_into_an_example(capsys, tmp_path):
    path = str(tmp_path / "w.safetensors")
    assert run(capsys, "run", "xor", "--batch", "-ex", "train 2", "-ex", f"write {path}")[0] == 0
    again = result(capsys, "trace", "xor", "--json", "--weights", path)
    here = result(capsys, "trace", "xor", "--json", "--steps", "2")
    assert again["step"]["values"]["layer1.weight"] == here["parameters"]["layer1.weight"]
    code, _, err = run(capsys, "trace", "xor", "--weights", "model.pt")
    assert (code, err.count("\n")) == (2, 1)
    assert "save_file" in err
    code, _, err = run(capsys, "run", "xor", "--optimizer", "adam")
    assert "is not an option" in err


def test_weights_are_exported_as_a_training_step_starts_with_them(capsys, tmp_path):
    path = str(tmp_path / "w.npz")
    code, out, err = run(capsys, "export", "xor", "weights", "--at", "5", "--to", path)
    assert (code, err) == (0, "")
    assert "4 tensors with 33 numbers" in out
    with np.load(path) as found:
        assert found["layer1.weight"].shape == (8, 2)  # (out, in), as PyTorch has it
    there = result(capsys, "trace", "xor", "--json", "--weights", path)
    assert there["losses"][0] == result(capsys, "trace", "xor", "--json", "--steps", "6")["losses"][5]
    code, _, err = run(capsys, "export", "xor", "weights")
    assert (code, err.count("\n")) == (2, 1)
