"""A formula at the sizes of one node: what its shapes decide is not asked again.

SymPy derives a rule for all sizes, so that it must ask whether `q` lies in the part of a concatenation that an input
is. Of one node the sizes are known: whole numbers stand for `x.shape[1]`, and a condition that holds for every index of
its range is left out. What the ranges of the indices do not decide, stays. Nothing here looks at values.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from itertools import product

import numpy as np

from bptui.symbolic.card.bound_definition import BoundDefinition
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.ranges import ANY, Interval, Ranges, bounds, decided
from bptui.symbolic.formula.tree import Tree
from bptui.symbolic.types import Rule

MAX_CHOICES = 64
"""Values of an index that are tried one by one, to see which of them a condition leaves."""


KEPT = 1024
_MADE: dict[Hashable, tuple[Tree, Tree]] = {}
"""(a formula, the same at its sizes) by the formula's identity and the shapes: a card is drawn at every step."""


def definition_at(reading: BoundDefinition, tree: Tree) -> Tree:
    """A definition's right side, its `x.shape[…]` as numbers."""
    return _kept(reading, tree, lambda: _counted(tree, reading, reading.size))


def rule_at(reading: BoundDefinition, rule: Rule, tree: Tree) -> Tree:
    """`rule.local` or `rule.vjp` at the sizes of the node."""
    return _kept(reading, tree, lambda: _settled(reading, rule, tree))


def _kept(reading: BoundDefinition, tree: Tree, make: Callable[[], Tree]) -> Tree:
    key = (id(tree), reading.node.shape, *(source.shape for source in reading.inputs))
    found = _MADE.get(key)
    if found is None or found[0] is not tree:
        while len(_MADE) >= KEPT:
            _MADE.pop(next(iter(_MADE)), None)
        found = _MADE[key] = tree, make()
    return found[1]


def _settled(reading: BoundDefinition, rule: Rule, tree: Tree) -> Tree:
    shape = reading.inputs[reading.op.input_names.index(rule.wrt)].shape
    known = reading.helped
    size = {name: int(np.shape(known[base])[axis]) for name, base, axis in rule.sizes if base in known}
    size = {**reading.size, **size}
    ranges = {name: Interval(n, n) for name, n in size.items()}
    ranges |= {i: Interval(0, n - 1) for i, n in zip((*rule.out, *rule.q), (*reading.node.shape, *shape), strict=False)}
    return _counted(_Settler(reading).settle(tree, ranges), reading, size)


# ------------------------------------------------------------------------------------------------------- numbers
def _counted(tree: Tree, reading: BoundDefinition, size: Mapping[str, int]) -> Tree:
    """Every size as its number, where the formula names one as `x.shape[1]`; of others their letters are short."""
    if not any(isinstance(part, t.Size) or _plus_zero(part) for part in t.walk(tree)):
        return tree

    def change(part: Tree) -> Tree | None:
        if isinstance(part, t.Size):
            return t.integer(int(np.shape(reading.helped[part.base])[part.axis]))
        if isinstance(part, t.Range) or not isinstance(part, t.Name):
            return None
        return t.integer(size[part.name]) if part.name in size else None

    return _written(t.substitute(t.rebuild(tree, change), {}))


def _written(tree: Tree) -> Tree:
    """As it is written by hand: `6·i` for `i·6`, `i` for `1·i` and `i//1`."""

    def change(part: Tree) -> Tree | None:
        if isinstance(part, t.Mul):
            factors = [_written(f) for f in part.factors]
            fixed = [f for f in factors if isinstance(f, t.Number)]
            rest = [f for f in factors if not isinstance(f, t.Number)]
            whole = all(float(f.value).is_integer() for f in fixed)
            if fixed and whole:
                count = int(np.prod([f.value for f in fixed]))
                fixed = [t.integer(count)] if count != 1 or not rest else []
            made = (*fixed, *rest)
            return made[0] if len(made) == 1 else t.Mul(made)
        if _plus_zero(part) and isinstance(part, t.Add):
            return _written(part.terms[1])
        if isinstance(part, t.Compare) and isinstance(part.left, t.Add) and isinstance(part.right, t.Number):
            terms, minus = part.left.terms, part.left.minus
            if isinstance(terms[-1], t.Number) and len(terms) == 2 and not minus[0]:  # `p - 3 < -1` is `p < 2`
                moved = terms[-1].value if minus[-1] else -terms[-1].value
                return t.Compare(part.sign, _written(terms[0]), t.integer(int(part.right.value + moved)))
        if isinstance(part, t.Div) and part.floor and part.bottom == t.integer(1):
            return _written(part.top)
        if isinstance(part, t.Mod) and part.bottom == t.integer(1):
            return t.integer(0)
        return None

    return t.rebuild(tree, change)


def _plus_zero(part: object) -> bool:
    """Is it `0 + j`, as the definition of a slice from the start is written?"""
    return isinstance(part, t.Add) and len(part.terms) == 2 and part.terms[0] == t.integer(0) and not any(part.minus)


