"""Learning rates that change: one row per kind of schedule; names, settings and numbers are those of PyTorch's
torch.optim.lr_scheduler, stepped once after each training step.

A row holds the rate twice, like an update: as text, which the card shows and the check evaluates, and as Python's own
numbers, which the engine uses. Names in the text: `base` the learning rate of the optimizer (or of a group), `n` the
number of the training step from 0, the settings by their names, and what `parts` adds: whole numbers, mostly, that no
formula of one line has, such as how many milestones are behind.

Every rate is a function of the training step, in closed form: any step can be gone to. Only `plateau` looks at the
losses; what it has seen of them (`Seen`) is state, which checkpoints keep.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import cos, inf, isfinite, pi
from types import MappingProxyType
from typing import Any, NamedTuple

from bptui.model.base.errors import UserError, did_you_mean

REQUIRED = object()
"""A setting that has no default."""
MAX_MILESTONES = 10_000


class Seen(NamedTuple):
    """What a plateau has seen of the losses so far, as numbers of a state: is there a best one, which, how many steps
    since without a better one, how many more are not counted, how often the rate was reduced."""

    any: float = 0.0
    best: float = 0.0
    bad: float = 0.0
    cooldown: float = 0.0
    reductions: float = 0.0


NOTHING = Seen()


class When(NamedTuple):
    """For what a rate is asked: the learning rate that it starts from, the training step, what was seen."""

    base: float
    n: int
    seen: Seen = NOTHING


Parts = Mapping[str, float]


@dataclass(frozen=True)
class Row:
    """A kind of schedule. settings: with their defaults; text: the statement `lr = …`; parts: further numbers of the
    text, by name; rate: the same in Python's numbers."""

    doc: str
    settings: Mapping[str, Any]
    text: Callable[[Schedule, When], str]
    rate: Callable[[Schedule, When], float]
    parts: Callable[[Schedule, When], Parts] = lambda s, when: {}


@dataclass(frozen=True)
class Schedule:
    """A schedule with its settings, in the order of its row; those that are left out are PyTorch's defaults.

    kind is a key of SCHEDULES, or the name of PyTorch's class.
    """

    kind: str
    settings: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        kind = CLASSES.get(self.kind, self.kind)
        if kind not in SCHEDULES:
            right = did_you_mean(kind, SCHEDULES, "one of " + ", ".join(SCHEDULES))
            raise UserError("schedule.kind", f"unknown '{self.kind[:40]}'", right)
        object.__setattr__(self, "kind", kind)
        given, known = dict(self.settings), self.row.settings
        for name in given:
            if name not in known:
                right = did_you_mean(name, known, "it has " + ", ".join(known))
                raise UserError(f"schedule.{name}", f"{kind} has no such setting", right)
        found = {name: given.get(name, default) for name, default in known.items()}
        for name, value in found.items():
            if value is REQUIRED:
                raise UserError(f"schedule.{name}", "is missing", f"{kind} needs it")
        object.__setattr__(self, "settings", tuple((name, _checked(name, value)) for name, value in found.items()))
        object.__setattr__(self, "_known", MappingProxyType(dict(self.settings)))
        if kind == "one_cycle" and self["pct_start"] > 1:
            raise UserError("schedule.pct_start", f"{self['pct_start']} does not make sense", "from 0 to 1")
        if kind == "sequential" and len(self["milestones"]) != len(self["schedulers"]) - 1:
            raise UserError("schedule.milestones", f"{len(self['milestones'])}", "one fewer than schedulers")

    def __getitem__(self, name: str) -> Any:
        known: Mapping[str, Any] = self._known  # type: ignore[attr-defined]
        return known[name]

    @property
    def row(self) -> Row:
        """What there is of its kind."""
        return SCHEDULES[self.kind]

    @property
    def looks(self) -> bool:
        """Does it look at the losses?"""
        return self.kind == "plateau"

    def rate(self, when: When) -> float:
        """The learning rate of a training step."""
        return self.row.rate(self, when)

    def text(self, when: When) -> str:
        """`lr = …` of that step."""
        part, at = running(self, when)
        return part.row.text(part, at)

    def symbols(self, when: When) -> dict[str, float]:
        """The numbers of the text, by name."""
        part, at = running(self, when)
        numbers = {name: float(value) for name, value in part.settings if isinstance(value, int | float)}
        return {"base": at.base, "n": float(at.n), **numbers, **part.row.parts(part, at)}

    def after(self, seen: Seen, loss: float) -> Seen:
        """What a plateau has seen after one more loss."""
        best = seen.best if seen.any else (inf if self["mode"] == "min" else -inf)
        better, bad, cooldown, reductions = self._better(loss, best), seen.bad, seen.cooldown, seen.reductions
        known, best, bad = (1.0, loss, 0.0) if better else (seen.any, seen.best, bad + 1)
        if cooldown > 0:
            cooldown, bad = cooldown - 1, 0.0
        if bad > self["patience"]:
            reductions, cooldown, bad = reductions + 1, float(self["cooldown"]), 0.0
        return Seen(known, best, bad, cooldown, reductions)

    def _better(self, loss: float, best: float) -> bool:
        threshold, up = self["threshold"], self["mode"] == "max"
        if self["threshold_mode"] == "rel":
            return bool(loss > best * (1 + threshold) if up else loss < best * (1 - threshold))
        return bool(loss > best + threshold if up else loss < best - threshold)


