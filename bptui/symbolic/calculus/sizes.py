"""Which sizes of a definition are the same: an index that stands alone on an axis has that axis' size.

`x[i,k]*w[k,j]` says that axis 1 of x and axis 0 of w have one size, K. Inside a choice that compares the index
(`a[i] if i < a.shape[0] else …`) it says nothing, and neither does `0 + j`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bptui.model.base.errors import UserError
from bptui.symbolic.calculus import notation as n
from bptui.symbolic.calculus.definition import Definition
from bptui.symbolic.calculus.notation import Expr
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.parse import SIZE

_Key = str | tuple[str, int]
"""A letter's size by the letter (`k`), an axis by (tensor, axis)."""


class Sizes:
    """The sizes of one definition. `letter(k)` and `axis(x, 1)` give the symbol, the same one for equal sizes."""

    def __init__(
        self,
        statements: tuple[t.Statement, ...],
        ranks: Mapping[str, int],
        stretched: Mapping[str, tuple[int, ...]],
        broadcasts: bool,
        where: str,
    ) -> None:
        self.ranks, self.stretched, self.where = ranks, stretched, where
        self.parent: dict[_Key, _Key] = {}
        self.order: list[str] = []
        self.known: set[str] = set()
        """Letters that have a size: output indices, and those that stand alone somewhere."""
        weak: list[tuple[_Key, _Key]] = []
        for statement in reversed(statements):
            indices = statement.target.index if isinstance(statement.target, t.Element) else ()
            letters: dict[str, _Key | None] = {i.name: i.name for i in indices if isinstance(i, t.Name)}
            self.order += [letter for letter in letters if letter not in self.order]
            if statement is statements[-1]:
                self.known |= set(letters)
            self._claims(statement.value, letters, frozenset(), weak)
            self._square(statement)
        for a, b in weak:
            if b not in self.known:
                self._join(a, b)

    # ------------------------------------------------------------------------------------------------ the answers
    def letter(self, letter: str) -> Expr:
        """The size of an index letter."""
        root = self.find(letter)
        if not any(self.find(known) == root for known in self.known):
            right = f"'{letter}' stands alone as an index of a tensor somewhere, or write x.shape[n]"
            raise UserError(self.where, f"the size {letter.upper()} is not known", right)
        return self._symbol(root)

    def axis(self, tensor: str, axis: int) -> Expr:
        """The size of an axis."""
        if axis in self.stretched.get(tensor, ()):
            return n.ONE
        return self._symbol(self.find((tensor, axis)))

    def _symbol(self, root: _Key) -> Expr:
        letters = [letter for letter in self.order if self.find(letter) == root]
        if letters:
            return n.size(letters[0].upper())
        others = sorted(k for k in self.parent if isinstance(k, str) and self.find(k) == root)
        if others:
            return n.size(others[0].upper())
        return n.size(f"{root[0]}.shape[{root[1]}]" if isinstance(root, tuple) else root.upper())

    # ------------------------------------------------------------------------------------------------ union, find
    def find(self, key: _Key) -> _Key:
        """The one that stands for all of one size."""
        while key in self.parent and self.parent[key] != key:
            key = self.parent[key]
        return key

    def _square(self, statement: t.Statement) -> None:
        """A matrix that has an inverse or a determinant has as many rows as columns."""
        value, target = statement.value, statement.target
        kind = t.matrix_kind(value)
        if kind and kind not in t.SINGULAR:
            if isinstance(value, t.Reduction):
                self._join(*(r.index for r in value.ranges))
            elif isinstance(target, t.Element):
                a, b = target.index[-2:]
                if isinstance(a, t.Name) and isinstance(b, t.Name):
                    self._join(a.name, b.name)

    def _join(self, a: _Key, b: _Key) -> None:
        self.parent.setdefault(a, a)
        self.parent.setdefault(b, b)
        self.parent[self.find(a)] = self.find(b)
        self.known |= {key for key in (a, b) if isinstance(key, str)}

    def _claims(
        self,
        tree: t.Tree | tuple[t.Tree, ...],
        letters: Mapping[str, _Key | None],
        shy: frozenset[str],
        weak: list[tuple[_Key, _Key]],
    ) -> None:
        """Walk a formula. `letters`: index → key of its size; `shy`: indices that a condition compares."""
        match tree:
            case t.Element(base, index):
                rank = self.ranks.get(base)
                if rank is not None:
                    for axis, part in enumerate(index[len(index) - rank :]):
                        key = letters.get(part.name) if isinstance(part, t.Name) else None
                        if key is None or axis in self.stretched.get(base, ()):
                            continue
                        assert isinstance(part, t.Name)
                        if part.name in shy:
                            weak.append(((base, axis), key))
                        else:
                            self._join((base, axis), key)
                self._claims(index, letters, shy, weak)
            case t.IfElse(condition, yes, no):
                compared = shy | _indices(condition)
                self._claims((condition, yes, no), letters, compared, weak)
            case t.Reduction(_, body, ranges, conditions):
                inner = dict(letters)
                for r in ranges:
                    inner[r.index] = self._range(r)
                    self._claims(tuple(part for part in (r.low, r.high) if part is not None), letters, shy, weak)
                compared = shy.union(*map(_indices, conditions))
                self._claims((*conditions, body), inner, compared, weak)
            case tuple():
                for part in tree:
                    self._claims(part, letters, shy, weak)
            case t.Number() | t.Name() | t.Size():
                pass
            case _:
                for part in t.parts(tree):
                    self._claims(part, letters, shy, weak)

    def _range(self, r: t.Range) -> _Key | None:
        """The size of a range from 0 that is one size: `for k in K`, `for k in x.shape[1]`. None for all others."""
        if r.low is not None and r.low != t.integer(0):
            return None
        match r.high:
            case None:
                return r.index
            case t.Name(name) if SIZE.match(name):
                return name.lower()
            case t.Size(base, axis):
                return (base, axis)
        return None


class Known:
    """The sizes of a definition that is made already, for what is written in its terms (a hint)."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition

    def letter(self, letter: str) -> Expr:
        """The size of an index letter: as the definition has it."""
        found = dict(zip((str(i) for i in self.definition.out), self.definition.out_sizes, strict=True))
        return found.get(letter, n.size(letter.upper()))

    def axis(self, tensor: str, axis: int) -> Expr:
        """The size of an axis."""
        return self.definition.tensor[tensor].sizes[axis]


def _indices(condition: Any) -> set[str]:
    """Names that a condition compares as they are: `i` of `i < n`, not the i of `x[i] > 0`, and none of `j <= i`."""
    if isinstance(condition, t.Element):
        return set()
    if isinstance(condition, t.Compare):
        sides = (condition.left, condition.right)
        if all(isinstance(side, t.Name) and not SIZE.match(side.name) for side in sides):
            return set()
    return {condition.name} if isinstance(condition, t.Name) else set().union(*map(_indices, t.parts(condition)))
