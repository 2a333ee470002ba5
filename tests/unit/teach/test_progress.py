"""How far a reader has come is kept, whole or not at all, and nothing of it keeps anyone from learning."""

from __future__ import annotations

import json

import pytest

from bptui.cli import main
from bptui.teach.catalogue import lessons, resumed
from bptui.teach.progress import Progress, Reached


def test_what_is_kept_is_there_again(tmp_path):
    first = Progress(tmp_path)
    assert first.of("4") is None
    assert first.last == ""
    assert first.keep("4", Reached(10, {"your-turn-second-unit": "once"})) == ""
    assert json.loads((tmp_path / "progress.json").read_text()) == {
        "format": 1, "lessons": {"4": {"page": 10, "answers": {"your-turn-second-unit": "once"}}},
    }  # fmt: skip
    again = Progress(tmp_path)
    assert again.of("4") == Reached(10, {"your-turn-second-unit": "once"})
    again.keep("1", Reached(14, {}, True))
    assert Progress(tmp_path).last == "1"
    assert Progress(tmp_path).of("1") == Reached(14, {}, True)


def test_two_at_once_lose_nothing(tmp_path):
    one, other = Progress(tmp_path), Progress(tmp_path)
    one.keep("1", Reached(2))
    other.keep("2", Reached(3))
    assert Progress(tmp_path).of("1") == Reached(2)
    assert Progress(tmp_path).of("2") == Reached(3)


BROKEN = [
    "", "{", "[]", "null", '{"format": 2, "lessons": {}}', '{"format": 1}', '{"format": 1, "lessons": {"4": 3}}',
    '{"format": 1, "lessons": {"4": {"page": "x"}}}', '{"format": 1, "lessons": {"4": {"page": true}}}',
    '{"format": 1, "lessons": {"4": {"page": 1, "answers": {"a": "wrong"}}}}', "\0\0", "[" * 10_000,
]  # fmt: skip


@pytest.mark.parametrize("text", BROKEN)
def test_a_corrupt_file_is_set_aside_in_one_line(tmp_path, text):
    file = tmp_path / "progress.json"
    file.write_text(text)
    found = Progress(tmp_path)
    assert (tmp_path / "progress.json.broken").read_text() == text
    assert "progress.json.broken" in found.told
    assert "\n" not in found.told
    assert found.keep("4", Reached(2)) == ""
    assert Progress(tmp_path).of("4") == Reached(2)


def test_a_disk_that_takes_nothing_is_one_line(tmp_path):
    (tmp_path / "state").write_text("a file where the folder should be")
    found = Progress(tmp_path / "state")
    told = found.keep("4", Reached(2))
    assert told.startswith("progress is not kept: ")
    assert found.of("4") == Reached(2)


def test_where_one_goes_on():
    assert resumed("").number == lessons()[0].number
    assert resumed("4").number == 4
    assert resumed("/gone/mine.md").number == lessons()[0].number


def test_nothing_is_kept_where_nothing_is_wanted():
    found = Progress(None)
    assert found.keep("4", Reached(2)) == ""
    assert found.of("4") == Reached(2)


def test_the_list_says_how_far_one_has_come(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("BPTUI_STATE", str(tmp_path))
    Progress(tmp_path).keep("4", Reached(10))
    assert main(["learn", "--list"]) == 0
    assert "  4  The backward pass" in (out := capsys.readouterr().out)
    assert "10/17" in out
    Progress(tmp_path).keep("4", Reached(17, {}, True))
    main(["learn", "--list"])
    assert "done" in capsys.readouterr().out