# ---------------------------------------------------------------------------------------------------- conditions
class _Settler:
    """Takes out of a formula the conditions that the ranges of its indices decide."""

    def __init__(self, reading: BoundDefinition) -> None:
        self.reading = reading

    def settle(self, tree: Tree, ranges: Ranges) -> Tree:
        """The formula, equal to `tree` for all indices within `ranges`."""

        def change(part: Tree) -> Tree | None:
            if isinstance(part, t.IfElse):
                return self.choice(part, ranges)
            if isinstance(part, t.Reduction):
                return self.reduction(part, ranges)
            if isinstance(part, t.Mul):
                return self.product(part, ranges)
            return None

        return t.rebuild(tree, change)

    def choice(self, tree: t.IfElse, ranges: Ranges) -> Tree:
        left = self.condition(tree.condition, ranges)
        if isinstance(left, bool):
            return self.settle(tree.yes if left else tree.no, ranges)
        return t.IfElse(left, self.settle(tree.yes, ranges), self.settle(tree.no, ranges))

    def product(self, tree: t.Mul, ranges: Ranges) -> Tree:
        """What an equation δ[j,q] says of its indices holds for the other factors, since all is 0 without."""
        known = dict(ranges)
        for factor in tree.factors:
            if isinstance(factor, t.Delta):
                for one, other in ((factor.left, factor.right), (factor.right, factor.left)):
                    self.narrow(one, self.bounds(other, known), known)
        factors = [self.settle(f, known) for f in tree.factors]
        if any(
            isinstance(a, t.IfElse) and not isinstance(b, t.IfElse) for a, b in zip(tree.factors, factors, strict=True)
        ):
            factors.sort(key=_place)  # what a condition was left out of stands where it would without
        return t.product(factors)

    def narrow(self, tree: Tree, to: Interval, ranges: dict[str, Interval]) -> None:
        """`tree`, an index plus or minus what is known, lies within `to`."""
        if to.low is None or to.high is None:
            return
        if isinstance(tree, t.Name) and tree.name in ranges:
            known = ranges[tree.name]
            ranges[tree.name] = Interval(max(known.low, to.low), min(known.high, to.high))
        elif isinstance(tree, t.Add):
            for n, (term, minus) in enumerate(zip(tree.terms, tree.minus, strict=True)):
                rest = [pair for m, pair in enumerate(zip(tree.terms, tree.minus, strict=True)) if m != n]
                others = self.bounds(t.Add(tuple(p for p, _ in rest), tuple(m for _, m in rest)), ranges)
                if isinstance(term, t.Name):
                    room = to + -others
                    self.narrow(term, -room if minus else room, ranges)

    def reduction(self, tree: t.Reduction, ranges: Ranges) -> Tree:
        known, own = dict(ranges), []
        for r in tree.ranges:
            low = Interval(0, 0) if r.low is None else self.bounds(r.low, known)
            stop = known.get(r.index.upper(), ANY) if r.high is None else self.bounds(r.high, known)
            if low.low is None or stop.high is None or stop.high <= low.low:
                known.pop(r.index, None)
                return t.Reduction(tree.kind, self.settle(tree.body, known), tree.ranges, tree.conditions, tree.sigma)
            known[r.index] = Interval(low.low, stop.high - 1)
            own.append((r.index, low.low == low.high and stop.low == stop.high))
        left = []
        for part in t.conditions(tree.conditions):
            said = self.condition(part, known)
            if said is False:
                return t.integer(0 if tree.kind == "sum" else 1) if tree.kind in ("sum", "prod") else tree
            if said is not True:
                left.append(said)
        if left and all(sure for _, sure in own) and tree.kind == "sum":
            only = self.only([index for index, _ in own], left, known)
            if only is not None:
                return self.settle(t.substitute(tree.body, only), ranges)
        return t.Reduction(tree.kind, self.settle(tree.body, known), tree.ranges, tuple(left), tree.sigma)

    def only(self, indices: list[str], conditions: list[Tree], ranges: Ranges) -> dict[str, int | Tree] | None:
        """The one place where all conditions hold, where there is but one and no other index has a say."""
        spans = [range(ranges[i].low, ranges[i].high + 1) for i in indices]
        if int(np.prod([len(span) for span in spans])) > MAX_CHOICES:
            return None
        found: list[dict[str, int | Tree]] = []
        for place in product(*spans):
            at = {**ranges, **{i: Interval(n, n) for i, n in zip(indices, place, strict=True)}}
            said = [self.condition(c, at) for c in conditions]
            if any(not isinstance(s, bool) for s in said):
                return None
            if all(said):
                found.append(dict(zip(indices, place, strict=True)))
        return found[0] if len(found) == 1 else None

    def condition(self, tree: Tree, ranges: Ranges) -> Tree | bool:
        """Whether it holds, as far as that is certain; else what is left of it."""
        if isinstance(tree, t.Logic) and tree.word in ("and", "or"):
            left: list[Tree] = []
            for part in tree.parts:
                said = self.condition(part, ranges)
                if said is (tree.word == "or"):
                    return said
                if not isinstance(said, bool):
                    left.append(said)
            if not left:
                return tree.word == "and"
            return left[0] if len(left) == 1 else t.Logic(tree.word, tuple(left))
        if isinstance(tree, t.Compare):
            said_so = decided(tree.sign, self.bounds(tree.left, ranges), self.bounds(tree.right, ranges))
            return tree if said_so is None else said_so
        return tree

    def bounds(self, tree: Tree, ranges: Ranges) -> Interval:
        """Between which numbers an index expression lies."""
        return bounds(tree, ranges, lambda base, axis: int(np.shape(self.reading.helped[base])[axis]))


def _place(factor: Tree) -> int:
    """Numbers, elements, equations, what is wide: the order of `calculus.convert`."""
    if isinstance(factor, t.Number):
        return 0
    return 2 if isinstance(factor, t.Delta) else 3 if isinstance(factor, t.Reduction | t.IfElse) else 1
