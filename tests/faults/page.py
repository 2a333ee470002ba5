"""docs/faults.md, made by running the check: `python -m tests.faults.page > docs/faults.md`; a test compares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from . import backward, composites, definitions, plans, plant, steps
from .plant import Backward, Fault, said
from .pytorch import differs

ROWS = ("forward", "symbolic", "difference", "direction", "complex step", "sum", "update")

HEAD = """\
# The proof of the checker

Each row below is a mistake that somebody could make, planted in one row of the catalogue (or in one part of the
training step) and then looked for by the same check that `bptui check` runs. Made from the corpus in `tests/faults/`
by `python -m tests.faults.page > docs/faults.md`; a test compares, and asks of each that node, operation, input and
element are named.

`x` caught it · `·` looked and found nothing · blank: this row of the check does not look there. Column **torch**:
PyTorch's recorded numbers (tests/reference/ops.json) with the planted row; blank where no case runs it.

Why the columns differ:

- At a **kink** every number between the one-sided derivatives is legitimate for differences, so they say KINK and are
  content; the symbolic row asks for the convention of the definition.
- Differences know a derivative to about 1e-10 of the numbers around it: a rounding to float32 or an eps of 1e-7 is
  below that. The symbolic row and the complex step see both.
- A wrong **definition** is caught by its value; where only the derivative at a kink is another, by the symbolic row.
- The symbolic row asks twice: with the ∂L/∂y that was recorded and with a random one. A rule that ignores it is told.
- All sizes are distinct, ids repeat, windows overlap, there are zeros, bounds, ties and both signs: on square data
  without these, some of the mistakes make no difference.

That nothing right is called wrong is the other half: `python -m tests.faults.clean` runs every operation of the
catalogue in every shape of the samples over 20 seeds, with numbers of another kind for each seed in turn (both signs;
ties and kinks; from 1e-6 to 1e6; 1e-9 around 0; no ∂L/∂y; next to none), and networks whose gradients vanish or cancel,
in float64 and float32: about 15,000 training steps in {clean} on one core, none rejected. `--every` takes all kinds
with each seed, six times as long. The suite runs a part of it.
"""


PLANS = """\
What an operation does to the numbers of others, and what it does where little is asked of it.
"""
MUTANTS = """\
## Mistakes that nobody chose

Nearly all of the above were thought of. In November 2026 a script made others out of the source of the operations, the
composites, the optimizers and the engine: one operator, argument, constant, condition, axis, slice, output array or
call changed in each. 1,574 mutants over 374 functions, each run on up to 10 uses of the samples that reach the changed
line:

- 605 cannot make a training step at all; 208 change no number, or only roundings.
- 730 are rejected (591 by the symbolic row, 570 by a direction, 365 by the value, 28 by the update, 9 by the sum).
- 31 are not, in at least one use. 19 change how an option is read or how far an output extends (a stride, a window's
  reach, `keepdims`): the definition is told the same options and shape, and says what an element is, not how many there
  are. 9 change what a step starts from, or that it is run. 3 make no difference to any number of these uses.

