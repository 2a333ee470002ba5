"""The rules, a row each, most important first: what is exact, then scale and initial values, signal, settings, rates,
symptoms. A row says what a rule is called, what it looks for and needs, and the function that looks.

The numbers are those of docs/diagnosis.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bptui.model.debugger.findings import (
    attention,
    axes,
    batch,
    captured,
    dependence,
    initial,
    numeric,
    output,
    picked,
    pulls,
    rates,
    scale,
    scaled,
    settings,
    signal,
    symptoms,
    terms,
    units,
    untrained,
    weights,
    words,
)
from bptui.model.debugger.findings.finding import Finding
from bptui.model.debugger.findings.subject import LONG

if TYPE_CHECKING:
    from bptui.model.debugger.findings.subject import Subject

Needs = Literal["graph", "step", "probe", "steps", "capture"]
"""graph: the network and its data alone · step: the numbers of a training step · probe: the loss at other parameters
· steps: that several were run · capture: a step that was captured, with what its program did."""


@dataclass(frozen=True)
class Rule:
    """name  one word or two, in `--json` and in lists · about  what it looks for, in the words of a list of checks
    find     what it finds in a Subject; it may raise NotRecorded where a captured step lacks a number
    fewest   training steps under which it says nothing
    alone    it is of a symptom: asked where no other rule has found an error or what is a warning
    begins   it is of what a training begins with: not asked of a step that was captured later
    """

    name: str
    about: str
    needs: Needs
    find: Callable[[Subject], Iterable[Finding]]
    fewest: int = 1
    alone: bool = False
    begins: bool = False

    def asked(self, subject: Subject) -> bool:
        """Is it a question for this subject at all?"""
        return self.needs != ("capture" if subject.captured is None else "probe")

    def skipped(self, subject: Subject) -> str:
        """Why it cannot be asked, "" where it can."""
        if self.alone and subject.explained:
            return "something else was found"
        if subject.steps < self.fewest:
            return f"needs {self.fewest} training steps"
        if self.begins and not subject.first:
            return "the captured step is not known to be the first"
        if self.needs == "probe" and subject.graph.params and subject.step(0) is None:
            return "needs the loss at other parameters"
        return ""


RULES: tuple[Rule, ...] = (
    Rule("ended", "exceptions", "capture", captured.ended),
    Rule("pairing", "output and loss", "step", output.pairing),  # 2
    Rule("axes", "axes of the loss", "step", axes.axes),  # 14
    Rule("likelihood", "likelihood by hand", "step", picked.likelihood),
    Rule("terms", "terms of the loss", "capture", terms.terms),
    Rule("reach", "targets in reach", "graph", output.reach),  # 3
    Rule("equal weights", "equal weights", "graph", initial.equal),  # 6
    Rule("numeric before", "NaN from before", "capture", captured.before),
    Rule("numeric", "NaN, inf", "steps", numeric.numeric),  # 1
    Rule("wrong backward", "custom backward", "capture", captured.custom),
    Rule("optimized", "parameters of the optimizer", "capture", captured.optimized),
    Rule("no activation", "activations", "graph", initial.linear),  # 10
    Rule("mode", "training and evaluation mode", "capture", captured.mode),
    Rule("batch norm", "batch norm", "step", settings.batch_norm),  # 15
    Rule("repeated", "copies of a module", "capture", weights.repeated),
    Rule("scale", "scale of the data", "graph", scale.scale),  # 5
    Rule("initial values", "initial values", "graph", initial.initial, begins=True),  # 6
    Rule("embedding", "embeddings", "graph", initial.embeddings, begins=True),  # 6
    Rule("biases", "biases", "step", initial.biases, begins=True),  # 6
    Rule("labels", "labels", "graph", scale.labels),  # 16
    Rule("words", "words and their places", "capture", words.words),
    Rule("hidden softmax", "softmax inside", "graph", signal.hidden_softmax),  # 7
    Rule("saturated units", "saturated units", "step", signal.saturated, begins=True),  # 8
    Rule("attention", "scores of attentions", "capture", attention.unscaled),
    Rule("dead units", "dead units", "step", units.dead),  # 8
    Rule("signal", "vanishing, exploding", "step", signal.signal),  # 7
    Rule("cut off", "detached, frozen", "capture", untrained.cut),
    Rule("changed data", "data changed in place", "capture", captured.changed),
    Rule("remade", "parameters made anew", "capture", weights.remade),
    Rule("overwritten", "parameters changed in place", "capture", weights.overwritten),
    Rule("carried", "zero_grad", "capture", captured.carried),
    Rule("updates", "frozen, no gradient", "steps", signal.updates),  # 12
    Rule("dropout", "dropout", "graph", settings.dropout),  # 13
    Rule("weight decay", "weight decay", "step", pulls.decay),  # 13
    Rule("optimizer", "optimizer's settings", "step", settings.unusual),  # 13
    Rule("clipping", "gradients clipped", "capture", scaled.clipping),
    Rule("rate high", "rate too high", "probe", rates.high),  # 4
    Rule("overshoot", "this step too long", "capture", batch.overshot),
    Rule("accumulated", "accumulation", "capture", captured.accumulated),
    Rule("pace", "this step too short", "capture", batch.pace, alone=True),
    Rule("rate low", "rate too low", "probe", rates.low, alone=True),  # 9
    Rule("reduction", "sum or mean", "graph", settings.reduction),  # 13
    Rule("constant column", "constant columns", "graph", scale.constant),  # 5
    Rule("first loss", "first loss", "steps", symptoms.first_loss, begins=True),  # 11
    Rule("dependence", "targets depend on inputs", "steps", dependence.dependence, LONG, alone=True),  # 18
    Rule("independent", "targets of the batch depend on inputs", "capture", batch.independent, alone=True),
    Rule("not falling", "loss falls", "steps", symptoms.not_falling, LONG, alone=True),  # 17
)
