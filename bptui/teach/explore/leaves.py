"""A network with another number in one of its leaves, or in all of its parameters: what the explorers try out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array, Index
from bptui.model.debugger import locations
from bptui.model.debugger.session import Session
from bptui.model.engine.graph import Node
from bptui.model.source.network import Network


def leaf_of(network: Network, text: str, where: str) -> tuple[Node, Index]:
    """The leaf and its element that `NAME` or `NAME[i,j]` means, of a tensor its first; UserError for what is computed,
    has no gradient, or comes from a batch."""
    node, at = locations.element(network.graph, text, where)
    given = next((leaf.name for leaf in leaves(network)), "")
    if node.op is not None or not node.wants_grad:
        raise UserError(where, f"{node.name} is {'computed' if node.op is not None else 'not differentiated'}", given)
    if node.value is None:
        raise UserError(where, f"{node.name} is another one in each batch", given)
    return node, locations.fit(at if at is not None else (), node.shape)


def leaves(network: Network) -> list[Node]:
    """What can be moved and has a gradient: the parameters first."""
    found = [n for n in network.graph.nodes if n.op is None and n.wants_grad and n.value is not None]
    found = [n for n in found if n.role in ("param", "input") and not n.whole and n.value is not None and n.value.size]
    return sorted(found, key=lambda node: node.role != "param")


def with_number(network: Network, node: Node, element: Index, value: float) -> Network:
    """The network with one number changed."""
    assert node.value is not None
    array = np.array(node.value, dtype=network.dtype)
    array[element] = value
    return with_leaves(network, {node.id: array})


def with_leaves(network: Network, arrays: dict[int, Array]) -> Network:
    """The network with other arrays in some leaves, by their ids; so is what it was made from, where that is a formula
    with its values, so that an edit in the debugger goes on from these."""
    nodes = tuple(replace(n, value=arrays[n.id]) if n.id in arrays else n for n in network.graph.nodes)
    document = network.document
    if document is not None and isinstance(document.value(("values",)), Mapping):
        for node in network.graph.nodes:
            if node.id in arrays:
                document = document.changed(("values", node.name), arrays[node.id].tolist())
    return replace(network, graph=replace(network.graph, nodes=nodes), document=document)


def at_step(session: Session) -> Network:
    """The network of a session with the numbers that its training step begins with: what training has made of them, and
    what was set by hand."""
    recording, network = session.recorded, session.network.by_engine()
    found = {}
    for node in leaves(network):
        value = recording.value(node)
        if value is not None and not np.array_equal(value, np.asarray(node.value)):
            found[node.id] = np.array(value)
    return with_leaves(network, found) if found else network
