"""How the learning rate of an update came about: its schedule's formula, with numbers that give it."""

from __future__ import annotations

from typing import Any, NamedTuple

from bptui.model.base import numbers
from bptui.model.base.spans import Span
from bptui.model.engine.graph import Node
from bptui.model.engine.recording import Recording
from bptui.model.engine.schedules import Schedule, When, running
from bptui.symbolic.card.written import with_numbers, with_numbers_in
from bptui.symbolic.facts import Fact, Formula, sentence
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.numeric import evaluate
from bptui.symbolic.formula.printing import Names, Setting, to_spans
from bptui.symbolic.formula.read import from_text
from bptui.symbolic.formula.worked import worked

EPS = 2.0**-52
"""Rates are Python's numbers, whatever the kind of the program's."""
WORDS = {
    "base": "learning rate", "n": "training step", "gamma": "times", "k": "so often until now", "T_max": "steps down",
    "eta_min": "least", "T": "steps to the restart", "since": "steps since the last", "start": "the phase's start",
    "end": "the phase's end", "share": "part of the phase that is over", "min_lr": "least", "factor": "times",
    "step_size": "steps between", "total_iters": "steps", "power": "power", "start_factor": "at first",
    "end_factor": "at last",
}  # fmt: skip


def expected(schedule: Schedule, when: When) -> float:
    """The rate by the schedule's text."""
    return float(evaluate(from_text(schedule.text(when))[-1].value, schedule.symbols(when), {}))


class Rated(NamedTuple):
    """The rule of a rate, the same as a formula, its numbers, and what each of them is."""

    rule: Fact
    formula: Formula
    numbers: Fact
    symbols: Fact


def rate(recording: Recording, node: Node, names: Names, unicode: bool) -> Rated | None:
    """How the rate of a parameter's update came about; None where it is always the same."""
    found = recording.scheduled(node)
    if found is None:
        return None
    schedule, when = found
    statement, symbols = from_text(schedule.text(when))[-1], schedule.symbols(when)
    own = Names({"base": Span("η0" if unicode else "lr0"), "gamma": Span("γ" if unicode else "gamma")})
    target = names.symbol("lr")
    value = float(recording.update_rule(node).learning_rate)
    known: dict[str, Any] = {name: Setting(number) for name, number in symbols.items()}
    filled = with_numbers(own, known)
    made = worked(statement.value, filled, value, eps=EPS)
    told = Fact("update", target.text, (target,), result=(Span(made.result, target.style),))
    used = {part.name for part in t.walk(statement.value) if isinstance(part, t.Name)}
    part = running(schedule, when)[0]
    called = part.kind if part is schedule else f"{schedule.kind}: {part.kind}"
    words: list[Span] = [Span(called.replace("_", " "), "bold")]
    for name in (name for name in symbols if name in used):
        word = WORDS.get(name, name.replace("_", " "))
        words += [Span(", "), own.symbol(name), Span(f" {word} ", "dim"), Span(numbers.significant(symbols[name]))]
    if schedule.looks:
        words.append(Span(f"; {_seen(schedule, when)}", "dim"))
    formula = Formula("update", statement.target, statement.value, own, filled, value, EPS)
    rule = Fact("rule", "rate", (target,), (to_spans(statement.value, own, unicode),))
    return Rated(rule, formula, with_numbers_in(told, made, unicode), sentence("symbols", "rate", *words))


def _seen(schedule: Schedule, when: When) -> str:
    """What a plateau had seen before this step's loss."""
    seen = when.seen
    if not seen.any:
        return "no loss was seen yet"
    waits = f", {seen.cooldown:.0f} more are not counted" if seen.cooldown else ""
    since = f"{seen.bad:.0f} of {schedule['patience']} steps without a better one"
    return f"best loss {numbers.significant(seen.best)}, {since}{waits}"
