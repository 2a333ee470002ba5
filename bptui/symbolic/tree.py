"""Formulas as small trees: what a card prints and what it takes its numbers from. No SymPy in here.

A definition (the author's text) and a derivative (SymPy's) become the same few records, so that there is one printer,
one LaTeX printer and one way to put numbers in. A definition's tree keeps the author's order and grouping: it is
made from the text itself, not from SymPy's reordered form, and is there before SymPy is loaded.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from operator import is_
from typing import Any

LIMIT, DEPTH = 2000, 40
"""Longest definition and deepest nesting that is looked at (docs/definitions.md)."""


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
    """A quotient; `whole` is Python's `//`."""

    top: Tree
    bottom: Tree
    whole: bool = False


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

    `whole`: it is a whole axis of a tensor, so that the range need not be printed.
    """

    index: str
    low: Tree | None = None
    high: Tree | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Fold:
    """`sum(body for k in K)`; kind: sum, prod, max or min; `sigma`: a derived one, printed `Σ_k body`."""

    kind: str
    body: Tree
    ranges: tuple[Range, ...]
    conditions: tuple[Tree, ...] = ()
    sigma: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
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
    Number
    | Name
    | Element
    | Size
    | Delta
    | Add
    | Mul
    | Div
    | Mod
    | Power
    | Neg
    | Call
    | Fold
    | Choice
    | Compare
    | Logic
    | Partial
)


@dataclass(frozen=True, slots=True)
class Statement:
    """`target = value`."""

    target: Name | Element
    value: Tree


class Unreadable(ValueError):
    """The text is not a definition in the notation of docs/definitions.md; the message says where."""


@lru_cache(64)
def _parts(kind: type) -> tuple[str, ...] | None:
    """Names of what a kind of tree is made of; None of what is no tree. A card asks some thousand times."""
    return tuple(f.name for f in fields(kind)) if is_dataclass(kind) else None


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


def rebuild(tree: Any, change: Callable[[Tree], Tree | None]) -> Any:
    """The tree with every part for which `change` gives something replaced by that, outermost first; the same object
    where there is none."""
    if isinstance(tree, tuple):
        made = tuple([rebuild(part, change) for part in tree])
        return tree if all(map(is_, made, tree)) else made
    names = _parts(tree.__class__)
    if names is None:
        return tree
    new = None if isinstance(tree, Range) else change(tree)
    if new is not None:
        return new
    parts = [getattr(tree, name) for name in names]
    changed = [rebuild(part, change) for part in parts]
    return tree if all(map(is_, changed, parts)) else type(tree)(*changed)


def whole(value: int) -> Number:
    """A whole number."""
    return Number(value, str(value))


def substitute(tree: Tree, values: Mapping[str, int | Tree]) -> Tree:
    """The tree with names (indices) replaced, and sums and differences of whole numbers in indices counted out."""

    def change(part: Tree) -> Tree | None:
        if isinstance(part, Name) and part.name in values:
            value = values[part.name]
            return whole(value) if isinstance(value, int) else value
        if isinstance(part, Element):
            return Element(part.base, tuple(_count(substitute(i, values)) for i in part.index))
        if isinstance(part, Delta):
            return Delta(_count(substitute(part.left, values)), _count(substitute(part.right, values)))
        if isinstance(part, Compare):
            return Compare(part.sign, _count(substitute(part.left, values)), _count(substitute(part.right, values)))
        if isinstance(part, Fold):
            inner = {k: v for k, v in values.items() if k not in {r.index for r in part.ranges}}
            if len(inner) != len(values):
                return substitute(part, inner)
        return None

    return rebuild(tree, change)  # type: ignore[no-any-return]


def conditions(parts: Sequence[Tree]) -> Iterator[Tree]:
    """Conditions that must all hold, one by one."""
    for part in parts:
        if isinstance(part, Logic) and part.word == "and":
            yield from conditions(part.parts)
        else:
            yield part


def bare(tree: Tree) -> Tree:
    """The tree with its elements as names: an elementwise formula, taken at one element."""
    return rebuild(tree, lambda part: Name(part.base) if isinstance(part, Element) else None)  # type: ignore[no-any-return]


def _count(tree: Tree) -> Tree:
    """An index with its whole numbers counted out: `2*1 + 3` is `5`, `2*1 + a - 1` is `a + 1`."""
    if isinstance(tree, Number):
        return tree
    if not all(isinstance(t, Number | Add | Mul | Neg | Div | Mod) for t in walk(tree)):
        return _gathered(tree) if isinstance(tree, Add) else tree
    from bptui.symbolic.numeric import evaluate

    value = float(evaluate(tree, {}, {}))
    return whole(int(value)) if value.is_integer() else tree


def _gathered(tree: Add) -> Tree:
    """A sum with its whole numbers as one, at the end; in front where all else is subtracted."""
    parts = [(_count(term), minus) for term, minus in zip(tree.terms, tree.minus, strict=True)]
    fixed = [(part, minus) for part, minus in parts if isinstance(part, Number) and float(part.value).is_integer()]
    rest = [pair for pair in parts if pair not in fixed]
    total = sum(int(-part.value if minus else part.value) for part, minus in fixed)
    if total:
        place = 0 if total > 0 and all(minus for _, minus in rest) else len(rest)
        rest.insert(place, (whole(abs(total)), total < 0))
    if len(rest) == 1 and not rest[0][1]:
        return rest[0][0]
    return Add(tuple(part for part, _ in rest), tuple(minus for _, minus in rest))


@lru_cache(maxsize=512)
def from_text(text: str) -> tuple[Statement, ...]:
    """The statements of a definition, helpers first, in the author's own form; raises Unreadable."""
    depth = deepest = 0
    for c in text:
        depth += (c in "([{") - (c in ")]}")
        deepest = max(deepest, depth)
    if len(text) > LIMIT or deepest > DEPTH:
        raise Unreadable(f"longer than {LIMIT} characters or nested deeper than {DEPTH}")
    try:
        module = ast.parse(text.strip())
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise Unreadable(str(error)) from error
    found = []
    for line in module.body:
        if not isinstance(line, ast.Assign) or len(line.targets) != 1:
            raise Unreadable(f"column {line.col_offset}: not `name = formula`")
        target = _read(line.targets[0])
        if not isinstance(target, Name | Element):
            raise Unreadable(f"column {line.col_offset}: not a name")
        found.append(Statement(target, _read(line.value)))
    if not found:
        raise Unreadable("no formula")
    return tuple(found)


