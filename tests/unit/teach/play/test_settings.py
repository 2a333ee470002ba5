"""The settings of the playground: each over its whole range makes a network that trains."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.debugger.session import Session
from bptui.teach.play import settings
from bptui.teach.play.settings import BY_NAME, SETTINGS, written
from bptui.teach.play.setup import MAX_LAYERS, MAX_UNITS, Setup, opened

OWN = {"loss": "quartic = sum((p[i,j] - t[i,j])**4 for i in I for j in J)", "activation": "swoosh = x/(1 + exp(-x))"}


def said(text: str, setup: Setup | None = None) -> Setup:
    return settings.said(opened(None) if setup is None else setup, text)[1]


def starts(setup: Setup) -> float:
    """The loss of its first training step."""
    return float(Session(setup.network()).recording.loss)


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.name)
def test_every_value_that_the_arrows_go_through_makes_a_network_and_is_what_is_read_then(row):
    setup = said("optimizer sgd") if row.name == "momentum" else opened(None)
    known = list(row.steps(setup))
    for value in known if len(known) < 60 else known[:3] + known[-3:]:
        made = row.write(setup, value)
        assert row.read(made) == value, value
        assert isinstance(starts(made), float)


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.name)
def test_a_line_takes_what_the_setting_says_it_is(row):
    setup = said("optimizer sgd")
    for value in list(row.steps(setup))[:20]:
        made = row.write(setup, value)
        if value is None and row.name == "batch":
            continue
        again = row.said(setup, row.text(made).split())
        assert row.read(again) == row.read(made)


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.name)
def test_one_on_and_one_back_is_where_one_was(row):
    setup = said("optimizer sgd")
    before = row.read(setup)
    for by in (1, -1):
        try:
            there = row.next(setup, by)
        except UserError:
            continue
        assert row.read(there) != before
        assert row.read(row.next(there, -by)) == before


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("rate fast", "is not a number"), ("rate 1001", "from 0 to 1000"), ("rate nan", "from 0 to 1000"),
        ("rate", "is 0.03"),
        ("rate 0.1 0.2", "one is expected"), ("layers 4 0", "a whole number from 1"), 
        ("layers " + "4 " * 20, "at most"),
        ("layers 4 x", "a whole number"), ("data sprial", "did you mean 'spiral'"), ("batch 500", "of 120 samples"),
        ("samples 1", "from 2"), ("noise -1", "from 0"), ("activation thanh", "did you mean 'tanh'"),
        ("activation 2x = x", "NAME = DEFINITION"), ("activation swoosh = import os", "ops.swoosh"),
        ("loss kl_div", "distributions"), ("loss mee", "unknown"), ("rat 3", "did you mean 'rate'"),
        ("features x1 x3", "x3"), ("features x1 x1", "twice"), ("optimizer adan", "did you mean 'adam'"),
        ("momentum 0.9", "adam has none"), ("seed -1", "from 0"), ("clip 0", "from 1e-6"), ("depth 40", "from 0"),
        ("activation relu = x", "already"),
    ],
)  # fmt: skip
def test_what_cannot_be_set_is_one_line(line, what):
    with pytest.raises(UserError) as refused:
        said(line).network()
    assert what in str(refused.value)
    assert "\n" not in str(refused.value)


WORDS = st.sampled_from(
    ["0", "-1", "4", "1e400", "nan", "x1", "all", "none", "off", "tanh", "mse", "=", "y", "x*x", "\x1b[2J", "é" * 50]
)


@hypothesis_settings(max_examples=150, deadline=None)
@given(st.sampled_from(SETTINGS), st.lists(WORDS | st.text(max_size=8), max_size=4))
def test_any_line_is_a_network_or_one_line(row, words):
    told = "a network"
    try:
        said(f"{row.name} {' '.join(words)}").network()
    except UserError as error:
        told = str(error)
    assert told.isprintable()


def test_a_problem_brings_its_loss_and_its_last_layer():
    plane = said("data plane")
    assert (plane.loss, plane.layers[-1].get("activation"), BY_NAME["problem"].text(plane)) == (
        "mse",
        None,
        "regression",
    )
    back = said("problem classes", plane)
    assert (back.loss, back.layers[-1]["activation"]) == ("bce", "sigmoid")
    assert said("loss cross_entropy").layers[-1]["units"] == 2
    with pytest.raises(UserError, match="tells classes apart"):
        said("loss bce", plane)


@pytest.mark.parametrize(("kind", "text"), OWN.items())
def test_an_activation_and_a_loss_of_ones_own_are_derived_and_trained(kind, text):
    setup = said(f"{kind} {text}")
    assert BY_NAME[kind].text(setup) == text.split()[0]
    assert np.isfinite(starts(setup))
    assert text.split()[0] in BY_NAME[kind].steps(setup)


def test_layers_keep_what_is_said_of_them():
    setup = said("layers 3 5 2", said("init he_normal", said("activation relu")))
    assert [table["units"] for table in setup.layers] == [3, 5, 2, 1]
    assert {table["activation"] for table in setup.layers[:-1]} == {"relu"}
    assert {table["init"] for table in setup.layers} == {"he_normal"}
    assert said(f"layers {' '.join([str(MAX_UNITS)] * MAX_LAYERS)}").network().graph.params
    none = said("layers none")
    assert written(BY_NAME["layers"].read(none)) == "none"
    assert np.isfinite(starts(none))


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("darts", "formula"),
        ("lenet", "conv2d"),
        ("boxes", "a formula"),
        ("transformer", "a formula|layer|inputs"),
        ("nothing.toml", "no such file"),
    ],
)
def test_what_the_playground_cannot_show_is_one_line(name, what):
    with pytest.raises(UserError, match=what):
        opened(name)


@pytest.mark.parametrize("name", ["classifier", "xor", "xor-stuck"])
def test_networks_over_two_inputs_open(name):
    assert opened(name).network().graph.params
