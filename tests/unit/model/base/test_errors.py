"""Suggestions: near by letters, or by what others call it."""

import pytest

from bptui.model.base.errors import ELSEWHERE, did_you_mean
from bptui.model.engine import ops, optimizers
from bptui.model.engine.ops.base import Attribute
from bptui.model.source import layers, network


def everything_that_has_a_name() -> set[str]:
    rows = [*ops.OPS.values(), *ops.COMPOSITES.values()]
    settings: dict[str, Attribute] = {name: each for row in rows for name, each in row.attributes.items()}
    keys = {*network.TOP, "inputs", "targets", "units", "channels", "activation", "init", "heads", "learning_rate"}
    return {*ops.OPS, *ops.COMPOSITES, *settings, *layers.KINDS, *optimizers.OPTIMIZERS, *keys}


def test_what_is_suggested_for_the_words_of_others_is_there():
    assert set(ELSEWHERE.values()) <= everything_that_has_a_name()
    assert not any(word == right for word, right in ELSEWHERE.items())


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        ("lr", ["learning_rate", "momentum"], "did you mean 'learning_rate'?"),
        ("lr", ["stride"], "one of them"),
        ("sigmiod", ["sigmoid", "relu"], "did you mean 'sigmoid'?"),
        ("LN", ["log", "exp"], "did you mean 'log'?"),
    ],
)
def test_a_suggestion_is_one_of_the_known(word, known, said):
    assert did_you_mean(word, known, "one of them") == said
