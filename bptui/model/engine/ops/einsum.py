"""einsum: an equation is a definition. `ij,jk->ik` is y[i,k] = sum(first[i,j]*second[j,k] for j in J)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from bptui.model.base.types import Attributes, Shape
from bptui.model.engine.contraction import Term, contract, diagonal
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import at, total
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted

OPERANDS = ("first", "second?", "third?", "fourth?", "fifth?", "sixth?", "seventh?", "eighth?")
_NAMES = tuple(name.rstrip("?") for name in OPERANDS)
_TERM = re.compile(r"[A-Za-z]*(?:\.\.\.)?[A-Za-z]*")
_FREE = "ijklmnopqrstuvwxzabcdefgh"
"""Letters for an index whose own cannot stand in a definition: all but y, which is the output's name."""

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


def _sizes(shapes: Sequence[Shape], equation: str) -> dict[str, int]:
    """Over how many each index runs: an axis of size 1 is stretched to what the others have."""
    terms, _ = indices(equation, [len(shape) for shape in shapes])
    sizes: dict[str, int] = {}
    for term, shape, name in zip(terms, shapes, _NAMES, strict=False):
        own: dict[str, int] = {}
        for index, size in zip(term, shape, strict=True):
            inside, elsewhere = own.setdefault(index, size), sizes.get(index, 1)
            if size != inside or (size != elsewhere and 1 not in (size, elsewhere)):
                other = inside if size != inside else elsewhere
                raise ValueError(
                    f"{name} has shape {shape}: index {index} of equation '{equation}' runs over {size}, and over "
                    f"{other} elsewhere"
                )
        sizes |= {index: size for index, size in own.items() if size != 1 or index not in sizes}
    return sizes


def _shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    sizes = _sizes(shapes, attributes["equation"])
    return tuple(sizes[index] for index in indices(attributes["equation"], [len(shape) for shape in shapes])[1])


def _stretched(shapes: Sequence[Shape], attributes: Attributes) -> tuple[tuple[int, ...], ...]:
    """The axes of each operand that have size 1 where their index runs over more, or over nothing."""
    terms, _ = indices(attributes["equation"], [len(shape) for shape in shapes])
    sizes = _sizes(shapes, attributes["equation"])
    return tuple(
        tuple(axis for axis, index in enumerate(term) if shape[axis] == 1 != sizes[index])
        for term, shape in zip(terms, shapes, strict=True)
    )


def _apart(shapes: Sequence[Shape], equation: str) -> Equation:
    """The indices with one of its own for each axis that is stretched: it is summed over alone."""
    terms, out = indices(equation, [len(shape) for shape in shapes])
    lost = _stretched(shapes, {"equation": equation})
    return tuple(
        tuple(f"{index}/{n}" if axis in axes else index for axis, index in enumerate(term))
        for n, (term, axes) in enumerate(zip(terms, lost, strict=True))
    ), out


def _definition(signature: Signature) -> str:
    terms, out = indices(signature["equation"], signature.ranks)
    summed = list(dict.fromkeys(index for term in terms for index in term if index not in out))
    read = [
        ["0" if axis in axes else index for axis, index in enumerate(term)]
        for term, axes in zip(terms, signature.stretched, strict=True)
    ]
    product = "*".join(at(name, term) for name, term in zip(_NAMES, read, strict=False))
    return f"{at('y', out)} = {total(product, summed)}"


# -------------------------------------------------------------------------------------------------------------- numbers
def _filled(*arrays: Any) -> None:
    *operands, equation, out = arrays
    terms, wanted = equation
    contract(operands, terms, out, wanted)


def _filled_vjp(*arrays: Any) -> None:
    """∂L/∂operand: the same sum over ∂L/∂y and the other operands, on the diagonal where an index stands twice."""
    *operands, equation, wanted, out = arrays
    once = tuple(dict.fromkeys(wanted))
    if len(once) < len(wanted):
        out[...] = 0
    contract(operands, equation, diagonal(out, wanted), once)


def _einsum(*operands: Any, equation: str) -> Any:
    made = _apart([x.shape for x in operands], equation)
    shape = _shape([x.shape for x in operands], {"equation": equation})
    return noted(_filled, shape, *operands, options=(made,))


def _by(position: int) -> Any:
    def vjp(g: Any, y: Any, *operands: Any, equation: str) -> Any:
        terms, out = _apart([x.shape for x in operands], equation)
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
        convention="an axis of size 1 is stretched to the size that its index has elsewhere",
        stretched_axes=_stretched,
    ),
)
