"""Operations of one's own: `[ops.NAME]` of a network file, `NAME = op("…")` in a formula, `bptui.op("…")`.

A definition (docs/definitions.md) is all that is given. What its backward rule is has to be derived, so the row is made
by `bptui.symbolic.own.make(name, definition, where) -> Op`. The numbers never import the proof: this is the one place
that asks for it, by name, and only when an operation is defined.
"""

from __future__ import annotations

from importlib import import_module

from bptui.model import ops
from bptui.model.errors import UserError
from bptui.model.ops.base import Op

MAKER = "bptui.symbolic.own"
MAX_DEFINITION = 2_000


def make(name: str, definition: str, where: str) -> Op:
    """The row of an operation called `name`; a UserError where the definition does not parse or cannot be derived."""
    if not name.isidentifier() or len(name) > 64:
        raise UserError(where, f"'{name[:64]}' is not a name", "letters, digits and _")
    if name in ops.OPS or name in ops.COMPOSITES:
        raise UserError(where, f"there is an operation '{name}' already", "give yours a name of its own")
    if len(definition) > MAX_DEFINITION:
        raise UserError(where, f"{len(definition):,} characters", f"at most {MAX_DEFINITION:,}")
    try:
        maker = import_module(MAKER)
    except ModuleNotFoundError as missing:
        if missing.name != MAKER:
            raise
        right = "write it as a formula of the operations that there are: docs/operations.md"
        raise UserError(where, "operations of your own are not part of this version", right) from None
    row: Op = maker.make(name, definition, where)
    return row
