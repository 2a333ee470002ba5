"""What the symbolic side hands out: plain records, so that a screen can hold them without importing SymPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from bptui.model.base import numbers
from bptui.model.base.arithmetic import compared
from bptui.model.engine.ops.base import Signature
from bptui.symbolic.formula.tree import Range, Tree

RowName = Literal[
    "forward", "symbolic", "difference", "complex step", "direction", "torch", "sum", "update", "parts", "finite",
    "opaque", "against", "claim", "paths", "value", "gradient", "derivative",
]  # fmt: skip
Method = Literal["identical", "cancel", "expand", "50 digits", "none"]
Verdict = Literal["ok", "FAIL", "NONFINITE", "KINK", "rounding", "opaque", "n/a", "skipped"]
WORST: tuple[Verdict, ...] = ("FAIL", "NONFINITE", "KINK", "opaque", "rounding", "ok", "n/a", "skipped")
"""Verdicts, the worst first; one that says nothing comes after one that agrees."""
BAD: tuple[Verdict, ...] = WORST[:3]
"""What is told one by one."""


@dataclass(frozen=True)
class Proof:
    """How a display form was shown equal to the raw derivative: identical, cancel, 50 digits (not a proof), none."""

    method: Method
    ms: float

    @property
    def proved(self) -> bool:
        """Only an algebraic identity is a proof; 50 digits are a check."""
        return self.method in ("identical", "cancel", "expand")


@dataclass(frozen=True)
class Derived:
    """The derivation of one (signature, input): SymPy expressions inside (typed Any: this module imports no SymPy).

    wrt     name of the input;  q  its index symbols
    raw     ∂y[out]/∂input[q] as SymPy gave it, sums over deltas collapsed
    shown   the display form: the hint where proved, else raw
    vjp     ∂L/∂input[q] = Σ_out G[out]·raw, in closed form;  vjp_shown  canonical for display
    """

    signature: Signature
    wrt: str
    q: tuple[Any, ...]
    raw: Any
    shown: Any
    proof: Proof
    vjp: Any
    vjp_shown: Any
    ms: float
    sympy_version: str


@dataclass(frozen=True)
class Part:
    """A named part of a definition (`m[i]`): its free indices with their sizes, and what it stands for."""

    name: str
    indices: tuple[str, ...]
    sizes: tuple[Tree, ...]
    value: Tree


@dataclass(frozen=True)
class ArgMax:
    """The active index of a `max(term for k in K)`: the place of the winner in range `position`, the first among
    equals."""

    name: str
    indices: tuple[str, ...]
    sizes: tuple[Tree, ...]
    kind: Literal["max", "min"]
    term: Tree
    ranges: tuple[Range, ...]
    condition: Tree | None
    position: int


@dataclass(frozen=True)
class Rule:
    """A Derived as formula trees: what cards print and take their numbers from, without SymPy, on any thread.

    q, out  index letters of the input and of the output
    local   ∂y[out]/∂input[q] as it is shown;  raw  as SymPy gave it;  vjp  ∂L/∂input[q], with `G` for ∂L/∂y
    parts, winners  what the trees name besides tensors;  sizes  a size's name → (tensor or `y`, axis)
    """

    signature: Signature
    wrt: str
    q: tuple[str, ...]
    out: tuple[str, ...]
    local: Tree
    raw: Tree
    vjp: Tree
    parts: tuple[Part, ...]
    winners: tuple[ArgMax, ...]
    sizes: tuple[tuple[str, str, int], ...]
    proof: Proof
    ms: float
    sympy_version: str


@dataclass(frozen=True)
class Failure:
    """Why there is no derivation: the budget ran out, SymPy is not there, the definition is not understood."""

    reason: str


@dataclass(frozen=True)
class CheckRow:
    """One comparison of one node (`checks` of `check --json` has these names)."""

    node: str
    op: str
    input: str
    row: RowName
    verdict: Verdict
    error: float | None = None
    tolerance: float | None = None
    at: tuple[int, ...] | None = None
    got: float | None = None
    expected: float | None = None
    note: str = ""

    def pair(self, digits: int) -> str:
        """`got 0.1, expected 0.2`, with as many significant digits, more where it takes more to tell them apart."""
        usual = [numbers.significant(x, digits) for x in (self.got, self.expected)]
        known = [x for x in (self.got, self.expected) if x is not None]
        got, expected = compared(known, usual) if len(known) == 2 else usual
        return f"got {got}, expected {expected}"

    @property
    def reason(self) -> str:
        """In a sentence: where, both numbers, how far apart, and the likely cause."""
        if self.row == "finite":
            return self.note
        name = f"{self.node}{f' by {self.input}' if self.input else ''}{numbers.index(self.at or ())}"
        error = f"error {numbers.significant(self.error, 3)}, allowed {numbers.significant(self.tolerance, 3)}"
        return f"{self.row} of {name}: {self.pair(9)}; {error}{f'; {self.note}' if self.note else ''}"


@dataclass(frozen=True)
class Report:
    """All rows of a training step. `ok`: none of them is a FAIL or NONFINITE. As text:
    the counts, and what does not agree."""

    rows: tuple[CheckRow, ...]

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {verdict}" for verdict, count in self.counts.items())
        bad = [f"{row.verdict} {row.reason}" for row in self.rows if row.verdict in BAD]
        return "\n".join([f"{'ok' if self.ok else 'FAIL'}: {counts}", *bad])

    def __repr__(self) -> str:
        return f"<{self!s}>"

    @property
    def ok(self) -> bool:
        """Does everything agree?"""
        return all(row.verdict not in ("FAIL", "NONFINITE") for row in self.rows)

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have each verdict, those that occur."""
        found: dict[str, int] = {}
        for row in self.rows:
            found[row.verdict] = found.get(row.verdict, 0) + 1
        return found
