"""einsum: an equation is a definition. `ij,jk->ik` is y[i,k] = sum(first[i,j]*second[j,k] for j in J)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from math import prod
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import at, total
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted

OPERANDS = ("first", "second?", "third?", "fourth?", "fifth?", "sixth?", "seventh?", "eighth?")
_NAMES = tuple(name.rstrip("?") for name in OPERANDS)
_TERM = re.compile(r"[A-Za-z]*(?:\.\.\.)?[A-Za-z]*")
_FREE = "ijklmnopqrstuvwxzabcdefgh"
"""Letters for an index whose own cannot stand in a definition: all but y, which is the output's name."""

Term = tuple[str, ...]
Equation = tuple[tuple[Term, ...], Term]
"""The indices of each operand, and of the output."""


def equation_of(value: Any) -> str:
    """The equation without spaces; what is wrong with it for any operands is told here."""
    text = "".join(value.split()) if isinstance(value, str) else "?"
    left, arrow, out = text.partition("->")
    terms = left.split(",")
    if not all(_TERM.fullmatch(term) for term in (*terms, out)):
        raise ValueError(f"must be like 'ij,jk->ik', not {value!r}")
    if len(terms) > len(OPERANDS):
        raise ValueError(f"must have at most {len(OPERANDS)} operands, not {len(terms)}")
    letters = out.replace(".", "")
    if len(set(letters)) < len(letters):
        raise ValueError(f"must name each index of the output once, not {out!r}")
    if unknown := set(letters) - set(left):
        raise ValueError(f"must not have {''.join(sorted(unknown))!r} in the output alone")
    if "." in out and "." not in left:
        raise ValueError("must not have ... in the output alone")
    return text if arrow else f"{left}->{_implied(left)}"


def _implied(left: str) -> str:
    """The output of an equation without one: the letters that stand once, in their order."""
    counts = Counter(left.replace(",", "").replace(".", ""))
    return ("..." if "." in left else "") + "".join(sorted(letter for letter, count in counts.items() if count == 1))


def indices(equation: str, ranks: Sequence[int]) -> Equation:
    """The indices of the operands and of the output, those of `...` as letters of their own."""
    left, _, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise ValueError(f"equation '{equation}' has {len(terms)} operands, not {len(ranks)}")
    most, spare = 0, [letter for letter in _FREE if letter not in equation]
    named: dict[str, str] = {}
    for letter in filter(str.isalpha, equation):
        if letter not in named:
            free = letter.islower() and letter != "y"
            named[letter] = letter if free else spare.pop(0) if spare else f"i{len(named)}"
    beside = []
    for term, rank, name in zip(terms, ranks, _NAMES, strict=False):
        own = len(term.replace(".", ""))
        if rank < own or ("." not in term and rank > own):
            raise ValueError(f"{name} has {rank} axes, and '{term}' of equation '{equation}' has {own} indices")
        beside.append(rank - own)
        most = max(most, rank - own)
    between = [*spare, *(f"i{n}" for n in range(len(named), len(named) + most))][:most]

    def spelled(term: str, count: int) -> Term:
        before, dots, after = term.partition("...")
        inner = between[most - count :] if dots else []
        return (*(named[letter] for letter in before), *inner, *(named[letter] for letter in after))

    return tuple(map(spelled, terms, beside)), spelled(right, most)


def _shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    terms, out = indices(attributes["equation"], [len(shape) for shape in shapes])
    sizes: dict[str, int] = {}
    for term, shape, name in zip(terms, shapes, _NAMES, strict=False):
        for index, size in zip(term, shape, strict=True):
            if sizes.setdefault(index, size) != size:
                raise ValueError(
                    f"{name} has shape {shape}: index {index} of equation '{attributes['equation']}' runs over "
                    f"{size}, and over {sizes[index]} elsewhere"
                )
    return tuple(sizes[index] for index in out)


def _definition(signature: Signature) -> str:
    terms, out = indices(signature["equation"], signature.ranks)
    summed = list(dict.fromkeys(index for term in terms for index in term if index not in out))
    product = "*".join(at(name, term) for name, term in zip(_NAMES, terms, strict=False))
    return f"{at('y', out)} = {total(product, summed)}"


# -------------------------------------------------------------------------------------------------------------- numbers
def _filled(*arrays: Any) -> None:
    *operands, equation, out = arrays
    terms, wanted = equation
    out[...] = contracted(operands, terms, wanted)


