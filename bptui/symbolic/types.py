"""What the symbolic side hands out: plain records, so that a screen can hold them without importing SymPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from bptui.model.base import numbers
from bptui.model.base.spans import Line
from bptui.model.engine.ops.base import Signature
from bptui.model.engine.timeline import Phase
from bptui.symbolic.formula.tree import Range, Tree

RowName = Literal[
    "forward",
    "symbolic",
    "difference",
    "complex step",
    "direction",
    "torch",
    "sum",
    "update",
    "parts",
    "finite",
    "opaque",
]
Method = Literal["identical", "cancel", "expand", "50 digits", "none"]
Verdict = Literal["ok", "FAIL", "NONFINITE", "KINK", "n/a", "skipped"]
WORST: tuple[Verdict, ...] = ("FAIL", "NONFINITE", "KINK", "ok", "n/a", "skipped")
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
    """One comparison of one node (DESIGN 7's `checks` of `check --json`, in these names)."""

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

    @property
    def reason(self) -> str:
        """In a sentence: where, both numbers, how far apart, and the likely cause."""
        if self.row == "finite":
            return self.note
        name = f"{self.node}{f' by {self.input}' if self.input else ''}{numbers.index(self.at or ())}"
        pair = f"got {numbers.significant(self.got, 9)}, expected {numbers.significant(self.expected, 9)}"
        error = f"error {numbers.significant(self.error, 3)}, allowed {numbers.significant(self.tolerance, 3)}"
        return f"{self.row} of {name}: {pair}; {error}{f'; {self.note}' if self.note else ''}"


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


@dataclass(frozen=True)
class Equation:
    """upstream × local = downstream, at the selected element: heads, symbols, numbers and notes of the three columns.

    `partial`: `1 of 2 in` where other contributions to this gradient have not arrived yet. `at`: the numbers that the
    local derivative is made of (`x = -1.2500`), for where its note has no room.
    """

    heads: tuple[Line, Line, Line]
    symbols: tuple[Line, Line, Line]
    numbers: tuple[float, float | None, float]
    notes: tuple[Line, Line, Line]
    partial: str = ""
    at: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Term:
    """One product of a sum: index, factors (symbol and number each), product, running sum."""

    index: str
    factors: tuple[tuple[Line, float], ...]
    product: float
    running: float


@dataclass(frozen=True)
class Step:
    """What follows a sum: a bias is added (`+`), a mean divided (`/`): symbol, its number, and what has become of
    the sum."""

    sign: str
    symbol: Line
    number: float
    running: float

    @property
    def counts(self) -> bool:
        """Is the number how many they are?"""
        return self.sign == "/" and self.number.is_integer()


@dataclass(frozen=True)
class Table:
    """A sum of products at the selected element, head and tail built, the middle elided (`elided` terms).

    columns  heads: index, each factor, product, sum
    steps    what is done with the sum (bias, mean)
    partial  `1 of 2 in` where it is a contribution to a gradient that is not complete
    zeros    how many of the elided terms are 0
    full     makes the same with many more of its terms
    """

    result: Line
    total: float
    head: tuple[Term, ...]
    elided: int = 0
    tail: tuple[Term, ...] = ()
    columns: tuple[Line, ...] = ()
    steps: tuple[Step, ...] = ()
    partial: str = ""
    zeros: int = 0
    full: Callable[[], Table] | None = field(default=None, compare=False, repr=False)

    @property
    def rest(self) -> str:
        """What is left out: `716 more, 300 of them 0`."""
        zeros = "all" if self.zeros == self.elided else f"{self.zeros:,}"
        return f"{self.elided:,} more" + (f", {zeros} of them 0" if self.zeros else "")


@dataclass(frozen=True)
class Formula:
    """`left = right` as trees, and `names` (`formula.printing.Names`) to print them with: for other forms than lines of
    spans. `numbers`: the names with numbers in their place, `value` what comes out."""

    label: str
    left: Tree
    right: Tree
    names: Any
    numbers: Any = None
    value: float | None = None


@dataclass(frozen=True)
class Inside:
    """What the card of a composite says besides.

    ends  the numbers that go in and come out;  done  the value that comes out is there
    at    which of its parts this Moment is about, None for none
    came  `next` came to it: it is one operation now, and none of its parts stands out
    """

    ends: tuple[tuple[Line, Line], ...]
    done: bool
    at: int | None
    came: bool = False


@dataclass(frozen=True)
class Card:
    """What the Operation panel, `bptui explain` and plain mode show of one Moment and one element. Width-free.

    title       `layer1.a = sigmoid(layer1.z)`;  shape and element beside it
    definition  `a = 1/(1 + exp(-z))`
    rules       (label, formula, note) lines: local derivative, VJP, optimizer rule; note says how it was proved or
                "deriving…", or why there is none
    equation or table   the numbers of the selected element
    lines       further lines (element written out, next, convention, warnings)
    formulas    what is said in lines of spans, as formulas
    pending     the derivation is being made
    part        which part of which composite it is
    brief       the title with the names that the formulas use: `z = a @ W + b`
    parts       of a composite: (name, formula, number) of each of its operations
    inside      of a composite: what else there is to say of it
    phase, node the Moment's phase, and the name of the node;  seed  it is where the backward pass starts
    input       backward, the name of the input whose gradient it is about;  position  its position
    inputs      positions of all inputs that this Moment contributes to
    """

    title: Line
    shape: str
    element: str
    definition: Line
    rules: tuple[tuple[Line, Line, Line], ...] = ()
    equation: Equation | None = None
    table: Table | None = None
    lines: tuple[tuple[Line, Line], ...] = ()
    checks: tuple[CheckRow, ...] = ()
    pending: bool = False
    formulas: tuple[Formula, ...] = ()
    part: str = ""
    brief: Line = ()
    parts: tuple[tuple[Line, Line, Line], ...] = ()
    inside: Inside | None = None
    phase: Phase = "forward"
    node: str = ""
    seed: bool = False
    input: str = ""
    position: int | None = None
    inputs: tuple[int, ...] = ()
