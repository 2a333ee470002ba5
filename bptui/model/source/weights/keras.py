"""The weights of Keras as PyTorch's modules have them (https://keras.io/api/layers/): kernels of convolutions are
(height, width, in, out), cells have their gates side by side, and a dense layer behind images counts its inputs with
the channels last."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.printable import one_line
from bptui.model.base.types import Array, Shape
from bptui.model.engine.graph import Graph, Node
from bptui.model.source.weights.given import Given, Module

CELL = ("kernel", "recurrent_kernel", "bias")
GATES: Mapping[int, tuple[int, ...]] = {1: (0,), 3: (1, 0, 2), 4: (0, 1, 2, 3)}
"""By how many gates a cell has, PyTorch's order of Keras' gates: z r h are r z n; i f c o are i f g o."""
_DIRECTION = re.compile(r"(?:(.*)\.)?(forward|backward)_[^.]*")


def kernel(given: Given) -> Given:
    """The weight of a dense layer, or of a convolution as (out, in, height, width)."""
    if given.numbers.ndim <= 2:
        return given._replace(layout="keras")
    return given._replace(numbers=np.moveaxis(given.numbers, (-1, -2), (0, 1)), layout="keras")


def each_channel(kernel: Array, shape: Shape) -> Array:
    """A kernel (multiplier, channels, height, width) of channels by themselves as (channels·multiplier, 1, height,
    width), where that is the shape that is wanted; any other as it is."""
    if kernel.ndim < 3 or kernel.shape == shape or shape != (kernel.shape[0] * kernel.shape[1], 1, *kernel.shape[2:]):
        return kernel
    return kernel.swapaxes(0, 1).reshape(shape)


def cells(modules: Mapping[str, Module], where: str) -> dict[str, Module]:
    """The modules with those of recurrent cells as PyTorch's LSTM has them, both directions in one."""
    found: dict[str, dict[str, Given]] = {}
    for name, module in modules.items():
        suffix, parts = "", dict(module)
        if CELL[1] in module:
            name = name.rpartition(".")[0] if name.endswith("_cell") else name
            if direction := _DIRECTION.fullmatch(name):
                name, suffix = direction[1] or "", "_reverse" if direction[2] == "backward" else ""
            parts = _cell(module, suffix, where)
        found.setdefault(name, {}).update(parts)
    return dict(found)


def _cell(module: Module, suffix: str, where: str) -> dict[str, Given]:
    inner, outer = module[CELL[1]].numbers, module["kernel"].numbers if "kernel" in module else None
    units = inner.shape[0] if inner.ndim == 2 else 0
    order = GATES.get(inner.shape[1] // units if units else 0)
    if order is None or outer is None or outer.ndim != 2 or outer.shape[1] != inner.shape[1] or inner.shape[1] % units:
        at = f"{where}: {one_line(module[CELL[1]].name, 60)}"
        raise UserError(at, "is no cell of an LSTM, a GRU or a SimpleRNN", "kernel (in, gates·units), recurrent_kernel")

    def rows(given: Given, numbers: Array) -> Given:
        gates = np.split(numbers, len(order), axis=-1)
        return given._replace(numbers=np.concatenate([gates[n] for n in order], axis=-1).T)

    made = {"w_ih": rows(module["kernel"], outer), "w_hh": rows(module[CELL[1]], inner)}
    if bias := module.get("bias"):
        # a GRU that resets after the product has two, as PyTorch has; the others have one
        both = bias.numbers if bias.numbers.ndim == 2 else np.stack([bias.numbers, np.zeros_like(bias.numbers)])
        if both.shape != (2, inner.shape[1]):
            raise UserError(
                f"{where}: {one_line(bias.name, 60)}", "is no bias of that cell", f"{inner.shape[1]} numbers"
            )
        made |= {"b_ih": rows(bias, both[0]), "b_hh": rows(bias, both[1])}
    return {f"{part}{suffix}": given for part, given in made.items()}


def channels_first(graph: Graph, leaf: Node, weight: Array, where: str) -> Array:
    """A dense weight whose rows Keras counts with the channels last, as they are counted here; itself where no images
    are made flat before it. A UserError where something between the two has numbers that would have to be turned, too.
    """
    reader = next(node for node in graph.ops if leaf.id in node.inputs)
    node, odd = graph.nodes[reader.inputs[0]], ""
    while node.op is not None and node.op.name != "reshape" and node.inputs and len(node.shape) == 2:
        if "_norm" in node.composite or not (node.op.elementwise or node.op.name == "dropout"):
            odd = node.composite or node.op.name
        node = graph.nodes[node.inputs[0]]
    images = graph.nodes[node.inputs[0]].shape if node.op is not None and node.op.name == "reshape" else ()
    if len(images) < 4 or len(node.shape) != 2 or node.shape[1] != weight.shape[0]:
        return weight
    if odd:
        raise UserError(where, f"between flatten and {leaf.name} stands {odd}", "channels_first, or a state_dict")
    channels, *sides = images[1:]
    return np.moveaxis(weight.reshape(*sides, channels, -1), -2, 0).reshape(weight.shape)
