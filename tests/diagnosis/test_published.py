"""On pairs of a faulty and a repaired network, and on healthy ones: the fault is found, in its place, first of all, and
nothing is cried where there is none."""

from __future__ import annotations

import pytest

from bptui.model.debugger.findings.diagnose import diagnose
from bptui.model.source.examples import examples
from bptui.model.source.network import load
from tests.diagnosis.judge import alarms, verdict
from tests.diagnosis.page import HEAD, rules
from tests.diagnosis.published import HEALTHY, PAIRS, Pair, healthy
from tests.paths import DOCS

DETECTED, LOCATED, FIRST, ALARMS = 0.95, 0.85, 0.75, 0.02
"""What is asked for: shares of the pairs, and of the repaired networks that raise an alarm."""
TRUE_OF_EXAMPLES = {
    "xor-stuck": {"dead-units"},
    "deep-sigmoid": {"vanishing"},
    "deep-explode": {"initial-loss", "dead-units"},
}
"""What is to be said of the examples."""


@pytest.mark.corpus
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"pair-{pair.name}")
def test_a_fault_is_found_and_its_repair_is_quiet(pair: Pair) -> None:
    assert verdict(diagnose(pair.network("buggy")), pair.truth).located, pair.fault
    assert not alarms(diagnose(pair.network("fixed")), pair.true_of_fixed), pair.fix


@pytest.mark.corpus(every=4)
@pytest.mark.parametrize("name", HEALTHY, ids=[f"healthy-{name}" for name in HEALTHY])
def test_a_healthy_network_is_quiet(name: str) -> None:
    assert not alarms(diagnose(healthy(name))), HEALTHY[name]


def test_the_examples_are_told_what_is_true_of_them() -> None:
    found = {name: {f.type for f in alarms(diagnose(load(name)))} for name, _ in examples()}
    assert {name: types for name, types in found.items() if types} == TRUE_OF_EXAMPLES


def test_the_figures_that_are_asked_for(full: bool) -> None:
    pairs = PAIRS if full else PAIRS[::9]
    verdicts = [verdict(diagnose(pair.network("buggy")), pair.truth) for pair in pairs]
    alarmed = sum(bool(alarms(diagnose(pair.network("fixed")), pair.true_of_fixed)) for pair in pairs)
    assert sum(each.found for each in verdicts) >= DETECTED * len(pairs)
    assert sum(each.located for each in verdicts) >= LOCATED * len(pairs)
    assert sum(each.first for each in verdicts) >= FIRST * len(pairs)
    assert alarmed <= ALARMS * len(pairs)


def test_the_page_has_the_rules_as_they_are() -> None:
    written = (DOCS / "diagnosis.md").read_text(encoding="utf-8")
    assert "\n".join((HEAD, *rules())) in written, "python -m tests.diagnosis.page > docs/diagnosis.md"
