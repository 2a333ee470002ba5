"""Trained numbers in files: a PyTorch state_dict as safetensors, NPZ or JSON, read into the layers of a network and
written from them.

Names are PyTorch's (`0.weight`, `fc1.bias`, `lstm.weight_hh_l0`, `attn.in_proj_weight`), and so is how dense weights
lie, (out, in): https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html and the pages of LSTM and
MultiheadAttention beside it. Of Keras its `kernel`, (in, out), `gamma`, `beta` and `moving_mean` are known. Nothing in
a file is executed; a pickle is refused by its suffix.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from bptui.model.base import safetensors
from bptui.model.base.documents import from_json
from bptui.model.base.errors import UserError
from bptui.model.base.printable import one_line
from bptui.model.base.types import Array, Shape
from bptui.model.base.unsupported import WEIGHTS
from bptui.model.engine.arrays import array, shape_text
from bptui.model.engine.graph import Graph, Node
from bptui.model.source.datasets import MAX_FILE, read_bounded, read_npz, read_text
from bptui.model.source.layers.context import LAYOUTS, layout_words

FORMS = (".safetensors", ".npz", ".json")
MAX_TEXT = 2**24
"""Characters of a JSON file."""
MAX_TENSORS = 10_000
TOLD = 6
"""Layers that a note tells one by one."""
IGNORED = ("num_batches_tracked",)
"""What a state_dict has and a training step does not need."""
ELSEWHERE: Mapping[str, str] = {
    "gamma": "weight", "scale": "weight", "embeddings": "weight", "embedding": "weight", "beta": "bias",
    "moving_mean": "running_mean", "moving_variance": "running_var",
}  # fmt: skip
"""What Keras and Flax call a part."""
_CELL = re.compile(r"(weight|bias)_(ih|hh|hr)_l(\d+)(_reverse)?")
_OWN_CELL = re.compile(r"([wb])_(ih|hh|hr)(?:_(\d+))?(_reverse)?")
_START = re.compile(r"learned_[hc]0.*")
_HEADS = ("query", "key", "value")


class Given(NamedTuple):
    """A tensor of a file: its name there, its numbers, how it lies where its name says that ("" where not)."""

    name: str
    numbers: Array
    layout: str = ""


Module = Mapping[str, Given]
"""What a file has under one name, by the parts of a layer here: weight, bias, w_ih …"""


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
        return all(self.shape(node, module, layout) == module[node.label].numbers.shape for node in self.taken(module))

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


def wanted(graph: Graph) -> list[Wanted]:
    """The layers of a network that have numbers, in their order."""
    found: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if node.op is None and node.scope not in ("", "loss") and node.role in ("param", "input", "state"):
            found.setdefault(node.scope, []).append(node)
    made = []
    for layer, leaves in found.items():
        readers = {node.label: _readers(graph, node) for node in leaves}
        turns = {part for part, read in readers.items() if {("affine", 1), ("matmul", 1)} & read}
        norm = {
            node.label
            for node in leaves
            if node.role == "input" and any("_norm" in op for op, _ in readers[node.label])
        }
        states = {node.label for node in leaves if node.role == "state" or _START.fullmatch(node.label)}
        made.append(Wanted(layer, tuple(leaves), frozenset(turns), frozenset(norm | states)))
    return made


def _readers(graph: Graph, leaf: Node) -> set[tuple[str, int]]:
    """The operations (of a composite the whole) that read a leaf, and as which input."""
    return {
        (node.composite or (node.op.name if node.op else ""), position)
        for node in graph.ops
        if leaf.id in node.inputs
        for position, source in enumerate(node.inputs)
        if source == leaf.id
    }


# ---------------------------------------------------------------------------------------------------------- reading
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
            value = array(given.numbers, f"{where}: {given.name}", dtype=node.value.dtype)
            if layer.turned(node.label, module, layout):
                value, turned = np.ascontiguousarray(value.T), True
            value.setflags(write=False)
            nodes[node.id] = replace(node, value=value)
    told = [f"{layer} is {module or 'all of it'}" for layer, module in pairs.items()]
    more = f" and {len(told) - TOLD} more" if len(told) > TOLD else ""
    notes = [f"{path.name}: {', '.join(told[:TOLD])}{more}"]
    if any(layer.turns for layer in layers):
        now = layout_words("out_in" if turned else "in_out")
        notes.append(f"{path.name}: dense weights are read as {now}, and shown as (in, out)")
    return replace(graph, nodes=tuple(nodes)), tuple(notes)


def tensors(path: Path, where: str) -> dict[str, Array]:
    """The arrays of a file by name: in its order, or where it keeps none (safetensors), by name, numbers as numbers."""
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        found = safetensors.arrays(read_bounded(path, where, MAX_FILE), where)
        found = {name: found[name] for name in sorted(found, key=_natural)}
    elif suffix == ".npz":
        found = read_npz(path, where)
    elif suffix == ".json":
        content = from_json(read_text(path, where, MAX_TEXT, "an .npz file may have more"), where)
        found = {name: array(value, f"{where}: {name[:60]}") for name, value in _flat(content, "", where)}
    else:
        raise UserError(where, f"a {suffix or 'nameless'} file holds no weights that can be read",
                        WEIGHTS.get(suffix, ", ".join(FORMS)))  # fmt: skip
    if not found or len(found) > MAX_TENSORS:
        raise UserError(where, f"'{path.name}' holds {len(found):,} tensors", f"1 to {MAX_TENSORS:,}")
    if odd := next((name for name, numbers in found.items() if numbers.dtype.kind not in "biuf"), None):
        raise UserError(f"{where}: {odd[:60]}", "expected numbers, found something else")
    return found


def _flat(content: Any, prefix: str, where: str) -> Iterator[tuple[str, Any]]:
    """Tables in tables as names with dots. How deep they may lie, `from_json` has bounded."""
    if not isinstance(content, Mapping):
        raise UserError(where, "is not a table of names", '{"0.weight": [[0.1, 0.2]], "0.bias": [0]}')
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.", where)
        else:
            yield f"{prefix}{name}", value


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """2.weight before 10.weight."""
    parts = re.split(r"(\d{1,9})", name)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def modules_of(tensors: Mapping[str, Array], where: str) -> dict[str, Module]:
    """The tensors of a file by module, each part as it is called here."""
    names = [name.replace("/", ".").removesuffix(":0") for name in tensors]
    found: dict[str, dict[str, Given]] = {}
    for name, (said, numbers) in zip(names, tensors.items(), strict=True):
        module, _, part = name.rpartition(".")
        if part in IGNORED:
            continue
        parent, _, last = module.rpartition(".")
        if last == "out_proj" and f"{parent}.in_proj_weight".lstrip(".") in names:
            module, part = parent, "output_weight" if part == "weight" else f"{part}_output"
        for own, given in _parts(part, Given(said, numbers), where):
            if found.setdefault(module, {}).setdefault(own, given) is not given:
                raise UserError(where, f"{one_line(said, 60)} and {found[module][own].name} are the same")
    return dict(found)


def _parts(part: str, given: Given, where: str) -> Iterator[tuple[str, Given]]:
    """A part of a module by its name here; in_proj is three."""
    numbers = given.numbers
    if cell := _CELL.fullmatch(part):
        level = int(cell[3]) + 1
        yield f"{cell[1][0]}_{cell[2]}{f'_{level}' if level > 1 else ''}{cell[4] or ''}", given
    elif part in ("in_proj_weight", "in_proj_bias") and numbers.ndim and len(numbers) % 3 == 0:
        for head, rows in zip(_HEADS, np.split(numbers, 3), strict=True):
            own = f"{head}_weight" if part == "in_proj_weight" else f"bias_{head}"
            yield own, given._replace(numbers=rows, layout="out_in")
    elif part == "kernel":
        if numbers.ndim != 2:
            raise UserError(
                f"{where}: {one_line(given.name, 60)}",
                "a convolution of Keras has its channels last",
                "as (out, in, height, width), called weight; a dense layer behind flatten counts otherwise",
            )
        yield "weight", given._replace(layout="in_out")
    else:
        yield ELSEWHERE.get(part, part), given


def _paired(layers: Sequence[Wanted], modules: Mapping[str, Module], layout: str) -> dict[str, str]:
    """Layer → module: by name where each layer has one, else in order."""
    named = {layer.layer: _called(layer.layer, modules) for layer in layers}
    if all(named[layer.layer] is not None for layer in layers if layer.needed):
        return {layer: name for layer, name in named.items() if name is not None}
    free, found = list(modules), {}
    for layer in layers:
        name = next((name for name in free if layer.fits(modules[name], layout)), None)
        if name is not None:
            found[layer.layer] = name
            free.remove(name)
    return found


def _called(layer: str, modules: Iterable[str]) -> str | None:
    """The one module of a layer's name, with or without what it stands in: `model.fc1` for `fc1`."""
    found = [name for name in modules if name == layer or name.endswith(f".{layer}")]
    return found[0] if len(found) == 1 else None


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


