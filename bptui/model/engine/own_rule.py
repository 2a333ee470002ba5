"""A rule of one's own for an update: `update = "p - lr*m"` with `states = ["m"]` and `m = "0.9*m + grad"`.

Each formula says what its name becomes, one after the other as they are written, `update` last; a name means what it
became last, so that `m` in `update` is the new one. Names: `p` the parameter, `grad` its gradient (clipped where the
optimizer clips), `lr`, `t` (this update's number, from 1), the states (0 at first), numbers by their names, and names
of formulas before. The text is read by the guarded parser and never executed: it becomes the calls of a plan, and the
text of a definition, from which card and check read it once more, by themselves.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.syntax import Limits, Unreadable, parse
from bptui.model.engine.calls import Emit
from bptui.model.engine.trace import Standin
from bptui.model.engine.update_rule import Flat, Rule, Settings, written

LIMITS = Limits(characters=2_000, brackets=40, parts=400, digits=300, example='for example "p - lr*grad"')
MAX_STATES = 8
MAX_FORMULAS = 32
TAKEN = ("p", "g", "grad", "lr", "t", "pi", "p_new", "update", "states")
"""Names that have a meaning."""

FUNCTIONS: Mapping[str, Any] = {
    "sqrt": np.sqrt, "abs": np.abs, "sign": np.sign, "exp": np.exp, "log": np.log, "tanh": np.tanh, "sin": np.sin,
    "cos": np.cos, "floor": np.floor, "max": np.maximum, "min": np.minimum,
}  # fmt: skip
_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}  # fmt: skip
_COMPARE: Mapping[type[ast.cmpop], Any] = {
    ast.Gt: np.greater, ast.Lt: np.less, ast.GtE: np.greater_equal, ast.LtE: np.less_equal, ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}  # fmt: skip


@dataclass(frozen=True)
class Own:
    """A rule of one's own: its formulas in their order, `update` last; its states; its numbers. UserError where it
    cannot be read."""

    formulas: tuple[tuple[str, str], ...]
    states: tuple[str, ...] = ()
    numbers: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if len(self.formulas) > MAX_FORMULAS or len(self.states) > MAX_STATES:
            right = f"at most {MAX_FORMULAS} formulas and {MAX_STATES} states"
            raise UserError("optimizer", f"{len(self.formulas)} formulas, {len(self.states)} states", right)
        names = [*self.states, *dict(self.numbers), *(name for name, _ in self.formulas if name not in self.states)]
        for name in names:
            taken = name in TAKEN[:-2] or name in FUNCTIONS or name.endswith("_new") or names.count(name) > 1
            if not name.isidentifier() or len(name) > 64 or taken:
                raise UserError(f"optimizer.{name[:64]}", "cannot be a name here", "another name, of letters and _")
        for state in self.states:
            if state not in dict(self.formulas):
                right = f'{state} = "0.9*{state} + grad"'
                raise UserError("optimizer.states", f"nothing says what {state} becomes", right)
        object.__setattr__(self, "_read", self._statements())

    def _statements(self) -> tuple[tuple[str, ast.expr], ...]:
        """The formulas as trees, in the names of a definition: `g` for `grad`, `m_new` for what m became."""
        means = {name: name for name in ("p", "lr", "t", *self.states, *dict(self.numbers))} | {"grad": "g"}
        found: list[tuple[str, ast.expr]] = []
        for name, text in self.formulas:
            tree = _Reader(f"optimizer.{name}", means).read(text)
            target = "p_new" if name == "update" else f"{name}_new" if name in self.states else name
            means[name] = target
            found.append((target, tree))
        return tuple(found)

    @property
    def definition(self) -> str:
        """The text of the update of one element."""
        statements: tuple[tuple[str, ast.expr], ...] = self._read  # type: ignore[attr-defined]
        return "; ".join(f"{name} = {ast.unparse(tree)}" for name, tree in statements)

    @property
    def rule(self) -> Rule:
        """It as a row."""
        calls = written(self._update, lambda o, lr, t: (float(t),))

        def emit(emit: Emit, o: Settings, flat: Flat) -> None:
            with np.errstate(all="ignore"):  # a constant may be too large for float32
                calls(emit, o, flat)

        return Rule("a rule of one's own", {}, lambda o: self.states, lambda o: self.definition, emit)

    def _update(self, o: Settings, lr: Any, p: Any, g: Any, *rest: Any) -> tuple[Any, ...]:
        """What p and each state become, of stand-ins."""
        *states, t = rest
        known: dict[str, Any] = {"p": p, "g": g, "lr": np.float64(lr) if isinstance(lr, float) else lr, "t": t}
        known |= {name: np.float64(value) for name, value in self.numbers}
        known |= dict(zip(self.states, states, strict=True))
        statements: tuple[tuple[str, ast.expr], ...] = self._read  # type: ignore[attr-defined]
        for name, tree in statements:
            known[name] = _value(tree, known)
        return tuple(_spread(known[name], p) for name in ("p_new", *(f"{state}_new" for state in self.states)))


def _spread(made: Any, p: Any) -> Any:
    """A number that all elements share, as one for each."""
    if isinstance(made, Standin) and made.shape == p.shape:
        return made
    if not isinstance(made, Standin):
        made = p.trace.given(np.full((), made, p.dtype))
    everywhere: Any = np.equal(p, p)
    return np.where(everywhere, made, made)


class _Reader:
    """Reads a formula. means: its names → those of a definition."""

    def __init__(self, place: str, means: Mapping[str, str]) -> None:
        self.place, self.means = place, means

    def read(self, text: Any) -> ast.expr:
        """The tree of a formula, all of whose parts are known."""
        if not isinstance(text, str) or not text.strip():
            raise UserError(self.place, "is no formula", 'a text such as "p - lr*grad"')
        try:
            body = parse(text, LIMITS).body
        except Unreadable as problem:
            raise UserError(self.place, problem.what, problem.right) from None
        if len(body) != 1 or not isinstance(body[0], ast.Expr):
            raise UserError(self.place, "is more than a formula", 'such as "p - lr*grad", without a name in front')
        return self._part(body[0].value)

    def _part(self, node: ast.expr) -> ast.expr:
        match node:
            case ast.Constant(value=bool()):
                pass
            case ast.Constant(value=int() | float()):
                return node
            case ast.Name(id=name):
                if name not in self.means:
                    known = ", ".join(self.means)
                    right = did_you_mean(name, self.means, f"known here: {known}")
                    raise UserError(self.place, f"nothing is called '{name[:40]}'", right)
                return ast.Name(self.means[name], ast.Load())
            case ast.UnaryOp(op=ast.USub() as op, operand=of):
                return ast.UnaryOp(op, self._part(of))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return ast.BinOp(self._part(left), op, self._part(right))
            case ast.IfExp(test=ast.Compare(left=left, ops=[op], comparators=[right]), body=yes, orelse=no) if (
                type(op) in _COMPARE
            ):
                test = ast.Compare(self._part(left), [op], [self._part(right)])
                return ast.IfExp(test, self._part(yes), self._part(no))
            case ast.Call(func=ast.Name(id=name) as function, args=args, keywords=[]):
                least = 2 if name in ("max", "min") else 1
                if name not in FUNCTIONS:
                    right = did_you_mean(name, FUNCTIONS, "functions: " + ", ".join(FUNCTIONS))
                    raise UserError(self.place, f"there is no function '{name[:40]}'", right)
                if len(args) < least or (least == 1 and len(args) > 1):
                    raise UserError(self.place, f"{name} of {len(args)} numbers", f"{least}" + " or more" * (least > 1))
                return ast.Call(function, [self._part(part) for part in args], [])
        shown = ast.unparse(node)[:40]
        right = "+ - * / **, a if x > 0 else b, " + ", ".join(FUNCTIONS)
        raise UserError(self.place, f"'{shown}' is not part of the notation", right)


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    """A tree that was read, of stand-ins and numbers."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return np.float64(value)
        case ast.Name(id=name):
            return known[name]
        case ast.UnaryOp(operand=of):
            return -_value(of, known)
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=2)):
            return np.square(_value(left, known))
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_value(left, known), _value(right, known))
        case ast.IfExp(test=ast.Compare(left=left, ops=[op], comparators=[right]), body=yes, orelse=no):
            holds: Any = _COMPARE[type(op)](_value(left, known), _value(right, known))
            if isinstance(holds, bool | np.bool_):
                return _value(yes if holds else no, known)
            return np.where(holds, _value(yes, known), _value(no, known))
        case ast.Call(func=ast.Name(id=name), args=args):
            values = [_value(part, known) for part in args]
            return FUNCTIONS[name](values[0]) if len(values) == 1 else reduce(FUNCTIONS[name], values)
    raise TypeError(type(node).__name__)
