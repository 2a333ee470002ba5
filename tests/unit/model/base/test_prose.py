"""Texts in a row: shortened, counted off, joined."""

from __future__ import annotations

from bptui.model.base.prose import shorten, some
from bptui.model.base.spans import Span, joined, plain


def test_a_text_is_shortened_only_where_it_has_no_room():
    assert [shorten("layer1", room) for room in (7, 6, 5, 1)] == ["layer1", "layer1", "laye…", "…"]


def test_names_are_counted_off():
    assert some(["a", "b"], 2) == "a, b"
    assert some(dict.fromkeys("abc"), 2) == "a, b, …"


def test_lines_are_joined_by_what_stands_between_any_two():
    parts = [[Span("a"), Span("b", "dim")], [Span("c")]]
    assert joined(Span(" → "), parts) == (Span("a"), Span("b", "dim"), Span(" → "), Span("c"))
    assert plain(joined(Span(", "), [])) == ""