@lru_cache(maxsize=512)
def from_hint(text: str) -> Tree:
    """A formula without a left side (an op's display hint); raises Unreadable."""
    return from_text(f"hint = {text}")[-1].value


_COMPARE: Mapping[type[ast.cmpop], str] = {
    ast.Gt: ">", ast.Lt: "<", ast.GtE: ">=", ast.LtE: "<=", ast.Eq: "==", ast.NotEq: "!="
}  # fmt: skip


def _read(node: ast.expr) -> Tree:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return Number(node.value, repr(node.value))
    if isinstance(node, ast.Name):
        return Name(node.id)
    if isinstance(node, ast.Subscript):
        of = node.value
        if isinstance(of, ast.Attribute) and of.attr == "shape" and isinstance(of.value, ast.Name):
            axis = _read(node.slice)
            if isinstance(axis, Number):
                return Size(of.value.id, int(axis.value))
        if isinstance(of, ast.Name):
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return Element(of.id, tuple(_read(part) for part in parts))
    if isinstance(node, ast.UnaryOp):
        if isinstance(node.op, ast.Not):
            return Logic("not", (_read(node.operand),))
        if isinstance(node.op, ast.USub):
            return Neg(_read(node.operand))
        if isinstance(node.op, ast.UAdd):
            return _read(node.operand)
    if isinstance(node, ast.BinOp):
        return _binary(node)
    if isinstance(node, ast.Compare):
        sides = [_read(node.left), *(_read(c) for c in node.comparators)]
        signs = [_COMPARE.get(type(op)) for op in node.ops]
        pairs = tuple(Compare(s, a, b) for s, a, b in zip(signs, sides, sides[1:], strict=False) if s)
        if len(pairs) == len(signs):
            return pairs[0] if len(pairs) == 1 else Logic("and", pairs)
    if isinstance(node, ast.BoolOp):
        return Logic("and" if isinstance(node.op, ast.And) else "or", tuple(_read(v) for v in node.values))
    if isinstance(node, ast.IfExp):
        return Choice(_read(node.test), _read(node.body), _read(node.orelse))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        if len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp):
            return _fold(node.func.id, node.args[0])
        if node.func.id == "delta" and len(node.args) == 2:
            return Delta(_read(node.args[0]), _read(node.args[1]))
        return Call(node.func.id, tuple(_read(a) for a in node.args))
    raise Unreadable(f"column {node.col_offset}: not part of the notation")


def _binary(node: ast.BinOp) -> Tree:
    left, right = _read(node.left), _read(node.right)
    match node.op:
        case ast.Add() | ast.Sub():
            minus = isinstance(node.op, ast.Sub)
            grouped = isinstance(node.left, ast.BinOp) and isinstance(left, Add)
            first = left if grouped and isinstance(left, Add) else Add((left,), (False,))
            return Add((*first.terms, right), (*first.minus, minus))
        case ast.Mult():
            return _signed(left, lambda of: Mul((*of.factors, right)) if isinstance(of, Mul) else Mul((of, right)))
        case ast.Div():
            return _signed(left, lambda of: Div(of, right))
        case ast.FloorDiv():
            return Div(left, right, whole=True)
        case ast.Mod():
            return Mod(left, right)
        case ast.Pow():
            return Power(left, right)
    raise Unreadable(f"column {node.col_offset}: an operator that is not part of the notation")


def _signed(left: Tree, made: Callable[[Tree], Tree]) -> Tree:
    """Python reads -a*b as (-a)*b; it is shown as it is written, with the sign in front of all."""
    return Neg(made(left.of)) if isinstance(left, Neg) else made(left)


def _fold(kind: str, generator: ast.GeneratorExp) -> Fold:
    ranges, conditions = [], []
    for part in generator.generators:
        if not isinstance(part.target, ast.Name):
            raise Unreadable(f"column {generator.col_offset}: `for` needs a plain index")
        ranges.append(_range(part.target.id, part.iter))
        conditions += [_read(test) for test in part.ifs]
    return Fold(kind, _read(generator.elt), tuple(ranges), tuple(conditions))


def _range(index: str, over: ast.expr) -> Range:
    if isinstance(over, ast.Name) and over.id == index.upper():
        return Range(index)
    if isinstance(over, ast.Call) and isinstance(over.func, ast.Name) and over.func.id == "range":
        ends = [_read(a) for a in over.args]
        if len(ends) in (1, 2):
            return Range(index, ends[0] if len(ends) == 2 else None, ends[-1])
    return Range(index, None, _read(over))
