"""Which element of a tensor is explained first, before anybody has chosen one: one that has something to say.

Of images and sequences it lies in the middle of the last two axes, where no padding is in sight; where there is such a
one it is not 0, nor is what elementwise operations make of it, nor the gradient that comes back: a relu that clamps has
little to tell of what came before it. Of a parameter it is one whose gradient is not 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bptui.model.base.types import Index

if TYPE_CHECKING:
    from bptui.model.base.types import Array
    from bptui.model.engine.graph import Graph, Node
    from bptui.model.engine.recording import Recording


FOLLOWED = 16
"""Operations that are followed, one out of the other."""

SEEN = 1 << 16
"""Elements of the first samples among which one is looked for."""


def default_element(recording: Recording, node: Node) -> Index:
    """An element of `node`, always the same for the same numbers."""
    middle = _middle(node.shape)
    if not node.shape or 0 in node.shape:
        return middle
    telling = _telling(recording, node)
    if not telling.any() or telling[middle]:
        return middle
    places = np.argwhere(telling)
    order = np.abs(places - np.array(middle)).sum(axis=1)
    return tuple(int(i) for i in places[int(order.argmin())])


def _telling(recording: Recording, node: Node) -> Array:
    """Which elements of the first samples are not 0; and what comes back to them is not, if that is so anywhere."""
    end = node if node.role == "param" else _shown(recording.graph, node)
    rows = max(1, SEEN // max(1, int(np.prod(node.shape[1:]))))
    back = recording.grad(end)
    passed: Array | None = None if back is None else np.not_equal(back[:rows], 0)
    if node.role == "param" and passed is not None:
        return passed
    value = recording.value(end)
    if value is None:
        return np.zeros(node.shape, bool) if passed is None else passed
    made: Array = np.not_equal(value[:rows], 0)
    both: Array = made if passed is None else np.logical_and(made, passed)
    return both if both.any() else made


def _middle(shape: Index) -> Index:
    """[0,0] of a matrix; of more axes the middle of the last two."""
    before, last = shape[:-2], shape[-2:]
    return (0,) * len(before) + tuple(n // 2 if before and n else 0 for n in last)


def _shown(graph: Graph, node: Node) -> Node:
    """The last of the elementwise operations that make one tensor of each other, from this node on; so many at most."""
    for _ in range(FOLLOWED):
        readers = {i for i, _ in graph.consumers[node.id]}
        after = graph.nodes[readers.pop()] if len(readers) == 1 else node
        if after is node or after.op is None or not after.op.elementwise or after.shape != node.shape:
            return node
        node = after
    return node
