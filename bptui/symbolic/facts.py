"""The facts of a card: what is to be said of one Moment and one element, without a width and without SymPy.

A front end decides how much of a `Fact` it has room for by its kind; it reads no text to find out what it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from bptui.model.base import arithmetic, numbers
from bptui.model.base.spans import Line, Span, line, plain
from bptui.model.engine.timeline import Phase
from bptui.symbolic.formula.tree import Tree
from bptui.symbolic.types import CheckRow

Kind = Literal[
    "definition", "opaque", "local", "where", "gradient", "rule", "seed",
    "element", "absent", "unread", "update", "value", "contribution", "sum", "loss", "ends",
    "symbols", "clipped", "rounding", "next", "convention", "axes", "story", "checks",
]  # fmt: skip
"""definition, opaque   what the operation is, or that nobody knows its definition
local, where, gradient, rule, seed   what follows from it: local derivative, helpers, ∂L/∂input, optimizer's statements
element, update, value, contribution, sum, loss, ends   equations of this element, with their numbers
absent, unread   there is no number yet; why a gradient is 0 without a product
symbols, clipped, rounding, next, convention, axes, story, checks   what else there is to say"""
NUMBERS: tuple[Kind, ...] = ("element", "absent", "unread", "update")
"""Kinds that are the numbers of a Moment, where it has neither an equation of three columns nor a sum."""


class Note(NamedTuple):
    """What is said beside something: in full, then in ever fewer words. `warning`: it must be seen."""

    words: tuple[Line, ...] = ()
    warning: bool = False

    @property
    def full(self) -> Line:
        """With every word."""
        return self.words[0] if self.words else ()


NO_NOTE = Note()


class Contributions(NamedTuple):
    """How many contributions to a gradient are in, of how many."""

    arrived: int
    total: int

    def __str__(self) -> str:
        return f"{self.arrived} of {self.total} in"

    @property
    def complete(self) -> bool:
        """Is nothing awaited?"""
        return self.arrived == self.total

    @property
    def span(self) -> Span:
        """As it is shown: what is not complete stands out."""
        return Span(str(self), "dim" if self.complete else "kink bold")


@dataclass(frozen=True)
class Fact:
    """`left = side = side = result`: a definition, a rule, an equation of this element; or a sentence, its only side.

    label   what it is called
    sides   what `left` is equal to, in symbols, then with numbers in their place
    result  the number that comes out;  sign  what stands before it: `≈` where the printed numbers do not give it
    since   which branches were taken, and why: `0.2795 > 0`
    note    how it was come by, or where the number comes from
    """

    kind: Kind
    label: str
    left: Line = ()
    sides: tuple[Line, ...] = ()
    result: Line = ()
    since: Line = ()
    note: Note = NO_NOTE
    sign: str = "="

    @property
    def members(self) -> tuple[Line, ...]:
        """What stands between the signs of equality."""
        return tuple(part for part in (self.left, *self.sides, self.result) if part)

    @property
    def reason(self) -> Line:
        """`  since 0.2795 > 0`."""
        return (Span("  since "), *self.since) if self.since else ()

    @property
    def text(self) -> Line:
        """All of it in one line, without label and note."""
        return (*equal(self.members, self.sign if self.result else "="), *self.reason)

    @property
    def labelled(self) -> Line:
        """The same beside its label: without `left` where that is the label."""
        return replace(self, left=()).text if plain(self.left) == self.label else self.text


def equal(members: tuple[Line, ...], last: str = "=") -> Line:
    """`a = b = c`, with `last` as the last of the signs."""
    signs = [*["="] * (len(members) - 2), last]
    rest = (span for sign, part in zip(signs, members[1:], strict=False) for span in (Span(f" {sign} "), *part))
    return (*members[0], *rest) if members else ()


def sentence(kind: Kind, label: str, *words: Span | str | tuple[str, str], note: Note = NO_NOTE) -> Fact:
    """A fact in words."""
    return Fact(kind, label, sides=(line(*words),), note=note)


class Operand(NamedTuple):
    """One of the three numbers of an equation: what it is, its symbol, the number (None: it is being derived)."""

    head: str
    symbol: Line
    number: float | None
    note: Note = NO_NOTE


@dataclass(frozen=True)
class Equation:
    """upstream × local = downstream, at the selected element.

    at             symbol and number of what the local derivative is made of
    contributions  how many of those to this gradient are in, with this one
    """

    upstream: Operand
    local: Operand
    downstream: Operand
    contributions: Contributions
    at: tuple[tuple[Span, float], ...] = ()

    def __iter__(self) -> Iterator[Operand]:
        return iter((self.upstream, self.local, self.downstream))

    @property
    def numbers(self) -> tuple[float, float | None, float]:
        """The three numbers."""
        up, local, down = (operand.number for operand in self)
        assert up is not None
        assert down is not None
        return up, local, down


@dataclass(frozen=True)
class Term:
    """One product of a sum: index, factors (symbol and number each), product, running sum."""

    index: str
    factors: tuple[tuple[Line, float], ...]
    product: float
    running: float


@dataclass(frozen=True)
class Step:
    """What follows a sum: a bias is added (`+`), a mean divided (`/`): symbol (nothing for a bare number), its number,
    and what has become of the sum."""

    sign: str
    symbol: Line
    number: float
    running: float

    @property
    def counts(self) -> bool:
        """Is the number how many they are?"""
        return self.sign == "/" and self.number.is_integer()


@dataclass(frozen=True)
class Heads:
    """The heads of a table: of the index, of each factor, and of the product of all factors in one column."""

    index: str
    factors: tuple[Line, ...]
    product: Line


@dataclass(frozen=True)
class Table:
    """A sum of products at the selected element, head and tail built, the middle elided (`elided` terms).

    steps  what is done with the sum (bias, mean)
    contributions   of which it is one, where it is one of several to a gradient
    zeros  how many of the elided terms are 0
    eps    the distance from 1 to the next number of the total's kind
    longer makes the same with many more of its terms
    """

    result: Line
    total: float
    heads: Heads
    head: tuple[Term, ...]
    elided: int = 0
    tail: tuple[Term, ...] = ()
    steps: tuple[Step, ...] = ()
    contributions: Contributions | None = None
    zeros: int = 0
    eps: float = 0.0
    longer: Callable[[], Table] | None = field(default=None, compare=False, repr=False)

    @property
    def full(self) -> Table:
        """The same with many more of its terms."""
        return self.longer() if self.longer else self

    @property
    def rest(self) -> str:
        """What is left out: `716 more, 300 of them 0`; where no term is told, `9 terms`."""
        zeros = "all" if self.zeros == self.elided else f"{self.zeros:,}"
        what = "more" if self.head or self.tail else "terms"
        return f"{self.elided:,} {what}" + (f", {zeros} of them 0" if self.zeros else "")


@dataclass(frozen=True)
class Formula:
    """`left = right` as trees, and `names` (`formula.printing.Names`) to print them with: for other forms than lines of
    spans. `numbers`: the names with numbers in their place, `value` what comes out, `eps` the distance from 1 to the
    next number of its precision; `fill` makes what the numbers are put into, where that is not `right` (a sum inside of
    it stands there as its number): a screen does not ask for it."""

    label: str
    left: Tree
    right: Tree
    names: Any
    numbers: Any = None
    value: float | None = None
    eps: float = arithmetic.EPS
    fill: Callable[[], Tree] | None = field(default=None, compare=False, repr=False)

    @property
    def filled(self) -> Tree:
        """What the numbers are put into."""
        return self.right if self.fill is None else self.fill()


class PartRow(NamedTuple):
    """One operation of a composite: its name, its formula, its number, and what is to be said of that."""

    name: str
    formula: Line
    number: Line


@dataclass(frozen=True)
class Inside:
    """What the card of a composite says besides.

    parts the operations that it is made of
    ends  the numbers that go in and come out;  done  the value that comes out is there
    at    which of its parts this Moment is about, None for none
    came  `next` came to it: it is one operation now, and none of its parts stands out
    """

    parts: tuple[PartRow, ...]
    ends: tuple[Fact, ...]
    done: bool
    at: int | None
    came: bool = False


@dataclass(frozen=True)
class Card:
    """What the Operation panel, `bptui explain` and plain mode show of one Moment and one element. Width-free.

    title       `layer1.a = sigmoid(layer1.z)`;  shape and element beside it
    brief       the title with the names that the formulas use: `z = a @ W + b`
    rules       the definition, and what follows from it
    equation or table   the numbers of the selected element;  where it has neither, they are among `facts`
    facts       further equations and sentences
    formulas    what is said in lines of spans, as formulas
    checks, due what has been checked, and the kinds of checks that are still being made
    pending     the derivation is being made
    part        which part of which composite it is
    inside      of a composite: its parts, and what else there is to say of it
    phase, node the Moment's phase, and the name of the node;  seed  it is where the backward pass starts
    input       backward, the name of the input whose gradient it is about;  position  its position
    inputs      positions of all inputs that this Moment contributes to
    """

    title: Line
    shape: str
    element: str
    rules: tuple[Fact, ...] = ()
    equation: Equation | None = None
    table: Table | None = None
    facts: tuple[Fact, ...] = ()
    checks: tuple[CheckRow, ...] = ()
    due: tuple[str, ...] = ()
    pending: bool = False
    formulas: tuple[Formula, ...] = ()
    part: str = ""
    brief: Line = ()
    inside: Inside | None = None
    phase: Phase = "forward"
    node: str = ""
    seed: bool = False
    input: str = ""
    position: int | None = None
    inputs: tuple[int, ...] = ()

    @property
    def numbers(self) -> tuple[Fact, ...]:
        """The equations with the numbers of this Moment, where neither `equation` nor `table` has them."""
        if self.equation is not None or self.table is not None:
            return ()
        return tuple(fact for fact in self.facts if fact.kind in NUMBERS)

    @property
    def others(self) -> tuple[Fact, ...]:
        """What else there is to say."""
        numbers = self.numbers
        return tuple(fact for fact in self.facts if fact not in numbers)


def shown_at(at: tuple[tuple[Span, float], ...]) -> tuple[Line, ...]:
    """`x = -1.2500` for each."""
    return tuple((symbol, Span(" = "), Span(numbers.field(x).strip(), symbol.style)) for symbol, x in at)
