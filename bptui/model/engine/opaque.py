"""An operation of which only the numbers are known: a step that somebody recorded calls it, and nothing says what it
computes. It steps like any other; it has no definition, so it is neither derived nor checked."""

from __future__ import annotations

from typing import Any

from bptui.model.base.types import Shape
from bptui.model.engine.ops.base import Op

SAID = "opaque: values and gradients as recorded, no definition"


def opaque(name: str, inputs: tuple[str, ...], shape: Shape, why: str = "") -> Op:
    """The row of such an operation, of one use that gives `shape`; `why` nobody knows it. To plan it is a TypeError."""

    def unknown(*_: Any) -> Any:
        raise TypeError(f"{name} is opaque: only its recorded numbers are known")

    said = f"opaque: {why}; values and gradients as recorded" if why else SAID
    return Op(name, inputs, "", lambda shapes, attributes: shape, unknown, unknown, said)
