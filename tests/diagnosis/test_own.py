"""On networks of many kinds that were made after the limits of the rules were set: quiet where they are healthy, and
each planted fault is found in them."""

from __future__ import annotations

import pytest

from bptui.model.debugger.findings.diagnose import diagnose
from tests.diagnosis.judge import alarms, verdict
from tests.diagnosis.own import HARD, Content, healthy, network, planted

SEEDS = (0, 7)
NETWORKS = [(f"own-{seed} {name}", content) for seed in SEEDS for name, content in healthy(seed)]


@pytest.mark.corpus(every=12)
@pytest.mark.parametrize("content", [content for _, content in NETWORKS], ids=[name for name, _ in NETWORKS])
def test_a_healthy_network_of_any_kind_is_quiet(content: Content) -> None:
    assert not alarms(diagnose(network(content)))


@pytest.mark.corpus(every=64)
@pytest.mark.parametrize("content", [content for _, content in NETWORKS], ids=[name for name, _ in NETWORKS])
def test_each_planted_fault_is_found(content: Content) -> None:
    told = {fault: verdict(diagnose(network(made)), truth).first for fault, made, truth in planted(content)}
    assert {fault for fault, found in told.items() if not found} <= set(HARD)
