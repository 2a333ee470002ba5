"""What the functions of PyTorch are in bptui's operations: a file per family. No PyTorch is needed to read them.

Each entry has the signature of PyTorch's function, so that Python itself sorts positional, keyword and default
arguments; its first parameter is the `Call` to build with. It returns the node of its result, or a list of nodes, one
for each result that has a kind of number with gradients. What it cannot say exactly it leaves opaque (`u.lacks`).
Numbers are read when they are looked at (`u.reader`); at once only what decides which nodes there are.
"""

from bptui.model.source.captured.call import short
from bptui.model.source.captured.known import (
    arithmetic,
    attention,
    complex_equations,
    complex_numbers,
    complex_parts,
    copies,
    derivatives,
    distances,
    elementwise,
    equations,
    functions,
    given,
    images,
    indexing,
    joining,
    layers,
    losses,
    matrices,
    recurrent,
    reductions,
    shapes,
    tables,
    writing,
)
from bptui.model.source.captured.known.given import is_drawn
from bptui.model.source.captured.known.registry import (
    DERIVATIVE,
    HOMES,
    KNOWN,
    Entry,
    argument,
    entry,
    known,
    knows,
    said,
)

__all__ = ["DERIVATIVE", "HOMES", "KNOWN", "Entry", "argument", "entry", "is_drawn", "known", "knows", "said", "short"]

FAMILIES = (
    elementwise, functions, arithmetic, matrices, equations, reductions, distances, shapes, joining, indexing, layers,
    tables, images, attention, recurrent, losses, copies, writing, given, complex_numbers, complex_equations,
    complex_parts, derivatives,
)  # fmt: skip
"""Loading them registers their entries."""
