"""One use of an operation, before it is a node: how many inputs, which attributes, what shape, which row it really is;
and every mistake in it told."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.kinds import meeting
from bptui.model.base.numbers import significant
from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine import ops
from bptui.model.engine.arrays import MAX_ELEMENTS, room, shape_text
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.base import Composite, Op
from bptui.model.engine.ops.spelling import spelled


def signature(op: Op | Composite) -> str:
    """How to call it: `conv2d(x, weight, bias?, stride=1, padding=0)`."""
    settings = [n if a.required else f"{n}={a.default!r}" for n, a in op.attributes.items()]
    return f"{op.name}({', '.join([*op.inputs, *settings])})"


def settle(op: Op | Composite, given: Mapping[str, Any], where: str) -> Attributes:
    """All attributes of one use of `op`: given ones checked and normalised, the others at their defaults."""
    given = {spelled(name, op.attributes): value for name, value in given.items()}
    for name in given:
        if name not in op.attributes:
            known = f"it takes {', '.join(op.attributes)}" if op.attributes else f"write {signature(op)}"
            raise UserError(where, f"{op.name} has no setting '{name}'", did_you_mean(name, op.attributes, known))
    settled = {}
    for name, attribute in op.attributes.items():
        if name not in given:
            if attribute.required:
                raise UserError(where, f"{op.name} needs '{name}'", f"write {signature(op)}")
            settled[name] = attribute.default
            continue
        try:
            settled[name] = attribute.check(given[name])
        except (ValueError, TypeError, OverflowError) as problem:
            raise UserError(where, f"{op.name}: {name}={_short(given[name])}", str(problem)) from None
    return MappingProxyType(settled)


def arity(op: Op | Composite, count: int, where: str) -> None:
    """A UserError where `op` does not take `count` inputs."""
    least = sum(not name.endswith("?") for name in op.inputs)
    if not least <= count <= len(op.inputs):
        takes = f"{least}" if least == len(op.inputs) else f"{least} to {len(op.inputs)}"
        raise UserError(where, f"{op.name} takes {takes} inputs, found {count}", f"write {signature(op)}")


def output_shape(
    op: Op, labels: Sequence[str], shapes: Sequence[Shape], attributes: Attributes, where: str, most: int = MAX_ELEMENTS
) -> Shape:
    """The shape that `op` gives; where the inputs do not fit, a UserError names the use, `matmul(x, W)`, and why."""
    try:
        shape = tuple(int(size) for size in op.shape(shapes, attributes))
    except ValueError as problem:
        use = f"{op.name}({', '.join(labels)})"
        what, *right = problem.args or ("the shapes do not fit: " + " and ".join(map(shape_text, shapes)),)
        raise UserError(where, f"{use}: {what}", " ".join(map(str, right))) from None
    room(shape, where, most)
    return shape


def dispatched(op: Op, shapes: Sequence[Shape], attributes: Attributes) -> Op:
    """The row that this use of `op` really is: cross_entropy of probabilities is another one than of labels."""
    name = op.dispatch(shapes, attributes) if op.dispatch is not None else None
    return ops.OPS[name] if name else op


def inside(values: Array, bounds: tuple[int, ...], where: str, name: str, op: Op) -> None:
    """A UserError for the first label or position that is out of range (`Bounds`) of an operation."""
    wrong = (values < bounds[0]) | (values >= bounds[1])
    if len(bounds) > 2:
        wrong &= values != bounds[2]
    outside = np.argwhere(wrong)
    if len(outside):
        at = tuple(int(i) for i in outside[0])
        found = f"{op.name}: {name}{list(at) if at else ''} is {values[at]}"
        right = f"expected {bounds[0]} to {bounds[1] - 1}" if bounds[1] > bounds[0] else "there are no classes"
        if len(bounds) > 2:
            right += f", or {bounds[2]} to leave it out"
        elif "ignore_index" in op.attributes and values[at] < 0:
            right += f"; ignore_index={values[at]} leaves such samples out"
        if values[at] == bounds[1] and values.min() == 1:
            right += ", counted from 0"
        raise UserError(where, found, right)


def whole_where_needed(op: Op | Composite, nodes: Sequence[Node], where: str) -> None:
    """Labels and positions are whole numbers, everything else is not."""
    for name, node in zip(op.input_names, nodes, strict=False):
        if name in op.indices and not node.whole:
            raise UserError(
                where,
                f"{op.name}: '{name}' takes whole numbers, '{node.name}' is not",
                "give it as a value of its own",
            )
        if name not in op.indices and node.whole and any(map(op.differentiable, range(len(nodes)))):
            what = f"{op.name}: '{node.name}' holds whole numbers, and '{name}' takes floats"
            raise UserError(where, what, "a name is used either as an index or as a number")


def kind_of(op: Op, nodes: Sequence[Node], attributes: Attributes, own: str) -> str:
    """The kind of a result, "" for the program's `own`: a cast says it; else that in which its inputs meet. As in
    PyTorch a number of a formula, or one of no dimension beside tensors, changes no kind; nor do masks and labels."""
    if op.name == "cast":
        made = str(attributes["dtype"])
    else:
        numbers = [n for n in nodes if n.role != "random" and not n.whole and (n.shape or n.role != "const")]
        counted = [n for n in numbers if n.shape] or numbers
        if not any(n.kind for n in counted):
            return ""
        made = meeting(n.kind or own for n in counted)
    return "" if meeting((made, own)) == made else made


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "…"


def fold_numbers(operation: str, a: float, b: float, where: str) -> float:
    """`a` operation `b` for two numbers written in a formula: one number, or a UserError where that is not one."""
    try:
        if operation == "**":
            result = a**b
        else:
            result = a + b if operation == "+" else a - b if operation == "-" else a * b if operation == "*" else a / b
    except (OverflowError, ZeroDivisionError):
        result = math.nan
    if isinstance(result, complex) or not math.isfinite(result):
        raise UserError(where, f"{significant(a)} {operation} {significant(b)} is not a finite number")
    return float(result)
