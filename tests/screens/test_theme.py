"""Colours by kind of number, readable in every theme; none where none are wanted."""

from __future__ import annotations

import pytest
from rich.style import Style

from bptui.model.base.spans import KINDS, WEIGHTS
from bptui.model.debugger.commands.registry import find
from bptui.screens.theme import CHIPS, CHOICES, THEMES, choose, contrast
from bptui.terminal import THEMES as NAMES_IN_THE_SHELL
from tests.screens.rig import debug

HEATED = tuple(THEMES["dark"].heat)
BACKGROUNDS = [
    "",
    "on-band",
    "on-cursor",
    *CHIPS,
    *(f"heat-{kind}-{i}" for kind in HEATED for i in range(5)),
]
EXACT = [name for name, theme in THEMES.items() if theme.background]


def test_shell_and_registry_offer_the_same_names() -> None:
    assert CHOICES == NAMES_IN_THE_SHELL
    assert find("theme").complete == "|".join(CHOICES)


@pytest.mark.parametrize("name", EXACT)
def test_text_and_kinds_reach_4_5_on_page_band_and_cursor_row(name: str) -> None:
    theme = THEMES[name]
    for kind, colour in theme.kinds.items():
        if kind == "rule":  # quiet on purpose
            continue
        for back in (theme.background, theme.band, theme.cursor):
            assert contrast(colour, back) >= 4.5, (kind, back)


@pytest.mark.parametrize("name", EXACT)
def test_the_sign_is_readable_on_every_heat_cell(name: str) -> None:
    theme = THEMES[name]
    for kind, backs in theme.heat.items():
        for level, back in enumerate(backs):
            style = theme.style(f"heat-{kind}-{level} bold")
            assert style.bgcolor is not None
            assert style.bgcolor.name == back
            assert style.color is not None
            assert contrast(style.color.name, back) >= 3, (kind, level)


@pytest.mark.parametrize("name", THEMES)
def test_every_style_word_has_a_style_that_is_not_empty_where_it_must_not_be(name: str) -> None:
    theme = THEMES[name]
    for kind in KINDS:
        for weight in ("", *WEIGHTS):
            for back in BACKGROUNDS:
                style = theme.style(f"{kind} {weight} {back}")
                assert isinstance(style, Style)
                if not theme.colour:
                    assert style.color is None
                    assert style.bgcolor is None


def test_no_colour_keeps_what_matters_as_weight() -> None:
    none = THEMES["none"]
    assert none.style("dim").dim
    assert none.style("fail reverse").reverse
    assert none.style("chip-backward").reverse
    for weights, there in (("", False), (" bold", True)):  # the row of the cursor makes no mark of another
        assert none.style(f"fail{weights}").reverse is none.style(f"fail{weights} on-cursor").reverse is there
    assert none.style("value bold").bold


def test_the_terminal_decides_what_is_possible() -> None:
    assert choose(None, no_color=False, colours=1 << 24).name == "dark"
    assert choose("light", no_color=False, colours=256).name == "light"
    assert choose("light", no_color=False, colours=16).name == "ansi-light"
    assert choose(None, no_color=False, colours=16).name == "ansi-dark"
    assert choose("dark", no_color=True, colours=1 << 24).name == "none"


async def test_every_theme_draws_and_can_be_changed() -> None:
    async with debug("xor", 120, 36) as screen:
        for name in CHOICES:
            await screen.run(f"theme {name}")
            assert screen.app.colours.name == name
            strips = [screen.app.debugger.canvas.render_line(y) for y in range(36)]
            assert all(segment.style is not None for strip in strips for segment in strip)
        await screen.run("theme drak")
        assert "did you mean 'dark'?" in screen.rows[-1]


async def test_no_color_does_not_crash_and_has_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with debug("xor", 120, 36) as screen:
        await screen.press(*"ssssss")
        assert screen.app.colours.name == "none"
        for y in range(36):
            for segment in screen.app.debugger.canvas.render_line(y):
                assert segment.style is not None
                assert segment.style.color is None
                assert segment.style.bgcolor is None
