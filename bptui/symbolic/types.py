"""What the symbolic side hands out: plain records, so that a screen can hold them without importing SymPy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from bptui.model.ops.base import Signature
from bptui.model.spans import Line

Verdict = Literal["ok", "FAIL", "KINK", "n/a", "skipped"]


@dataclass(frozen=True)
class Proof:
    """How a display form was shown equal to the raw derivative: identical, cancel, 50 digits (not a proof), none."""

    method: Literal["identical", "cancel", "expand", "50 digits", "none"]
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
class CheckRow:
    """One comparison of one node (DESIGN 7's `checks` of `check --json`, in these names)."""

    node: str
    op: str
    input: str
    row: Literal["forward", "symbolic", "difference", "complex step", "direction", "torch"]
    verdict: Verdict
    error: float | None = None
    tolerance: float | None = None
    at: tuple[int, ...] | None = None
    got: float | None = None
    expected: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Equation:
    """upstream × local = downstream, at the selected element: heads, symbols, numbers and notes of the three columns."""

    heads: tuple[Line, Line, Line]
    symbols: tuple[Line, Line, Line]
    numbers: tuple[float, float, float]
    notes: tuple[Line, Line, Line]
    partial: str = ""


@dataclass(frozen=True)
class Term:
    """One product of a sum: index, factors (symbol and number each), product, running sum."""

    index: str
    factors: tuple[tuple[Line, float], ...]
    product: float
    running: float


@dataclass(frozen=True)
class Table:
    """A sum of products at the selected element, head and tail built, the middle elided (`elided` terms)."""

    result: Line
    total: float
    head: tuple[Term, ...]
    elided: int = 0
    tail: tuple[Term, ...] = ()
    columns: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Card:
    """What the Operation panel, `bptui explain` and plain mode show of one Moment and one element. Width-free.

    title       `layer1.a = sigmoid(layer1.z)`;  shape and element beside it
    definition  `a = 1/(1 + exp(-z))`
    rules       (label, formula, note) lines: local derivative, VJP, optimizer rule; note says how it was proved or
                "deriving…", or why there is none
    equation or table   the numbers of the selected element
    lines       further lines (element written out, next, convention, warnings)
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
    extra: dict[str, Any] = field(default_factory=dict)
