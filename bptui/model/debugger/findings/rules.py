"""All rules, most important first: what is exact, then scale and initial values, signal, rates, settings, symptoms."""

from __future__ import annotations

from bptui.model.debugger.findings import numeric, output, units
from bptui.model.debugger.findings.rule import Rule

RULES: tuple[Rule, ...] = (
    Rule("pairing", "output and loss", "graph", output.pairing),
    Rule("reach", "targets in reach", "graph", output.reach),
    Rule("numeric", "NaN, inf", "steps", numeric.numeric),
    Rule("dead units", "dead units", "step", units.dead),
)
