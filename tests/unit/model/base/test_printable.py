"""Text of others on its way to a terminal: one printable line, whatever it holds."""

from __future__ import annotations

import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptui import cli, plain
from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.files import write_new
from bptui.model.base.printable import MAX_LINE, clipped, json_text, one_line, printable

HOSTILE = [
    "\x1b]52;c;ZXZpbA==\x07", "\x1b[2J", "\x9b31m", "\x07", "\x7f", "a\x00b", "\u202eevil", "\u2066x\u2069", "\ud800",
    "\u2028", "\r", "a\nb", "\t", "x" * 100_000, "\U000e0041", "\x85", "e\u0301", "\ufeff",
]  # fmt: skip
"""Escape sequences, C0, C1, overrides of the direction, half a surrogate, separators, and far too much."""
ANY = st.text(st.characters(exclude_categories=()), max_size=300)


@given(ANY)
def test_nothing_is_left_that_a_terminal_acts_upon(text):
    assert printable(text).isprintable()
    assert printable(text).encode().decode() == printable(text)
    assert printable(printable(text)) == printable(text)
    assert all(c == "\n" or c.isprintable() for c in printable(text, keep="\n"))


@given(ANY, ANY, ANY)
def test_a_message_is_one_printable_line(where, what, right):
    told = str(UserError(where * 50, what * 50, right * 50))
    assert told.isprintable()
    assert len(told) <= MAX_LINE


@given(ANY, st.integers(1, 40))
def test_what_is_clipped_keeps_both_ends(text, most):
    short = clipped(text, most)
    assert len(short) <= most
    assert short == text or "…" in short
    assert len(one_line(text, most)) <= most


def test_what_is_fit_stays_as_it_is():
    assert printable("∂L/∂W[0,1] = −0.5 → ✓") == "∂L/∂W[0,1] = −0.5 → ✓"
    assert printable("a\u00a0b\tc") == "a b c"
    assert printable("\x1b[2J") == r"\x1b[2J"


@given(ANY)
def test_json_is_printable_ascii_and_says_the_same(text):
    shown = json_text({text: [text]})
    assert shown.isascii()
    assert shown.isprintable()
    assert json.loads(shown) == {text: [text]}


def shows(text: str) -> bool:
    return all(c == "\n" or c.isprintable() for c in text)


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """What is printed and complained of; all of it fit, the message one line of at most 500 characters."""
    code = cli.main(argv)
    out, err = capsys.readouterr()
    assert code in (0, 1, 2), err
    assert shows(out)
    assert shows(err)
    assert not err or (err.count("\n") == 1 and len(err) <= 500)
    return out + err


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_every_entrance_of_the_shell(text, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    for argv in (
        [text], ["run", text, "--plain"], ["trace", text], ["check", "xor", text], ["explain", "xor", text],
        ["trace", "xor", f"--{text}"], ["trace", "xor", "--steps", text], ["trace", "--formula", text],
        ["trace", "--formula", "L = w", f"{text}=1"], ["trace", "--formula", "L = w", f"w={text}"],
        ["trace", "--formula", "L = w", "w=1", "--values", text],
        ["trace", "--formula", "L = w", "w=1", "--train", text], ["run", "xor", "--theme", text],
        ["run", "xor", "--batch", "-x", text], ["explain", "xor", "loss", "--format", text],
    ):  # fmt: skip
        run(capsys, *argv)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_every_key_and_name_of_a_file(text, capsys, tmp_path):
    data = {"inputs": [[0, 1], [1, 0]], "targets": [[1], [0]]}
    layer = {"kind": "dense", "units": 1}
    good = {"data": data, "layers": [layer], "loss": {"kind": "mse"}}
    header = tmp_path / "d.csv"
    header.write_text(f'"{text}",b,c\n1,2,3\n4,5,6\n', encoding="utf-8", errors="replace")
    files = [
        {text: 1}, {**good, "name": text}, {**good, "about": text}, {**good, text: 1}, {**good, "seed": text},
        {**good, "layers": [{**layer, "kind": text}]}, {**good, "layers": [{**layer, text: 1}]},
        {**good, "layers": [{**layer, "name": text}]}, {**good, "layers": [{**layer, "activation": text}]},
        {**good, "loss": {"kind": text}}, {**good, "loss": {"kind": "mse", text: 1}}, {**good, "dtype": text},
        {**good, "optimizer": {"kind": text}}, {**good, "ops": {text: {"definition": "y = x"}}},
        {**good, "ops": {"mine": {"definition": text}}}, {**good, "data": {"file": text}},
        {**good, "data": {"file": str(header), "target_columns": [text, "nosuch"]}}, {"formula": text, "values": {}},
        {"formula": "L = w", "values": {text: 1}}, {"formula": "L = w", "values": {"w": text}},
    ]  # fmt: skip
    for content in files:
        path = tmp_path / "net.json"
        path.write_text(json.dumps(content))
        run(capsys, "trace", str(path))
        run(capsys, "run", str(path), "--batch", "-ex", "info network")


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_every_command_of_the_debugger(text, capsys):
    for word in (
        "mark",
        "jump",
        "search",
        "write",
        "goto",
        "print",
        "display",
        "watch",
        "break",
        "why",
        "help",
        "copy",
        "",
    ):
        line = f"{word} {text}"
        run(capsys, "run", "lesson-2-2-1", "--batch", "-ex", line, "-ex", "info marks", "-ex", "info display")


def test_a_suggestion_is_looked_for_in_bounded_time():
    assert did_you_mean("x" * 10**6, (f"{'x' * 50}{n}" for n in range(10**6)), "none").startswith(("did", "none"))


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    def broken(file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match=r"No space left on device"):
        write_new(str(tmp_path / "a.json"), broken, "write")
    assert list(tmp_path.iterdir()) == []
    write_new(str(tmp_path / "a.json"), lambda file: file.write(b"all"), "write")
    with pytest.raises(UserError, match="is there already"):
        write_new(str(tmp_path / "a.json"), lambda file: file.write(b"other"), "write")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"all"]
    with pytest.raises(UserError, match="there is no such home"):
        write_new("~nobody1/x.txt", lambda file: file.write(b""), "write")


def test_plain_mode_prints_nothing_else(capsys):
    plain._writer(sys.stdout, True)("\x1b[2J\u202e")
    assert shows(capsys.readouterr().out)
