"""Definition → local derivative and backward rule, in closed form. Pure and deterministic; the worker keeps the clock.

    matmul  ∂y/∂b[p,q] = δ[j,q]·a[i,p]      ∂L/∂b[p,q] = Σ_i G[i,q]·a[i,p]

The VJP is Σ over the output's indices of G·∂y/∂x with every equation solved; the batch sum of a bias and the sums that
undo broadcasting come out of that, nothing knows of them beforehand.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence

import sympy as sp

from bptui.model.engine.ops import get
from bptui.model.engine.ops.base import Op, Signature
from bptui.symbolic.calculus import notation as n
from bptui.symbolic.calculus.canon import deltas_apart, tidy, without_zeros
from bptui.symbolic.calculus.collapse import assemble, solve
from bptui.symbolic.calculus.define import define, facts, hint
from bptui.symbolic.calculus.definition import Definition
from bptui.symbolic.calculus.notation import Expr
from bptui.symbolic.calculus.prove import prove_equal
from bptui.symbolic.calculus.terms import Differentiator, Term
from bptui.symbolic.types import Derived, Proof

__all__ = ["define", "derive", "input_indices"]


KEPT = 512
_MADE: dict[Hashable, Derived] = {}
"""What was derived in this process: a network has the same layer many times."""


def derive(signature: Signature, wrt: str, op: Op | None = None) -> Derived:
    """The derivation of one input of one operation. `op` as for `define`. KeyError where there is no such input."""
    start = time.perf_counter()
    if op is None:
        found = get(signature.op)
        assert isinstance(found, Op), f"{signature.op} is a composite: its parts are derived"
        op = found
    definition = define(signature, op)
    key = (signature, op.define(signature), facts(op), op.hint_for(signature, wrt), wrt)
    if key not in _MADE:
        while len(_MADE) >= KEPT:
            _MADE.pop(next(iter(_MADE)), None)
        _MADE[key] = _derive(definition, op, wrt, start)
    return _MADE[key]


def _derive(definition: Definition, op: Op, wrt: str, start: float) -> Derived:
    signature = definition.signature
    q = input_indices(definition, wrt)
    ranges = _ranges(definition, wrt, q)
    terms = Differentiator(definition, wrt, q).terms(definition.body)
    raw = _local(terms, ranges, q)
    vjp = _vjp(terms, definition, ranges, q)
    told = vjp
    if vjp.has(n.Remainder):  # Σ over the places that read it, in the place of Σ over the taps that divide
        plain = _vjp(terms, definition, ranges, q, divide=False)
        told = vjp if plain.has(n.Remainder, sp.KroneckerDelta) else plain
    shown, vjp_shown = (tidy(without_zeros(form, definition)) for form in (raw, told))
    proof = Proof("identical", 0.0)
    form = hint(definition, op, wrt, q)
    if form is not None:
        proof = prove_equal(definition.inline(raw), definition.inline(form, output=True))
        if proof.proved:
            shown = form
            vjp_shown = tidy(_vjp(deltas_apart(form), definition, ranges, q))
        else:
            proof = Proof("identical", proof.ms)
    ms = (time.perf_counter() - start) * 1e3
    return Derived(signature, wrt, q, raw, shown, proof, vjp, vjp_shown, ms, sp.__version__)


def input_indices(definition: Definition, wrt: str) -> tuple[Expr, ...]:
    """The indices of the input's element in a derivation: q0, q1, …"""
    return tuple(n.index(f"q{axis}") for axis in range(len(definition.tensor[wrt].sizes)))


def _ranges(definition: Definition, wrt: str, q: Sequence[Expr]) -> dict[Expr, tuple[Expr, Expr]]:
    out = zip(definition.out, definition.out_sizes, strict=True)
    known = {i: (sp.Integer(0), size - 1) for i, size in out if i.is_Symbol}
    known |= {i: (sp.Integer(0), size - 1) for i, size in zip(q, definition.tensor[wrt].sizes, strict=True)}
    for argmax in definition.argmaxes:  # the place of a maximum lies in its range
        _, low, high = argmax.limits[argmax.position]
        if not (low + high).atoms(sp.Dummy) and argmax.indices:
            known[sp.IndexedBase(argmax.name, integer=True, nonnegative=True)] = (low, high)
    return known


def _local(terms: Sequence[Term], ranges: dict[Expr, tuple[Expr, Expr]], q: Sequence[Expr]) -> Expr:
    """∂y[out]/∂x[q]."""
    solved = [solve(term, ranges) for term in terms]
    return sp.Add(*(assemble(term, q) for term in solved if term is not None))


def _vjp(
    terms: Sequence[Term],
    definition: Definition,
    ranges: dict[Expr, tuple[Expr, Expr]],
    q: Sequence[Expr],
    divide: bool = True,
) -> Expr:
    """∂L/∂x[q] = Σ over the output's indices of G·(∂y/∂x[q]). `divide`: see `solve`."""
    found = []
    for term in terms:
        dummies = {i: n.bound(i.name) for i in definition.out if i.is_Symbol}
        limits = tuple((k, *ranges[i]) for i, k in dummies.items())
        own = term.renamed(dummies)
        upstream = n.element(n.UPSTREAM, [dummies.get(i, i) for i in definition.out])
        own = Term(upstream * own.factor, own.equations, (*own.limits, *limits), own.guards)
        solved = solve(
            own, {i: r for i, r in ranges.items() if i not in definition.out}, tuple(dummies.values()), divide
        )
        if solved is not None:
            found.append(assemble(solved))
    return sp.Add(*found)
