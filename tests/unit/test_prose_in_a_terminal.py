"""What is printed as prose fits the terminal; where there is none, a line stays a line, for grep."""

import os

import pytest

from bptui.printing import wrapped

LONG = "looked for, and not found: " + ", ".join(f"rule number {n}" for n in range(20))


@pytest.mark.parametrize(("text", "inset"), [(LONG, 2), (f"    seen    {LONG}", 12), (f"    {LONG}", 6)])
def test_a_line_is_broken_at_blanks_and_set_in(monkeypatch, text, inset):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((60, 20)))
    first, *more = wrapped(text).split("\n")
    assert max(map(len, (first, *more))) <= 60
    assert [len(row) - len(row.lstrip()) for row in more] == [inset] * len(more)
    assert " ".join((first, *(row.strip() for row in more))) == text


def test_nothing_is_broken_where_there_is_no_terminal():
    assert wrapped(LONG) == LONG