23 more had got past the check, or had ended it with an error, when this was first done: rules that write over what
others read, a gradient that is not its one contribution, an empty part beside others, averages that are 0 at the first
step. The check was mended, and their like is planted above. What the mutants do not show: two mistakes at a time, and
what no sample reaches. Shapes and options are held to PyTorch's by tests (tests/reference/ops.json), not by the check.
"""
WHOLE = ("forward", "symbolic", "parts")
WHOLES = """\
Each operation in them is right; what they are put together to is not what the composite says of itself. **forward** and
**symbolic** are the rows of the whole, **parts** any row of one of its parts: those see only what is wrong in a part.
"""


def caught(fault: Fault) -> set[str]:
    """The rows of the check that fail."""
    if isinstance(fault, composites.Composite):
        return {r.row if r.op == fault.op else "parts" for r in said(fault).rows if r.verdict == "FAIL"}
    return {row.row for row in said(fault).rows if row.verdict == "FAIL"}


def looked(fault: Fault) -> set[str]:
    """The rows that had something to say of where the fault is: all of a step for a part of it, else of its node."""
    rows = [r for r in said(fault).rows if r.verdict != "n/a"]
    if isinstance(fault, composites.Composite):
        return {*WHOLE}
    if isinstance(fault, plant.Rule | plant.Patch):
        return {r.row for r in rows}
    wrt = fault.input if isinstance(fault, Backward) else None
    return {r.row for r in rows if r.node == "made" and (wrt is None or r.input in ("", wrt))}


def front(fault: Fault, heads: Sequence[str]) -> str:
    """How its line begins."""
    fields = [str(getattr(fault, {"operation": "op", "mistake": "told", "in": "kind"}.get(h, h))) for h in heads]
    return "| " + " | ".join(fields) + " | "


def line(fault: Fault, heads: Sequence[str], columns: Sequence[str]) -> tuple[str, set[str]]:
    """A fault as a line of its table, and the columns that caught it."""
    found, seen = caught(fault), looked(fault)
    if isinstance(fault, Backward):
        answer = differs(plant.backward(fault))
        found |= {"torch"} if answer else set()
        seen |= {"torch"} if answer is not None else set()
    cells = ["x" if c in found else "·" if c in seen else " " for c in columns]
    return front(fault, heads) + " | ".join(cells) + " |", found


Liner = Callable[[Fault, Sequence[str], Sequence[str]], tuple[str, set[str]]]


def table(faults: Sequence[Fault], heads: Sequence[str], columns: Sequence[str], line: Liner = line) -> Iterable[str]:
    """One line each; `heads` are the names of the fields in front."""
    yield "| " + " | ".join([*heads, *columns]) + " |"
    yield "|---" * len(heads) + "|:-:" * len(columns) + "|"
    total, count = dict.fromkeys(columns, 0), 0
    for fault in faults:
        text, found = line(fault, heads, columns)
        count += bool(found - {"torch"})
        for column in found & set(columns):
            total[column] += 1
        yield text
    front = [f"{len(faults)} planted", f"{count} caught", ""][: len(heads)]
    yield "| " + " | ".join([f"**{f}**" if f else "" for f in front] + [str(n) for n in total.values()]) + " |"


class Table(NamedTuple):
    """What stands in a table of the page: faults, the fields in front, the rows of the check."""

    faults: Sequence[Fault]
    heads: Sequence[str]
    columns: Sequence[str]


BACKWARD = Table(backward.FAULTS, ("operation", "mistake", "input"), [*ROWS[1:5], "torch"])
DEFINITIONS = Table(definitions.FAULTS, ("operation", "mistake"), ROWS[:5])
PLANNED = Table(plans.FAULTS, ("operation", "mistake"), ROWS[:2])
STEPS = Table([*steps.RULES, *steps.PATCHES], ("in", "mistake"), ("symbolic", "sum", "update"))
COMPOSITES = Table(composites.FAULTS, ("operation", "mistake"), WHOLE)
TABLES = (BACKWARD, DEFINITIONS, PLANNED, STEPS, COMPOSITES)


def page(clean: str = "a quarter of an hour", line: Liner = line) -> str:
    """docs/faults.md."""
    lines = [HEAD.format(clean=clean)]
    ops = len({f.op for f in backward.FAULTS})
    lines += [f"## Wrong backward rules: {len(backward.FAULTS)}, over {ops} operations\n", *table(*BACKWARD, line)]
    lines += [f"\n## Wrong definitions: {len(definitions.FAULTS)}\n", *table(*DEFINITIONS, line)]
    lines += [f"\n## Wrong plans: {len(plans.FAULTS)}\n", PLANS, *table(*PLANNED, line)]
    lines += [f"\n## Wrong training-step rules: {len(STEPS.faults)}\n", *table(*STEPS, line)]
    kinds = len({f.op for f in composites.FAULTS})
    lines += [f"\n## Wrong composites: {len(composites.FAULTS)}, over {kinds} composites\n", WHOLES]
    lines += table(*COMPOSITES, line)
    lines += ["", MUTANTS.rstrip()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
