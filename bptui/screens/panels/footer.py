"""The last row: the keys that matter, made from the registry of commands. The middle drops from its end."""

from __future__ import annotations

from functools import lru_cache

from bptui.model.base.spans import Line, Span
from bptui.screens.bindings import DEFAULT, Bindings
from bptui.screens.keys import PRESENT, footer_keys
from bptui.screens.render import fit, length

_SHORT = {row.word: row.short for row in PRESENT.rows}
NEXT, CLASS, MORE = _SHORT["next"], _SHORT["class"], _SHORT["more"]


@lru_cache(64)
def hints(pairs: tuple[tuple[str, str], ...], width: int, ends: tuple[tuple[str, str], ...] = ()) -> Line:
    """Keys in bold with a dim word each; `ends` stand at the right end, and what does not fit between is left out."""
    right: list[Span] = []
    for key, word in ends:
        right += [Span("  " if right else "", "dim"), Span(key, "text bold"), Span(f" {word}", "dim")]
    right += [Span(" ", "dim")] if right else []
    left: list[Span] = [Span(" ", "dim")]
    for i, (key, word) in enumerate(pairs):
        part = [Span("  " if i else "", "dim"), Span(key, "text bold"), Span(f" {word}", "dim")]
        if length(left) + length(part) + length(right) + 2 > width:
            break
        left += part
    return (*fit(left, max(0, width - length(right)), "dim"), *right)


def presenting(
    width: int, asks: bool, turning: bool = False, bindings: Bindings = DEFAULT, reads: bool = False
) -> Line:
    """The keys of present mode: what turns the page first; `turning`: pages turn by themselves; `reads`: a lesson."""
    pairs = turned(asks, reads)
    return hints((("space", "stop"), *pairs) if turning else pairs, width, footer_keys(width, bindings)[1])


def turned(asks: bool, reads: bool = False) -> tuple[tuple[str, str], ...]:
    """(keys, word) of present mode. Once the answer is shown, the key that shows it turns the page, and the digits of
    the class are left out; `reads`: a lesson, which has a key to read on."""
    left_out = {MORE if asks or not reads else "", "" if asks else CLASS}
    return tuple(
        (keys, word if asks or word != NEXT else "next") for keys, word in PRESENT.footer() if word not in left_out
    )


def usual(width: int, first: tuple[tuple[str, str], ...] = (), bindings: Bindings = DEFAULT) -> Line:
    """The keys of the debugger, from `bptui.model.debugger.commands.COMMANDS`; before them those of a panel."""
    middle, ends = footer_keys(width, bindings)
    bound = {word: keys for keys, word in middle}
    first = tuple((bound.get(word, keys), word) for keys, word in first)
    taken = {key for keys, _ in first for key in keys.split("/")}
    rest = tuple(pair for pair in middle if taken.isdisjoint(pair[0].split("/")))
    return fit(hints((*first, *rest), width, ends), width, "dim")
