"""`--batch`: commands are run in their order, printed, and it goes; the first wrong one ends it."""

import errno
import os

from bptui import cli
from tests.unit.shell.rig import DARTS, run


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