# ---------------------------------------------------------------------------------------------------------- writing
def state_dict(graph: Graph, value: Callable[[Node], Array | None]) -> dict[str, Array]:
    """The numbers of all layers as PyTorch's modules have them: names, (out, in)."""
    found: dict[str, Array] = {}
    for layer in wanted(graph):
        parts = {}
        for node in layer.leaves:
            if (numbers := value(node)) is None:
                raise UserError("write", f"{node.name} was not kept", "weights of a network that bptui trains")
            parts[node.label] = numbers.T if node.label in layer.turns else numbers
        found |= {f"{layer.layer}.{part}": np.ascontiguousarray(numbers) for part, numbers in _written(parts)}
    if not found:
        raise UserError("write", "no layer has weights", "write the selected tensor: a name that ends in .npy")
    return found


def _written(parts: Mapping[str, Array]) -> Iterator[tuple[str, Array]]:
    """Parts of a layer as PyTorch calls them."""
    attention = f"{_HEADS[0]}_weight" in parts
    for part, numbers in parts.items():
        if cell := _OWN_CELL.fullmatch(part):
            word = "weight" if cell[1] == "w" else "bias"
            yield f"{word}_{cell[2]}_l{int(cell[3] or 1) - 1}{cell[4] or ''}", numbers
        elif not attention:
            yield part, numbers
    if attention:
        yield "in_proj_weight", np.concatenate([parts[f"{head}_weight"] for head in _HEADS])
        if "bias_query" in parts:
            yield "in_proj_bias", np.concatenate([parts[f"bias_{head}"] for head in _HEADS])
        yield "out_proj.weight", parts["output_weight"]
        if "bias_output" in parts:
            yield "out_proj.bias", parts["bias_output"]


def fill(tensors: Mapping[str, Array], form: str) -> Callable[[IO[bytes]], None]:
    """What writes tensors into a file of that form."""

    def safe(file: IO[bytes]) -> None:
        kinds = {"float64": "F64", "float32": "F32"}
        rows = ((name, kinds[numbers.dtype.name], numbers.data, numbers.shape) for name, numbers in tensors.items())
        for piece in safetensors.file(rows):
            file.write(piece)

    def npz(file: IO[bytes]) -> None:
        np.savez(file, **tensors)  # type: ignore[arg-type]  # its names are none of savez

    return npz if form == ".npz" else safe
