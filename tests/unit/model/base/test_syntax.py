"""The entrance to Python's parser: one, with limits, in our words."""

from __future__ import annotations

import ast
import gc
import re
import sys
import threading
import warnings
from pathlib import Path

import pytest

import bptui
from bptui.model.base.syntax import Limits, Unreadable, parse


def test_there_is_one_entrance():
    found = [
        path.name
        for path in Path(bptui.__file__).parent.rglob("*.py")
        if re.search(r"ast\s*\.\s*(parse|literal_eval)", text := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute)
        and node.attr in ("parse", "literal_eval")
        and ast.unparse(node.value) == "ast"
    ]
    assert found == ["syntax.py"]


@pytest.mark.parametrize(
    ("text", "told", "place"),
    [
        ("x" * 101, "101 characters", (0, 0)),
        ("((((1))))", "nested deeper than 3", (0, 0)),
        ("y = " + "9" * 21, "more than 20 digits", (1, 5)),
        ("a\n  y = 1 +" + "0" * 30, "more than 20 digits", (2, 10)),
        ("+".join("x" * 40), "more than 50 parts", (0, 0)),
        ("(1]", "( is closed by ]", (1, 3)),
        ("x = 'a", "has no end", (1, 5)),
        ("f(1, 2", "( is never closed", (1, 2)),
        ("-" * 90, "nothing comes after -", None),
    ],
)
def test_what_is_no_text_of_ours_says_where_and_what(text, told, place):
    with pytest.raises(Unreadable) as problem:
        parse(text, Limits(characters=100, brackets=3, parts=50, digits=20))
    assert told in problem.value.what
    assert place is None or (problem.value.line, problem.value.column) == place
    assert not any(word in str(problem.value) for word in ("invalid syntax", "Perhaps", "<ast", "Maybe"))


def test_python_says_nothing_of_its_own(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parse("y = 1(2) is 3; z = '\\d'")
    assert capsys.readouterr() == ("", "")


def test_two_threads_read_at_once():
    """What a thread does while Python makes a tree (here the collector calls a function) is no error of the other's."""
    wrong: list[BaseException] = []

    def read(text: str) -> None:
        try:
            for _ in range(300):
                parse(text)
        except SystemError as problem:
            wrong.append(problem)

    before, interval = gc.get_threshold(), sys.getswitchinterval()
    called = lambda *_: sum(range(50))  # noqa: E731
    gc.callbacks.append(called)
    gc.set_threshold(50, 5, 5)
    sys.setswitchinterval(1e-6)
    try:
        threads = [
            threading.Thread(target=read, args=(text,)) for text in ("y = (((x*2))) + 1", "sum(x[i] for i in n)")
        ]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    finally:
        gc.callbacks.remove(called)
        gc.set_threshold(*before)
        sys.setswitchinterval(interval)
    assert not wrong
