"""The lines of a card that say a derivation: local derivative, what its `argmax` is, backward rule, and how each was
come by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bptui.model.base.spans import Span, merge
from bptui.symbolic.card.bound_definition import BoundDefinition
from bptui.symbolic.card.names import gradient, local
from bptui.symbolic.card.specialize import rule_at
from bptui.symbolic.facts import Fact, Formula, Note
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.printing import Names, to_spans
from bptui.symbolic.formula.tree import Tree
from bptui.symbolic.types import ArgMax, Failure, Rule


def derived(
    reading: BoundDefinition, names: Names, name: str, rule: Rule | Failure | None, raw: bool, unicode: bool
) -> tuple[Fact, ...]:
    """The local derivative and the gradient with how they were come by; or why they are not there."""
    out, wrt = names.symbol(reading.output), names.symbol(name)
    head = local(out, wrt, unicode)
    if rule is None:
        return (Fact("local", "local", head, ((Span("deriving…" if unicode else "deriving...", "dim"),),)),)
    if isinstance(rule, Failure):
        return (Fact("local", "local", head, note=Note(((Span(rule.reason, "kink"),),), warning=True)),)
    full = names if not reading.bare else Names(names.symbols, names.letters, frozenset(), None)
    out_index, in_index = ("", "") if reading.bare else (_bracket(names, rule.out), _bracket(names, rule.q))
    formula = to_spans(rule.raw if raw else rule_at(reading, rule, rule.local), names, unicode)
    first = Fact("local", "local", local(out, wrt, unicode, out_index, in_index), (formula,), note=_how(rule, raw))
    told = (first, *_winners(names, rule, unicode))
    if reading.bare and len(rule.q) == len(rule.out) and not any(rule.signature.stretched):
        return told
    if reading.node.id == reading.recording.graph.loss:  # upstream is the seed, 1: the same again
        return told
    whole, vjp = gradient(wrt.text, unicode), rule.vjp if raw else rule_at(reading, rule, rule.vjp)
    left = (Span(whole.text + _bracket(names, rule.q), whole.style),)
    by = Note(((Span(f"SymPy {rule.sympy_version}", "dim"),),))
    return *told, Fact("gradient", "gradient", left, (to_spans(vjp, full, unicode),), note=by)


def _winners(names: Names, rule: Rule, unicode: bool) -> tuple[Fact, ...]:
    """`argmax_j[i] = first j of the largest x[i,j]`: what a rule's `argmax_j` is, once for all of its letters."""
    rows = []
    for (term, indices), found in _groups(rule).items():
        letters = _letters(found)
        shown = to_spans(t.substitute(term, {old: t.Name(new) for old, new in letters.items()}), names, unicode)
        called = ", ".join(w.name + _bracket(names, indices) for w in found)
        best = {"max": "largest", "min": "smallest"}[found[0].kind]
        which = ",".join(names.symbol(letter).text for letter in letters.values())
        said = merge([Span(f"first {which} of the {best} "), *shown])
        rows.append(Fact("where", "where", (Span(called),), (said,)))
    return tuple(rows)


def winners(names: Names, rule: Rule) -> tuple[Formula, ...]:
    """The same as formulas: `argmax_j[i] = first argmax_j x[i,j]`."""
    out = []
    for (term, indices), found in _groups(rule).items():
        letters, first = _letters(found), found[0]
        new = {old: t.Name(letter) for old, letter in letters.items()}
        ranges = tuple(replace(r, index=letters.get(r.index, r.index)) for r in first.ranges)
        conditions = () if first.condition is None else (t.substitute(first.condition, new),)
        left = t.Element(", ".join(w.name for w in found), tuple(t.Name(i) for i in indices))
        right = t.Reduction(f"arg{first.kind}", t.substitute(term, new), ranges, conditions)
        out.append(Formula("where", left, right, names))
    return tuple(out)


def _groups(rule: Rule) -> dict[tuple[Tree, tuple[str, ...]], list[ArgMax]]:
    """The winners of each maximum."""
    groups: dict[tuple[Tree, tuple[str, ...]], list[ArgMax]] = {}
    for winner in rule.winners:
        groups.setdefault((winner.term, winner.indices), []).append(winner)
    return groups


def _letters(found: Sequence[ArgMax]) -> dict[str, str]:
    """An index of the maximum → the letter that its winner is named by."""
    return {r.index: w.name.rpartition("_")[2] for w in found for r in w.ranges[w.position : w.position + 1]}


def _how(rule: Rule, raw: bool) -> Note:
    """`✓ proved by cancel, 31 ms`, `✓ proved by cancel`, `✓ proved`; `✓ derived in 16 ms`, `✓ derived`."""
    method = rule.proof.method
    if raw or method in ("identical", "none"):
        words = [f"derived in {rule.ms:.0f} ms", "derived"]
        if any(t.matrix_kind(part.value) for part in rule.parts):
            words.insert(0, f"{words[0]}, from the equation's derivative (proved for up to 3 rows)")
    elif method == "50 digits":
        words = ["equal to 50 digits, not proved", "equal to 50 digits"]
    else:
        words = [f"proved by {method}, {rule.proof.ms:.0f} ms", f"proved by {method}", "proved"]
    return Note(tuple((Span("✓ ", "ok"), Span(text, "dim")) for text in words))


def _bracket(names: Names, letters: tuple[str, ...]) -> str:
    return f"[{','.join(names.symbol(letter).text for letter in letters)}]" if letters else ""
