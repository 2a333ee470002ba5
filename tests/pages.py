"""docs/operations.md, made from the rows: `python -m tests.pages > docs/operations.md`; a test compares.

The backward rules on that page are derived by SymPy while it is made, from the definitions beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from bptui.model.base.spans import plain
from bptui.model.engine import ops
from bptui.model.engine.composites import CompositeRow
from bptui.model.engine.ops.base import Composite, Op
from bptui.symbolic.calculus.convert import from_sympy
from bptui.symbolic.calculus.define import define
from bptui.symbolic.calculus.derive import derive
from bptui.symbolic.formula.printing import sides, to_spans
from tests.unit.model.engine.ops.executor import attributes_of
from tests.unit.model.engine.ops.samples import uses
from tests.unit.model.engine.ops.use import Use

from .unit.symbolic import composites

HEAD = """\
# Operations

Made from the rows in `bptui/model/engine/ops/` by `python -m tests.pages > docs/operations.md`; a test compares. The
definition is what the row says ([definitions.md](definitions.md)); the backward rules are what SymPy derived from it
while this page was made, with `G` for ∂L/∂y, at the ranks of one example. Conventions are PyTorch's. What a composite
does is said in one go, too, and its backward rule derived from that; the check proves that its parts do the same.

Where a value is chosen (relu, clip, maximum, where), the gradient is chosen, too: what is not chosen adds 0, be it nan
or inf. Where the input itself is nan, the gradient is what PyTorch gives, whatever the size of the tensor: the upstream
gradient passes relu, hinge, hardswish, maximum and minimum (both inputs); it is 0 for abs, mae, clip, hardtanh, relu6,
hardsigmoid, hardshrink and softshrink; the slope of the left side for leaky_relu; nan for the others, which multiply.
A place that takes no part (no weight in `interpolate`, beyond a margin, not the largest, cut off) is not touched by
inf or nan elsewhere, also where PyTorch multiplies by its zero; the zeros of padding and of dropout do multiply.
"""


def call(row: Op | Composite) -> str:
    """`mse(prediction, target, reduction="mean")`."""
    inputs = [f"{name[:-1]}=None" if name.endswith("?") else name for name in row.inputs]
    given = [n if a.required else f"{n}={a.default!r}" for n, a in row.attributes.items()]
    return f"{row.name}({', '.join([*inputs, *given])})"


def derivation(row: Op, use: Use) -> Iterator[str]:
    """The definition at the example's ranks and the rule of each input that has a gradient."""
    given = {name: value for name, value in use.attributes.items() if name in row.attributes}
    signature = row.signature(use.shapes, attributes_of(row, given))
    statements = define(signature, row).statements
    if isinstance(row, CompositeRow):
        yield from (" = ".join(map(plain, sides([helper]))) for helper in statements[:-1])
        statements = statements[-1:]
    yield " = ".join(map(plain, sides(statements)))
    for position, name in enumerate(row.input_names[: len(use.shapes)]):
        if row.differentiable(position):
            derived = derive(signature, name, row)
            index = ",".join(str(q) for q in derived.q)
            yield f"∂L/∂{name}{f'[{index}]' if index else ''} = {plain(to_spans(from_sympy(derived.vjp_shown, ())))}"


def whole_use(row: Composite) -> composites.Use:
    """The example of a composite: the first that has all of its inputs, or the most."""
    return max((use for use in composites.uses() if use.op == row.name), key=lambda use: len(use.shapes))


@cache
def examples() -> Mapping[str, Use]:
    """A use of each operation: the first, or the first whose inputs all have axes."""
    found: dict[str, Use] = {}
    for use in uses():
        best = found.get(use.row.name)
        if best is None or (min(map(len, best.shapes), default=0) == 0 and all(use.shapes)):
            found[use.row.name] = use
    return found


def section(row: Op | Composite) -> str:
    """What the page says of a row."""
    said = f"### {call(row)}\n\n{row.doc}" + (f" Convention: {row.convention}." if row.convention else "") + "\n"
    if not row.definition:
        return said
    use = examples()[row.name] if isinstance(row, Op) else whole_use(row)
    whole = row if isinstance(row, Op) else composites.whole_of(use)[1].node.op
    return said + "\n" + "\n".join(f"    {line}" for line in derivation(whole, use)) + "\n"


def page() -> str:
    """docs/operations.md."""
    lines = [HEAD]
    for title, rows in (
        ("Primitives", ops.OPS),
        ("Composites: graphs of primitives, folded to one card", ops.COMPOSITES),
    ):
        lines += [f"## {title}\n", *map(section, rows.values())]
    return "\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")
