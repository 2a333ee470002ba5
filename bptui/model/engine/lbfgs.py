"""L-BFGS as torch.optim.LBFGS does it: quasi-Newton steps, several to a training step, each from a pass of its own.

An iteration goes along d = -H·g. H is what BFGS makes of the latest pairs (s, y): s how far the parameters went, y by
how much the gradient changed by that (Nocedal and Wright, Numerical Optimization, algorithms 7.4 and 7.5). One step is
one of all parameters together: every product of two vectors goes over all of them.

Two blocks of memory are its own: `Carried`, what it knows from step to step, and `Search`, what it did in one step.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array
from bptui.model.engine.calls import Emit
from bptui.model.engine.line_search import Along, Point, strong_wolfe
from bptui.model.engine.update_rule import Flat, Settings

CURVED = 1e-10
"""A pair is kept where y·s is above this (torch/optim/lbfgs.py): H stays positive definite."""

MOST = 2**24
"""Numbers of all pairs, which every checkpoint of a training has: 128 MB in float64."""

NUMBERS = ("t", "H_diag", "prev_loss", "n_iter", "func_evals", "pairs")
"""What is carried beside vectors: the last length, the scale of the first H, the loss of the last iteration's start,
how many iterations and evaluations there were, how many pairs there are."""

STOPS = (
    "the gradient is within tolerance_grad",
    "as many iterations as max_iter",
    "as many evaluations as max_eval",
    "the slope along d is above -tolerance_change: the loss would hardly fall",
    "the parameters moved within tolerance_change",
    "the loss changed by less than tolerance_change",
)
"""Why the iterations of a step ended."""
GRADIENT, ITERATIONS, EVALUATIONS, UPHILL, MOVED, SETTLED = range(len(STOPS))
NO_SEARCH = -1
"""In the place of how a line search ended: there was none."""


def most(o: Settings) -> int:
    """max_eval, which starts as 5/4 of max_iter."""
    return int(o.max_iter) * 5 // 4 if o.max_eval is None else int(o.max_eval)


class Carried:
    """What is carried from step to step, as views of its block. s, y: (history_size, parameters), the newest first."""

    def __init__(self, block: Array, size: int) -> None:
        count = len(NUMBERS)
        self._numbers = block[:count]
        pairs: Array = block[count:].reshape(2, -1, size)
        self.s, self.y = pairs[0], pairs[1]

    @staticmethod
    def room(o: Settings, size: int) -> int:
        """How many numbers it takes, of so many parameters; UserError where those are too many to be kept."""
        pairs = 2 * int(o.history_size) * size
        if pairs > MOST:
            right = f"at most {MOST // (2 * size):,}" if 2 * size <= MOST else "another optimizer"
            raise UserError("optimizer.history_size", f"{o.history_size} pairs of {size:,} numbers each", right)
        return len(NUMBERS) + pairs

    def __getitem__(self, name: str) -> float:
        return float(self._numbers[NUMBERS.index(name)])

    def __setitem__(self, name: str, value: Any) -> None:
        self._numbers[NUMBERS.index(name)] = value

    @property
    def pairs(self) -> int:
        """How many pairs there are."""
        return int(self["pairs"])

    def adopt(self, other: Carried) -> None:
        """Know what another does, of the pairs as many of the newest as there is room for."""
        self._numbers[:] = other._numbers
        count = min(other.pairs, len(self.s))
        self["pairs"] = count
        self.s[:count], self.y[:count] = other.s[:count], other.y[:count]

    def push(self, s: Array, y: Array) -> None:
        """Keep a pair; the oldest goes where there is no room."""
        kept = min(self.pairs, len(self.s) - 1)
        for rows, new in ((self.s, s), (self.y, y)):
            rows[1 : kept + 1] = rows[:kept].copy()
            rows[0] = new
        self["pairs"] = kept + 1


class Evaluation(NamedTuple):
    """One look at the loss: in which iteration (0: at the step's start), at which length t along its direction, the
    loss, the slope there (g·d), the parameters and the gradient as one vector each."""

    iteration: int
    t: float
    loss: float
    slope: float
    p: Array
    g: Array


class Iteration(NamedTuple):
    """One move along a direction: its length (0: it was not gone), how its line search ended (`line_search.ENDS`;
    NO_SEARCH), the number of the evaluation at its end (-1: there was none), the scale H_diag, how many pairs, the
    slope at its start, the direction."""

    t: float
    ended: int
    evaluation: int
    scale: float
    pairs: int
    slope: float
    d: Array


class Search:
    """What one step did, in the order in which it was done, read from its block of memory."""

    HEAD, EVALUATION, ITERATION = 3, 4, 6

    def __init__(self, o: Settings, block: Array, size: int) -> None:
        self.size, at = size, self.HEAD + (most(o) + 1) * (self.EVALUATION + 2 * size)
        self._head = block[: self.HEAD]
        self._evaluations = block[self.HEAD : at].reshape(-1, self.EVALUATION + 2 * size)
        self._iterations = block[at:].reshape(-1, self.ITERATION + size)

    @classmethod
    def room(cls, o: Settings, size: int) -> int:
        """How many numbers it takes, of so many parameters."""
        evaluations = (most(o) + 1) * (cls.EVALUATION + 2 * size)
        return cls.HEAD + evaluations + int(o.max_iter) * (cls.ITERATION + size)

    @property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """Each look at the loss, the one that the step begins with first."""
        n, cut = self.size, self.EVALUATION
        rows = self._evaluations[: int(self._head[0])]
        heads = (row[:cut].tolist() for row in rows)
        return tuple(
            Evaluation(int(k), t, loss, slope, row[cut : cut + n], row[cut + n :])
            for row, (k, t, loss, slope) in zip(rows, heads, strict=True)
        )

    @property
    def iterations(self) -> tuple[Iteration, ...]:
        """Each move."""
        rows, cut = self._iterations[: int(self._head[1])], self.ITERATION
        heads = (row[:cut].tolist() for row in rows)
        return tuple(
            Iteration(t, int(ended), int(at), scale, int(pairs), slope, row[cut:])
            for row, (t, ended, at, scale, pairs, slope) in zip(rows, heads, strict=True)
        )

    @property
    def stopped(self) -> int:
        """Why it ended: an index of `STOPS`."""
        return int(self._head[2])

    # ------------------------------------------------------------------------------------------------- writing
    def begin(self) -> None:
        """Forget the step before."""
        for rows in (self._head, self._evaluations, self._iterations):
            rows[...] = 0

    def saw(self, iteration: int, t: Any, loss: float, slope: Any, p: Array, g: Array) -> int:
        """Note an evaluation; its number."""
        number, n = int(self._head[0]), self.EVALUATION
        row = self._evaluations[number]
        row[:n], row[n : n + self.size], row[n + self.size :] = (iteration, t, loss, slope), p, g
        self._head[0] = number + 1
        return number

    def went(self, made: Iteration) -> None:
        """Note an iteration."""
        row = self._iterations[int(self._head[1])]
        row[: self.ITERATION], row[self.ITERATION :] = made[:-1], made.d
        self._head[1] += 1

    def end(self, why: int) -> None:
        """Note why there is no further iteration."""
        self._head[2] = why


class Recursion(NamedTuple):
    """-H·g, and what the two loops made on the way to it, of each pair: ρ = 1/(y·s), α and β."""

    d: Array
    ro: list[Any]
    alpha: list[Any]
    beta: list[Any]


def recursion(g: Array, s: Array, y: Array, scale: float) -> Recursion:
    """-H·g by the two-loop recursion. s, y: the pairs, the newest first; scale: that of the H before all of them."""
    q, pairs = -g, list(zip(s, y, strict=True))
    ro, alpha, beta = [1.0 / y_k.dot(s_k) for s_k, y_k in pairs], [], []
    for (s_k, y_k), ro_k in zip(pairs, ro, strict=True):
        alpha.append(ro_k * s_k.dot(q))
        q -= alpha[-1] * y_k
    r = q * scale
    for (s_k, y_k), ro_k, alpha_k in zip(pairs[::-1], ro[::-1], alpha[::-1], strict=True):
        beta.append(ro_k * y_k.dot(r))
        r += (alpha_k - beta[-1]) * s_k
    return Recursion(r, ro, alpha, beta[::-1])


def learn(carried: Carried, s: Array, y: Array) -> None:
    """Take a pair in, where the slope grew along it; H starts from a scale by the latest."""
    ys = y.dot(s)
    if ys > CURVED:
        carried.push(s, y)
        carried["H_diag"] = ys / y.dot(y)


def first_length(g: Array, lr: Any) -> Any:
    """How far the very first iteration goes: no further than lr in all elements together."""
    return min(1.0, 1.0 / np.abs(g).sum()) * lr


class Step:
    """One training step: its settings, its vectors, and where it stands."""

    def __init__(self, o: Settings, f: Flat) -> None:
        whole = f.whole
        assert whole is not None, "a plan gives it"
        self.o, self.f, self.again = o, f, whole.again
        self.lr: Any = o.learning_rate if f.lr is None else float(f.lr)
        self.carried = Carried(whole.carried_new, f.p.size)
        self.search = Search(o, whole.search, f.p.size)
        self.d, self.before = f.new
        self.seen = self.iteration = 0

    def run(self) -> None:
        """Iterations until one of the settings ends them; the parameters after them are in `p_new`."""
        o, f, carried, search = self.o, self.f, self.carried, self.search
        x, g, loss = f.p.copy(), f.g.copy(), self.again.loss
        search.begin()
        number = self._saw(0.0, loss, 0.0, x, g)
        why = GRADIENT if _within(g, o.tolerance_grad) else ITERATIONS
        while why != GRADIENT and self.iteration < o.max_iter:
            self.iteration += 1
            t = self._aim(g, loss)
            scale, pairs = carried["H_diag"], carried.pairs
            slope, start = g.dot(self.d), loss
            if slope > -o.tolerance_change:
                search.went(Iteration(0.0, NO_SEARCH, -1, scale, pairs, slope, self.d))
                why = UPHILL
                break
            point, ended = self._go(x, t, Point(0.0, loss, slope, g, number))
            x += point.t * self.d
            carried["t"], loss, g, number = point.t, point.loss, point.gradient, point.number
            search.went(Iteration(point.t, ended, point.number, scale, pairs, slope, self.d))
            found = self._ended(g, loss, start)
            if found is not None:
                why = found
                break
        search.end(why)
        carried["func_evals"] += self.seen
        f.p_new[:] = x

    def _aim(self, g: Array, loss: float) -> Any:
        """The direction of an iteration, into `d`, and the length to begin with."""
        carried, d, before = self.carried, self.d, self.before
        carried["n_iter"] += 1
        first = carried["n_iter"] == 1
        if first:
            carried["H_diag"], carried["pairs"] = 1.0, 0
            d[:] = -g
        else:
            learn(carried, d * carried["t"], g - before)
            m = carried.pairs
            d[:] = recursion(g, carried.s[:m], carried.y[:m], carried["H_diag"]).d
        before[:] = g
        carried["prev_loss"] = loss
        carried["t"] = t = first_length(g, self.lr) if first else self.lr
        return t

    def _go(self, x: Array, t: Any, start: Point) -> tuple[Point, int]:
        """The point that an iteration ends at, and how the search for it ended."""
        o, d = self.o, self.d
        if o.line_search_fn == "strong_wolfe":
            line = Along(lambda t: self._at(x, t), start, np.abs(d).max())
            return strong_wolfe(line, t, most(o) - self.seen, o.tolerance_change)
        if self.iteration == o.max_iter:  # nobody looks at the loss at the end of the last one
            return start._replace(t=t, number=-1), NO_SEARCH
        return self._at(x, t), NO_SEARCH

    def _at(self, x: Array, t: Any) -> Point:
        """An evaluation."""
        p = x + t * self.d
        loss, g = self.again(p), self.f.g.copy()
        slope = g.dot(self.d)
        return Point(t, loss, slope, g, self._saw(t, loss, slope, p, g))

    def _saw(self, t: Any, loss: float, slope: Any, p: Array, g: Array) -> int:
        self.seen += 1
        return self.search.saw(self.iteration, t, loss, slope, p, g)

    def _ended(self, g: Array, loss: float, start: float) -> int | None:
        """Why there is no further iteration; None where there is one."""
        o = self.o
        if self.iteration == o.max_iter:
            return ITERATIONS
        if self.seen >= most(o):
            return EVALUATIONS
        if _within(g, o.tolerance_grad):
            return GRADIENT
        if _within(self.carried["t"] * self.d, o.tolerance_change):
            return MOVED
        return SETTLED if abs(loss - start) < o.tolerance_change else None


def _within(vector: Array, limit: float) -> bool:
    return bool(np.abs(vector).max() <= limit)


def emit(emit: Emit, o: Settings, f: Flat) -> None:
    """The one call of the update."""
    emit(partial(_update, o, f))


def _update(o: Settings, f: Flat) -> None:
    whole = f.whole
    assert whole is not None, "a plan gives it"
    f.new[...], whole.carried_new[...] = f.states, whole.carried
    with whole.again:
        Step(o, f).run()


def steps_text(count: int) -> str:
    """The update of one element by so many iterations: tK, dK and gK are length, direction and gradient of the K-th."""
    kept = f"d_new = d{count}; prev_grad_new = g{count}" if count else "d_new = d; prev_grad_new = prev_grad"
    return f"{kept}; p_new = p" + "".join(f" + t{k}*d{k}" for k in range(1, count + 1))
