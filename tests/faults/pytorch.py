"""The torch column: PyTorch's own numbers (tests/reference/ops.json) against an engine with a planted row."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from typing import Any

import numpy as np

from bptui.model.engine import ops
from bptui.model.engine.build import Builder
from bptui.model.engine.graph import Graph
from bptui.model.engine.ops.base import Op
from tests.paths import REFERENCE
from tests.unit.model.engine.ops.executor import run_graph

CASES_FILE = REFERENCE / "ops.json"


@cache
def _cases() -> tuple[tuple[dict[str, Any], Graph], ...]:
    """Every reference case as a graph whose loss is Σ upstream·result."""
    found = []
    for case in json.loads(CASES_FILE.read_text(encoding="utf-8"))["cases"]:
        row = ops.get(case["op"])
        build = Builder()
        leaves = []
        for n, (name, value) in enumerate(case["inputs"].items()):
            whole = row.input_names[n] in row.indices and np.asarray(value).dtype.kind == "i"
            leaves.append(build.leaf(name, "param", np.array(value, np.int64 if whole else float), whole=whole))
        given = {k: v for k, v in case["attrs"].items() if k != "note"}
        result = build.use(case["op"], *leaves, name="result", **given)
        upstream = build.leaf("upstream", "const", np.array(case["upstream"], float).reshape(result.shape))
        found.append((case, build.finish(build.use("sum", build.use("mul", result, upstream), name="loss"))))
    return tuple(found)


def planted(graph: Graph, row: Op) -> Graph:
    """The graph with every use of the operation going through another row."""
    nodes = [dataclasses.replace(n, op=row) if n.op is not None and n.op.name == row.name else n for n in graph.nodes]
    return dataclasses.replace(graph, nodes=tuple(nodes))


def differs(row: Op) -> bool | None:
    """Do PyTorch's gradients tell that this row is wrong? None where no case uses it in shapes that it runs in."""
    answers = []
    for case, graph in _cases():
        if any(n.op is not None and n.op.name == row.name for n in graph.ops[:-2]):
            try:
                _, gradients = run_graph(planted(graph, row), "result")
            except (ValueError, IndexError, KeyError):  # other shapes, or without the input that the mistake is about
                continue
            answers.append(any(_far(gradients[name], expected) for name, expected in case["grads"].items()))
    return any(answers) if answers else None


def _far(found: Any, expected: Any) -> bool:
    expected = np.asarray(expected)
    scale = max(1.0, float(np.max(np.abs(expected), initial=0)))
    return not np.allclose(found, expected.reshape(found.shape), rtol=1e-9, atol=1e-12 * scale)
