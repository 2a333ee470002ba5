"""Signature → Definition: the operation's text, sizes found, broadcasting written out, as SymPy expressions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import sympy as sp

from bptui.model.base.errors import UserError
from bptui.model.engine.ops import get
from bptui.model.engine.ops.base import Op, Signature
from bptui.symbolic.calculus import implicit
from bptui.symbolic.calculus import notation as n
from bptui.symbolic.calculus.definition import ArgMax, Definition, Helper, Matrix, Tensor
from bptui.symbolic.calculus.notation import Expr
from bptui.symbolic.calculus.sizes import Known, Sizes
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.parse import SIZE, Names, parse, parse_hint

_LETTERS = "ijklmnuvw"


def lift(statements: tuple[t.Statement, ...], names: Names, rank: int) -> tuple[t.Statement, ...]:
    """An elementwise definition with its indices written out for an output of `rank` axes: `y = a + b` →
    `y[i,j] = a[i,j] + b[j]`; the statements of an operation that is not elementwise stay as they are.

    Broadcasting is NumPy's rule: an input's axes stand under the last ones of the output. (A stretched axis keeps its
    letter here; its index becomes 0 where the definition is built.)
    """
    if not names.elementwise or isinstance(statements[-1].target, t.Element):
        return statements
    letters = tuple(t.Name(letter) for letter in letters_for(names, statements, rank))
    lifted: set[str] = set()
    done = []
    for statement in statements:
        value = lift_tree(statement.value, names, letters, lifted)
        target = statement.target
        if isinstance(target, t.Name) and letters and (statement is statements[-1] or value is not statement.value):
            lifted.add(target.name)
            target = t.Element(target.name, letters)
        done.append(t.Statement(target, value))
    return tuple(done)


def lift_tree(tree: t.Tree, names: Names, letters: tuple[t.Name, ...], lifted: set[str]) -> t.Tree:
    """One formula with indices at its tensors and at the names of `lifted`. The same object where there are none."""

    def change(part: t.Tree) -> t.Tree | None:
        if isinstance(part, t.Name):
            if part.name in lifted and letters:
                return t.Element(part.name, letters)
            rank = names.tensors.get(part.name, 0)
            if rank:
                return t.Element(part.name, letters[len(letters) - rank :])
        return None

    return t.rebuild(tree, change)


def letters_for(names: Names, statements: tuple[t.Statement, ...], rank: int) -> list[str]:
    """Index letters that nothing in the text is called: i, j, k, …; i1, i2, … for the very deep."""
    taken = set(names.tensors) | set(names.parameters)
    taken |= {part.name for s in statements for part in t.walk((s.target, s.value)) if isinstance(part, t.Name)}
    free = [letter for letter in _LETTERS if letter not in taken]
    return free[:rank] if rank <= len(free) else [f"i{axis}" for axis in range(rank)]


def define(signature: Signature, op: Op | None = None) -> Definition:
    """The definition of an operation for one signature. `op` is looked up by name where it is not given.

    Raises UserError where the text is not in the notation, or does not fit the signature.
    """
    if op is None:
        found = get(signature.op)
        assert isinstance(found, Op), f"{signature.op} is a composite: its parts have definitions"
        op = found
    return _define(signature, op.define(signature), facts(op))


_Facts = tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, bool], ...], bool, bool]


def facts(op: Op) -> _Facts:
    """What of an Op a definition depends on besides its text, in a form that can be a key."""
    attributes = tuple((name, attribute.static) for name, attribute in op.attributes.items())
    return op.input_names, op.indices, attributes, op.elementwise, op.broadcasts or op.elementwise


@lru_cache(maxsize=512)
def _define(signature: Signature, text: str, known: _Facts) -> Definition:
    inputs, integers, attributes, elementwise, broadcasts = known
    where = f"definition of {signature.op}"
    used = inputs[: len(signature.ranks)]
    ranks = dict(zip(used, signature.ranks, strict=True))
    static = {k: v for k, v in signature.attributes if isinstance(v, int | float) and not isinstance(v, bool)}
    symbols = [name for name, fixed in attributes if not fixed]
    names = Names(ranks, integers, [*symbols, *static], elementwise, broadcasts)
    statements = parse(text, names, where)
    lifted = lift(statements, names, signature.out_rank)
    target = lifted[-1].target
    found = len(target.index) if isinstance(target, t.Element) else 0
    if found != signature.out_rank:
        raise UserError(where, f"the output has {found} indices, its tensor {signature.out_rank} axes")
    stretched = {name: signature.stretched[at] for at, name in enumerate(used)}
    sizes = Sizes(lifted, ranks, stretched, broadcasts, where)
    return _Builder(signature, text, statements, lifted, names, static, stretched, sizes, where).definition()


def hint(definition: Definition, op: Op, wrt: str, q: Sequence[Expr]) -> Expr | None:
    """The display form of ∂y/∂wrt that the operation suggests, with helpers and `y` by name; None where there is none.

    An elementwise one is written for one element: the deltas that make it a derivative by any element are put to it.
    """
    text = op.hint_for(definition.signature, wrt)
    if text is None:
        return None
    where = f"hint of {op.name}"
    (statement,) = parse_hint(text, where)
    value = statement.value
    elementwise = op.elementwise and not any(isinstance(part, t.Element) for part in t.walk(value))
    letters = tuple(t.Name(i.name) for i in definition.out if i.is_Symbol)
    names = Names(
        {tensor.name: len(tensor.sizes) for tensor in definition.inputs}, op.indices, elementwise=op.elementwise
    )
    if elementwise:
        helpers = {helper.name for helper in definition.helpers if helper.indices}
        value = lift_tree(value, names, letters, {definition.output, *helpers} if letters else set())
    static = {
        k: v for k, v in definition.signature.attributes if isinstance(v, int | float) and not isinstance(v, bool)
    }
    stretched = dict(zip(op.input_names, definition.signature.stretched, strict=False))
    builder = _Builder(definition.signature, text, (), (), names, static, stretched, Known(definition), where)
    builder.scope = {i.name: (i, None) for i in (*definition.out, *q) if i.is_Symbol}
    form = builder.build(value)
    if elementwise:
        tensor = definition.tensor[wrt]
        own = definition.out[len(definition.out) - len(tensor.sizes) :]
        for i, index, size in zip(own, q, tensor.sizes, strict=True):
            form = form if size == 1 else form * sp.KroneckerDelta(i, index)
    return form


@dataclass
class _Builder:
    """Formula trees → SymPy, statement by statement."""

    signature: Signature
    text: str
    statements: tuple[t.Statement, ...]
    lifted: tuple[t.Statement, ...]
    names: Names
    static: Mapping[str, float]
    stretched: Mapping[str, tuple[int, ...]]
    sizes: Sizes | Known
    where: str
    helpers: list[Helper] = field(default_factory=list)
    argmaxes: list[ArgMax] = field(default_factory=list)
    matrices: list[Matrix] = field(default_factory=list)
    scope: dict[str, tuple[Expr, Expr | None]] = field(default_factory=dict)
    """Indices where the walk is: letter → (symbol, size of its range, None where that is not one number)."""

    def definition(self) -> Definition:
        for statement in self.lifted[:-1]:
            name, out, ranges = self.enter(statement)
            if t.matrix_kind(statement.value):
                self.matrices.append(self.matrix(name, out, ranges, statement.value))
            else:
                self.helpers.append(Helper(name, out, ranges, self.build(statement.value)))
        name, out, ranges = self.enter(self.lifted[-1])
        body = self.build(self.lifted[-1].value)
        tensors = tuple(
            Tensor(tensor, tuple(self.sizes.axis(tensor, axis) for axis in range(rank)), tensor in self.names.integers)
            for tensor, rank in self.names.tensors.items()
        )
        letters = {part.name for s in self.lifted for part in t.walk((s.target, s.value)) if isinstance(part, t.Name)}
        letters |= {r.index for s in self.lifted for r in _ranges(s.value)} | set(self.names.tensors)
        letters |= (
            set(self.names.parameters) | {h.name for h in self.helpers} | {m.name for m in self.matrices} | {name}
        )
        parameters = tuple(n.scalar(p) for p in self.names.parameters if p not in self.static)
        return Definition(
            self.signature, self.text, self.statements, name, out, ranges, tensors, body, tuple(self.helpers),
            tuple(self.argmaxes), parameters, frozenset(letters), tuple(map(self.completed, self.matrices)),
        )  # fmt: skip

    def matrix(self, name: str, out: tuple[Expr, ...], ranges: tuple[Expr, ...], value: t.Tree) -> Matrix:
        """A helper that an equation defines; its matrix runs over its last two indices, or over those of `for`."""
        kind: Any = t.matrix_kind(value)
        if isinstance(value, t.Call):
            return Matrix(
                name, kind, out, ranges, out[-2], out[-1], ranges[-2], ranges[-1], self.build(value.arguments[0])
            )
        assert isinstance(value, t.Reduction)
        for r in value.ranges:
            self.scope[r.index] = (n.index(r.index), self.sizes.letter(r.index))
        row, column = (self.scope[r.index][0] for r in value.ranges)
        height, side = (self.sizes.letter(r.index) for r in value.ranges)
        return Matrix(name, kind, out, ranges, row, column, height, side, self.build(value.body))

    def completed(self, matrix: Matrix) -> Matrix:
        """The same with the name of what its derivative reads: the inverse or the cofactors of the same matrix, the
        inverse of the factor."""
        kind = implicit.BESIDE.get(matrix.kind)
        if kind is None:
            return matrix
        for other in self.matrices:
            into = dict(zip((*matrix.lead, matrix.row, matrix.column), other.indices, strict=False))
            wanted = n.element(matrix.name, matrix.indices) if matrix.kind == "cholesky" else matrix.value
            if other.kind == kind and n.rename(wanted, into) == other.value:
                return replace(matrix, beside=other.name, triangle=self.triangle(matrix))
        what = f"{matrix.name}[i,j]" if matrix.kind == "cholesky" else "…"
        raise UserError(self.where, f"{matrix.kind} without what its derivative reads", f"w[i,j] = {kind}({what})")

    def triangle(self, matrix: Matrix) -> str:
        """The helper that says how much of a triangle counts in the derivative of a factor."""
        if matrix.kind != "cholesky":
            return ""
        for helper in self.helpers:
            if len(helper.indices) == 2 and helper.value == implicit.triangle(*helper.indices):
                return helper.name
        right = "h[i,j] = 1 if i > j else 1/2 if i >= j else 0"
        raise UserError(self.where, "cholesky without the triangle that its derivative reads", right)

    def enter(self, statement: t.Statement) -> tuple[str, tuple[Expr, ...], tuple[Expr, ...]]:
        """Bind the indices of a left side: (name, symbols, sizes)."""
        target = statement.target
        if isinstance(target, t.Name):
            self.scope = {}
            return target.name, (), ()
        letters = [i.name for i in target.index if isinstance(i, t.Name)]
        self.scope = {letter: (n.index(letter), self.sizes.letter(letter)) for letter in letters}
        found = [self.scope[i.name] if isinstance(i, t.Name) else (sp.Integer(0), sp.Integer(1)) for i in target.index]
        return target.base, tuple(symbol for symbol, _ in found), tuple(size for _, size in found)

    def build(self, tree: t.Tree) -> Expr:
        match tree:
            case t.Number(value, text):
                return _number(value, text)
            case t.Name(name):
                return self.name(name)
            case t.Element(base, index):
                return self.element(base, [self.build(i) for i in index])
            case t.Size(base, axis):
                return self.sizes.axis(base, axis)
            case t.Add(terms, minus):
                return sp.Add(*(-self.build(x) if m else self.build(x) for x, m in zip(terms, minus, strict=True)))
            case t.Mul(factors):
                return sp.Mul(*(self.build(f) for f in factors))
            case t.Div(top, bottom, floor):
                a, b = self.build(top), self.build(bottom)
                if b == 0:
                    raise UserError(self.where, "division by zero")
                return n.FloorDiv(a, b) if floor else a / b
            case t.Mod(top, bottom):
                a, b = self.build(top), self.build(bottom)
                if b == 0:
                    raise UserError(self.where, "division by zero")
                return n.Remainder(a, b)
            case t.Power(base_, exponent):
                return self.build(base_) ** self.build(exponent)
            case t.Neg(of):
                return -self.build(of)
            case t.Call(function, arguments):
                return self.call(function, [self.build(a) for a in arguments])
            case t.Reduction():
                return self.reduction(tree)
            case t.IfElse(condition, yes, no):
                return n.Piecewise((self.build(yes), self.build(condition)), (self.build(no), True))
            case t.Compare(sign, left, right):
                return self.compared(sign, self.build(left), self.build(right))
            case t.Logic(word, parts):
                tests = [self.build(part) for part in parts]
                return sp.Not(tests[0]) if word == "not" else (sp.And if word == "and" else sp.Or)(*tests)
            case t.Delta(left, right):
                return sp.KroneckerDelta(self.build(left), self.build(right))

    def name(self, name: str) -> Expr:
        if name in self.scope:
            return self.scope[name][0]
        if name == "pi":
            return sp.pi
        if name in self.static:
            return _number(self.static[name], repr(self.static[name]))
        if SIZE.match(name):
            return self.sizes.letter(name.lower())
        return n.element(name, (), name in self.names.integers)

    def element(self, base: str, indices: list[Expr]) -> Expr:
        rank = self.names.tensors.get(base)
        if rank is not None:
            indices = indices[len(indices) - rank :]
            stretched = self.stretched.get(base, ())
            indices = [sp.Integer(0) if axis in stretched else i for axis, i in enumerate(indices)]
        return n.element(base, indices, base in self.names.integers)

    def call(self, function: str, arguments: list[Expr]) -> Expr:
        if function in ("max", "min"):
            if all(a.is_integer and not a.has(sp.Indexed) for a in arguments):
                return (sp.Max if function == "max" else sp.Min)(*arguments)
            best = arguments[-1]  # the first among equals, from the right: a if a >= best else best
            for a in reversed(arguments[:-1]):
                best = n.Piecewise((a, self.compared(">=" if function == "max" else "<=", a, best)), (best, True))
            return best
        try:
            return n.FUNCTIONS[function](*arguments)
        except OverflowError:  # exp(sinh(1e20)), which SymPy works out at once
            raise UserError(self.where, f"{function} of a number that is enormous", "numbers below 1e300") from None

    def compared(self, sign: str, a: Expr, b: Expr) -> Expr:
        if any(side.has(*n.UNREAL) or side.is_extended_real is False for side in (a, b)):
            raise UserError(self.where, *n.NO_NUMBER)
        return n.RELATIONS[sign](a, b)

    # ------------------------------------------------------------------------------------------------- ranges
    def limits(self, tree: t.Reduction) -> tuple[list[tuple[Expr, Expr, Expr]], Expr]:
        """Enter the ranges of a reduction: ((symbol, low, high) each, its condition)."""
        found = []
        for r in tree.ranges:
            low = sp.Integer(0) if r.low is None else self.build(r.low)
            stop = self.sizes.letter(r.index) if r.high is None else self.build(r.high)
            k = n.bound(r.index, bool(low.is_nonnegative))
            self.scope[r.index] = (k, stop if low == 0 and not stop.atoms(sp.Dummy) else None)
            found.append((k, low, stop - 1))
        return found, sp.And(*(self.build(c) for c in tree.conditions))

    def reduction(self, tree: t.Reduction) -> Expr:
        outer = dict(self.scope)
        limits, condition = self.limits(tree)
        term = self.build(tree.body)
        self.scope = outer
        if tree.kind in ("max", "min"):
            return self.largest(tree, term, limits, condition)
        if condition != sp.true:
            term = n.Piecewise((term, condition), (0 if tree.kind == "sum" else 1, True))
        for limit in reversed(limits):
            term = n.Sum(term, limit) if tree.kind == "sum" else n.Product(term, limit)
        return term

    def largest(self, tree: t.Reduction, term: Expr, limits: list[Any], condition: Expr) -> Expr:
        """The active term: the bound indices replaced by whole tensors that say where the largest is."""
        inside = term.free_symbols | condition.free_symbols
        inside |= {s for _, low, high in limits for s in (low + high).free_symbols}
        around = [(symbol, size) for symbol, size in self.scope.values() if symbol in inside]
        if any(size is None for _, size in around):
            raise UserError(
                self.where, f"{tree.kind} inside a sum whose range depends on an index", "a range such as K"
            )
        formal = tuple(n.index(symbol.name) for symbol, _ in around)
        into = {symbol: own for (symbol, _), own in zip(around, formal, strict=True)}
        winners = {}
        for position, (k, _, _) in enumerate(limits):
            name = f"arg{tree.kind}_{k.name}"
            while any(name == argmax.name for argmax in self.argmaxes):
                name += "_"
            own = tuple((a, n.rename(lo, into), n.rename(hi, into)) for a, lo, hi in limits)
            sizes = tuple(size for _, size in around if size is not None)
            kind: Any = tree.kind
            self.argmaxes.append(
                ArgMax(name, formal, sizes, kind, n.rename(term, into), own, n.rename(condition, into), position)
            )
            winners[k] = n.element(name, [symbol for symbol, _ in around], True, nonnegative=True)
        return n.rename(term, winners)


def _number(value: float, text: str) -> Expr:
    """Decimals exactly as written: 0.1 is 1/10. (Very large and very small ones would be enormous fractions.)"""
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e15):
        return sp.Integer(int(value))
    return sp.Rational(text) if 1e-15 < abs(value) < 1e15 else sp.Float(value, 17)


def _ranges(tree: t.Tree) -> Iterator[t.Range]:
    for part in t.walk(tree):
        if isinstance(part, t.Reduction):
            yield from part.ranges