def running(schedule: Schedule, when: When) -> tuple[Schedule, When]:
    """Of a sequence the part that runs in a training step, whose steps are counted from its milestone; any other
    schedule itself."""
    if schedule.kind != "sequential":
        return schedule, when
    behind = [milestone for milestone in schedule["milestones"] if milestone <= when.n]
    return schedule["schedulers"][len(behind)], when._replace(n=when.n - (behind[-1] if behind else 0))


_WORDS = {"mode": ("min", "max"), "threshold_mode": ("rel", "abs"), "anneal_strategy": ("cos", "linear")}
_WHOLE = {"step_size": 1, "total_iters": 1, "T_max": 1, "T_0": 1, "T_mult": 1, "total_steps": 2, "patience": 0,
          "cooldown": 0}  # fmt: skip
_POSITIVE = ("div_factor", "final_div_factor")
_BELOW_1 = ("factor",)


def _checked(name: str, value: Any) -> Any:
    """A setting as it is kept; UserError where it does not make sense."""
    place = f"schedule.{name}"
    if name in _WORDS:
        if value not in _WORDS[name]:
            raise UserError(place, f"found {str(value)[:40]}", " or ".join(_WORDS[name]))
        return value
    if name == "three_phase":
        if not isinstance(value, bool):
            raise UserError(place, f"found {str(value)[:40]}", "true or false")
        return value
    if name == "milestones":
        whole = isinstance(value, list | tuple) and all(type(item) is int and item > 0 for item in value)
        if not whole or not value or len(value) > MAX_MILESTONES or list(value) != sorted(value):
            raise UserError(place, f"found {str(value)[:40]}", "training steps in their order: [30, 80]")
        return tuple(value)
    if name == "schedulers":
        return _sequence(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise UserError(place, f"found {str(value)[:40]}", "a number")
    if name in _WHOLE and (value != int(value) or value < _WHOLE[name]):
        raise UserError(place, f"found {value}", f"a whole number from {_WHOLE[name]}")
    if value < 0 or (name in _POSITIVE and not value) or (name in _BELOW_1 and value >= 1):
        raise UserError(place, f"{value} does not make sense", "0 or more" + " and below 1" * (name in _BELOW_1))
    return int(value) if name in _WHOLE else float(value)


def _sequence(value: Any) -> tuple[Schedule, ...]:
    if not isinstance(value, list | tuple) or not 2 <= len(value) <= 100:
        raise UserError("schedule.schedulers", f"found {str(value)[:40]}", 'a list: [{kind = "linear"}, …]')
    made = tuple(item if isinstance(item, Schedule) else read(item) for item in value)
    if any(part.kind in ("sequential", "plateau") for part in made):
        raise UserError("schedule.schedulers", "a sequence, or a plateau, in a sequence", "any other schedule")
    return made


def read(value: Any) -> Schedule:
    """The schedule of a value of a network file: a word, or a table with a kind."""
    if isinstance(value, str):
        return Schedule(value)
    if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
        raise UserError("schedule", f"found {str(value)[:40]}", 'such as {kind = "step", step_size = 30}')
    return Schedule(value["kind"], tuple((str(name), item) for name, item in value.items() if name != "kind"))


def table(schedule: Schedule) -> dict[str, Any]:
    """What `read` makes the schedule of."""
    told = {name: [table(part) for part in value] if name == "schedulers" else list(value) if name == "milestones"
            else value for name, value in schedule.settings}  # fmt: skip
    return {"kind": schedule.kind, **told}


# ------------------------------------------------------------------------------------------------------------- the rows
def _power(base: float, factor: float, exponent: float) -> float:
    """base·factor**exponent; inf where that is too large, as it is for NumPy."""
    try:
        return float(base * factor**exponent)
    except OverflowError:
        return inf


def _linear(s: Schedule, when: When) -> float:
    start, end = s["start_factor"], s["end_factor"]
    return float(when.base * (start + (end - start) * min(when.n, s["total_iters"]) / s["total_iters"]))


def _polynomial(s: Schedule, when: When) -> float:
    return _power(when.base, 1 - min(when.n, s["total_iters"]) / s["total_iters"], s["power"])


def _wave(start: float, end: float, share: float) -> float:
    """From start (0) to end (1) along half a cosine."""
    return end + (start - end) * (1 + cos(pi * share)) / 2


def _restarts(s: Schedule, when: When) -> Parts:
    """Steps since the last restart, and how many there are from it to the next."""
    since, length = when.n, s["T_0"]
    if s["T_mult"] == 1:
        return {"since": float(since % length), "T": float(length)}
    while since >= length:
        since, length = since - length, length * s["T_mult"]
    return {"since": float(since), "T": float(length)}


def _warm(s: Schedule, when: When) -> float:
    parts = _restarts(s, when)
    return _wave(when.base, s["eta_min"], parts["since"] / parts["T"])


def _phase(s: Schedule, when: When) -> Parts:
    """Of a cycle: where the phase that runs starts and ends, and which share of it is over."""
    top, last = s["max_lr"], s["total_steps"] - 1
    low = top / s["div_factor"]
    least, n = low / s["final_div_factor"], min(when.n, last)
    turn = s["pct_start"] * s["total_steps"]
    phases = [(0.0, turn - 1, low, top)]
    if s["three_phase"]:
        phases.append((turn - 1, 2 * turn - 2, top, low))
        phases.append((2 * turn - 2, last, low, least))
    else:
        phases.append((turn - 1, last, top, least))
    begin, stop, start, end = next((phase for phase in phases if n <= phase[1]), phases[-1])
    return {"start": start, "end": end, "share": (n - begin) / (stop - begin) if stop != begin else 1.0}


def _cycle(s: Schedule, when: When) -> float:
    parts = _phase(s, when)
    start, end, share = parts["start"], parts["end"], parts["share"]
    return _wave(start, end, share) if s["anneal_strategy"] == "cos" else start + (end - start) * share


def _cycle_text(s: Schedule, when: When) -> str:
    if s["anneal_strategy"] == "linear":
        return "lr = start + (end - start)*share"
    return "lr = end + (start - end)*(1 + cos(pi*share))/2"


def _reduced(s: Schedule, when: When) -> Parts:
    """How many of the reductions had an effect: one of less than eps has none, and below min_lr there is none."""
    rate, count = when.base, 0
    for _ in range(int(when.seen.reductions)):
        lower = max(rate * s["factor"], s["min_lr"])
        if rate - lower <= s["eps"]:
            break
        rate, count = lower, count + 1
    return {"k": float(count)}


def _plateau(s: Schedule, when: When) -> float:
    count = _reduced(s, when)["k"]
    return max(_power(when.base, s["factor"], count), s["min_lr"]) if count else when.base


def _says(text: str) -> Callable[[Schedule, When], str]:
    return lambda s, when: text


def _behind(s: Schedule, when: When) -> Parts:
    return {"k": float(sum(milestone <= when.n for milestone in s["milestones"]))}


SCHEDULES: Mapping[str, Row] = MappingProxyType(
    {
        "constant": Row(
            "factor times the rate for total_iters steps (ConstantLR)",
            {"factor": 1 / 3, "total_iters": 5},
            _says("lr = base*factor if n < total_iters else base"),
            lambda s, when: when.base * s["factor"] if when.n < s["total_iters"] else when.base,
        ),
        "step": Row(
            "times gamma after each step_size steps (StepLR)",
            {"step_size": REQUIRED, "gamma": 0.1},
            _says("lr = base*gamma**(n//step_size)"),
            lambda s, when: _power(when.base, s["gamma"], when.n // s["step_size"]),
        ),
        "multi_step": Row(
            "times gamma at each milestone; k: milestones that are behind (MultiStepLR)",
            {"milestones": REQUIRED, "gamma": 0.1},
            _says("lr = base*gamma**k"),
            lambda s, when: _power(when.base, s["gamma"], _behind(s, when)["k"]),
            _behind,
        ),
        "exponential": Row(
            "times gamma after each step (ExponentialLR)",
            {"gamma": REQUIRED},
            _says("lr = base*gamma**n"),
            lambda s, when: _power(when.base, s["gamma"], when.n),
        ),
        "linear": Row(
            "from start_factor to end_factor times the rate in total_iters steps: a warm-up (LinearLR)",
            {"start_factor": 1 / 3, "end_factor": 1.0, "total_iters": 5},
            _says("lr = base*(start_factor + (end_factor - start_factor)*min(n, total_iters)/total_iters)"),
            _linear,
        ),
        "polynomial": Row(
            "down to 0 in total_iters steps (PolynomialLR)",
            {"total_iters": 5, "power": 1.0},
            _says("lr = base*(1 - min(n, total_iters)/total_iters)**power"),
            _polynomial,
        ),
        "cosine": Row(
            "down to eta_min in T_max steps along a cosine, and up again (CosineAnnealingLR)",
            {"T_max": REQUIRED, "eta_min": 0.0},
            _says("lr = eta_min + (base - eta_min)*(1 + cos(pi*n/T_max))/2"),
            lambda s, when: _wave(when.base, s["eta_min"], when.n / s["T_max"]),
        ),
        "cosine_warm_restarts": Row(
            "down to eta_min along a cosine, again and again, each time T_mult as long; "
            "since: steps since the restart, T: until the next (CosineAnnealingWarmRestarts)",
            {"T_0": REQUIRED, "T_mult": 1, "eta_min": 0.0},
            _says("lr = eta_min + (base - eta_min)*(1 + cos(pi*since/T))/2"),
            _warm,
            _restarts,
        ),
        "one_cycle": Row(
            "up to max_lr and far down, whatever the learning rate is; the rate stays after total_steps, the momentum "
            "always (OneCycleLR with cycle_momentum=False)",
            {"max_lr": REQUIRED, "total_steps": REQUIRED, "pct_start": 0.3, "anneal_strategy": "cos",
             "div_factor": 25.0, "final_div_factor": 1e4, "three_phase": False},
            _cycle_text,
            _cycle,
            _phase,
        ),
        "plateau": Row(
            "times factor after patience steps without a better loss; k: reductions so far (ReduceLROnPlateau)",
            {"mode": "min", "factor": 0.1, "patience": 10, "threshold": 1e-4, "threshold_mode": "rel", "cooldown": 0,
             "min_lr": 0.0, "eps": 1e-8},
            _says("lr = max(base*factor**k, min_lr) if k > 0 else base"),
            _plateau,
            _reduced,
        ),
        "sequential": Row(
            "one schedule after the other, each from its milestone on (SequentialLR)",
            {"schedulers": REQUIRED, "milestones": REQUIRED},
            lambda s, when: s.text(when),
            lambda s, when: _part_rate(s, when),
        ),
    }
)  # fmt: skip


def _part_rate(s: Schedule, when: When) -> float:
    part, at = running(s, when)
    return part.rate(at)


CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "ConstantLR": "constant", "StepLR": "step", "MultiStepLR": "multi_step", "ExponentialLR": "exponential",
        "LinearLR": "linear", "PolynomialLR": "polynomial", "CosineAnnealingLR": "cosine",
        "CosineAnnealingWarmRestarts": "cosine_warm_restarts", "OneCycleLR": "one_cycle",
        "ReduceLROnPlateau": "plateau", "SequentialLR": "sequential",
    }
)  # fmt: skip
"""PyTorch's names of the same."""