def _filled_vjp(*arrays: Any) -> None:
    """∂L/∂operand: the same sum over ∂L/∂y and the other operands, on the diagonal where an index stands twice."""
    *operands, equation, wanted, out = arrays
    once = tuple(dict.fromkeys(wanted))
    found = contracted(operands, equation, once, dict(zip(wanted, out.shape, strict=True)))
    if len(once) == len(wanted):
        out[...] = found
    else:
        out[...] = 0
        _diagonal(out, wanted)[...] = found


def _diagonal(array: Array, term: Term) -> Array:
    """A view with each index of the term once."""
    number = {index: n for n, index in enumerate(dict.fromkeys(term))}
    found: Array = np.einsum(array, [number[index] for index in term], list(number.values()))
    return found


def contracted(
    operands: Sequence[Array], terms: Sequence[Term], out: Term, sizes: Mapping[str, int] | None = None
) -> Array:
    """Σ of the product over all indices that `out` has not, the pair that leaves the smallest array first. An index of
    `out` that no operand has is one along which all is equal: `sizes` has its size."""
    items = [(_diagonal(array, term), tuple(dict.fromkeys(term))) for array, term in zip(operands, terms, strict=True)]
    while True:
        for n, (array, term) in enumerate(items):
            others = {index for m, (_, other) in enumerate(items) if m != n for index in other}.union(out)
            lonely = tuple(axis for axis, index in enumerate(term) if index not in others)
            if lonely:
                items[n] = array.sum(lonely), tuple(index for index in term if index in others)
        if len(items) == 1:
            break
        a, b = min(combinations(range(len(items)), 2), key=lambda pair: _growth(items, pair, out))
        rest = [item for n, item in enumerate(items) if n not in (a, b)]
        kept = {index for _, term in rest for index in term}.union(out)
        items = [*rest, _product(items[a], items[b], kept)]
    array, term = items[0]
    order = [term.index(index) for index in out if index in term]
    shape = [array.shape[term.index(index)] if index in term else 1 for index in out]
    full = [(sizes or {}).get(index, size) for index, size in zip(out, shape, strict=True)]
    return np.broadcast_to(array.transpose(order).reshape(shape), full)


Item = tuple[Array, Term]


def _growth(items: Sequence[Item], pair: tuple[int, int], out: Term) -> int:
    """How many more numbers there are after a pair was multiplied than before."""
    kept = {index for n, (_, term) in enumerate(items) if n not in pair for index in term}.union(out)
    sizes = {index: size for n in pair for index, size in zip(items[n][1], items[n][0].shape, strict=True)}
    made: int = prod(size for index, size in sizes.items() if index in kept)
    return made - sum(items[n][0].size for n in pair)


def _product(a: Item, b: Item, kept: set[str]) -> Item:
    """A product of two, summed over what both have and nothing needs after it: one product of matrices."""
    (x, first), (z, second) = a, b
    both = [index for index in first if index in second and index in kept]
    gone = [index for index in first if index in second and index not in kept]
    rows, columns = ([i for i in own if i not in other] for own, other in ((first, second), (second, first)))

    def laid(array: Array, term: Term, *parts: Sequence[str]) -> Array:
        sizes = dict(zip(term, array.shape, strict=True))
        turned = array.transpose([term.index(index) for part in parts for index in part])
        return turned.reshape([prod(sizes[index] for index in part) for part in parts])

    found = np.matmul(laid(x, first, both, rows, gone), laid(z, second, both, gone, columns))
    sizes = {**dict(zip(first, x.shape, strict=True)), **dict(zip(second, z.shape, strict=True))}
    term = (*both, *rows, *columns)
    return found.reshape([sizes[index] for index in term]), term


def _einsum(*operands: Any, equation: str) -> Any:
    made = indices(equation, [x.ndim for x in operands])
    shape = _shape([x.shape for x in operands], {"equation": equation})
    return noted(_filled, shape, *operands, options=(made,))


def _by(position: int) -> Any:
    def vjp(g: Any, y: Any, *operands: Any, equation: str) -> Any:
        terms, out = indices(equation, [x.ndim for x in operands])
        others = [n for n in range(len(operands)) if n != position]
        given = (out, *(terms[n] for n in others))
        inputs = (g, *(operands[n] for n in others))
        return noted(_filled_vjp, operands[position].shape, *inputs, options=(given, terms[position]))

    return vjp


_EINSUM = Rule(_einsum, *(_by(position) for position in range(len(OPERANDS))))

OPS = (
    Op(
        "einsum",
        OPERANDS,
        _definition,
        _shape,
        *_EINSUM.pair,
        "The sum of products that an equation says: 'bqd,bkd->bqk'. An index that the output has not is summed over, "
        "one that stands twice in an operand is its diagonal, ... are the axes that are not named.",
        {"equation": Attribute(None, equation_of, required=True)},
        convention="an index has one size: nothing is stretched",
    ),
)
