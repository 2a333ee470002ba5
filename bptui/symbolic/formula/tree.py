"""Formulas as small trees: what a card prints and what it takes its numbers from. No SymPy in here.

A definition (the author's text) and a derivative (SymPy's) become the same few records, so that there is one printer,
one LaTeX printer and one way to put numbers in. A definition's tree keeps the author's order and grouping: it is
made from the text itself, not from SymPy's reordered form, and is there before SymPy is loaded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from operator import is_
from typing import Any


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written: `text` prints, `value` counts."""

    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Name:
    """A tensor without indices, an attribute, an index or a size."""

    name: str


@dataclass(frozen=True, slots=True)
class Element:
    """`x[i,k]`; `base` is the tensor's name."""

    base: str
    index: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """`x.shape[1]`."""

    base: str
    axis: int


@dataclass(frozen=True, slots=True)
class Add:
    """A sum of terms; `minus[n]` says that term n is taken away."""

    terms: tuple[Tree, ...]
    minus: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Mul:
    """A product."""

    factors: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Div:
    """A quotient; `floor` is Python's `//`."""

    top: Tree
    bottom: Tree
    floor: bool = False


@dataclass(frozen=True, slots=True)
class Mod:
    """The remainder `a % b`."""

    top: Tree
    bottom: Tree


@dataclass(frozen=True, slots=True)
class Power:
    """`base ** exponent`."""

    base: Tree
    exponent: Tree


@dataclass(frozen=True, slots=True)
class Neg:
    """`-a`."""

    of: Tree


@dataclass(frozen=True, slots=True)
class Call:
    """`exp(x)`, `max(a, b)`."""

    function: str
    arguments: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """The range of a bound index, from `low` up to but without `high`; `high` None: the index's own size.

    `full`: it is a whole axis of a tensor, so that the range need not be printed.
    """

    index: str
    low: Tree | None = None
    high: Tree | None = None
    full: bool = False


@dataclass(frozen=True, slots=True)
class Reduction:
    """`sum(body for k in K)`; kind: sum, prod, max or min, in LaTeX argmax and argmin, too; `sigma`: a derived one,
    printed `Σ_k body`."""

    kind: str
    body: Tree
    ranges: tuple[Range, ...]
    conditions: tuple[Tree, ...] = ()
    sigma: bool = False


SINGULAR = ("nuclear", "first_singular", "last_singular", "orthogonal", "first_pair", "last_pair")
"""Of singular values and their vectors; the matrix may have more rows than columns, or fewer."""
MATRICES = ("inverse", "cholesky", "cofactor", "det", "logabsdet", "signdet", *SINGULAR)
"""What is of a whole matrix, and stands alone on the right of a helper: `w[i,j] = inverse(a[i,j])`, of the matrix over
the helper's last two indices; `d = det(a[i,j] for i in I for j in J)`."""


def matrix_kind(tree: Tree) -> str | None:
    """Which of `MATRICES` a formula is."""
    kind = tree.function if isinstance(tree, Call) else tree.kind if isinstance(tree, Reduction) else ""
    return kind if kind in MATRICES else None


@dataclass(frozen=True, slots=True)
class IfElse:
    """`yes if condition else no`."""

    condition: Tree
    yes: Tree
    no: Tree


@dataclass(frozen=True, slots=True)
class Compare:
    """`left > right`; `sign` is Python's."""

    sign: str
    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Logic:
    """`a and b`, `a or b`, `not a`."""

    word: str
    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Delta:
    """Kronecker's δ[left,right]: 1 where they are equal, else 0."""

    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Partial:
    """`∂a/∂z`, for left sides: it prints, and has no number."""

    top: Tree
    bottom: Tree


