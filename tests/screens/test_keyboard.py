"""What the terminal sends and nobody pressed is no key of the debugger; what was pressed is one, however it comes."""

from __future__ import annotations

import os

import pytest

if os.name != "posix":
    pytest.skip("Textual's driver for a POSIX terminal", allow_module_level=True)

from hypothesis import given, settings
from hypothesis import strategies as st
from textual._xterm_parser import XTermParser
from textual.events import Key

from bptui.screens.keyboard import MOST, Filter

ANSWERS = [
    "\x1b]11;rgb:1212/1616/1b1b\x1b\\",
    "\x1b]52;c;aGVsbG8=\x07",
    "\x1bP>|xterm(370)\x1b\\",
    "\x1b_Gi=1;OK\x1b\\",
    "\x1b[99~",
    "\x1b[1;99Z",
    "\x1b[?1;2c",
    "\x1b[>41;354;0c",
    "\x1b[8;24;80t",
    "\x1bOZ",
]
PRESSED = {
    "s": ["s"],
    "\x1b[A": ["up"],
    "\x1b[1;5C": ["ctrl+right"],
    "\x1bOP": ["f1"],
    "\x1b[5~": ["pageup"],
    "\x1b[97u": ["a"],
    "é": ["é"],
    "\r": ["enter"],
    "\x1b[I": [],
}


def keys(*chunks: str) -> list[str]:
    """What Textual makes of what the filter leaves over."""
    only_known, parser = Filter(), XTermParser()
    texts = [*map(only_known, chunks), only_known.rest()]
    return [event.key for text in texts if text for event in parser.feed(text) if isinstance(event, Key)]


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_is_no_key(answer: str) -> None:
    assert keys(answer) == []


@pytest.mark.parametrize("answer", ANSWERS)
def test_nor_in_two_pieces_and_between_keys(answer: str) -> None:
    for cut in range(2, len(answer)):
        if answer[cut - 1] != "\x1b":  # an escape alone is the key
            assert keys("s" + answer[:cut], answer[cut:] + "S") == ["s", "S"], cut


@pytest.mark.parametrize(("sent", "expected"), PRESSED.items())
def test_a_key_is_a_key(sent: str, expected: list[str]) -> None:
    assert keys(sent) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*ANSWERS, *PRESSED]), max_size=8))
def test_only_what_was_pressed_comes_through(parts: list[str]) -> None:
    assert keys("".join(parts)) == [key for part in parts if part in PRESSED for key in keys(part)]


def test_a_paste_keeps_its_text() -> None:
    assert Filter()("\x1b[200~a\x1b[31mb\nc\x1b[201~") == "\x1b[200~ab\nc\x1b[201~"


def test_a_string_without_an_end_takes_no_memory_and_no_keys() -> None:
    only_known = Filter()
    assert not only_known("\x1b]0;")
    for _ in range(50):
        assert not only_known("q" * 1000)
        assert len(only_known._held) <= MOST + 1000
    assert only_known("\x07s") == "s"


def test_the_beginning_of_a_sequence_that_goes_on_no_more_was_typed() -> None:
    only_known = Filter()
    assert only_known("\x1b[") == ""
    assert only_known.rest() == "\x1b["
    assert only_known("s") == "s"
