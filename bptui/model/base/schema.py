"""Reading a table of a file key by key, so that every message names file, key, what was found and what was expected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.numbers import significant
from bptui.model.base.printable import printable

MAX_TEXT = 10_000


class Key(NamedTuple):
    """A key of a table: its check (returns the value normalised or raises ValueError), default, and what it is for."""

    check: Callable[[Any], Any]
    default: Any = None
    doc: str = ""
    required: bool = False


class Table:
    """A table of a network file. `where` is the file, `path` the table's own key ("" at the top)."""

    def __init__(self, content: Any, where: str, path: str = "") -> None:
        self.where, self.path = where, path
        if not isinstance(content, Mapping):
            raise UserError(self.at(), f"found {kind_of(content)}", "expected a table of keys")
        self.content = content

    def at(self, key: str = "") -> str:
        """`net.toml: layer2.weight`."""
        full = ".".join(part for part in (self.path, key) if part)
        return f"{self.where}: {full}" if full else self.where

    def __contains__(self, key: str) -> bool:
        return key in self.content

    def get(self, name: str, key: Key) -> Any:
        """The value of one key."""
        if name not in self.content:
            if key.required:
                raise UserError(self.at(), f"'{name}' is missing", key.doc)
            return key.default
        try:
            return key.check(self.content[name])
        except (ValueError, TypeError, OverflowError) as problem:
            raise UserError(self.at(name), str(problem)) from None

    def only(self, known: Iterable[str], what: str = "key") -> None:
        """A UserError for the first key that is not one of `known`."""
        known = list(known)
        for name in self.content:
            if name not in known:
                shown = str(name)[:40]
                raise UserError(
                    self.at(), f"unknown {what} '{shown}'", did_you_mean(shown, known, "known: " + ", ".join(known))
                )

    def read(self, keys: Mapping[str, Key], also: Iterable[str] = ()) -> dict[str, Any]:
        """All keys of a table of `keys`; `also` are keys that are read elsewhere."""
        self.only([*also, *keys])
        return {name: self.get(name, key) for name, key in keys.items()}


def kind_of(value: Any) -> str:
    """What a value of a file is, in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {value[:30]!r}"
    if isinstance(value, int | float):
        return (
            f"the number {significant(value, 10)}"
            if not isinstance(value, int) or abs(value) < 10**15
            else "a large number"
        )
    if isinstance(value, Mapping):
        return "a table"
    return "a list" if isinstance(value, list | tuple) else "a date or a time"


def text(value: Any) -> str:
    """A text of some length, as it is shown."""
    if not isinstance(value, str):
        raise ValueError(f"expected a text, found {kind_of(value)}")
    if len(value) > MAX_TEXT:
        raise ValueError(f"{len(value):,} characters, at most {MAX_TEXT:,}")
    return printable(value, keep="\n")


def any_value(value: Any) -> Any:
    """Checked where it is used."""
    return value


MAX_NAMES = 1_000


def names(value: Any) -> tuple[str, ...]:
    """A list of names."""
    expected = 'expected a list of names such as ["w", "b"], found'
    if not isinstance(value, list | tuple):
        raise ValueError(f"{expected} {kind_of(value)}")
    if odd := [item for item in value if not isinstance(item, str)]:
        raise ValueError(f"{expected} {kind_of(odd[0])} in it")
    if len(value) > MAX_NAMES:
        raise ValueError(f"{len(value):,} names, at most {MAX_NAMES:,}")
    return tuple(value)


def this_format(number: int) -> Callable[[Any], int]:
    """The one version of a file of ours that can be read."""

    def check(value: Any) -> int:
        if value != number:
            raise ValueError(f"this bptui reads format {number}, found {kind_of(value)}")
        return number

    return check


def one_of(*words: str) -> Callable[[Any], str]:
    """One of some words, with a suggestion."""

    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(f"expected one of {', '.join(words)}, found {kind_of(value)}")
        if value not in words:
            raise ValueError(f"unknown '{value[:40]}' ({did_you_mean(value, words, 'known: ' + ', '.join(words))})")
        return value

    return check
