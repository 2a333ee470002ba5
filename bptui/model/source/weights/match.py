"""Whose numbers are whose: the modules of a file and the layers of a network, by name or in order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.printable import few, one_line
from bptui.model.base.types import Array, Shape
from bptui.model.engine.arrays import array, shape_text
from bptui.model.engine.graph import Graph, Node
from bptui.model.source.layers.context import LAYOUTS, layout_words
from bptui.model.source.weights import keras
from bptui.model.source.weights.files import tensors
from bptui.model.source.weights.given import Module
from bptui.model.source.weights.names import modules_of, written

TOLD = 6
"""Layers that a note tells one by one."""
_UNNAMED = re.compile(r"layer\d+")
"""What layers are called where nobody named them."""
_START = re.compile(r"learned_[hc]0.*")


@dataclass(frozen=True)
class Wanted:
    """The numbers that a layer has. `turns`: the dense weights, which are (in, out) here; `optional`: what a file may
    lack, running statistics, the states that a recurrent layer starts with, and the
    ones and zeros of a normalisation that is not trained."""

    layer: str
    leaves: tuple[Node, ...]
    turns: frozenset[str]
    optional: frozenset[str]

    @property
    def needed(self) -> set[str]:
        """The parts that a file must have."""
        return {node.label for node in self.leaves} - self.optional

    def fits(self, module: Module, layout: str) -> bool:
        """Are the parts of a module those of this layer?"""
        if not self.needed <= module.keys() or not module.keys() <= {node.label for node in self.leaves}:
            return False
        return all(self.shape(node, module, layout) == numbers(node, module).shape for node in self.taken(module))

    def taken(self, module: Module) -> Iterator[Node]:
        """The leaves that a module has numbers of."""
        return (node for node in self.leaves if node.label in module)

    def shape(self, node: Node, module: Module, layout: str) -> Shape:
        """What a leaf looks like in the file."""
        return node.shape[::-1] if self.turned(node.label, module, layout) else node.shape

    def turned(self, part: str, module: Module, layout: str) -> bool:
        """Does a part lie in the file as (out, in), and here as (in, out)?"""
        own = module[part].layout if part in module else ""
        return part in self.turns and (own or layout) == "out_in"

    def text(self, layout: str) -> str:
        """`layer2 (weight (3, 8), bias (3,))`, as in the file."""
        parts = (f"{node.label} {shape_text(self.shape(node, {}, layout))}" for node in self.leaves)
        return f"{self.layer} ({', '.join(parts)})"


def numbers(node: Node, module: Module) -> Array:
    """What a module has for a leaf, axes in the order of a state_dict."""
    given = module[node.label]
    return keras.each_channel(given.numbers, node.shape) if given.layout == "keras" else given.numbers


def wanted(graph: Graph) -> list[Wanted]:
    """The layers of a network that have numbers, in their order."""
    found: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if node.op is None and node.scope not in ("", "loss") and node.role in ("param", "input", "state"):
            found.setdefault(node.scope, []).append(node)
    made, read = [], _readers(graph)
    for layer, leaves in found.items():
        readers = {node.label: read.get(node.id, set()) for node in leaves}
        turns = {part for part, uses in readers.items() if {("affine", 1), ("matmul", 1)} & uses}
        norm = {
            node.label
            for node in leaves
            if node.role == "input" and any("_norm" in op for op, _ in readers[node.label])
        }
        states = {node.label for node in leaves if node.role == "state" or _START.fullmatch(node.label)}
        made.append(Wanted(layer, tuple(leaves), frozenset(turns), frozenset(norm | states)))
    return made


def _readers(graph: Graph) -> Mapping[int, set[tuple[str, int]]]:
    """By leaf the operations (of a composite the whole) that read it, and as which input."""
    found: dict[int, set[tuple[str, int]]] = {}
    for node in graph.ops:
        for position, source in enumerate(node.inputs):
            if graph.nodes[source].op is None:
                name = node.composite or (node.op.name if node.op else "")
                found.setdefault(source, set()).add((name, position))
    return found


def loaded(graph: Graph, path: Path, where: str, layout: str) -> tuple[Graph, tuple[str, ...]]:
    """The graph with the numbers of a file in its layers, and what is to be said of how they were taken.

    `layout` is that of dense weights whose names do not say it. Modules go to the layers of the same name, or where not
    every layer has one, in their order, each to the first layer that it fits. A UserError names what is missing, left
    over, or of another shape."""
    modules = modules_of(tensors(path, where), where)
    layers = wanted(graph)
    if not layers:
        raise UserError(where, "no layer has weights", "leave it out")
    pairs = _paired(layers, modules, layout)
    if (problem := _problem(layers, modules, pairs, layout)) is not None:
        other = next(each for each in LAYOUTS if each != layout)
        if _problem(layers, modules, _paired(layers, modules, other), other) is None:
            problem = problem[0], f'weight_layout = "{other}" takes {layout_words(other)}: with it all fit'
        raise UserError(where, *problem)
    nodes, turned = list(graph.nodes), False
    for layer in layers:
        module = modules[pairs[layer.layer]] if layer.layer in pairs else {}
        for node in layer.taken(module):
            given = module[node.label]
            assert node.value is not None
            value = array(numbers(node, module), f"{where}: {given.name}", dtype=node.value.dtype)
            if layer.turned(node.label, module, layout):
                value, turned = np.ascontiguousarray(value.T), True
            elif given.layout == "keras" and node.label in layer.turns:
                value = np.ascontiguousarray(keras.channels_first(graph, node, value, where))
            value.setflags(write=False)
            nodes[node.id] = replace(node, value=value)
    told = [f"{layer} is {module or 'all of it'}" for layer, module in pairs.items()]
    notes = [f"{path.name}: {few(told, TOLD)}"]
    if any(layer.turns for layer in layers):
        now = layout_words("out_in" if turned else "in_out")
        notes.append(f"{path.name}: dense weights are read as {now}, and shown as (in, out)")
    return replace(graph, nodes=tuple(nodes)), tuple(notes)


def _paired(layers: Sequence[Wanted], modules: Mapping[str, Module], layout: str) -> dict[str, str]:
    """Layer → module: by name where each layer has one, else in order, among those of its name where there are such."""
    named = {layer.layer: _called(layer.layer, modules) for layer in layers}
    if all(named[layer.layer] is not None for layer in layers if layer.needed):
        return {layer: name for layer, name in named.items() if name is not None}
    free, found = list(modules), {}
    heads = {head for layer in layers if (head := _head(layer.layer))}
    owners = {name: next((part for part in name.split(".") if part in heads), "") for name in modules}
    for layer in layers:
        mine = _head(layer.layer) if _head(layer.layer) in owners.values() else ""
        fitting = (name for name in free if owners[name] == mine and layer.fits(modules[name], layout))
        name = next(fitting, None)
        if name is not None:
            found[layer.layer] = name
            free.remove(name)
    return found


def _head(layer: str) -> str:
    """The outermost name that somebody gave to a layer or to what it stands in: `enc` of `enc.block1.think`, where
    PyTorch has `net.enc.layers.0.linear1`; "" where nobody did."""
    return next((word for word in layer.split(".") if not _UNNAMED.fullmatch(word)), "")


def _called(layer: str, modules: Mapping[str, Module]) -> str | None:
    """The one module of a layer's name, with or without what it stands in: `model.fc1` for `fc1`."""
    found = [name for name in modules if name.endswith(f".{layer}")]
    return layer if layer in modules else found[0] if len(found) == 1 else None


