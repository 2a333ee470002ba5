"""bptui/__init__.pyi: `python -m tests.stub > bptui/__init__.pyi`. Its names are looked up when they are first used, so
that an editor and a type checker know of them from here; a test compares."""

from __future__ import annotations

from keyword import iskeyword

from bptui.model.engine import ops
from bptui.model.engine.ops.base import Composite, Op
from bptui.python import PUBLIC

WIDTH = 120

HEAD = '''\
"""bptui from Python. Made from the rows of the operations by `python -m tests.stub > bptui/__init__.pyi`."""

from typing import Any

from bptui.model.base.errors import UserError as UserError
'''


def stub() -> str:
    """The stub: what the package has of its own, then every operation."""
    own = sorted(name for name in PUBLIC if name != "UserError")
    imports = sorted(f"from {PUBLIC[name].__module__} import {name} as {name}\n" for name in own)
    lines = [HEAD + "".join(imports), "__version__: str\n"]
    rows: dict[str, Op | Composite] = {**ops.OPS, **ops.COMPOSITES}
    lines += [_function(row) for name, row in sorted(rows.items()) if not iskeyword(name)]
    return "\n".join(lines) + "\n"


def _function(row: Op | Composite) -> str:
    """`def softmax(x: Any, *, axis: Any = ..., name: str | None = ...) -> Tensor: ...`, in ruff's format."""
    given = [f"{name.rstrip('?')}: Any{' = ...' if name.endswith('?') else ''}" for name in row.inputs]
    settings = [f"{name}: Any{'' if a.required else ' = ...'}" for name, a in row.attributes.items()]
    parts = [*given, "*", *settings, "name: str | None = ..."]
    made = "Tensor" if not isinstance(row, Op) or row.results is None else "Any"  # all parts, or the one that is said
    short = f"def {row.name}({', '.join(parts)}) -> {made}: ..."
    if len(short) <= WIDTH:
        return short
    inner = ", ".join(parts)
    if len(inner) + 4 <= WIDTH:
        return f"def {row.name}(\n    {inner}\n) -> {made}: ..."
    rows = ",\n    ".join(parts)
    return f"def {row.name}(\n    {rows},\n) -> {made}: ..."


if __name__ == "__main__":
    print(stub(), end="")
