"""`::open TARGET`: the network of an example, of a file beside the lesson, of a formula, or of the explorer race."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

from bptui.model.base.documents import from_json
from bptui.model.base.errors import UserError
from bptui.model.base.numbers import significant
from bptui.model.source.examples import examples
from bptui.model.source.network import Network, from_formula, load

EXAMPLE = '::open eval "L = (y - w*x)**2" x=2 y=2 w=0.5 --train w --lr 0.1'


def network(target: str, folder: Path) -> Network:
    """The network of `target`; `folder` is the lesson's. UserError where there is none."""
    word, _, rest = target.partition(" ")
    if word == "eval":
        return _formula(rest)
    if word == "race":
        return _raced(rest.strip())
    if target in (name for name, _ in examples()):
        return load(target)
    path = Path(target)
    if path.is_absolute() or ".." in path.parts:
        raise UserError("::open", f"'{target[:40]}' is not beside the lesson", "an example, or a file in its folder")
    beside = folder / path
    if os.path.isfile(beside):
        return load(str(beside))
    try:
        return load(target)  # says what is near
    except UserError as error:
        raise UserError("::open", f"{target[:40]}: {error.what}", error.right) from None


def _raced(name: str) -> Network:
    """A problem of the explorer race, the first one where none is named."""
    from bptui.teach.explore.race import PROBLEMS, network_of

    found = next((problem for problem in PROBLEMS if problem.name == (name or PROBLEMS[0].name)), None)
    if found is None:
        names = ", ".join(problem.name for problem in PROBLEMS)
        raise UserError("::open race", f"there is no problem '{name[:40]}'", names)
    return network_of(found)


def _formula(text: str) -> Network:
    """`"L = (y - w*x)**2" x=2 y=2 w=0.5 --train w --lr 0.1`, as `bptui eval` takes it."""
    try:
        words = shlex.split(text)
    except ValueError as problem:
        raise UserError("::open eval", str(problem).lower(), EXAMPLE) from None
    if not words:
        raise UserError("::open eval", "the formula is missing", EXAMPLE)
    source, *words = words
    given: dict[str, Any] = {}
    options = {"--train": "", "--lr": "0.1"}
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if name in options:
            options[name] = value if equals else words.pop(0) if words else ""
        elif equals and name not in given:
            given[name] = from_json(value, f"::open eval: {name[:40]}")
        else:
            several = options["--train"] and word.isidentifier()
            right = f"--train {options['--train']},{word}" if several else EXAMPLE
            raise UserError("::open eval", f"'{word[:40]}' is not NAME=VALUE", right)
    try:
        rate = float(options["--lr"])
    except ValueError:
        raise UserError("::open eval", f"--lr {options['--lr'][:20]} is not a number", EXAMPLE) from None
    if not 0 < rate < float("inf"):
        raise UserError("::open eval", f"--lr {significant(rate)}", "a number greater than 0")
    train = [name.strip() for name in options["--train"].split(",") if name.strip()]
    return from_formula(source, given, train, learning_rate=rate)
