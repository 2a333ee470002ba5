"""A second form of a Recording, for the tests: a training step in a file, mapped into memory, of which an array is read
when it is looked at. Its arrays have kinds of their own, and any of them may be absent."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.graph import Graph
from bptui.model.engine.opaque import opaque
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.recording import Key, Recording
from bptui.model.engine.timeline import Timeline

Name = tuple[Any, ...]
"""What an array is: ("value", id), ("grad", id), ("contribution", consumer, position), ("after", id, turn) …"""


def narrowed(array: Array, kind: str) -> Array:
    """An array as it lies in the file: bfloat16 is the upper half of a float32."""
    if kind != "bfloat16":
        return array.astype(kind)
    bits = array.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def everything(recording: Recording) -> dict[Name, Array]:
    """All arrays of a recording, by their names."""
    found: dict[Name, Array | None] = {}
    for node in recording.graph.nodes:
        found["value", node.id] = recording.value(node)
        found["grad", node.id] = recording.grad(node)
        for part in recording.contributions(node):
            found["contribution", part.consumer, part.position] = part.array
    for node in recording.timeline.update:
        found["before", node.id, 0], found["after", node.id, 0] = recording.before(node), recording.after(node)
        found["update_grad", node.id, 0] = recording.update_grad(node)
        for name in recording.optimizer.states:
            found["state", node.id, name, False, 0] = recording.state(node, name)
            found["state", node.id, name, True, 0] = recording.state(node, name, True)
    return {name: array for name, array in found.items() if array is not None}


def write(
    arrays: Mapping[Name, Array],
    folder: Path,
    kind: Callable[[Name, Array], str] = lambda name, it: it.dtype.name,
) -> None:
    """Into `numbers` and `index.json` of a folder; `kind` says as what each array is kept."""
    index, offset, finite = [], 0, True
    with (folder / "numbers").open("wb") as file:
        for name, array in arrays.items():
            finite = finite and bool(np.isfinite(array).all())
            data = narrowed(np.asarray(array), kind(name, array)).tobytes()
            index.append([list(name), kind(name, array), offset, list(array.shape)])
            file.write(data + bytes(-len(data) % 8))
            offset += len(data) + -len(data) % 8
    (folder / "index.json").write_text(json.dumps({"finite": finite, "arrays": index}))


@dataclass
class Read:
    """Where an array lies in the file."""

    kind: str
    offset: int
    shape: tuple[int, ...]


class DiskRecording(Recording):
    """A step from a folder. `looked` counts how often each array was read; `counted`: the file says whether all of its
    numbers are finite; `absent`: what was left out of it, although it is there."""

    def __init__(
        self,
        folder: Path,
        graph: Graph,
        timeline: Timeline,
        optimizer: Optimizer,
        *,
        absent: Collection[Name] = (),
        counted: bool = True,
    ) -> None:
        self.graph, self.timeline, self.optimizer, self.step = graph, timeline, optimizer, 0
        found = json.loads((folder / "index.json").read_text())
        self.index = {tuple(n): Read(k, o, tuple(s)) for n, k, o, s in found["arrays"] if tuple(n) not in absent}
        self._finite = found["finite"] if counted else None
        self._numbers = np.memmap(folder / "numbers", np.uint8, "r")
        self.looked: Counter[Name] = Counter()

    def read(self, *name: Any) -> Array | None:
        """An array out of the file."""
        at = self.index.get(name)
        if at is None:
            return None
        self.looked[name] += 1
        kind = np.dtype(np.uint16 if at.kind == "bfloat16" else at.kind)
        array = np.ndarray(at.shape, kind, self._numbers.data, at.offset)
        return (array.astype(np.uint32) << 16).view(np.float32) if at.kind == "bfloat16" else array

    def value(self, node: Key) -> Array | None:
        return self.read("value", self.id(node))

    def grad(self, node: Key) -> Array | None:
        return self.read("grad", self.id(node))

    def contribution(self, consumer: int, position: int) -> Array | None:
        return self.read("contribution", consumer, position)

    def before(self, node: Key, turn: int = 0) -> Array | None:
        return self.read("before", self.id(node), turn)

    def after(self, node: Key, turn: int = 0) -> Array | None:
        return self.read("after", self.id(node), turn)

    def state(self, node: Key, name: str, after: bool = False, turn: int = 0) -> Array | None:
        return self.read("state", self.id(node), name, after, turn)

    def update_grad(self, node: Key, turn: int = 0) -> Array | None:
        return self.read("update_grad", self.id(node), turn)

    def dtype(self, node: Key) -> str:
        at = self.index.get(("value", self.id(node)))
        return "float64" if at is None else at.kind

    @property
    def grad_norm(self) -> float | None:
        return None

    @property
    def finite(self) -> bool | None:
        return self._finite

    @property
    def nbytes(self) -> int:
        return 0


def stored(recording: Recording, folder: Path, *, kind: Any = None, **rest: Any) -> DiskRecording:
    """A recording of this engine, written and opened again."""
    folder.mkdir(parents=True, exist_ok=True)
    write(everything(recording), folder, *([kind] if kind else []))
    made = DiskRecording(folder, recording.graph, recording.timeline, recording.optimizer, **rest)
    made.complete = recording.complete and not rest.get("absent") and kind is None
    return made


def hidden(graph: Graph, *names: str) -> Graph:
    """The graph in which the operations of these names are opaque."""

    def changed(node: Any) -> Any:
        if node.name not in names:
            return node
        return replace(node, op=opaque(node.op.name, node.op.inputs, node.shape))

    return replace(graph, nodes=tuple(changed(node) for node in graph.nodes))
