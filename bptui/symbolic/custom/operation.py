"""An operation of one's own: a definition → an Op like any other. SymPy derives the backward rule; `evaluate` runs."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn, TypeVar

import sympy as sp

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.numbers import significant
from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.calls import Backward, Emit
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import broadcast, full, integer, real
from bptui.model.engine.rule import Rule
from bptui.symbolic.calculus.define import define
from bptui.symbolic.calculus.definition import Definition
from bptui.symbolic.calculus.derive import derive, input_indices
from bptui.symbolic.calculus.notation import NO_NUMBER, ROUNDED, UNREAL, UPSTREAM, Expr
from bptui.symbolic.custom.evaluate import Evaluator
from bptui.symbolic.custom.extent import Extents
from bptui.symbolic.custom.scan import NAME, Scan
from bptui.symbolic.custom.values import Value
from bptui.symbolic.formula.parse import Names, parse
from bptui.symbolic.formula.text import placed, read
from bptui.symbolic.limit import TIME_LIMIT, Limit, TooLong

MAX_SETTINGS = 16
T = TypeVar("T")


def make(
    name: str,
    text: str,
    where: str = "definition",
    settings: Mapping[str, Any] | None = None,
    inputs: Sequence[str] = (),
    output: Shape | None = None,
    whole: Collection[str] = (),
) -> Op:
    """The operation `name` that `text` defines (docs/definitions.md, "Your own operation").

    settings  attributes and their default numbers;  inputs  the inputs' order, where it is not that of the text
    output    the shape that it gives, where that is known and not to be read off the inputs
    whole     inputs that hold whole numbers, where that is known
    A UserError with the column for a text that is not in the notation, has an unbound index, is not differentiable, or
    takes SymPy longer than TIME_LIMIT.
    """
    return within(lambda: _made(name, text, where, settings, inputs, output, whole), where)


def within(work: Callable[[], T], where: str) -> T:
    """What `work` returns, in less than TIME_LIMIT seconds: nobody waits for a definition that nobody could read."""
    try:
        return Limit().run(work, TIME_LIMIT)
    except TooLong as late:
        right = "a shorter one; helpers keep parts apart: m[i] = …; y[i,j] = …"
        raise UserError(where, f"SymPy {late} to derive it", right) from None


def _made(
    name: str,
    text: str,
    where: str,
    settings: Mapping[str, Any] | None,
    inputs: Sequence[str],
    output: Shape | None,
    whole: Collection[str],
) -> Op:
    defaults = _settings(settings or {}, where)
    lines, module = read(text, where)
    for part in ast.walk(module):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == name:
            place = part.lineno, part.col_offset + 1
            raise placed(where, lines, place, f"'{name}' is defined by itself", "inputs, and helpers that come before")
    parse(text, None, where)
    scan = Scan(lines, module, where, defaults, whole)
    names = _order(scan.tensors, inputs, where)
    attributes = {key: Attribute(default, real(), static=False) for key, default in defaults.items()}
    for key in scan.integer_settings:
        if not float(defaults[key]).is_integer():
            raise UserError(where, f"'{key}' stands in an index and is {significant(defaults[key])}", "a whole number")
        attributes[key] = Attribute(int(defaults[key]), integer())
    tensors = {tensor: 1 if scan.elementwise else scan.tensors[tensor] for tensor in names}
    parse(text, Names(tensors, scan.integers, defaults, scan.elementwise), where)
    own = _Own(name, names, scan, where, output)
    op = Op(
        name, names, text.strip(), own.shape, own.forward, own.vjp,
        doc="an operation of your own", attributes=attributes, elementwise=scan.elementwise,
        broadcasts=scan.elementwise, indices=tuple(scan.integers),
        analytic=not scan.kinks and scan.functions.isdisjoint(REAL), convention=_convention(scan),
        straight_through=not scan.functions.isdisjoint({*ROUNDED, "detach"}),
        bounds=own.bounds if scan.integers else None,
        shape_before_unbroadcast=full if scan.elementwise else None,
    )  # fmt: skip
    own.op, settled = op, {key: attribute.default for key, attribute in attributes.items()}
    try:
        own.differentiable(settled)
    except UserError as problem:
        if problem.where.startswith(where):
            raise
        # `define` knows the whole text, not the column: it is that of the size which it names
        at = next((place for size, place in scan.sizes.items() if f"size {size} " in problem.what), (1, 1))
        raise placed(where, scan.text, at, problem.what, problem.right) from None
    kinks = (part.has(sp.Abs, sp.sign) for part in own.parts(settled))
    return replace(op, analytic=op.analytic and not any(kinks))  # SymPy writes sqrt(x*x) as |x|


REAL = {"erf", "atan2", "lgamma", "digamma", "polygamma"}
"""What takes no complex numbers."""


def _settings(settings: Mapping[str, Any], where: str) -> dict[str, float]:
    if len(settings) > MAX_SETTINGS:
        raise UserError(where, f"{len(settings)} settings", f"at most {MAX_SETTINGS}")
    found = {}
    for key, default in settings.items():
        if not isinstance(key, str) or not NAME.match(key) or len(key) > 32:
            raise UserError(where, f"{str(key)[:40]!r} is not a name for a setting", "lowercase letters, digits and _")
        try:
            number = real()(default)
        except ValueError as problem:
            raise UserError(where, f"'{key}' {problem}", f"a number, its default: {key} = 1.0") from None
        found[key] = int(number) if isinstance(default, int) else number
    return found


def _order(found: Mapping[str, int], wanted: Sequence[str], where: str) -> tuple[str, ...]:
    """The inputs in the order that is asked for, or in that of the text."""
    if not wanted:
        return tuple(found)
    for name in wanted:
        if name not in found:
            told = f"the input '{str(name)[:32]}' is not in the definition"
            raise UserError(where, told, did_you_mean(str(name), found))
    for name in found:
        if list(wanted).count(name) != 1:
            raise UserError(where, f"'{name}' is an input", f"inputs = [{', '.join(found)}], each once")
    return tuple(wanted)


def _convention(scan: Scan) -> str:
    """What it does at its kinks, said on the screen."""
    if "max" in scan.functions or "min" in scan.functions:
        return "the first among equals gets the whole gradient"
    if "abs" in scan.functions or "sign" in scan.functions:
        return "the derivatives of abs and sign at 0 are 0"
    return "at a kink the derivative is that of the branch which the definition takes" if scan.kinks else ""


def _hides(rule: Expr) -> bool:
    """Is a delta in a sum that is multiplied? 0 of the delta and infinity of the factor are then not 0."""
    sums = (f for product in rule.atoms(sp.Mul) for f in product.args if isinstance(f, sp.Add))
    return any(f.has(sp.KroneckerDelta) for f in sums)


class _Own:
    """What an Op's functions share: its definition and derivations, each made once."""

    op: Op

    def __init__(self, name: str, names: tuple[str, ...], scan: Scan, where: str, output: Shape | None = None) -> None:
        self.name, self.names, self.scan, self.where, self.output = name, names, scan, where, output
        self._rules: dict[Signature, dict[str, Any]] = {}

    def signature(self, attributes: Attributes) -> Signature:
        """What it is derived for: the ranks that the text says; an elementwise one for single numbers."""
        static = tuple(sorted((key, attributes[key]) for key in self.scan.integer_settings))
        ranks = tuple(0 if self.scan.elementwise else self.scan.tensors[name] for name in self.names)
        return Signature(self.name, static, ranks, tuple(() for _ in ranks), self.scan.rank)

    def definition(self, attributes: Attributes) -> Definition:
        """The definition in SymPy's terms."""
        return define(self.signature(attributes), self.op)

    def parts(self, attributes: Attributes) -> tuple[Expr, ...]:
        """The formulas that it is made of."""
        definition = self.definition(attributes)
        return (definition.body, *(helper.value for helper in definition.helpers))

    def rules(self, attributes: Attributes) -> dict[str, Any]:
        """∂L/∂input by the input's name, for those that have one."""
        signature = self.signature(attributes)
        if signature not in self._rules:
            wanted = [name for at, name in enumerate(self.names) if self.op.differentiable(at)]
            self._rules[signature] = {name: self._derived(signature, name) for name in wanted}
        return self._rules[signature]

    def _derived(self, signature: Signature, name: str) -> Expr:
        try:
            derived = derive(signature, name, self.op)
            found = derived.vjp if _hides(derived.vjp_shown) else derived.vjp_shown
        except (ValueError, TypeError, NotImplementedError, ArithmeticError, KeyError, RecursionError, AttributeError):
            self._fail(f"SymPy finds no derivative by '{name}'")
        if found.has(sp.Derivative, sp.Subs, *UNREAL):  # that of (-2)**x is complex
            self._fail(f"SymPy finds no derivative by '{name}'")
        return found

    def _fail(self, what: str, right: str = "") -> NoReturn:
        raise placed(self.where, self.scan.text, self.scan.culprit, f"not differentiable: {what}", right)

    def differentiable(self, attributes: Attributes) -> None:
        """A UserError where there is nothing to learn from: no input has a derivative."""
        if any(part.has(*UNREAL) for part in self.parts(attributes)):
            raise placed(self.where, self.scan.text, (1, 1), *NO_NUMBER)
        rules = self.rules(attributes)
        if not rules:
            self._fail("all its inputs are whole numbers")
        if all(rule == 0 for rule in rules.values()):
            what = f"the derivative by {' and '.join(rules)} is 0 wherever there is one: nothing learns through it"
            step = self.scan.culprit != (1, 1)
            self._fail(what, "a smooth form of the step, as 1/(1 + exp(-x))" if step else "")

    # ----------------------------------------------------------------------------------------------- the Op's functions
    def shape(self, shapes: Sequence[Shape], attributes: Attributes) -> Shape:
        """The output's shape: the sizes of its indices, read off the inputs."""
        if self.scan.elementwise:
            return broadcast(self.names)(shapes, attributes)
        return Extents(self.definition(attributes), shapes, self.output).output

    def bounds(self, shapes: Sequence[Shape], attributes: Attributes) -> Mapping[str, tuple[int, int]]:
        """What the inputs that stand in an index may be."""
        return Extents(self.definition(attributes), shapes, self.output).labels()

    def forward(self, emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Any:
        """The calls that fill `out`."""
        shapes = [array.shape for array in inputs]
        key = self, *shapes, out.shape, *attributes.items()
        rule = emit.noted.get(key)
        if rule is None:
            rule = emit.noted[key] = self._rule(shapes, out.shape, attributes)
        return rule, rule.forward(emit, inputs, out, attributes)

    def _rule(self, shapes: Sequence[Shape], out: Shape, attributes: Attributes) -> Rule:
        """Definition and derived rules, evaluated over stand-ins of these shapes."""
        definition, rules = self.definition(attributes), self.rules(attributes)
        numbers = {key: float(value) for key, value in attributes.items()}

        def forward(*given: Any, **settings: Any) -> Any:
            evaluator = Evaluator(given[0].trace, definition, numbers, self.name)
            kept.append(evaluator)
            if self.scan.elementwise:
                evaluator.over(dict(zip(self.names, given, strict=True)), out)
                return evaluator.fills(definition.body, tuple(evaluator.elements), out)
            evaluator.parts = {name: Value(x) for name, x in zip(self.names, given, strict=True)}
            sizes = Extents(definition, shapes, self.output).sizes
            evaluator.sizes = {symbol: sp.Integer(n) for symbol, n in sizes.items()}
            return evaluator.fills(definition.body, definition.out, out)

        def vjp(name: str) -> Any:
            def contribution(upstream: Any, y: Any, /, *given: Any, **settings: Any) -> Any:
                evaluator = kept[-1]
                if self.scan.elementwise:
                    evaluator.over({UPSTREAM: upstream}, out)
                    return evaluator.fills(rules[name], tuple(evaluator.elements), out)
                evaluator.parts[UPSTREAM] = Value(upstream)
                shape = shapes[self.names.index(name)]
                return evaluator.fills(rules[name], input_indices(definition, name), shape)

            return contribution

        kept: list[Evaluator] = []
        return Rule(forward, *(vjp(name) if name in rules else None for name in self.names))

    def vjp(self, emit: Emit, ctx: Backward) -> list[Array | None]:
        """The calls that fill the contributions, with what forward computed; ∂L/∂output itself where it is one."""
        rule, noted = ctx.saved
        ready: list[Array | None] = rule.vjp(emit, ctx._replace(saved=noted))
        return ready
