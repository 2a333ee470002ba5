"""bptui from Python: `network(loss)` turns what leads to a loss into a Network, by the same way as a formula; `debug`,
`check` and `grads` are what is asked of it. `find` says what `bptui.NAME` is: one of these, or an operation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bptui.model.base import unsupported
from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.schema import Table
from bptui.model.base.types import Array
from bptui.model.engine import ops
from bptui.model.engine.build import Builder
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.spelling import nearest
from bptui.model.engine.optimizers import OPTIMIZERS, OPTIONS
from bptui.model.source.network import Network
from bptui.model.source.optimizer_table import read_optimizer
from bptui.recurrent import gru, lstm, rnn
from bptui.tensors import DERIVATIVE, Tensor, a_or_an, d, data, function, op, param

if TYPE_CHECKING:
    from bptui.symbolic.types import CheckRow, Report

DTYPES = ("float64", "float32")
SETTINGS = ("name", "optimizer", "learning_rate", "dtype", "seed", *OPTIONS, "clip_norm", "clip_value", "schedule",
            "groups", "update", "states")  # fmt: skip
"""What `network`, and with it `debug` and `check`, may be told."""


def network(
    loss: Tensor,
    *,
    name: str = "python",
    optimizer: str = "sgd",
    learning_rate: float | None = None,
    dtype: str = "float64",
    seed: int = 0,
    **options: Any,
) -> Network:
    """What leads to `loss` as a Network. options: those of an [optimizer] table (momentum, clip_norm, schedule, groups,
    update with its states). learning_rate: 0.1 where none is said, of lbfgs 1."""
    if not isinstance(loss, Tensor):
        raise UserError(
            "bptui", f"the loss is {a_or_an(type(loss).__name__)}", "a Tensor such as bptui.mse(prediction, target)"
        )
    if dtype not in DTYPES:
        raise UserError("bptui", f"there is no dtype {str(dtype)[:40]!r}", " or ".join(DTYPES))
    if "update" not in options and (wrong := next((key for key in options if key not in SETTINGS), None)):
        right = "learning_rate=0.1" if wrong == "lr" else did_you_mean(wrong, SETTINGS, ", ".join(SETTINGS))
        raise UserError("bptui", f"there is no setting {wrong[:40]!r}", right)
    tensors = _ancestors(loss)
    whole = {
        item.serial
        for tensor in tensors
        if tensor.op
        for role, item in zip(tensor.op.input_names, tensor.inputs, strict=False)
        if isinstance(item, Tensor) and role in tensor.op.indices
    }
    builder = Builder(dtype, where="bptui", reserved=[tensor.name for tensor in tensors if tensor.name])
    nodes: dict[int, Node] = {}
    counts = {"param": 0, "data": 0}
    for tensor in tensors:
        if tensor.op is None:
            kind = "param" if tensor.trained else "data"
            counts[kind] += 1
            called = tensor.name or f"{kind}{counts[kind]}"
            labels = tensor.serial in whole
            if labels and tensor.trained:
                raise UserError(f"bptui: {called}", "whole numbers cannot be trained", "give labels as bptui.data")
            role = "param" if tensor.trained else "input"
            nodes[tensor.serial] = builder.leaf(called, role, tensor.value, whole=labels)  # type: ignore[arg-type]
        else:
            inputs = [nodes[item.serial] if isinstance(item, Tensor) else item for item in tensor.inputs]
            called_or_not = tensor.name or ("loss" if tensor is loss else None)
            made: Callable[..., Node] = partial(builder.use, tensor.op)
            if tensor.op is DERIVATIVE:
                made = builder.derivatives.of
            nodes[tensor.serial] = made(*inputs, name=called_or_not, **tensor.attributes)
    graph = builder.finish(nodes[loss.serial], aliases={} if loss.name == "loss" else {"loss": nodes[loss.serial]})
    content: dict[str, Any] = dict(options)
    if "update" not in options:
        content["kind"] = optimizer
    row = OPTIMIZERS.get(optimizer)
    if learning_rate is not None or row is None or row.room is None:
        content["learning_rate"] = 0.1 if learning_rate is None else learning_rate
    table = Table(content, "bptui", "optimizer")
    return Network(name, graph, read_optimizer(table, [node.name for node in graph.params]), dtype, seed)


def _ancestors(loss: Tensor) -> list[Tensor]:
    """All tensors that lead to the loss, in the order in which they were made."""
    found = {loss.serial: loss}
    waiting = [loss]
    while waiting:
        for item in waiting.pop().inputs:
            if isinstance(item, Tensor) and item.serial not in found:
                found[item.serial] = item
                waiting.append(item)
    return [found[serial] for serial in sorted(found)]


def debug(loss: Tensor, **options: Any) -> None:
    """Open the debugger on the training step of `loss`; returns when it is closed. options: see `network`."""
    from bptui import cli

    made = network(loss, **options)
    cli.debug(made.name, lambda: made)


def check(
    loss: Tensor, *, against: Mapping[str, Any] | None = None, claims: Sequence[str] = (), **options: Any
) -> Report:
    """Check every derivative of the training step of `loss`; `.ok`, and the rows with their reasons.

    against  your own gradients by name, {"w": numbers}, or {"values": {…}, "grads": {…}}: arrays, lists, PyTorch's
             tensors. Rows "against" say whether they are equal, and what was forgotten where they are not
    claims   gradients as formulas, "w = -2*x*(y - w*x)": rows "claim" say whether SymPy proves them
    """
    from bptui.symbolic.against.claims import claim
    from bptui.symbolic.check import check_step

    made = network(loss, **options)
    recording = made.program().record()
    rows: list[CheckRow] = []
    if against is not None:
        from bptui.model.source.own_numbers import from_mapping
        from bptui.symbolic import against as own

        rows += own.against(recording, from_mapping(against, "against"), "against").rows
    rows += [claim(recording, text).row for text in ([claims] if isinstance(claims, str) else claims)]
    found = check_step(recording)
    return replace(found, rows=(*found.rows, *rows))


def grads(loss: Tensor, **options: Any) -> dict[str, Array]:
    """The gradients of `loss` by name, each an array of its own in the shape of its tensor: of all parameters and given
    numbers that have one, and of what has a name. Without a name they are called param1, data1, …, as `check` does."""
    made = network(loss, **options)
    recording = made.program().record()
    found: dict[str, Array] = {}
    unnamed = re.compile(r"(.+\.)?t\d+")
    derived = {of for i in made.graph.derivatives if unnamed.fullmatch(of := made.graph.nodes[i].name)}
    for name, node in made.graph.by_name.items():
        grad = recording.grad(node)
        named = node.op is None or (not unnamed.fullmatch(name) and node.scope not in derived)
        if grad is not None and named and node.role != "const":
            found[name] = np.array(grad)
    return found


PUBLIC: dict[str, Callable[..., Any] | type] = {
    "param": param, "data": data, "network": network, "debug": debug, "check": check, "grads": grads, "op": op,
    "d": d, "gru": gru, "lstm": lstm, "rnn": rnn, "Tensor": Tensor, "UserError": UserError,
}  # fmt: skip


def find(name: str) -> Any:
    """What `bptui.NAME` is: one of PUBLIC, or an operation."""
    if name in PUBLIC:
        return PUBLIC[name]
    if name in unsupported.PYTHON:
        raise AttributeError(f"bptui.{name} {unsupported.NOT_YET} ({unsupported.PYTHON[name]})")
    if name not in names():
        near = nearest(name, names())
        raise AttributeError(f"module 'bptui' has no attribute '{name}'" + (f"; {near}" if near else ""))
    return function(ops.get(name))


def names() -> list[str]:
    """Everything that `bptui.NAME` may be."""
    return [*PUBLIC, *ops.OPS, *ops.COMPOSITES]
