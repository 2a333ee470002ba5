"""Is a claim the gradient? By algebra on the elements of both; where not, what the difference is and where it is 0."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from threading import Event, Thread
from time import monotonic
from typing import Any, TypeVar

import numpy as np
import sympy as sp

from bptui.model.base.numbers import significant
from bptui.model.base.spans import plain
from bptui.model.base.types import Array
from bptui.model.engine.recording import Recording
from bptui.symbolic.against.claim import ByArrays, Claim, Source
from bptui.symbolic.against.elements import Beyond, Elements, Place, by_definition, number, outputs
from bptui.symbolic.calculus.convert import from_sympy
from bptui.symbolic.calculus.prove import prove_zero
from bptui.symbolic.formula.printing import to_spans
from bptui.symbolic.limit import Limit, TooLong
from bptui.symbolic.types import Method

T = TypeVar("T")
Expr = Any
Keep = Callable[[Place], bool]
Going = Callable[[float], bool]
ASK_SECONDS = 0.05
"""How long algebra runs without asking whether it is to go on."""
MOST = 4_000
"""Operations of a difference on which algebra is tried; the clock ends what takes too long."""
READABLE, FACTOR = 40, 12
"""Operations of a difference that is printed, and of a factor of it that may be 0."""
SMALL = 40
"""Elements of a step whose difference is written in the given numbers alone."""
METHODS: tuple[Method, ...] = ("identical", "expand", "cancel")
_UNNAMED = re.compile(r"t\d+")


@dataclass(frozen=True)
class Proof:
    """What algebra has to say. method: how they were proved equal, "" where they were not; `difference`: claim minus
    gradient of one element, "" where it is too long to read; `zero`: where that is 0; `times`: the gradient is the
    claim times this; `why` nothing could be said.
    """

    method: str = ""
    difference: str = ""
    zero: str = ""
    times: str = ""
    why: str = ""


class Prover:
    """One claim beside the gradient of one step, as expressions. Everything here may take long, and has an end."""

    def __init__(self, recording: Recording, claim: Claim, fixed: Sequence[int], rows: Sequence[int]) -> None:
        self.claim = claim
        self.elements = Elements(recording, fixed, rows)

    def equal(self) -> Proof:
        """Are they equal as they stand, or with what the values are put in?"""
        claimed, gradient = self._sides()
        for thorough, keep in product((False, True), self._stages()):
            methods: set[Method] = set()
            for a, b in zip(claimed.flat, gradient.flat, strict=True):
                method = prove_zero(_corners(self.elements.inline(a - b, keep)), MOST, thorough)
                if method is None:
                    break
                methods.add(method)
            else:
                return Proof(max(methods, key=METHODS.index, default="identical"))
        return Proof(why="algebra did not show it")

    def _stages(self) -> Iterator[Keep]:
        """Which symbols stay, from all of them to none: first those of gradients go, then those of values, from the
        loss on."""
        target = self.claim.node.id
        yield lambda place: True
        yield lambda place: not place.grad or place.node > target
        yield self._mentioned
        yield lambda place: not place.grad
        for node in reversed(self.elements.graph.ops):
            yield partial(_before, node.id)

    def _mentioned(self, place: Place) -> bool:
        """Does the claim speak of it?"""
        return any((s.grad, s.node) == (place.grad, place.node) for s in self.claim.right.names.values())

    def differ(self, at: tuple[int, ...]) -> Proof:
        """What stands between them, at one element: in the given numbers where that can be read, else in the names of
        the step."""
        claimed, gradient = (side[at] for side in self._sides())
        stages: tuple[Keep, ...] = (lambda place: False, self._named)
        for keep in stages if self.elements.count <= SMALL else stages[1:]:
            a, b = (self.elements.inline(side, keep) for side in (claimed, gradient))
            if (a - b).count_ops() > 8 * READABLE:
                continue
            folded = a.has(sp.Piecewise) or b.has(sp.Piecewise)
            difference = sp.piecewise_fold(a - b) if folded else sp.factor(sp.cancel(sp.together(a - b)))
            if difference != 0 and difference.count_ops() <= READABLE:
                return Proof(difference=shown(difference), zero=_zero(difference), times=_times(a, b))
        return Proof(why="the difference is too long to be read")

    def _named(self, place: Place) -> bool:
        """Has its author given it a name?"""
        name = self.elements.graph.nodes[place.node].name
        return not place.grad and not _UNNAMED.fullmatch(name.rpartition(".")[2])

    def _sides(self) -> tuple[Array, Array]:
        gradient = self.claim.of(self.elements.gradient(self.claim.node))
        return self._claimed(gradient.shape), gradient

    def _claimed(self, shape: tuple[int, ...]) -> Array:
        right = self.claim.right
        tensors = {name: self._tensor(source) for name, source in right.names.items()}
        if not isinstance(right, ByArrays):
            found = by_definition(right.lines, tensors, right.shape)
        else:
            numbers = {name: np.asarray(_zeros(self.elements, source)) for name, source in right.names.items()}
            graph = right.graph(numbers)
            known: dict[int, Array] = {}
            for node in graph.nodes[: right.last(graph) + 1]:
                if node.op is not None:
                    known[node.id] = outputs(node, [known[i] for i in node.inputs])
                elif node.name in tensors:
                    known[node.id] = tensors[node.name]
                else:
                    known[node.id] = np.asarray(number(float(np.asarray(node.value))), object)
            found = known[right.last(graph)]
        if self.claim.turned:
            return found.T
        if found.shape == () and shape != ():
            return np.broadcast_to(found, shape)
        return (
            found.T if found.ndim == 2 and found.shape != shape and found.shape[::-1] == shape else found.reshape(shape)
        )

    def _tensor(self, source: Source) -> Array:
        if source.number is not None:
            return np.asarray(number(source.number), object)
        if source.grad:
            return self.elements.upstream(self.elements.graph.nodes[source.node])
        return self.elements.symbols(self.elements.graph.nodes[source.node])


def _before(node: int, place: Place) -> bool:
    return not place.grad and place.node < node


def _zeros(elements: Elements, source: Source) -> Array:
    """Numbers of the right shape and kind for the reader of the formula."""
    if source.number is not None:
        return np.asarray(source.number)
    return elements.recording.required(source.node)


def _corners(e: Expr) -> Expr:
    """Conditions as one of two, > or not: they are compared but for the corner itself."""
    if not e.has(sp.Piecewise):
        return e
    e = e.replace(sp.Ge, lambda a, b: sp.Gt(a, b))
    e = e.replace(sp.Le, lambda a, b: sp.Not(sp.Gt(a, b), evaluate=False))
    return e.replace(sp.Lt, lambda a, b: sp.Not(sp.Gt(a, b), evaluate=False))


def shown(e: Expr) -> str:
    """An expression as the cards write formulas."""
    return plain(to_spans(from_sympy(e)))


def _zero(difference: Expr) -> str:
    """`where x = 0, or where y - w*x = 0`; "nowhere" where it has no factor that can be 0."""
    if difference.has(sp.Piecewise):
        return ""
    top, _ = sp.fraction(sp.together(difference))
    factors = [f for f, _ in sp.factor_list(top)[1]] if top.free_symbols else []
    can = [f for f in factors if f.free_symbols and not f.is_positive and not isinstance(f, sp.exp)]
    if not can or any(f.count_ops() > FACTOR for f in can):
        return "" if can else "nowhere"
    return ", or where ".join(f"{shown(f)} = 0" for f in sorted(can, key=lambda f: (f.count_ops(), str(f))))


def _times(claimed: Expr, gradient: Expr) -> str:
    """What the claim has to be multiplied with; "" where that is no short factor."""
    if claimed == 0 or gradient == 0 or claimed.has(sp.Piecewise) or gradient.has(sp.Piecewise):
        return ""
    factor = sp.factor(sp.cancel(sp.together(gradient / claimed)))
    return shown(factor) if factor.count_ops() <= 6 else ""


def within(seconds: float, work: Callable[[], Proof], going: Going | None = None) -> Proof:
    """The proof, or why there is none after so many seconds. `going(part of the time)` is asked now and then, in a
    thread of its own: False ends it."""
    limit, done, stopped = Limit(), Event(), Event()

    def watch() -> None:
        begun = monotonic()
        while going is not None and not done.wait(ASK_SECONDS):
            if not going(min(1.0, (monotonic() - begun) / seconds)):
                stopped.set()
                limit.stop()
                return

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        return limit.run(work, seconds)
    except TooLong:
        return Proof(
            why="it was interrupted" if stopped.is_set() else f"algebra took longer than {significant(seconds)} s"
        )
    except (Beyond, RecursionError, ZeroDivisionError, sp.PolynomialError, NotImplementedError) as problem:
        return Proof(why=str(problem) if isinstance(problem, Beyond) else "it cannot be written as one expression")
    finally:
        done.set()
        watcher.join()
