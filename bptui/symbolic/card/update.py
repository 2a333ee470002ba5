"""The card of an update Moment: the optimizer's own rule, statement by statement, with the numbers of one element."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.numbers import significant
from bptui.model.base.spans import Span, merge
from bptui.model.base.types import Index
from bptui.model.engine.graph import Node
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.recording import Recording, required
from bptui.model.engine.state import State
from bptui.model.source.optimizer_table import group_told
from bptui.symbolic.card import search
from bptui.symbolic.card.form import Form
from bptui.symbolic.card.names import gradient, symbol, title
from bptui.symbolic.card.rate import rate
from bptui.symbolic.card.written import with_numbers, with_numbers_in
from bptui.symbolic.facts import Card, Fact, Formula, sentence
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.numeric import evaluate
from bptui.symbolic.formula.printing import Names, Setting, number, to_spans
from bptui.symbolic.formula.read import from_text
from bptui.symbolic.formula.tree import Statement
from bptui.symbolic.formula.worked import worked

WORDS: Mapping[str, str] = {
    "lr": "learning rate", "t": "update", "momentum": "kept of m", "dampening": "left out of the gradient",
    "weight_decay": "pull to 0", "l1": "pull to 0", "lambd": "pull to 0", "alpha": "kept of v", "beta1": "kept of m",
    "beta2": "kept of v", "rho": "kept of v and u", "eps": "against /0", "momentum_decay": "how soon momentum is whole",
    "eta_minus": "shorter", "eta_plus": "longer", "step_min": "shortest", "step_max": "longest",
    "t0": "averages from here on", "lion beta1": "kept of m for the step", "lion beta2": "kept of m",
    "adamax beta2": "kept of u", "asgd alpha": "how fast the rate falls",
}  # fmt: skip
"""What the numbers of an optimizer's rule are; of a kind, where they are something else in it."""


def statements(optimizer: Optimizer) -> tuple[Statement, ...]:
    """The rule, helpers first; each target is a bare name."""
    return from_text(optimizer.definition)


def followed(recording: Recording, node: Node, turn: int = 0) -> tuple[Statement, ...]:
    """The rule that an update followed: of one of all parameters together the moves that it made."""
    optimizer = recording.update_rule(node, turn)
    return statements(optimizer) if optimizer.rule.room is None else from_text(search.text(recording))


def inputs(recording: Recording, node: Node, turn: int = 0) -> dict[str, Any]:
    """What an update starts from, for the whole parameter: p, g, the states before, lr, t and the options."""
    optimizer = recording.update_rule(node, turn)
    known: dict[str, Any] = {
        "p": required(recording.before(node, turn), f"{node.name} before the update"),
        "g": required(recording.update_grad(node, turn), f"the gradient of {node.name}"),
    }
    known |= {
        name: required(recording.state(node, name, turn=turn), f"{name} of {node.name}") for name in optimizer.states
    }
    made = {} if optimizer.rule.room is None else search.steps(recording, node)
    return {**known, **optimizer.symbols(recording.step), **made}


def results(recording: Recording, node: Node, turn: int = 0) -> dict[str, Any]:
    """What the engine's update made: p_new and the states after it."""
    after = {
        f"{name}_new": required(recording.state(node, name, True, turn), f"{name} of {node.name}")
        for name in recording.update_rule(node, turn).states
    }
    return {**after, "p_new": required(recording.after(node, turn), f"{node.name} after the update")}


