"""Wrong steps of all parameters together (lbfgs): its recursion, its pairs, its passes, its line search, its ends."""

# ruff: noqa: E501

from __future__ import annotations

from typing import Any

import numpy as np

from bptui.model.engine import lbfgs, line_search
from bptui.model.engine.again import Again

from .plant import Patch

ENGINE = "bptui.model.engine.lbfgs."
RECURSION, STEP, AGAIN = ENGINE + "recursion", ENGINE + "Step.", "bptui.model.engine.again.Again."
CUBIC = "bptui.model.engine.line_search.cubic"
FLAT = "bptui.model.engine.line_search._flat"
FEW: dict[str, Any] = {"max_iter": 6}
WOLFE: dict[str, Any] = {**FEW, "line_search_fn": "strong_wolfe", "learning_rate": 1.0}
FAR: dict[str, Any] = {**WOLFE, "learning_rate": 30.0, "max_eval": 20}

_recursion, _aim, _went, _ended = lbfgs.recursion, lbfgs.Step._aim, lbfgs.Step.run, lbfgs.Step._ended
_push, _call, _exit = lbfgs.Carried.push, Again.__call__, Again.__exit__


def _loops(alphas: Any = None, betas: Any = None, rho: Any = None, before: Any = None) -> Any:
    """The two-loop recursion with a part of it made otherwise."""

    def wrong(g: Any, s: Any, y: Any, scale: Any) -> Any:
        pairs = list(zip(s, y, strict=True))
        if before:
            pairs, scale = before(pairs, scale)
        ro = [(rho or (lambda s, y: 1 / y.dot(s)))(s, y) for s, y in pairs]
        q, alpha = -g, []
        for (s_k, y_k), ro_k in zip(pairs, ro, strict=True):
            alpha.append(ro_k * s_k.dot(q))
            q = q - alpha[-1] * (alphas or (lambda s, y: y))(s_k, y_k)
        r = q * scale
        for (s_k, y_k), ro_k, alpha_k in zip(pairs[::-1], ro[::-1], alpha[::-1], strict=True):
            beta = ro_k * y_k.dot(r)
            r = r + (betas or (lambda a, b: a - b))(alpha_k, beta) * s_k
        return lbfgs.Recursion(r, ro, alpha, [])

    return wrong


def _turned(g: Any, s: Any, y: Any, scale: Any) -> Any:
    found = _recursion(g, s, y, scale)
    return found._replace(d=-found.d)


def _apart(g: Any, s: Any, y: Any, scale: Any) -> Any:
    """Each half of the parameters by itself: products that do not go over all of them."""
    half = g.size // 2
    parts = [_recursion(g[cut], s[:, cut], y[:, cut], scale).d for cut in (slice(half), slice(half, None))]
    return lbfgs.Recursion(np.concatenate(parts), [], [], [])


def _learn(change: Any) -> Any:
    """A pair that `change(s, y)` makes of the right one."""
    right = lbfgs.learn

    def wrong(carried: Any, s: Any, y: Any) -> None:
        right(carried, *change(s, y))

    return wrong


def _scale(change: Any) -> Any:
    right = lbfgs.learn

    def wrong(carried: Any, s: Any, y: Any) -> None:
        right(carried, s, y)
        m = carried.pairs
        if m:
            carried["H_diag"] = change(carried.s[:m], carried.y[:m])

    return wrong


def _any_pair(carried: Any, s: Any, y: Any) -> None:
    """The slope fell along it: H is no longer positive definite."""
    carried.push(s, y)
    carried["H_diag"] = y.dot(s) / y.dot(y)


def _newest_lost(self: Any, s: Any, y: Any) -> None:
    if self.pairs < len(self.s):
        _push(self, s, y)


def _not_renewed(self: Any, g: Any, loss: Any) -> Any:
    kept = self.before.copy()
    made = _aim(self, g, loss)
    if self.carried["n_iter"] > 1:
        self.before[:] = kept
    return made


def _aimed(change: Any) -> Any:
    def wrong(self: Any, g: Any, loss: Any) -> Any:
        return change(self, _aim(self, g, loss))

    return wrong


def _steepest(self: Any, t: Any) -> Any:
    self.d[:] = -self.before
    return t


def _in_place(self: Any, x: Any) -> Any:
    return _call(self, self._kept[1])


