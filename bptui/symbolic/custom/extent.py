"""How large the output of a definition is for given inputs, and that nothing outside of them is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import sympy as sp

from bptui.model.base.types import Shape
from bptui.symbolic.calculus.definition import Definition
from bptui.symbolic.calculus.notation import Expr, indices_of, name_of, rename

MAX_TERMS = 10**8
"""Of one element of the output; its check at 50 digits takes them one by one, a sample of them."""
Span = tuple[int, int]
"""Lowest and highest value of an index."""
Read = tuple[str, tuple[Expr, ...], dict[Expr, Span | None], bool]
"""An element: name, indices, the spans of the symbols in them, and whether it stands under a condition."""


class Extents:
    """The sizes of one definition for given shapes. Raises ValueError(what, right) as an operation's `shape` does.

    sizes  size symbol → number;  output  the output's shape
    An output index that stands alone nowhere (`x[i+k]`, `x[2*i+k]`) is as long as its reads stay inside; one that
    stands alone (or as i + 1) only under a condition, as long as that axis.
    """

    def __init__(self, definition: Definition, shapes: Sequence[Shape]) -> None:
        self.definition = definition
        self.shapes = {tensor.name: tuple(s) for tensor, s in zip(definition.inputs, shapes, strict=True)}
        self.sizes: dict[Expr, int] = {}
        said: dict[Expr, str] = {}
        for tensor, shape in zip(definition.inputs, shapes, strict=True):
            if len(shape) != len(tensor.sizes):
                count = f"{len(tensor.sizes)} {'index' if len(tensor.sizes) == 1 else 'indices'}"
                raise ValueError(f"{tensor.name} has shape {tuple(shape)}, and the definition reads it with {count}")
            for size, number in zip(tensor.sizes, shape, strict=True):
                if size.is_Symbol and self.sizes.setdefault(size, number) != number:
                    other = said[size]
                    told = f"{other} has shape {self.shapes[other]} and {tensor.name} has shape {tuple(shape)}"
                    raise ValueError(f"{told}: {size} is {self.sizes[size]} in one and {number} in the other")
                if size.is_Symbol:
                    said.setdefault(size, tensor.name)
        self._infer()
        self._bounded()
        self._inside()

    @property
    def output(self) -> Shape:
        """The output's shape."""
        return tuple(int(rename(size, self._numbers)) for size in self.definition.out_sizes)

    @property
    def _numbers(self) -> dict[Expr, Expr]:
        return {symbol: sp.Integer(size) for symbol, size in self.sizes.items()}

    def labels(self) -> Mapping[str, Span]:
        """Inputs that stand in an index: their lowest value, and one past the highest."""
        found: dict[str, Span] = {}
        whole = {tensor.name for tensor in self.definition.inputs if tensor.integer}
        for name, indices, _, _ in self._reads():
            for index, size in zip(indices, self.shapes.get(name, ()), strict=False):
                if (isinstance(index, sp.Indexed | sp.Symbol)) and name_of(index) in whole:
                    label = name_of(index)
                    found[label] = (0, min(size, found.get(label, (0, size))[1]))
        return found

    def _infer(self) -> None:
        definition = self.definition
        for index, size in zip(definition.out, definition.out_sizes, strict=True):
            if not size.is_Symbol or size in self.sizes:
                continue
            most, alone = list[int](), set[int]()
            for name, indices, ranges, guarded in self._reads():
                for place, length in zip(indices, self.shapes.get(name, ()), strict=False):
                    if guarded:
                        alone |= {length} if (place - index).is_Integer else set()
                        continue
                    factor = place.coeff(index)
                    span = _span(sp.expand(place - factor * index), ranges)
                    if factor.is_Integer and factor > 0 and span is not None:
                        most.append((length - 1 - span[1]) // int(factor) + 1)
            most = most or (list(alone) if len(alone) == 1 else [])
            if not most:
                raise ValueError(
                    f"the size of the output's index {index} is not known", f"{index} alone as an index of an input"
                )
            if min(most) < 1:
                told = " and ".join(f"{name} has shape {shape}" for name, shape in self.shapes.items())
                raise ValueError(f"{told}: no place is left for the output's index {index}")
            self.sizes[size] = min(most)

    def _bounded(self) -> None:
        """No element is a sum of more terms than one would wait for."""
        definition = self.definition
        terms = (sp.Sum(a.term, *reversed(a.limits)) for a in definition.argmaxes if a.position == 0)
        for part in (definition.body, *(helper.value for helper in definition.helpers), *terms):
            count = _terms(rename(part, self._numbers), {})
            if count > MAX_TERMS:
                told = " and ".join(f"{name} has shape {shape}" for name, shape in self.shapes.items())
                raise ValueError(f"{told}: an element has {count:,} terms", f"at most {MAX_TERMS:,}")

    def _inside(self) -> None:
        """Every read that no condition guards is inside."""
        for name, indices, ranges, guarded in self._reads():
            for axis, (place, length) in enumerate(zip(indices, self.shapes.get(name, ()), strict=False)):
                span = None if guarded or _empty(place, ranges) else _span(place, ranges)
                if span is not None and not (span[0] >= 0 and span[1] < length):
                    outside = span[0] if span[0] < 0 else span[1]
                    told = f"the definition reads place {outside} of its axis {axis}"
                    right = "a condition, as in x[i+1] if i + 1 < I else 0"
                    raise ValueError(f"{name} has shape {self.shapes[name]}, and {told}", right)

    def _reads(self) -> Iterator[Read]:
        """Every element that the definition reads."""
        definition, numbers = self.definition, self._numbers
        spans: dict[Expr, Span | None] = {}

        def over(symbols: Sequence[Expr], sizes: Sequence[Expr]) -> dict[Expr, Span | None]:
            found = dict(spans)
            for symbol, size in zip(symbols, sizes, strict=True):
                size = rename(size, numbers)
                found[symbol] = (0, int(size) - 1) if size.is_Integer else None
            return found

        def look(e: Expr, ranges: dict[Expr, Span | None], guarded: bool) -> Iterator[Read]:
            if isinstance(e, sp.Indexed):
                yield name_of(e), indices_of(e), ranges, guarded
                for inner in indices_of(e):
                    yield from look(inner, ranges, guarded)
            elif isinstance(e, sp.Sum | sp.Product):
                inner_ranges = dict(ranges)
                for k, low, high in reversed(e.limits):
                    a, b = _span(low, inner_ranges), _span(high, inner_ranges)
                    inner_ranges[k] = (a[0], b[1]) if a is not None and b is not None else None
                yield from look(e.function, inner_ranges, guarded)
            elif isinstance(e, sp.Piecewise):
                for value, condition in e.args:
                    yield from look(condition, ranges, True)
                    yield from look(value, ranges, True)
            else:
                for part in e.args:
                    yield from look(part, ranges, guarded)

        def put(e: Expr) -> Expr:
            return rename(e, numbers)

        yield from look(put(definition.body), over(definition.out, definition.out_sizes), False)
        for helper in definition.helpers:
            yield from look(put(helper.value), over(helper.indices, helper.sizes), False)
        for argmax in definition.argmaxes:
            ranges = over(argmax.indices, argmax.sizes)
            for k, low, high in reversed(argmax.limits):
                a, b = _span(put(low), ranges), _span(put(high), ranges)
                ranges[k] = (a[0], b[1]) if a is not None and b is not None else None
            yield from look(put(argmax.term), ranges, argmax.condition != sp.true)


def _terms(e: Expr, ranges: Mapping[Expr, Span | None]) -> int:
    """How many terms the sums and products of an expression have, those inside of each other multiplied."""
    if not isinstance(e, sp.Sum | sp.Product):
        parts = [_terms(part, ranges) for part in e.args] if not isinstance(e, sp.Indexed) else []
        return sum(parts) if isinstance(e, sp.Add) else max(parts, default=1)
    inner, count = dict(ranges), 1
    for k, low, high in reversed(e.limits):
        a, b = _span(low, inner), _span(high, inner)
        inner[k] = (a[0], b[1]) if a is not None and b is not None else None
        count *= max(0, b[1] - a[0] + 1) if a is not None and b is not None else 1
    return count * _terms(e.function, inner)


def _empty(e: Expr, ranges: Mapping[Expr, Span | None]) -> bool:
    """Has one of its indices no values?"""
    spans = (ranges.get(s) for s in e.free_symbols)
    return any(span is not None and span[1] < span[0] for span in spans)


def _span(e: Expr, ranges: Mapping[Expr, Span | None]) -> Span | None:
    """The lowest and the highest value of `2*i + k - 1`; None where it is something else, or a range is not known."""
    low = high = 0
    for term in sp.Add.make_args(e):
        number, rest = term.as_coeff_Mul()
        if not number.is_Integer:
            return None
        span = (1, 1) if rest == 1 else ranges.get(rest)
        if span is None:
            return None
        ends = (int(number) * span[0], int(number) * span[1])
        low, high = low + min(ends), high + max(ends)
    return low, high