def follow(
    rule: tuple[Statement, ...], known: Mapping[str, Any], made: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Every name of the rule with its number(s), statement after statement; those that come after one that is in `made`
    start from what was made."""
    start, found = dict(known), dict(known)
    for s in rule:
        assert isinstance(s.target, t.Name)
        name = s.target.name
        found[name] = evaluate(s.value, start, {})
        start[name] = made[name] if made and name in made else found[name]
    return found


def update(state: State, node: Node, element: Index, form: Form) -> Card:
    """The new value of one element of a parameter."""
    recording, unicode = state.recording, form.unicode
    done, turn = state.updated(node), max(state.updates(node) - 1, 0)
    optimizer = recording.update_rule(node, turn)
    if optimizer.rule.room is not None:
        return search.together(state, node, element, form)
    rule = statements(optimizer)
    names, written = _written(optimizer.definition, tuple(optimizer.states), symbol(node), unicode)
    arrays = inputs(recording, node, turn) | (results(recording, node, turn) if done else {})
    at = {name: _at(array, element) for name, array in arrays.items()}
    arrived = state.shown_gradient(node).array
    if not done and not optimizer.clips and arrived is not None:  # 0 where it is nothing but rounding
        at["g"] = _at(arrived, element)
    known = {**follow(rule, at), **at}
    settings = {name: Setting(value) for name, value in optimizer.symbols(recording.step).items()}
    eps = float(np.finfo(recording.required(node).dtype).eps)
    rules = list(written[:-1])
    formulas: list[Formula] = []
    facts: list[Fact] = []
    scheduled = rate(recording, node, names, unicode)
    if scheduled is not None:
        rules.insert(0, scheduled.rule)
        formulas.append(scheduled.formula)
        facts.append(scheduled.numbers)
    for s in rule:
        assert isinstance(s.target, t.Name)
        target, last = names.symbol(s.target.name), s is rule[-1]
        filled = with_numbers(names, {**known, **settings})
        value = float(known[s.target.name]) if done else None
        formulas.append(Formula("update", s.target, s.value, names, filled if done else None, value, eps))
        if done:
            style = f"{target.style} bold" if last else target.style
            made = worked(s.value, filled, float(known[s.target.name]), eps=eps)
            told = Fact("update", target.text, (target,), result=(Span(made.result, style),))
            facts.append(with_numbers_in(told, made, unicode))
    if optimizer.kind != "frozen":
        facts.append(_symbols(names, optimizer, recording.step, rule))
    if scheduled is not None:
        facts.append(scheduled.symbols)
    facts += _group(recording, node)
    if optimizer.clips:
        facts.append(_clipped(recording, node, element, unicode))
    if not done:
        facts.append(sentence("absent", "update", ("not yet", "dim")))
    return Card(
        title=merge([*title(recording.graph, node), *_called(optimizer)]),
        shape=numbers.shape(node.shape),
        element=numbers.index(element),
        rules=(written[-1], *rules),
        facts=tuple(facts),
        formulas=tuple(formulas),
        checks=form.checks,
        phase="update",
        node=node.name,
    )


def _called(optimizer: Optimizer) -> tuple[Span, ...]:
    """`update by adam`, `update by a rule of one's own`, `frozen`."""
    if optimizer.kind == "frozen":
        return (Span("  frozen", "bold"),)
    return Span("  update by ", "dim"), Span("a rule of your own" if optimizer.own else optimizer.kind, "bold")


def _group(recording: Recording, node: Node) -> Iterator[Fact]:
    """The group that a parameter is in, and what is its own there."""
    for group in recording.optimizer.groups:
        if group.has(node.name):
            names, more = ", ".join(group.parameters[:3]), " …" * (len(group.parameters) > 3)
            yield sentence("symbols", "group", Span(f"{names}{more}"), Span(f"  {group_told(group)}", "dim"))


@lru_cache(200)
def _written(definition: str, states: tuple[str, ...], own: Span, unicode: bool) -> tuple[Names, tuple[Fact, ...]]:
    """How a rule is shown for the parameter `own`, and its statements in these names: the same at each update."""
    found = {
        "p": own,
        "p_new": Span(f"{own.text}'", own.style),
        "g": gradient(own.text, unicode),
        **(
            {"lr": Span("η"), "eps": Span("ε"), "beta1": Span("β1"), "beta2": Span("β2"), "alpha": Span("α")}
            if unicode
            else {}
        ),
        **{f"{name}_new": Span(f"{name}'") for name in states},
    }
    names, rule = Names(found), from_text(definition)
    facts = []
    for s in rule:
        assert isinstance(s.target, t.Name)
        target, formula = (names.symbol(s.target.name),), (to_spans(s.value, names, unicode),)
        if s is rule[-1]:
            facts.append(Fact("definition", "update", target, formula))
        else:
            facts.append(Fact("rule", _label(s.target.name), target, formula))
    return names, tuple(facts)


def _symbols(names: Names, optimizer: Optimizer, step: int, rule: tuple[Statement, ...]) -> Fact:
    """`η learning rate 0.01, β1 decay of m 0.9, t update 1`: every symbol of the rule that is no tensor."""
    used = _used(rule)
    said: list[Span] = []
    for name, value in optimizer.symbols(step).items():
        if name in used:
            shown = names.symbol(name)
            word = WORDS.get(f"{optimizer.kind} {name}", WORDS.get(name, ""))
            said += [*([Span(", ")] if said else []), shown, Span(f" {word} " if word else " ", "dim")]
            said.append(Span(significant(value)))
    return sentence("symbols", "where", *said)


@lru_cache(200)
def _used(rule: tuple[Statement, ...]) -> frozenset[str]:
    """The names that stand in a rule."""
    return frozenset(part.name for s in rule for part in t.walk(s.value) if isinstance(part, t.Name))


def _label(target: str) -> str:
    return {
        "d": "decayed", "m_new": "average", "v_new": "size", "m_hat": "corrected", "v_hat": "corrected",
        "u_new": "size", "size": "size", "a_new": "average", "agree": "agree",
    }.get(target, "update")  # fmt: skip


def _clipped(recording: Recording, node: Node, element: Index, unicode: bool) -> Fact:
    """What clipping did to this element's gradient."""
    what = f"the gradient of {node.name}"
    full, used = required(recording.grad(node), what), required(recording.update_grad(node), what)
    before, after = float(full[element]), float(used[element])
    whole = gradient(symbol(node).text, unicode)
    said = [whole, Span(" was "), Span(number(before), "gradient"), Span(", used as "), Span(number(after), "gradient")]
    norm = recording.grad_norm
    if norm is not None:
        said.append(
            Span(
                f"  length of all gradients {significant(norm)}, limit {significant(recording.optimizer.clip_norm)}",
                "dim",
            )
        )
    return sentence("clipped", "clipped", *said)


def _at(value: Any, element: Index) -> float:
    return float(value) if np.ndim(value) == 0 else float(np.asarray(value)[element])
