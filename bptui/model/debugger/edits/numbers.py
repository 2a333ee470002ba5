"""Edits of given numbers: elements, parts or all of a parameter, an input, a target, a running state, a constant."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from bptui.model.base import documents
from bptui.model.base.errors import UserError
from bptui.model.base.numbers import shape, significant
from bptui.model.base.prose import some
from bptui.model.base.types import Array, Shape
from bptui.model.debugger import locations
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.edit import Edit, computed, same
from bptui.model.debugger.edits.request import EditRequest
from bptui.model.engine.arrays import array, shape_text
from bptui.model.engine.graph import Node
from bptui.model.source.assemble import labels_inside
from bptui.model.source.captured.network import CapturedNetwork
from bptui.model.source.captured.whole import beyond
from bptui.model.source.network import Network

Selected = tuple[int | slice, ...]
_PART = re.compile(r"-?\d{1,9}|(?:-?\d{1,9})?\s*:\s*(?:-?\d{1,9})?", re.ASCII)


def numbers(request: EditRequest) -> Edit:
    """`NAME = VALUE` or `NAME[i,j] = VALUE`: one number for all that is meant, or as many as there are."""
    branch, moment = request.branch, request.moment
    node = locations.node(branch.graph, request.name, "set")
    if node.op is not None:
        raise computed(node, branch.graph)
    if node.role == "random":
        raise UserError("set", f"{node.name} is drawn anew at each training step", f"set {node.scope}.p = 0.2")
    state = request.state
    updated = state.updated(node)
    before = state.parameter(node) if updated else state.recording.value(node)
    if before is None:
        raise UserError("set", f"{node.name} was not recorded", "a number that was")
    index, after = _index(branch, node, request.at), np.array(before)
    after[index] = _fitting(request, node, after[index].shape)
    if after.tobytes() == np.asarray(before).tobytes():
        raise same(request.said)
    after.setflags(write=False)
    labels_inside(branch.graph, {node.name: after}, "set")
    old = np.asarray(before)[index]
    was = significant(old.item()) if old.size == 1 else ""
    at = tuple(i for i in index if isinstance(i, int))
    step = moment.step + (updated and node.role in ("param", "state"))
    made = Edit(step, request.said, request.network(step), kind="numbers", name=node.name, was=was, made=step)
    if len(at) == len(node.shape):
        made = replace(made, at=at, brief=f"{node.name}{request.at} = {significant(after[at].item())}")
    if node.role in ("param", "state"):
        return replace(made, values={node.name: after}, note=_followed(made.network, node))
    network, which = _with_leaf(made.network, node, after, moment.step)
    return replace(made, network=network, note=which or _followed(network, node))


def _followed(network: Network, node: Node) -> str:
    """Of a captured step: from which operation on nobody knows what follows from other numbers in a leaf."""
    if not isinstance(network, CapturedNetwork):
        return ""
    ends = beyond(network.graph, (node.id,))
    said = "recomputed in float64" + ("" if ends is None else f"; {ends.name} is opaque and stays as recorded")
    rule = "" if network.recording.every_rule else "; what has no rule that is known is updated by the first one's"
    if network.recording.no_rule:
        rule = "; no rule of its optimizer is known, and no parameter is updated"
    return said + rule


def _fitting(request: EditRequest, node: Node, shape: Shape) -> Array:
    """The value that was asked for, in the leaf's kind of numbers: a list of numbers, or an expression."""
    text, where = request.value, request.where
    if text.startswith("["):
        given = documents.from_json(text, where)
    else:
        given = float(text) if text.lower() in ("nan", "inf", "-inf") else request.evaluated(node)
    made = array(given, where, dtype=request.branch.network.dtype, whole=node.whole)
    if made.shape not in ((), shape):
        right = "one number" if shape == () else f"one number for all, or shape {shape_text(shape)}"
        raise UserError(where, f"found shape {shape_text(made.shape)}", f"expected {right}")
    return made


def _index(branch: Branch, node: Node, at: str) -> Selected:
    """`[0,1]`, `[0]` (a row), `[:,1]`, checked against the shape of the node; all of it where nothing is said."""
    if not at:
        return ()
    parts = [part.strip() for part in at[1:-1].split(",")]
    whole = all(re.fullmatch(r"-?\d+", part) for part in parts)
    if whole and len(parts) >= len(node.shape):
        return locations.element(branch.graph, f"{node.name}{at}", "set")[1] or ()
    example = f"{node.name} has shape {shape(node.shape)}: {node.name}[0], {node.name}[:,0]"
    if not all(_PART.fullmatch(part) for part in parts) or len(parts) > len(node.shape):
        raise UserError("set", f"'{at[:40]}' is not an index of {node.name}", example)
    found: list[int | slice] = []
    for axis, (part, size) in enumerate(zip(parts, node.shape, strict=False)):
        if ":" in part:
            found.append(slice(*(int(end) if end.strip() else None for end in part.split(":"))))
        elif not -size <= int(part) < size:
            raise UserError("set", f"index {part} is outside axis {axis} of {node.name}", f"0 to {size - 1}")
        else:
            found.append(int(part))
    return tuple(found)


def _with_leaf(network: Network, node: Node, after: Array, step: int) -> tuple[Network, str]:
    """The network with other numbers in a leaf; of a batch, in the samples that this training step takes, and which."""
    batches = network.batches
    if batches is None or node.name not in batches.arrays:
        nodes = tuple(replace(each, value=after) if each.id == node.id else each for each in network.graph.nodes)
        return replace(network, graph=replace(network.graph, nodes=nodes)), ""
    samples = np.array(batches.arrays[node.name])
    rows = batches.rows(network.seed, step)
    changed = [n for n, row in enumerate(rows) if samples[row].tobytes() != after[n].astype(samples.dtype).tobytes()]
    for n in changed:
        samples[rows[n]] = after[n]
    which = some([str(int(rows[n])) for n in changed], 4)
    made = replace(batches, arrays={**batches.arrays, node.name: samples})
    return replace(network, batches=made), f"sample {which} of the data"
