"""A claim about a gradient judged: at the numbers of the step, at drawn ones, and by algebra."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line, line
from bptui.model.base.types import Array
from bptui.model.debugger.hidden import REASON, covers
from bptui.model.engine.arena_recording import ArenaRecording
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.recording import Recording, required
from bptui.model.engine.rounding import rerun
from bptui.model.source.own_numbers import Own
from bptui.symbolic.against.causes import Cause, Search, ratio, said
from bptui.symbolic.against.claim import Claim, named, parse
from bptui.symbolic.against.compare import Compared, Layout, different, same
from bptui.symbolic.against.names import Match
from bptui.symbolic.types import CheckRow, Verdict

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

POINTS = 8
"""Drawn points at which a claim is compared before algebra is asked, as for a form of the cards (calculus/prove.py)."""
NEEDED = 4
"""So many of them must have finite numbers."""
SECONDS = 10.0
"""For the algebra of one claim: it is a question that somebody asked and waits for."""
SHORT = 1.5
"""For the difference of one that is wrong: the number that shows it is there already."""
TOLERANCE = 1e-8
SHOWN = 6
"""Given numbers that are told of a drawn point."""
Going = Callable[[float], bool]
Judged = Literal["proved", "compared", "refuted"]


@dataclass(frozen=True)
class Point:
    """Where a claim and the gradient are other numbers: the element, both; the numbers that were given there, by name,
    where they are drawn ones and few ({} at the step itself)."""

    at: tuple[int, ...]
    claimed: float
    gradient: float
    given: Mapping[str, float]


@dataclass(frozen=True)
class Verdicts:
    """What became of a claim.

    judged   proved: by algebra (`method`); compared: at `points` drawn points, no proof (`why`); refuted
    here     another number at the step itself;  drawn  another one elsewhere, where they agree at the step by accident
    difference, zero, times  claim minus gradient; where that is 0; the gradient is the claim times this ("" unknown)
    causes   slips that give exactly the claim's numbers
    """

    claim: Claim
    judged: Judged
    method: str = ""
    ms: float = 0.0
    points: int = 0
    why: str = ""
    here: Point | None = None
    drawn: Point | None = None
    difference: str = ""
    zero: str = ""
    times: str = ""
    causes: tuple[Cause, ...] = ()

    @property
    def ok(self) -> bool:
        """Was nothing found against it?"""
        return self.judged != "refuted"

    @property
    def row(self) -> CheckRow:
        """As a row of the check: `got` is the claim's number, `expected` the gradient's."""
        node, point = self.claim.node, self.here or self.drawn
        op = node.op.name if node.op else node.role
        verdict: Verdict = "ok" if self.ok else "FAIL"
        if point is None:
            return CheckRow(node.name, op, "", "claim", verdict, note=self.note)
        error = abs(point.claimed - point.gradient)
        allowed = TOLERANCE * max(abs(point.claimed), abs(point.gradient))
        return CheckRow(node.name, op, "", "claim", verdict, error, allowed, point.at, point.claimed, point.gradient,
                        self.note)  # fmt: skip

    @property
    def note(self) -> str:
        """All in one line."""
        return f"{self.claim.text}: {'; '.join(told for told, _ in self.told)}"

    @property
    def told(self) -> Iterator[tuple[str, str]]:
        """What there is to say, part by part, with its style."""
        if self.judged == "proved":
            how = "they are identical" if self.method == "identical" else f"by {self.method}"
            yield f"proved: {how}, {self.ms:.0f} ms", "ok"
        elif self.judged == "compared":
            yield f"equal at {self.points} drawn points, not proved: {self.why}", "kink"
        else:
            yield "refuted", "fail"
        if self.claim.said:
            yield self.claim.said, "dim"
        name = self.claim.node.name
        for point, where in ((self.here, ""), (self.drawn, "drawn")):
            if point is not None:
                yield _pointed(point, name, self.claim.element, where), ""
        if self.here is None and self.drawn is not None:
            yield "at the numbers of this step they agree by accident", ""
        if self.times:
            yield f"the gradient is the claim times {self.times}", ""
        if self.difference:
            yield f"claim - gradient = {self.difference}", ""
        if self.zero:
            yield f"that is 0 {self.zero}" if self.zero == "nowhere" else f"that is 0 only where {self.zero}", "dim"
        for cause in self.causes:
            yield f"the slip that gives it: {cause.text}", ""


def _pointed(point: Point, name: str, element: tuple[int, ...] | None, where: str) -> str:
    index = numbers.index(element or point.at)
    both = f"claim {numbers.significant(point.claimed, 9)}, gradient {numbers.significant(point.gradient, 9)}"
    given = ", ".join(f"{n} = {numbers.significant(x)}" for n, x in point.given.items())
    at = f"where {given}: " if given else "at drawn numbers: " if where else ""
    return f"{at}{name}{index}: {both}"


def claim(recording: Recording, text: str, seconds: float = SECONDS, going: Going | None = None) -> Verdicts:
    """Judge a claim about a gradient of a step; a UserError where it is no claim. `going` is asked now and then, with
    the part of the time that is over: where it says False, the algebra ends."""
    read, base = parse(text, recording.graph, recording), _wide(recording)
    here = _compared(read, base, {})
    if here is not None and read.square and _compared(_turned(read), base, {}) is None:
        read, here = _turned(read), None
    rows: tuple[int, ...] = ()
    drawn, points = _elsewhere(read, base, rows)
    if here is None and drawn is not None and (classes := _classes(base)):
        other, seen = _elsewhere(read, base, classes)
        if other is None and seen >= NEEDED:  # it holds for classes, which is what these numbers are
            drawn, points, rows = None, seen, classes
            names = ", ".join(base.graph.nodes[i].name for i in rows)
            read = replace(read, said="; ".join(filter(None, (read.said, f"where the rows of {names} sum to 1"))))
    started = time.perf_counter()
    proof = _proof(read, base, rows, here or drawn, (seconds, going))
    ms = (time.perf_counter() - started) * 1e3
    if here is not None or drawn is not None:
        causes = _causes(read, _drawn(base, 0, _classes(base)) if isinstance(base, ArenaRecording) else base)
        shown = drawn if here is None else None
        times = proof.times or _factor(read, base, rows)
        return Verdicts(read, "refuted", here=here, drawn=shown, points=points, ms=ms, difference=proof.difference,
                        zero=proof.zero, times=times, causes=causes)  # fmt: skip
    if proof.method:
        return Verdicts(read, "proved", proof.method, ms, points)
    why = proof.why if points >= NEEDED else f"{proof.why}; only {points} drawn points had numbers"
    return Verdicts(read, "compared", ms=ms, points=points, why=why)


def _factor(read: Claim, base: Recording, rows: tuple[int, ...]) -> str:
    """The number that the claim has to be multiplied with, where it is one at the step and at a drawn point alike."""
    found = set()
    for step in (base, _drawn(base, 0, rows)) if isinstance(base, ArenaRecording) else ():
        gradient = read.of(np.asarray(required(step.grad(read.node), read.node.name), np.float64))
        claimed = read.numbers(step)
        own = Own(read.node.name, "grad", gradient, np.zeros(()))
        compared = Compared(Match(own, read.node), Layout(gradient, np.zeros(gradient.shape)), claimed, np.zeros(()))
        found.add(ratio(gradient, claimed, compared))
    (factor, *others) = found or {None}
    return "" if others or factor is None else said(factor)


def _turned(read: Claim) -> Claim:
    """The claim read as (out, in)."""
    return replace(read, turned=True, said="; ".join(filter(None, (read.said, "transposed"))))


def _elsewhere(read: Claim, base: Recording, rows: tuple[int, ...]) -> tuple[Point | None, int]:
    """Where they are other numbers at drawn points, and how many points had any; none of a step that cannot be run."""
    found, points = None, 0
    for point in range(POINTS) if isinstance(base, ArenaRecording) else ():
        other = _drawn(base, point, rows)
        if _finite(read, other):
            points += 1
            found = found or _compared(read, other, _few(other))
    return found, points


def answer(session: Session, text: str) -> list[Line]:
    """What a front end says to a claim: about the selected number where it names none."""
    recording, node = session.recorded, session.node
    if not named(text):
        whole = f"{node.name} = {text}"
        single = node.shape and parse(whole, recording.graph, recording).single(recording)
        text = f"{node.name}{numbers.index(session.element)} = {text}" if single else whole

    def going(part: float) -> bool:
        ask = session.progress.ask
        return ask is None or ask(part, "looking for a proof")

    if covers(session.hidden, parse(text, recording.graph, recording).node, "gradient"):
        return [line(numbers.HIDDEN, (f"  {REASON}", "dim"))]
    return lines(claim(recording, text, going=going))


def _proof(
    read: Claim, base: Recording, rows: tuple[int, ...], point: Point | None, time_limit: tuple[float, Going | None]
) -> Any:
    """What algebra says: SymPy is imported here."""
    from bptui.symbolic.against import proof

    def work() -> proof.Proof:
        prover = proof.Prover(base, read, _kept(base), rows)
        return prover.equal() if point is None else prover.differ(point.at)

    seconds, going = time_limit
    return proof.within(seconds if point is None else min(seconds, SHORT), work, going)


def _wide(recording: Recording) -> Recording:
    """The step in float64."""
    narrow = any(recording.dtype(node) != "float64" for node in recording.graph.nodes if not node.whole)
    return (
        rerun(recording, "float64", lambda _, array: array)
        if narrow and isinstance(recording, ArenaRecording)
        else recording
    )


def _compared(read: Claim, recording: Recording, given: Mapping[str, float]) -> Point | None:
    """Where they differ most; None where they agree."""
    gradient = np.asarray(read.of(np.asarray(recording.grad(read.node), np.float64)))
    claimed = read.numbers(recording)
    largest = float(np.max(np.abs(gradient), where=np.isfinite(gradient), initial=0.0))
    with np.errstate(all="ignore"):
        allowed = TOLERANCE * np.maximum(np.abs(claimed), np.abs(gradient)) + 1e-12 * largest
    wrong = different(claimed, gradient, allowed)
    if not wrong.any():
        return None
    with np.errstate(all="ignore"):
        error = np.where(same(claimed, gradient), 0.0, np.nan_to_num(np.abs(claimed - gradient), nan=np.inf))
    at = tuple(int(i) for i in np.unravel_index(int(np.argmax(np.where(wrong, error, -1.0))), gradient.shape))
    return Point(at, float(claimed[at]), float(gradient[at]), given)


def _finite(read: Claim, recording: Recording) -> bool:
    return bool(
        np.isfinite(required(recording.grad(read.node), read.node.name)).all()
        and np.isfinite(read.numbers(recording)).all()
    )


def _few(recording: Recording) -> dict[str, float]:
    """The given numbers of a point, where they are few single ones."""
    leaves = [node for node in recording.graph.nodes if node.op is None and node.role != "const"]
    if len(leaves) > SHOWN or any(node.shape for node in leaves):
        return {}
    return {node.name: float(recording.required(node)) for node in leaves}


def _drawn(base: Recording, point: int, rows: tuple[int, ...]) -> Recording:
    """The step from other numbers: decimals that can be typed, every other point near what data are (0 to 1)."""
    random = np.random.default_rng(point)
    kept = set(_kept(base))

    def change(node: Node, array: Array) -> Array:
        if node.id in kept:
            return array
        drawn = np.round(random.uniform(0.1, 0.9, array.shape) if point % 2 else random.uniform(-2, 2, array.shape), 2)
        if node.id in rows:
            drawn = np.abs(drawn) + 0.01
            return np.asarray(drawn / drawn.sum(axis=-1, keepdims=True))
        return np.where(drawn == 0, 0.5, drawn)

    return rerun(base, "float64", change)


def _kept(recording: Recording) -> list[int]:
    """Leaves that stay as they are: constants, labels, masks (which choose, and have no gradient), what was drawn."""
    return [
        n.id
        for n in recording.graph.nodes
        if n.op is None and (n.role in ("const", "random") or n.whole or _chooses(recording.graph, n))
    ]


def _chooses(graph: Graph, node: Node) -> bool:
    """Is it a mask or a condition wherever it stands?"""
    uses = [(each, i) for each in graph.ops for i, source in enumerate(each.inputs) if source == node.id]
    return bool(uses) and all(each.op is not None and each.op.input_names[i] in each.op.fixed for each, i in uses)


def _classes(recording: Recording) -> tuple[int, ...]:
    """Given rows of classes: a single 1 in each, else 0; or probabilities that a network file has as targets. Rules
    such as p - t rely on their sum."""
    found = []
    for node in recording.graph.nodes:
        if node.op is not None or node.whole or node.role not in ("input", "target") or node.shape[-1:] in ((), (1,)):
            continue
        array = recording.required(node)
        one_hot = bool(np.isin(array, (0.0, 1.0)).all())
        sums = (array >= 0).all() and np.allclose(array.sum(axis=-1), 1.0, rtol=0, atol=1e-9)
        if sums and (one_hot or node.role == "target"):
            found.append(node.id)
    return tuple(found)


def _causes(read: Claim, recording: Recording) -> tuple[Cause, ...]:
    """Slips of the backward pass that give the claim's numbers, at drawn ones, where few agree by accident."""
    if read.element is not None:
        return ()
    claimed, gradient = read.numbers(recording), np.asarray(recording.grad(read.node), np.float64)
    own = Own(read.node.name, "grad", claimed, np.zeros(()))
    compared = Compared(Match(own, read.node), Layout(claimed, np.zeros(claimed.shape)), gradient, np.zeros(()))
    compared = replace(compared, allowed=TOLERANCE * np.abs(gradient))
    why = Search(recording, [compared], seconds=2.0).run()
    return tuple(cause for each in why for cause in each.causes)


def lines(found: Verdicts) -> list[Line]:
    """What a reader sees."""
    mark = ("✓", "ok") if found.judged == "proved" else ("≈", "kink") if found.ok else ("≠", "fail")
    (first, style), *rest = found.told
    return [
        line(mark, f" {found.claim.text}  ", (first, style)),
        *(line((f"    {text}", style)) for text, style in rest),
    ]


def as_json(found: Verdicts) -> dict[str, Any]:
    """What `check --json` has under "claims"."""
    point = found.here or found.drawn
    return {
        "claim": found.claim.text,
        "node": found.claim.node.name,
        "verdict": found.judged,
        "proof": found.method,
        "points": found.points,
        "why": found.why,
        "at": None if point is None else list(point.at),
        "claimed": None if point is None else point.claimed,
        "gradient": None if point is None else point.gradient,
        "given": {} if point is None else dict(point.given),
        "here": found.here is not None,
        "difference": found.difference,
        "zero": found.zero,
        "times": found.times,
        "causes": [{"kind": cause.kind, "text": cause.text} for cause in found.causes],
    }


__all__ = ["UserError", "Verdicts", "as_json", "claim", "lines"]
