"""The card of an update of all parameters together (lbfgs): where it looked at the loss, and along which directions.

No rule of one element gives its new value: each direction is made of all parameters. So the card has, for the
selected element, the sum of its moves, t·d of each iteration, and for all of them the evaluations and the numbers of
the two-loop recursion; that they are right is held by checks (`bptui.symbolic.check.search`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.numbers import significant
from bptui.model.base.spans import Span, line, merge
from bptui.model.base.types import Array, Index
from bptui.model.engine.graph import Node
from bptui.model.engine.lbfgs import (
    CURVED,
    EVALUATIONS,
    GRADIENT,
    ITERATIONS,
    NO_SEARCH,
    NUMBERS,
    STOPS,
    UPHILL,
    Carried,
    Evaluation,
    Iteration,
    Search,
    most,
    recursion,
    steps_text,
)
from bptui.model.engine.line_search import ENDS
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.recording import NotRecorded, Recording, required
from bptui.model.engine.state import State
from bptui.symbolic.card.form import Form
from bptui.symbolic.card.names import symbol, title
from bptui.symbolic.card.rate import rate
from bptui.symbolic.card.table import Terms
from bptui.symbolic.facts import Card, Fact, Formula, Heads, sentence
from bptui.symbolic.formula.printing import Names, to_spans
from bptui.symbolic.formula.read import from_text

DEFINITION = "p_new = p + sum(t[k]*d[k] for k in K)"
FEW = 4
"""Pairs whose numbers are told; of more the newest."""


class Known(NamedTuple):
    """All that an update of all parameters together left of a step: what it did, what it knew before and after."""

    search: Search
    before: Carried
    after: Carried

    @classmethod
    def of(cls, recording: Recording) -> Known:
        """NotRecorded where it is not there."""
        found = recording.search, recording.carried(), recording.carried(after=True)
        if None in found:
            raise NotRecorded("what its update did was not recorded")
        return cls(*found)  # type: ignore[arg-type]


class Start(NamedTuple):
    """Where an iteration starts: its loss and gradient, the pairs (s, y) that it knows, the newest first, the scale of
    the H before all of them, and whether it is the very first of the training."""

    loss: float
    g: Array
    pairs: tuple[tuple[Array, Array], ...]
    scale: float
    first: bool


def starts(known: Known, o: Optimizer, d: Array, g: Array) -> Iterator[Start]:
    """Of each iteration, from what was recorded of those before it. d, g: the direction and the gradient that the last
    iteration of the training step before left, over all parameters."""
    before, seen = known.before, known.search.evaluations
    size, moved, scale = int(o.history_size), d * before["t"], before["H_diag"]
    pairs = [(before.s[k], before.y[k]) for k in range(min(before.pairs, size))]
    here, since = seen[0], g
    for number, made in enumerate(known.search.iterations):
        first = before["n_iter"] == 0 and not number
        if first:
            pairs, scale = [], 1.0
        elif (ys := float((y := here.g - since) @ moved)) > CURVED:
            pairs, scale = [(moved, y), *pairs][:size], ys / float(y @ y)
        yield Start(here.loss, here.g, tuple(pairs), scale, first)
        since, moved = here.g, made.t * made.d
        if made.evaluation >= 0:
            here = seen[made.evaluation]


def steps(recording: Recording, node: Node) -> dict[str, Array]:
    """For the whole parameter: length, direction and gradient of each iteration, by their names in `steps_text`."""
    search = Known.of(recording).search
    seen, found, at = search.evaluations, {}, 0
    for k, made in enumerate(search.iterations, 1):
        found[f"t{k}"] = np.asarray(made.t, made.d.dtype)
        found[f"d{k}"], found[f"g{k}"] = recording.part(node, made.d), recording.part(node, seen[at].g)
        at = max(made.evaluation, 0)
    return found


def text(recording: Recording) -> str:
    """The rule of one element, with as many moves as there were."""
    return steps_text(len(Known.of(recording).search.iterations))


# ---------------------------------------------------------------------------------------------------------------- card
def together(state: State, node: Node, element: Index, form: Form) -> Card:
    """The new value of one element of a parameter, and how all of them were found."""
    recording, unicode = state.recording, form.unicode
    optimizer, known, done = recording.update_rule(node), Known.of(recording), state.updated(node)
    own = symbol(node)
    names = Names({"p": own, "p_new": Span(f"{own.text}'", own.style)}, bare=frozenset({"p", "p_new"}))
    statement = from_text(DEFINITION)[-1]
    target = names.symbol("p_new")
    rules = [Fact("definition", "update", (target,), (to_spans(statement.value, names, unicode),))]
    facts: list[Fact] = []
    formulas = [Formula("update", statement.target, statement.value, names)]
    scheduled = rate(recording, node, names, unicode)
    if scheduled is not None:
        rules.append(scheduled.rule)
        formulas.append(scheduled.formula)
        facts.append(scheduled.numbers)
    made = known.search.iterations
    table = None
    if done and made:
        new = required(recording.after(node), f"{node.name} after the update")
        p, after = float(recording.required(node)[element]), float(new[element])
        ts = np.array([step.t for step in made])
        ds = np.array([float(recording.part(node, step.d)[element]) for step in made])
        heads = Heads("k", (line("t[k]"), line("d[k]")), line("t[k]*d[k]" if not unicode else "t[k]·d[k]"))
        terms = Terms((target,), after, [ts, ds], lambda k: str(k + 1),
                      lambda k: (line(f"t[{k + 1}]"), line(f"d[{k + 1}]")), heads, [("+", (own,), p)])  # fmt: skip
        table = terms.table(form.rows)
    facts += _told(recording, optimizer, known, unicode) if done else [
        sentence("absent", "update", ("not yet", "dim"))
    ]  # fmt: skip
    if scheduled is not None:
        facts.append(scheduled.symbols)
    return Card(
        title=merge([*title(recording.graph, node), Span("  update by ", "dim"), Span(optimizer.kind, "bold")]),
        shape=numbers.shape(node.shape),
        element=numbers.index(element),
        rules=tuple(rules),
        table=table,
        facts=tuple(facts),
        formulas=tuple(formulas),
        checks=form.checks,
        phase="update",
        node=node.name,
    )


def _told(recording: Recording, o: Optimizer, known: Known, unicode: bool) -> Iterator[Fact]:
    """What was done, in words and numbers."""
    search = known.search
    seen, made = search.evaluations, search.iterations
    count = f"{search.size:,} numbers of all parameters together"
    many = "iteration" if len(made) == 1 else "iterations"
    yield sentence(
        "symbols", "opaque", f"one step of the {count}: {len(seen)} evaluations of the loss in {len(made)} {many}; "
        "checked are its points, losses, gradients, directions, lengths and memory, and why it ended",
    )  # fmt: skip
    yield sentence("symbols", "stopped", STOPS[search.stopped], (f": {_limit(search, o)}", "dim"))
    for number, each in enumerate(seen):
        yield sentence("symbols", "" if number else "evaluations", f"{number}: ", *_evaluated(each, made))
    begun = starts(known, o, *flat_states(recording))
    for k, (start, step) in enumerate(zip(begun, made, strict=True), 1):
        yield sentence("symbols", "" if k > 1 else "directions", f"{k}: ", *_direction(start, step, unicode))
    told = ", ".join(f"{name} {significant(known.after[name])}" for name in NUMBERS)
    yield sentence("symbols", "carried", f"{told}; d, prev_grad, s and y of {known.after.pairs} pairs")


def flat_states(recording: Recording) -> tuple[Array, Array]:
    """`d` and `prev_grad` before the step, over all parameters that it moves."""
    nodes = [node for node in recording.graph.params if recording.update_rule(node).rule.room is not None]
    d, before = (
        np.concatenate([np.ravel(required(recording.state(node, name), name)) for node in nodes])
        for name in ("d", "prev_grad")
    )
    return d, before


def _limit(search: Search, o: Optimizer) -> str:
    """The setting that ended it, with what else counts."""
    why, made = search.stopped, search.iterations
    if why == UPHILL and made:
        return f"slope {significant(made[-1].slope)}, tolerance_change {significant(o.tolerance_change)}"
    if why in (ITERATIONS, EVALUATIONS):
        return f"{o.max_iter}" if why == ITERATIONS else f"{most(o)}"
    return significant(o.tolerance_grad if why == GRADIENT else o.tolerance_change)


def _evaluated(seen: Evaluation, made: tuple[Iteration, ...]) -> Iterator[Span]:
    """`loss 0.31, largest gradient 0.05; iteration 2, t 1, slope -0.2, accepted`."""
    largest = float(np.abs(seen.g).max(initial=0.0))
    yield Span(f"loss {significant(seen.loss)}, largest gradient {significant(largest)}; ")
    if not seen.iteration:
        yield Span("the pass that this step shows", "dim")
        return
    yield Span(f"iteration {seen.iteration}, t {significant(seen.t)}, ", "dim")
    yield Span(f"slope {significant(seen.slope)}")
    step = made[seen.iteration - 1]
    if step.t == seen.t:
        yield Span(f", {'gone to' if step.ended == NO_SEARCH else ENDS[step.ended]}", "dim")


def _direction(start: Start, step: Iteration, unicode: bool) -> Iterator[Span]:
    """`-H·g by 3 pairs: γ 0.2; ρ 3, …; α 0.1, …; β 0.1, …; slope -0.1`."""
    slope = f"slope {significant(step.slope)}"
    gamma, *letters = ("γ", "ρ", "α", "β") if unicode else ("gamma", "rho", "alpha", "beta")
    if not start.pairs:
        yield Span(f"-g, without pairs; {slope}" if start.first else f"-{gamma}·g, without pairs; {slope}")
        return
    s, y = (np.array(rows) for rows in zip(*start.pairs, strict=True))
    with np.errstate(all="ignore"):
        found = recursion(np.array(start.g), s, y, start.scale)
    count = len(start.pairs)
    yield Span(f"-H·g by {count} pair{'s' * (count > 1)}: {gamma} {significant(start.scale)}")
    for letter, row in zip(letters, (found.ro, found.alpha, found.beta), strict=True):
        shown = ", ".join(significant(float(x)) for x in row[:FEW])
        yield Span(f"; {letter} {shown}{', …' * (count > FEW)}")
    yield Span(f"; {slope}")