def _problem(
    layers: Sequence[Wanted], modules: Mapping[str, Module], pairs: Mapping[str, str], layout: str
) -> tuple[str, str] | None:
    """(what does not fit, what would be right), or None."""
    left = [name for name in modules if name not in pairs.values()]
    for layer in layers:
        name = pairs.get(layer.layer)
        if layer.fits(modules[name], layout) if name is not None else not layer.needed:
            continue
        name = left[0] if name is None and left else name
        if name is None:
            return f"{len(modules)} modules, and none is left for {layer.text(layout)}", "numbers of every layer"
        return f"nothing is there for {layer.text(layout)}: {_text(name, modules[name])}", _right(layer, modules[name])
    if left:
        more = f", and {len(left) - 1} more are" if len(left) > 1 else " is"
        return f"{_text(left[0], modules[left[0]])}{more} left over", "a layer for each in [[layers]]"
    return None


def _text(name: str, module: Module) -> str:
    parts = (f"{part} {shape_text(given.numbers.shape)}" for part, given in module.items())
    return f"{one_line(name, 40) or 'it'} has {one_line(', '.join(parts), 120)}"


def _right(layer: Wanted, module: Module) -> str:
    """What would make a module fit."""
    parts = layer.needed
    if parts - module.keys() == {"bias"} and module.keys() <= parts:
        return "use_bias = false, where it has none"
    if missing := sorted(parts - module.keys()):
        return f"also {', '.join(missing)}"
    if extra := sorted(module.keys() - parts):
        return f"without {one_line(', '.join(extra), 60)}"
    return "units and channels as in the file, layers in its order or by its names"


def state_dict(graph: Graph, value: Callable[[Node], Array | None]) -> dict[str, Array]:
    """The numbers of all layers as PyTorch's modules have them: names, (out, in). Of a graph without layers, a formula
    or a captured step, the parameters as they are called and lie there."""
    found: dict[str, Array] = {}
    for layer in wanted(graph):
        parts = {}
        for node in layer.leaves:
            numbers = _kept(node, value)
            parts[node.label] = numbers.T if node.label in layer.turns else numbers
        found |= {f"{layer.layer}.{part}": np.ascontiguousarray(numbers) for part, numbers in written(parts)}
    found = found or {node.name: _kept(node, value) for node in graph.params}
    if not found:
        raise UserError("write", "nothing is trained here", "write the selected tensor: a name that ends in .npy")
    return found


def _kept(node: Node, value: Callable[[Node], Array | None]) -> Array:
    if (numbers := value(node)) is None:
        raise UserError("write", f"{node.name} was not kept", "weights of a network that bptui trains")
    return numbers
