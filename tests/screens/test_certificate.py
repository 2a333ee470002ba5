"""The certificate: every number that has room, and the way to the loss and back, in any room."""

from __future__ import annotations

import pytest

from bptui.model.base.spans import plain
from bptui.screens import certificate
from bptui.teach import catalogue
from bptui.teach.certificate import Certificate
from bptui.teach.certificate import certificate as made
from bptui.teach.names import opened


def of(number: int) -> Certificate:
    front = catalogue.find(str(number))
    lesson = opened(front.path, front.key)
    return made(lesson, {page.key: "once" for page in lesson.pages if page.question is not None})


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (40, 12), (120, 36), (24, 6)])
def test_it_fills_its_room(size: tuple[int, int]) -> None:
    rows = certificate.page(of(4), "Ada", "lesson 4", *size)
    assert len(rows) == size[1] - 1
    assert {len(plain(row)) for row in rows} == {size[0]}


def test_lesson_4_has_its_numbers_and_the_way_there_and_back() -> None:
    """Picture 23b."""
    rows = [plain(row) for row in certificate.page(of(4), "Ada", "lesson 4", 80, 24)]
    at = next(n for n, row in enumerate(rows) if "┓" in row)
    assert rows[at - 1].split() == ["│", "x", "z", "a", "z", "L", "│"]
    assert [row.count("●") for row in rows[at : at + 2]] == [5, 5]
    assert rows[at + 1].index("┛") == rows[at].index("┓")
    dots = [n for n, glyph in enumerate(rows[at]) if glyph == "●"]
    assert [rows[at - 1][n] for n in dots] == ["x", "z", "a", "z", "L"]
    text = " ".join(rows)
    assert all(number in text for number in ("-0.1975", "-0.0988", "-0.0978", "-0.0244", "-0.0074", "0.5504"))
    assert "0.0195 → 0.0010" in text


@pytest.mark.parametrize("width", [12, 20, 36, 63])
@pytest.mark.parametrize("count", [0, 1, 2, 5, 14, 60])
def test_a_way_of_any_length_has_room_or_is_left_out(count: int, width: int) -> None:
    rows = certificate.hairpin(tuple(f"n{k}" for k in range(count)), width)
    assert all(len(plain(row)) <= width for row in rows)
    assert len(rows) in (0, 4)
    if rows:
        names, there, back = (plain(row).strip() for row in rows[:3])
        assert there.count("●") == back.count("●")
        assert names.startswith("n0")
        assert f"n{count - 1}" in names
        assert "⋯" in there or there.count("●") == count