def _forward_only(self: Any, x: Any) -> Any:
    np.copyto(self._p, x)
    for call in self._calls[: len(self._calls) // 2]:
        call()
    return self.loss


def _run(change: Any) -> Any:
    def wrong(self: Any) -> None:
        _went(self)
        change(self)

    return wrong


def _twice(self: Any) -> None:
    made = self.search.iterations[-1]
    self.f.p_new[:] += made.t * made.d


def _but_one(self: Any) -> None:
    self.carried["func_evals"] -= 1


def _first_only(self: Any) -> None:
    half = self.f.p.size // 2
    self.f.p_new[half:] = self.f.p[half:]


def _enough(self: Any, g: Any, loss: Any, start: Any) -> Any:
    return lbfgs.ITERATIONS if self.iteration == self.o.max_iter - 1 else _ended(self, g, loss, start)


def _on(self: Any, g: Any, loss: Any, start: Any) -> Any:
    found = _ended(self, g, loss, start)
    return None if found == lbfgs.EVALUATIONS else found


def _all_elements(vector: Any, limit: float) -> bool:
    return bool(np.abs(vector).min() <= limit)


def _highest(one: Any, two: Any, bounds: Any = None) -> Any:
    """Where the cubic is highest."""
    a, rise, width = one.slope * (two.t - one.t), two.loss - one.loss, two.t - one.t
    b, c = 3 * rise - 2 * a - two.slope * width, -2 * rise + a + two.slope * width
    least, longest = bounds or sorted((one.t, two.t))
    return min(max(one.t - width * (b + np.sqrt(abs(b * b - 3 * a * c))) / (3 * c), least), longest)


def _middle(one: Any, two: Any, bounds: Any = None) -> Any:
    """Half way, whatever the slopes are."""
    least, longest = bounds or (one.t, two.t)
    return (least + longest) / 2


def _longer(line: Any, t: Any, most: int, narrow: float) -> Any:
    """Goes further than where it has looked."""
    point, ended = line_search.strong_wolfe(line, t, most, narrow)
    return point._replace(t=point.t * 1.5), ended


FAULTS = [
    Patch("lbfgs", "the direction has the wrong sign", RECURSION, _turned, FEW),
    Patch("lbfgs", "rho of s and s", RECURSION, _loops(rho=lambda s, y: 1 / s.dot(s)), FEW),
    Patch("lbfgs", "rho without its inverse", RECURSION, _loops(rho=lambda s, y: y.dot(s)), FEW),
    Patch("lbfgs", "the pairs in the wrong order", RECURSION, _loops(before=lambda pairs, scale: (pairs[::-1], scale)), FEW),
    Patch("lbfgs", "s for y in the first loop", RECURSION, _loops(alphas=lambda s, y: s), FEW),
    Patch("lbfgs", "the second loop without beta", RECURSION, _loops(betas=lambda a, b: a), FEW),
    Patch("lbfgs", "alpha and beta added", RECURSION, _loops(betas=lambda a, b: a + b), FEW),
    Patch("lbfgs", "the first H is the identity", RECURSION, _loops(before=lambda pairs, scale: (pairs, 1.0)), FEW),
    Patch("lbfgs", "the latest pair alone", RECURSION, _loops(before=lambda pairs, scale: (pairs[:1], scale)), FEW),
    Patch("lbfgs", "products over half of the parameters each", RECURSION, _apart, FEW),
    Patch("lbfgs", "down the gradient, whatever was learned", STEP + "_aim", _aimed(_steepest), FEW),
    Patch("lbfgs", "H_diag of the oldest pair", ENGINE + "learn", _scale(lambda s, y: y[-1].dot(s[-1]) / y[-1].dot(y[-1])), FEW),
    Patch("lbfgs", "H_diag upside down", ENGINE + "learn", _scale(lambda s, y: y[0].dot(y[0]) / y[0].dot(s[0])), FEW),
    Patch("lbfgs", "H_diag of s and s", ENGINE + "learn", _scale(lambda s, y: s[0].dot(s[0]) / y[0].dot(s[0])), FEW),
    Patch("lbfgs", "s and y exchanged", ENGINE + "learn", _learn(lambda s, y: (y, s)), FEW),
    Patch("lbfgs", "y of the wrong sign", ENGINE + "learn", _learn(lambda s, y: (s, -y)), FEW),
    Patch("lbfgs", "s is not as long as the move", ENGINE + "learn", _learn(lambda s, y: (2 * s, y)), FEW),
    Patch("lbfgs", "a pair along which the slope fell", ENGINE + "learn", _any_pair, {**FEW, "learning_rate": 6.0}),
    Patch("lbfgs", "the newest pair goes, not the oldest", ENGINE + "Carried.push", _newest_lost, {**FEW, "history_size": 2}),
    Patch("lbfgs", "the gradient before is that of long ago", STEP + "_aim", _not_renewed, FEW),
    Patch("lbfgs", "the first length is the learning rate", ENGINE + "first_length", lambda g, lr: lr, FEW),
    Patch("lbfgs", "the learning rate is forgotten", STEP + "_aim", _aimed(lambda self, t: t / self.lr), FEW),
    Patch("lbfgs", "looks where it was, not where it goes", AGAIN + "__call__", _in_place, FEW),
    Patch("lbfgs", "the gradient of the pass before", AGAIN + "__call__", _forward_only, FEW),
    Patch("lbfgs", "the step that is shown is its last pass", AGAIN + "__exit__", lambda self, *error: None, FEW),
    Patch("lbfgs", "the last move twice", STEP + "run", _run(_twice), FEW),
    Patch("lbfgs", "only the first half of the parameters moves", STEP + "run", _run(_first_only), FEW),
    Patch("lbfgs", "an evaluation is not counted", STEP + "run", _run(_but_one), FEW),
    Patch("lbfgs", "an iteration too few", STEP + "_ended", _enough, FEW),
    Patch("lbfgs", "goes on after max_eval", STEP + "_ended", _on, {**FEW, "max_eval": 6}),
    Patch("lbfgs", "ends where one element is small", ENGINE + "_within", _all_elements, {**FEW, "tolerance_grad": 0.3}),
    Patch("lbfgs", "any slope is flat enough", FLAT, lambda start, point: True, {**WOLFE, "learning_rate": 0.01}),
    Patch("lbfgs", "looks where the cubic is highest", CUBIC, _highest, FAR),
    Patch("lbfgs", "looks half way, whatever the slopes are", CUBIC, _middle, FAR),
    Patch("lbfgs", "goes further than it has looked", ENGINE + "strong_wolfe", _longer, WOLFE),
]  # fmt: skip
