"""What a training step costs: `time(forward)`, timed on this machine when a page asks for it; `products(forward)`,
`count(parameters)`, counted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from time import perf_counter

import numpy as np

from bptui.model.engine.graph import Graph, Node
from bptui.model.source.network import Network

PASSES = ("forward", "backward")
THINGS = ("parameters", "values", "gradients")
NAMES = (
    *(f"time({each})" for each in PASSES), *(f"count({each})" for each in (*PASSES, *THINGS)),
    *(f"products({each})" for each in PASSES),
)  # fmt: skip
FUNCTIONS = ("time", "count", "products")
PRODUCTS = ("matmul", "affine")
"""Operations that are a matrix product, by their first input and their second."""
ENOUGH = 0.004
"""Seconds for which a pass is run again and again: a page that opens does not wait longer than twice that."""


def costs(network: Network) -> Mapping[str, float]:
    """All of NAMES: times in µs, the others as counts."""
    return {
        **{f"time({part})": spent for part, spent in microseconds(network).items()},
        **counts(network.graph),
    }


def counts(graph: Graph) -> Mapping[str, float]:
    """How many operations each pass has, how many numbers a step keeps, and how many multiplications its matrix
    products take, forward and for both of their gradients."""
    back = [node for node in graph.ops if node.wants_grad]
    made = [*graph.ops, *graph.params]
    return {
        "count(forward)": len(graph.ops),
        "count(backward)": len(back),
        "count(parameters)": sum(math.prod(node.shape) for node in graph.params),
        "count(values)": sum(math.prod(node.shape) for node in graph.ops),
        "count(gradients)": sum(math.prod(node.shape) for node in made if node.wants_grad),
        "products(forward)": sum(_products(graph, node) for node in graph.ops),
        "products(backward)": sum(_products(graph, node) * _wanted(graph, node) for node in back),
    }


def _products(graph: Graph, node: Node) -> int:
    """Of a matrix product: a multiplication for each element of the result and each number that is summed over."""
    if node.op is None or node.op.name not in PRODUCTS:
        return 0
    return math.prod(node.shape) * graph.nodes[node.inputs[0]].shape[-1]


def _wanted(graph: Graph, node: Node) -> int:
    """Of its two factors, how many have a gradient: each is a product of the same size."""
    return sum(graph.nodes[i].wants_grad for i in node.inputs[:2])


def microseconds(network: Network) -> Mapping[str, float]:
    """The shortest time that each of PASSES took, in µs: what else the machine does can only add to it."""
    program = network.program()
    program.record()
    found, at = {}, 0
    with np.errstate(all="ignore"):
        for part, count in program.parts.items():
            calls = program.calls[at : at + count]
            at += count
            if part not in PASSES:
                continue
            best, end = float("inf"), perf_counter() + ENOUGH
            while (begun := perf_counter()) < end or best == float("inf"):
                for call in calls:
                    call()
                best = min(best, perf_counter() - begun)
            found[part] = best * 1e6
    return found