Tree = (
    Number | Name | Element | Size | Delta | Add | Mul | Div | Mod | Power | Neg
    | Call | Reduction | IfElse | Compare | Logic | Partial
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Statement:
    """`target = value`."""

    target: Name | Element
    value: Tree


@lru_cache(64)
def _parts(kind: type) -> tuple[str, ...] | None:
    """Names of what a kind of tree is made of; None of what is no tree. A card asks some thousand times."""
    return tuple(f.name for f in fields(kind)) if is_dataclass(kind) else None


def parts(tree: Any) -> list[Tree]:
    """What a tree is made of, one level deep; of a range its ends."""
    found: list[Tree] = []
    for name in _parts(tree.__class__) or ():
        value = getattr(tree, name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Range):
                found += parts(part)
            elif _parts(part.__class__) is not None:
                found.append(part)
    return found


def walk(tree: Any) -> Iterator[Tree]:
    """The tree and everything in it, outermost first."""
    found: list[Tree] = []
    left = [tree]
    while left:
        part = left.pop()
        if isinstance(part, tuple):
            left += reversed(part)
        elif (names := _parts(part.__class__)) is not None:
            if not isinstance(part, Range):
                found.append(part)
            left += [getattr(part, name) for name in reversed(names)]
    return iter(found)


def rebuild(tree: Tree, change: Callable[[Tree], Tree | None]) -> Tree:
    """The tree with every part for which `change` gives something replaced by that, outermost first; the same object
    where there is none."""
    made: Tree = _rebuilt(tree, change)
    return made


_PLAIN = frozenset({str, int, float})
"""What stands in a tree and is none: half of all that is met."""


def _rebuilt(tree: Any, change: Callable[[Tree], Tree | None]) -> Any:
    """Of a tree, a tuple of them, a Range, or what no tree is made of."""
    if isinstance(tree, tuple):
        made = tuple([_rebuilt(part, change) for part in tree])
        return tree if all(map(is_, made, tree)) else made
    names = _parts(tree.__class__)
    if names is None:
        return tree
    new = None if isinstance(tree, Range) else change(tree)
    if new is not None:
        return new
    parts = [getattr(tree, name) for name in names]
    changed = [part if part.__class__ in _PLAIN else _rebuilt(part, change) for part in parts]
    return tree if all(map(is_, changed, parts)) else type(tree)(*changed)


def integer(value: int) -> Number:
    """An integer as a tree."""
    return Number(value, str(value))


def product(factors: Iterable[Tree]) -> Tree:
    """Factors as one formula, those that are 1 left out."""
    left = tuple(factor for factor in factors if factor != integer(1))
    return integer(1) if not left else left[0] if len(left) == 1 else Mul(left)


def substitute(tree: Tree, values: Mapping[str, int | Tree]) -> Tree:
    """The tree with names (indices) replaced, and sums and differences of whole numbers in indices counted out."""

    def change(part: Tree) -> Tree | None:
        if isinstance(part, Name) and part.name in values:
            value = values[part.name]
            return integer(value) if isinstance(value, int) else value
        if isinstance(part, Element):
            return Element(part.base, tuple(_count(substitute(i, values)) for i in part.index))
        if isinstance(part, Delta):
            return Delta(_count(substitute(part.left, values)), _count(substitute(part.right, values)))
        if isinstance(part, Compare):
            return Compare(part.sign, _count(substitute(part.left, values)), _count(substitute(part.right, values)))
        if isinstance(part, Reduction):
            inner = {k: v for k, v in values.items() if k not in {r.index for r in part.ranges}}
            if len(inner) != len(values):
                return substitute(part, inner)
        return None

    return rebuild(tree, change)


def conditions(parts: Sequence[Tree]) -> Iterator[Tree]:
    """Conditions that must all hold, one by one."""
    for part in parts:
        if isinstance(part, Logic) and part.word == "and":
            yield from conditions(part.parts)
        else:
            yield part


def bare(tree: Tree) -> Tree:
    """The tree with its elements as names: an elementwise formula, taken at one element."""
    return rebuild(tree, lambda part: Name(part.base) if isinstance(part, Element) else None)


def _count(tree: Tree) -> Tree:
    """An index with its whole numbers counted out: `2*1 + 3` is `5`, `2*1 + a - 1` is `a + 1`."""
    value = constant(tree)
    if value is not None:
        return integer(int(value)) if value.is_integer() else tree
    return _gathered(tree) if isinstance(tree, Add) else tree


def constant(tree: Tree) -> float | None:
    """The number that an index expression of numbers alone is; None for all others."""
    match tree:
        case Number(value):
            return float(value)
        case Neg(of):
            return None if (inner := constant(of)) is None else -inner
        case Add(parts, _) | Mul(parts):
            values = [constant(part) for part in parts]
            if any(value is None for value in values):
                return None
            known = [value for value in values if value is not None]
            if isinstance(tree, Mul):
                return math.prod(known)
            return sum(-value if minus else value for value, minus in zip(known, tree.minus, strict=True))
        case Div(top, bottom) | Mod(top, bottom):
            a, b = constant(top), constant(bottom)
            if a is None or not b:
                return None
            return a % b if isinstance(tree, Mod) else a // b if tree.floor else a / b
    return None


def _gathered(tree: Add) -> Tree:
    """A sum with its whole numbers as one, at the end; in front where all else is subtracted."""
    parts = [(_count(term), minus) for term, minus in zip(tree.terms, tree.minus, strict=True)]
    fixed = [(part, minus) for part, minus in parts if isinstance(part, Number) and float(part.value).is_integer()]
    rest = [pair for pair in parts if pair not in fixed]
    total = sum(int(-part.value if minus else part.value) for part, minus in fixed)
    if total:
        place = 0 if total > 0 and all(minus for _, minus in rest) else len(rest)
        rest.insert(place, (integer(abs(total)), total < 0))
    if len(rest) == 1 and not rest[0][1]:
        return rest[0][0]
    return Add(tuple(part for part, _ in rest), tuple(minus for _, minus in rest))
