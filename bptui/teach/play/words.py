"""The words of a line as values: `rate 0.03`, `layers 4 2`, `activation swoosh = x/(1 + exp(-x))`.

A parser takes the words after the name of a setting; it raises ValueError, in words, for what cannot be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bptui.model.base import typed
from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.numbers import significant
from bptui.teach.play.setup import MAX_LAYERS, MAX_UNITS


def one(words: Sequence[str]) -> str:
    if len(words) != 1:
        raise ValueError(f"found {len(words)} words, one is expected")
    return words[0]


def between(low: float, high: float, off: bool = False) -> Callable[[Sequence[str]], float | None]:
    def parse(words: Sequence[str]) -> float | None:
        word = one(words)
        if off and word in ("off", "none"):
            return None
        try:
            found = float(word)
        except ValueError:
            raise ValueError(
                f"'{word[:40]}' is not a number (from {significant(low)} to {significant(high)})"
            ) from None
        if not low <= found <= high:
            raise ValueError(f"found {word[:40]} (from {significant(low)} to {significant(high)})")
        return found

    return parse


def number(words: Sequence[str], low: float, high: float, where: str) -> float:
    """The one number of a line; UserError for anything else."""
    try:
        return between(low, high)(words) or 0.0
    except ValueError as problem:
        raise UserError(where, str(problem)) from None


def whole(low: int, high: int, off: str = "") -> Callable[[Sequence[str]], int | None]:
    def parse(words: Sequence[str]) -> int | None:
        word = one(words)
        if off and word == off:
            return None
        number = typed.whole(word, low, high)
        if number is None:
            raise ValueError(f"found '{word[:40]}' (a whole number from {low} to {high})")
        return number

    return parse


def one_of(known: Callable[[], Sequence[str]]) -> Callable[[Sequence[str]], str]:
    def parse(words: Sequence[str]) -> str:
        word = one(words)
        if word not in known():
            raise ValueError(f"unknown '{word[:40]}' ({did_you_mean(word, known(), ', '.join(known()))})")
        return word

    return parse


def units(words: Sequence[str]) -> tuple[int, ...]:
    if list(words) in (["none"], ["0"]):
        return ()
    if len(words) > MAX_LAYERS:
        raise ValueError(f"{len(words)} layers, at most {MAX_LAYERS}")
    one = whole(1, MAX_UNITS)
    return tuple(one([word]) or 1 for word in words)


def features(words: Sequence[str]) -> tuple[str, ...]:
    spelled = {"x1^2": "x1**2", "x2^2": "x2**2", "x1²": "x1**2", "x2²": "x2**2", "x1x2": "x1*x2", "x1·x2": "x1*x2"}
    return tuple("all" if word == "all" else spelled.get(word, word) for word in words)


def defined(words: Sequence[str]) -> str | tuple[str, str]:
    """A name, or `NAME = DEFINITION`: an operation of one's own."""
    name, equals, text = " ".join(words).partition("=")
    if not equals:
        return one(words)
    name, text = name.strip(), text.strip()
    if not name.isidentifier() or not text:
        raise ValueError("an own one is NAME = DEFINITION (swoosh = x/(1 + exp(-x)))")
    return name, text if text.startswith(("y =", "y=")) else f"y = {text}"
