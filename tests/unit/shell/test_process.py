"""The program as a process: pipes, encodings, signals, what its reader or its terminal does to it."""

import os
import re
import signal
import subprocess
import sys

import pytest

from tests.paths import ROOT


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
