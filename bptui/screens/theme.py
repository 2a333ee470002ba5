"""The themes: style words to terminal styles. Colour says the kind of a number, and nothing else.

A style is words as in `bptui.model.base.spans` ("gradient bold"), and one background of
    on-band (status, footer, equation), on-cursor (the row of this Moment), heat-KIND-0 … heat-KIND-4,
    chip-forward, chip-backward, chip-update, chip-fail (the cursor)
or a foreground out of the same ramps, for half blocks: ink-KIND-0 … ink-KIND-4 (in 16 colours the kind's own).
A theme is a table of colours; a style that it lacks cannot be made by a panel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.color import Color
from rich.style import Style

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.spans import KINDS

CHIPS = {"chip-forward": "value", "chip-backward": "gradient", "chip-update": "parameter", "chip-fail": "fail"}


@dataclass(frozen=True)
class Theme:
    """One table of colours: `#rrggbb`, or a number of the terminal's own 16, or "" for the terminal's default.

    strong  the colour of bold text (dark: white), which stands for text of the kinds without a colour
    heat    per kind five backgrounds for |v|/max; empty where the terminal draws shades instead
    ansi    the terminal's own palette and background are used
    colour  False: no colour code at all, dim is faint
    """

    name: str
    kinds: Mapping[str, str]
    background: str = ""
    band: str = ""
    cursor: str = ""
    strong: str = ""
    heat: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dark: bool = True
    ansi: bool = False
    colour: bool = True
    _styles: dict[str, Style] = field(default_factory=dict, repr=False, compare=False)

    def style(self, words: str) -> Style:
        """The terminal style of a style word string. Never an empty one: a segment without a style crashes NO_COLOR."""
        found = self._styles.get(words)
        if found is None:
            found = self._styles[words] = self._make(words)
        return found

    def _make(self, words: str) -> Style:
        kind, back, weights = "text", self.background, set()
        level, ink = -1, ""
        for word in words.split():
            if word in self.kinds:
                kind = word
            elif word == "on-band":
                back = self.band or back
            elif word == "on-cursor":
                back = self.cursor or back
            elif word.startswith("heat-"):
                heat_kind, _, number = word[5:].rpartition("-")
                if self.heat:
                    back, level = self.heat[heat_kind][int(number)], int(number)
                else:
                    kind = heat_kind
            elif word.startswith("ink-"):
                kind, _, number = word[4:].rpartition("-")
                ink = self.heat[kind][int(number)] if self.heat else ""
            elif word in CHIPS:
                kind = CHIPS[word]
                weights |= {"reverse"}
            else:
                weights.add(word)
        bold = "bold" in weights or "chip" in words
        fore = self.kinds[kind]
        if ink:
            fore = ink
        elif level >= 0:
            fore = max((self.strong or fore, self.background), key=lambda c: contrast(c, back))
        elif "bold" in weights and kind == "text":
            fore = self.strong or fore
        plain = not weights and "on-band" not in words  # a mark by itself, on the cursor's row as on any other
        reverse = "reverse" in weights or (kind == "fail" and not self.colour and not plain)
        if reverse and self.background and fore:
            # the same as SGR 7, but exact: the text takes the page's colour, not that of the row it stands on
            fore, back, reverse = self.background, fore, False
        return Style(
            color=colour(fore) if fore and self.colour else None,
            bgcolor=colour(back) if back and self.colour else None,
            bold=bold,
            dim=not self.colour and kind in ("dim", "rule"),
            reverse=reverse,
            underline="underline" in weights,
        )


def colour(text: str) -> Color:
    """A colour from `#rrggbb` or from the number of one of the terminal's own sixteen."""
    return Color.parse(text) if text.startswith("#") else Color.from_ansi(int(text))


