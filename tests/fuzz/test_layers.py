"""Every key of every kind of layer with values that it does not expect: refused in one line, or a layer that runs."""

from __future__ import annotations

import random
import time
import traceback
import warnings

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.source.layers import KINDS
from bptui.model.source.network import from_mapping
from tests.unit.model.source.test_layers import CASES

from . import rig

pytestmark = pytest.mark.corpus(every=1)
ODD = (
    10**5, 10**9, 10**12, 2**62, 2**63, 10**30, 10**300, 1e308, 1e-308, 0, -1, -(10**18), [10**9] * 2,
    [10**12], [[1e308]], "", "x", "learned", True, {}, [], [[]], {"kind": "constant", "value": 1e308},
    {"kind": "normal", "std": 1e308}, float("nan"), float("inf"), {"kind": "l2", "rate": 1e308}, "\x1b[2J",
)  # fmt: skip
FIRST = {kind: (x, settings, shape) for kind, x, settings, shape in reversed(CASES)}
"""One use of each kind: its input, settings, the shape of what it makes."""


def told(kind, key, odd) -> str:
    """What went wrong with this value; "" where nothing did."""
    x, settings, shape = FIRST[kind]
    data, begun = {"inputs": x, "targets": np.zeros(shape).tolist()}, time.process_time()
    try:
        table = {"kind": kind, **settings, key: odd}
        from_mapping({"data": data, "layers": [table], "loss": {"kind": "mse"}}, "here").history().recording(0)
    except UserError as error:
        if said := rig.wrong(2, time.process_time() - begun, "", str(error)):
            return f"{kind}.{key} = {odd}: {said}"
    except MemoryError:
        return ""  # told as such by the shell
    except Exception:
        return f"{kind}.{key} = {odd}: {traceback.format_exc()[-600:]}"
    return ""


def test_every_kind_of_layer_is_swept():
    assert FIRST.keys() == KINDS.keys()


def test_every_key_of_a_layer(full):
    every = [(kind, key, odd) for kind in FIRST for key in (*KINDS[kind].keys, "name", "input") for odd in ODD]
    random.Random("layers").shuffle(every)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [said for use in (every if full else every[:800]) if (said := told(*use))]
    assert found == []
