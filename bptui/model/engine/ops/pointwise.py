"""How the rows of losses that compare element by element are made.

A row says its term for one element, as text and as NumPy, and what of it goes to each input; the reduction
(mean, sum, none), the scale and a weight of each element are written once, here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bptui.model.base.types import Attributes, Shape
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import at, choice, letters, product, require_equal, total
from bptui.model.engine.rule import Rule

REDUCTIONS = ("mean", "sum", "none")

Texts = Mapping[str, str]
"""The elements that a term reads, as text: `p` and `t` of the first two inputs, others and helpers by their name."""


@dataclass(frozen=True)
class Term:
    """One element of a loss.

    text    with `{p}` and `{t}` for the elements of the first two inputs, others and helpers by their name; or a
            function of the Signature and those
    value   (p, t, **other inputs and attributes) → the term
    slopes  for each of the first inputs that has a gradient (one, two or three of them), the same → its derivative, or
            that up to a number, and the number
    factor  a constant factor of the whole loss (½)
    total   (p, t) → the sum of all terms, where there is a shorter way than terms
    counts  the same → where a term passes a gradient: elsewhere it is 0, whatever ∂L/∂y is; None for everywhere
    helpers name → text of a part that the definition names, to be short; of a later one, also of those before it
    hint    as `text`: the derivative of one term by the first input, where there is a better form than SymPy's
    """

    text: str | Callable[[Signature, Texts], str]
    value: Callable[..., Any]
    slopes: tuple[Callable[..., Any], ...]
    factor: float = 1.0
    total: Callable[..., Any] | None = None
    helpers: Mapping[str, str] = field(default_factory=dict)
    hint: str | Callable[[Signature, Texts], str] = ""
    counts: Callable[..., Any] | None = None


def reduction(default: str = "mean", *more: str) -> Attribute:
    """mean, sum or none (one number for each element)."""
    return Attribute(default, choice(*REDUCTIONS, *more))


def scale_of(reduction: str, shape: Shape) -> float:
    """The factor of the reduction: 1/count for a mean, nan over nothing."""
    if reduction in ("sum", "none"):
        return 1.0
    count = shape[0] if reduction == "batchmean" else int(np.prod(shape, dtype=int))
    return 1 / count if count else float("nan")


def trailing(name: str, first: Shape, other: str, shape: Shape) -> None:
    """Raise where the shape of `other` is not that of the last axes of the first, `name`."""
    if shape != first[len(first) - len(shape) :] or len(shape) > len(first):
        raise ValueError(
            f"{name} has shape {first} and {other} has shape {shape}: {other} must have the shape of its last axes"
        )


def reduced(term: str, indices: Sequence[str], signature: Signature) -> str:
    """`y = …`: the term, or its sum or mean over the indices."""
    if signature["reduction"] == "none" or not indices:
        return f"{at('y', indices)} = {term}"
    below = _divisor(signature, indices)
    return f"y = {total(term, indices)}{below}"


def finished(use: Callable[..., Any], each: Any, reduction: str) -> Any:
    """The loss of its terms, of a graph of primitives."""
    return each if reduction == "none" else use(reduction, each, name="y")


class Pointwise:
    """One such loss: its term with the reduction, the scale and the weight. `names` of the inputs, without marks."""

    def __init__(self, names: tuple[str, ...], term: Term) -> None:
        self.names, self.term = names, term
        self.alike = max(2, len(term.slopes))
        """So many of the inputs have one shape."""

    def shape(self, shapes: Sequence[Shape], attributes: Attributes) -> Shape:
        """A number, or one for each element."""
        require_equal(self.names, shapes[: self.alike])
        for other, found in zip(self.names[self.alike :], shapes[self.alike :], strict=False):
            trailing(self.names[0], shapes[0], other, found)
        if attributes["reduction"] == "batchmean" and not shapes[0]:
            raise ValueError(f"{self.names[0]} has shape (): reduction 'batchmean' needs an axis of samples")
        return shapes[0] if attributes["reduction"] == "none" else ()

    def texts(self, signature: Signature, indices: Sequence[str]) -> dict[str, str]:
        """What the term reads at these indices."""
        rank = signature.ranks[0]
        given = zip(self.names, signature.ranks, strict=False)
        found = {key: at(key, indices[rank - axes :]) for key, axes in given}
        found |= {name: at(name, indices) for name in self.term.helpers}
        return {**found, "p": found[self.names[0]], "t": found[self.names[1]]}

    def written(self, form: str | Callable[[Signature, Texts], str], signature: Signature, words: Texts) -> str:
        """A form with the elements put in, times the element's weight."""
        body = form(signature, words) if callable(form) else form.format(**words)
        return f"{words['weight']}*({body})" if "weight" in words else body

    def definition(self, signature: Signature) -> str:
        """The reduction of the term, after the helpers that it names."""
        indices = letters(signature.ranks[0])
        words = self.texts(signature, indices)
        first = "".join(f"{words[name]} = {text.format(**words)}; " for name, text in self.term.helpers.items())
        half = "/2" if self.term.factor == 0.5 else ""
        return first + self.reduced(self.written(self.term.text, signature, words), half, indices, signature)

    def hint(self, signature: Signature) -> dict[str, str]:
        """The local derivative, at the element q0, q1, … of the reduced ones, or of the output's own."""
        rank = signature.ranks[0]
        indices, other = letters(rank), [f"q{axis}" for axis in range(rank)]
        if not self.term.hint:
            return {}
        if signature["reduction"] == "none":
            deltas = "".join(f"delta({i},{q})*" for i, q in zip(indices, other, strict=True))
            body = self.written(self.term.hint, signature, self.texts(signature, indices))
            return {self.names[0]: f"{deltas}({body})"}
        body = self.written(self.term.hint, signature, self.texts(signature, other))
        return {self.names[0]: f"({body}){_divisor(signature, indices)}"}

    def reduced(self, body: str, half: str, indices: list[str], signature: Signature) -> str:
        """`y = …`: the term, or its sum or mean over the indices, with the ½ where it is read best."""
        if signature["reduction"] == "none":
            return f"{at('y', indices)} = {body}{half}"
        if not indices:
            return f"y = {body}{half}"
        below = _divisor(signature, indices)
        if half and below:
            below, half = f"/(2*{below[1:].strip('()')})", ""
        return f"y = {total(body, indices)}{below}{half}"

    def value(self, p: Any, t: Any, *rest: Any, reduction: str, **attributes: Any) -> Any:
        """The loss."""
        others = dict(zip(self.names[2:], rest, strict=False))
        if self.term.total is not None and reduction != "none" and not others:
            y = self.term.total(p, t)
        else:
            weight = others.pop("weight", None)
            y = self.term.value(p, t, **others, **attributes)
            y = y if weight is None else y * weight
            y = y if reduction == "none" else np.sum(y)
        scale = scale_of(reduction, p.shape) * self.term.factor
        return y if scale == 1 else y * scale

    def slope(self, position: int) -> Callable[..., Any]:
        """The vjp for one of the inputs that have a gradient."""

        def vjp(g: Any, y: Any, p: Any, t: Any, *rest: Any, reduction: str, **attributes: Any) -> Any:
            others = dict(zip(self.names[2:], rest, strict=False))
            weight = others.pop("weight", None)
            found = self.term.slopes[position](p, t, **others, **attributes)
            slope, factor = found if isinstance(found, tuple) else (found, 1.0)
            scale = factor * scale_of(reduction, p.shape) * self.term.factor
            if scale != 1 and reduction != "none":
                g, scale = g * scale, 1.0
            d = slope * g if scale == 1 else slope * g * scale
            d = d if weight is None else d * weight
            counts = self.term.counts and self.term.counts(p, t, **others, **attributes)
            return d if counts is None else np.where(counts, d, 0)

        return vjp


def loss(
    name: str,
    inputs: tuple[str, ...],
    term: Term,
    doc: str,
    default: str = "mean",
    reductions: Sequence[str] = (),
    **more: Any,
) -> Op:
    """A row. Inputs after the first two, or after those that have a gradient, are optional and have the shape of the
    last axes; one called `weight` multiplies each term."""
    names = tuple(item.rstrip("?") for item in inputs)
    made = Pointwise(names, term)
    rule = Rule(made.value, *map(made.slope, range(len(term.slopes))))
    attributes = {"reduction": reduction(default, *reductions), **more.pop("attributes", {})}
    return Op(
        name, inputs, made.definition, made.shape, *rule.pair, doc, attributes, made.hint,
        fixed=names[len(term.slopes) :],
        **more,
    )  # fmt: skip


def _divisor(signature: Signature, indices: Sequence[str]) -> str:
    """`/(I*J)` for a mean, `/I` for one over samples alone, nothing for a sum."""
    if signature["reduction"] == "batchmean":
        return f"/{indices[0].upper()}"
    return f"/{product(indices)}" if signature["reduction"] == "mean" and indices else ""