def luminance(text: str) -> float:
    """Relative luminance of `#rrggbb` (WCAG 2.1)."""
    parts = [int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours `#rrggbb`, 1 to 21 (WCAG 2.1; 4.5 is its bar for text)."""
    one, two = sorted((luminance(a), luminance(b)), reverse=True)
    return (one + 0.05) / (two + 0.05)


def _kinds(*colours: str) -> dict[str, str]:
    return dict(zip(KINDS, colours, strict=True))


def _ramp(text: str) -> tuple[str, ...]:
    return tuple("#" + part for part in text.split())


# In the order of KINDS: text dim rule · value gradient parameter · ok fail kink
THEMES: dict[str, Theme] = {
    theme.name: theme
    for theme in (
        Theme(
            "dark",
            _kinds("#d3d9df", "#8f9aa6", "#4a5662", "#78b7f2", "#f2a65a", "#bfa3f2", "#7fc48b", "#ff7a7a", "#e6cf6b"),
            "#12161b",
            "#1a2129",
            "#23303e",
            "#ffffff",
            {
                "value": _ramp("1c3147 234c72 2f6ca3 5aa2e0 a9d3fb"),
                "gradient": _ramp("3a2a18 5e411f 8f6029 d18c3f ffc888"),
                "parameter": _ramp("2a2440 433769 65539b 927bd0 d6c4ff"),
            },
        ),
        Theme(
            "light",
            _kinds("#22272c", "#5d656d", "#bcc3c9", "#0b5aa8", "#a34a00", "#6a3db3", "#1c6b30", "#b3201a", "#775b00"),
            "#fcfcfa",
            "#f0f1ee",
            "#dfe7ef",
            "#000000",
            {
                "value": _ramp("e3edf7 bcd5ee 84b3e0 3f82c4 0b4a8c"),
                "gradient": _ramp("f9ecdf f1d0ad e3a568 c4702a 7f3a00"),
                "parameter": _ramp("f0eafa d9cbf2 b69be0 8a63c8 4d2391"),
            },
            dark=False,
        ),
        Theme(
            "high-contrast",
            _kinds("#ffffff", "#c4c4c4", "#8a8a8a", "#86ccff", "#ffb347", "#dcc0ff", "#8cf08c", "#ff8f8f", "#ffee70"),
            "#000000",
            "#000000",
            "#1f3a5a",
            "#ffffff",
            {
                "value": _ramp("10304d 1a5589 2a7fca 5fb4f7 c4e6ff"),
                "gradient": _ramp("402600 734500 b06b00 f09a1f ffd79a"),
                "parameter": _ramp("2b1c47 4f3485 7c58c4 aa88ee e6d6ff"),
            },
        ),
        Theme("ansi-dark", _kinds("15", "7", "8", "14", "11", "13", "10", "9", "11"), ansi=True),
        Theme("ansi-light", _kinds("0", "8", "8", "4", "1", "5", "2", "1", "5"), dark=False, ansi=True),
        Theme("none", _kinds(*[""] * len(KINDS)), ansi=True, colour=False),
    )
}
CHOICES = tuple(name for name in THEMES if name != "none")
"""The names that `--theme` and `:theme` take; `none` is chosen by NO_COLOR alone."""


def named(name: str, now: str) -> str:
    """The theme of that name, alone the one that comes after the theme `now`; a UserError says which there are."""
    if name and name not in CHOICES:
        raise UserError("theme", f"unknown theme '{name[:40]}'", did_you_mean(name, CHOICES, ", ".join(CHOICES)))
    return name or (CHOICES[(CHOICES.index(now) + 1) % len(CHOICES)] if now in CHOICES else "dark")


def choose(wanted: str | None, *, no_color: bool, colours: int) -> Theme:
    """The theme for a terminal: the wanted one; without a wish dark, or ansi-dark where it has 16 colours only.

    NO_COLOR wins over everything, and 16 colours over a theme that needs more (its dark or light ansi sister is taken).
    """
    if no_color or colours == 0:
        return THEMES["none"]
    theme = THEMES[wanted or "dark"]
    if colours <= 16 and not theme.ansi:
        return THEMES["ansi-dark" if theme.dark else "ansi-light"]
    return theme
