"""Operations of one's own: `[ops.NAME]` of a network file, `NAME = op("…")` in a formula, `bptui.op("…")`.

A definition (docs/definitions.md) is all that is given. What its backward rule is has to be derived, so the row is made
by `bptui.symbolic.custom.make`. The numbers never import the proof: it is asked for by name, and only when an operation
is defined (here) or a derivative in a graph needs a rule that is not mathematics (`bptui.model.engine.derivative`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from bptui.model.base.errors import Part, UserError
from bptui.model.engine import ops
from bptui.model.engine.ops.base import Op

MAKER = "bptui.symbolic.custom"
MAX_DEFINITION = 2_000
MAX_OPERATIONS = 20
"""Of one network: SymPy may take two seconds for each."""


def define(
    own: dict[str, Op],
    name: str,
    definition: str,
    where: str,
    settings: Mapping[str, Any],
    inputs: Sequence[str],
) -> None:
    """Add the row of an operation to those of a network; a UserError as in `make`, and where they are too many."""
    if len(own) >= MAX_OPERATIONS:
        raise UserError(where, f"more than {MAX_OPERATIONS} operations of your own", f"at most {MAX_OPERATIONS}")
    own[name] = make(name, definition, where, settings, inputs)


def make(
    name: str,
    definition: str,
    where: str,
    settings: Mapping[str, Any] | None = None,
    inputs: Sequence[str] = (),
) -> Op:
    """The row of an operation called `name`; a UserError where the definition does not parse or cannot be derived.

    settings  its attributes with their defaults, numbers;  inputs  their order, where it is not that of the text
    """
    if not name.isidentifier() or len(name) > 64:
        raise UserError(where, f"'{name[:64]}' is not a name", "letters, digits and _")
    if name in ops.OPS or name in ops.COMPOSITES:
        raise UserError(where, f"there is an operation '{name}' already", "give yours a name of its own")
    if len(definition) > MAX_DEFINITION:
        raise UserError(where, f"{len(definition):,} characters", f"at most {MAX_DEFINITION:,}")
    try:
        maker = import_module(MAKER)
    except ModuleNotFoundError as missing:
        if missing.name not in ("sympy", "mpmath"):
            raise
        raise UserError(where, "an operation of your own needs SymPy to derive it", "pip install sympy") from None
    try:
        row: Op = maker.make(name, definition, where, settings or {}, inputs)
    except UserError as problem:
        raise _as_written(problem, definition, where) from None
    return row


def _as_written(problem: UserError, definition: str, where: str) -> UserError:
    """The error at the line and column of the text as its author wrote it: the maker looks at lines without indents."""
    if problem.part is None:
        return problem
    before = definition[: len(definition) - len(definition.lstrip())].count("\n")
    lines = definition.split("\n")
    line = min(problem.part.line + before, len(lines))
    column = problem.part.column + len(lines[line - 1]) - len(lines[line - 1].lstrip())
    place = f"line {line}, column {column}" if len(lines) > 1 else f"column {column}"
    return UserError(f"{where}, {place}", problem.what, problem.right, Part(definition, line, column))


def found_in(content: str, part: Part) -> tuple[int, int] | None:
    """Line and column, from 1, of a part of a text inside of the text that it stands in; None where it does not stand
    there as it is (escapes), or more than once."""
    if content.count(part.text) != 1:
        return None
    at = content.index(part.text)
    for line in part.text.split("\n")[: part.line - 1]:
        at += len(line) + 1
    at += part.column - 1
    before = content[:at]
    return before.count("\n") + 1, at - before.rfind("\n")
