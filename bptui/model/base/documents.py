"""TOML and JSON that others wrote: bounded before they are parsed, so that no text of a few bytes takes gigabytes.

Python's own parsers have no limits: a dotted key of 60,000 parts takes tomllib 14 GB, a whole number of many digits has
no float. What is bounded here is what the depth and the count of the parsed tables and numbers come from. They are
imported when there is something to parse: the first frame does without them.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from bptui.model.base.errors import UserError

MAX_DEPTH = 40
"""Lists in lists, tables in tables."""
MAX_PARTS = 10
"""Of a dotted key."""
MAX_WORD = 250
"""Characters of a bare key, and of a number: in hexadecimal, too, that many fit a float64."""
MAX_KEYS = 100_000

_TEXTS = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+(?:""")?'
    r"|'''(?:[^']|'(?!''))*+(?:''')?"
    r'|"(?:[^"\\\n]|\\.)*+"?'
    r"|'[^'\n]*+'?"
    r"|#[^\n]*+",
    re.DOTALL,
)
"""Quoted texts and comments, also where they are never closed: nothing in them is structure."""
_LONG = re.compile(rf"[\w.+-]{{{MAX_WORD + 1},}}")
_DOTTED = re.compile(rf'(?<![\w"-])(?:(?:[\w-]++|")[ \t]*+\.[ \t]*+){{{MAX_PARTS},}}+')
_BRACKETS = re.compile(r"[^\[\]{}]++")


def toml(text: str, where: str) -> Any:
    """What a TOML text says; a UserError where it is not TOML or is beyond a limit."""
    import tomllib

    return _parsed(partial(tomllib.loads, parse_float=partial(_number, where, "inf")), "TOML", text, where, "=")


def from_json(text: str, where: str) -> Any:
    """What a JSON text says; a UserError where it is not JSON or is beyond a limit."""
    import json

    return _parsed(partial(json.loads, parse_float=partial(_number, where, "Infinity")), "JSON", text, where, ":")


def strict_json(content: bytes, where: str) -> Any:
    """What JSON in UTF-8 says, read at the speed of Python's own parser: a UserError where it is no JSON, a key stands
    twice in a table, or a number is none (`NaN`). For files of programs, with very many rows. How deep lists may lie in
    each other is left to Python's limit: whoever reads the rows follows them no further than it needs.
    """
    import json

    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_table, parse_constant=_no_number)
    except UnicodeDecodeError:
        raise UserError(where, "is not text in UTF-8") from None
    except RecursionError:
        raise UserError(where, "lists are nested too deep") from None
    except ValueError as problem:
        raise UserError(where, f"not JSON: {problem}") from None


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key '{twice[:40]}' stands twice in one table")
    return found


def _number(where: str, infinity: str, text: str) -> float:
    """A number; a UserError for one that no float64 is, as 1e999: infinity is meant where it is written."""
    number = float(text)
    if math.isinf(number) and "inf" not in text:
        raise UserError(where, f"{text} is too large", f"numbers up to 1.8e308, or {infinity}")
    return number


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _parsed(parse: Callable[[str], Any], kind: str, text: str, where: str, sign: str) -> Any:
    _bounded(text, where, sign)
    try:
        return parse(text)
    except RecursionError:
        raise UserError(where, "lists are nested too deep", f"at most {MAX_DEPTH} in each other") from None
    except ValueError as problem:
        raise UserError(where, f"not {kind}: {problem}") from None


def _bounded(text: str, where: str, sign: str) -> None:
    """A UserError for what is too deep, too long or too much. In time that grows as the text, without a parser."""
    bare = _TEXTS.sub(lambda found: "" if found[0][0] == "#" else '"' + "\n" * found[0].count("\n"), text)
    if word := _DOTTED.search(bare):
        count = word[0].count(".") + 1
        raise UserError(_line(where, bare, word.start()), f"a key of {count:,} parts", f"at most {MAX_PARTS}")
    if word := _LONG.search(bare):
        what = f"a key or a number of {len(word[0]):,} characters"
        raise UserError(_line(where, bare, word.start()), what, f"at most {MAX_WORD}")
    if bare.count(sign) > MAX_KEYS or bare.count("\n[") > MAX_KEYS // 10:
        raise UserError(where, "too many keys", f"at most {MAX_KEYS:,}, and {MAX_KEYS // 10:,} tables")
    depth = 0
    for bracket in _BRACKETS.sub("", bare):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise UserError(where, "lists or tables are nested too deep", f"at most {MAX_DEPTH} in each other")


def _line(where: str, text: str, at: int) -> str:
    number = text.count("\n", 0, at) + 1
    return f"{where} line {number}" if "\n" in text else where
