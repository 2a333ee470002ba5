"""Rows as an SVG: well-formed whatever they hold, each text where its cells are, in the colours of a theme."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptui.model.base.printable import printable
from bptui.model.base.spans import KINDS, Span, plain
from bptui.screens.svg import picture
from bptui.screens.theme import THEMES, contrast
from tests.pictures import text_of

SPANS = st.builds(Span, st.text(max_size=12), st.sampled_from([*KINDS, "text bold", "gradient bold on-band"]))
LINES = st.lists(st.lists(SPANS, max_size=4).map(tuple), min_size=1, max_size=5)
NAMESPACE = "{http://www.w3.org/2000/svg}"


@given(LINES, st.text(max_size=20))
def test_any_rows_make_an_svg_that_says_them_in_their_cells(rows, title):
    made = picture(rows, THEMES["dark"], title)
    ElementTree.fromstring(made)
    said = [printable(plain(row)).rstrip(" ") for row in rows]
    while said and not said[-1]:
        said.pop()
    assert (text_of(made) if said else []) == said


def test_markup_of_others_is_text():
    made = picture([(Span('<script>alert("&")</script> ]]> \x1b[2J'),)], THEMES["dark"], "<b>&</b>")
    root = ElementTree.fromstring(made)
    assert [each.tag for each in root.iter()].count(f"{NAMESPACE}script") == 0
    assert root.find(f"{NAMESPACE}title").text == "<b>&</b>"
    assert "\x1b" not in made
    assert "url(" not in made
    assert "href" not in made


@pytest.mark.parametrize("name", THEMES)
def test_every_theme_can_be_drawn(name):
    """One that takes the terminal's own colours, or none, is drawn in its dark or light sister."""
    rows = [(Span("∂L/∂W", "gradient bold"), Span(" = "), Span("0.5", "value")), (Span("?", "fail reverse"),)]
    root = ElementTree.fromstring(picture(rows, THEMES[name]))
    theme = THEMES[name] if THEMES[name].background else THEMES["dark" if THEMES[name].dark else "light"]
    texts = {each.text: each.get("fill") for each in root.iter(f"{NAMESPACE}text")}
    assert texts["∂L/∂W"] == theme.kinds["gradient"]
    assert texts["0.5"] == theme.kinds["value"]
    assert contrast(texts["∂L/∂W"], theme.background) > 4
    assert texts["?"] == theme.background


def test_columns_are_at_least_those_that_were_asked_for():
    root = ElementTree.fromstring(picture([(Span("a"),)], THEMES["dark"], columns=80))
    assert root.get("viewBox").split()[2:] == [str(80 * 9 + 24), str(19 + 24)]
