"""The table [data]: characters of a text, scaled inputs, and keys that do not go together."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.base.schema import Table
from bptui.model.source.datasets import windows
from bptui.model.source.tables import read


def found(**keys):
    return read(Table(keys, "n.toml", "data"), 0, None)


@pytest.mark.parametrize("positions", [1, 3, 10])
def test_each_target_is_the_character_after_its_input(positions):
    text = "hello world"
    inputs, targets = windows(text, positions, "here")
    assert inputs.shape == targets.shape == (len(text) - positions, positions)
    letters = np.array(sorted(set(text)))
    for start, (now, then) in enumerate(zip(inputs, targets, strict=True)):
        assert "".join(letters[now.astype(int)]) == text[start : start + positions]
        assert "".join(letters[then.astype(int)]) == text[start + 1 : start + 1 + positions]


def test_text_in_a_file():
    inputs, targets, size, *_ = found(text="abab", positions=2, batch_size=2)
    assert inputs.tolist() == [[0, 1], [1, 0]]
    assert targets.tolist() == [[1, 0], [0, 1]]
    assert size == 2


def test_inputs_are_scaled_and_targets_are_not():
    inputs, targets, *_ = found(inputs=[[16, 8]], targets=[[4]], scale=0.0625)
    assert inputs.tolist() == [[1, 0.5]]
    assert targets == [[4]]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"text": "abc", "positions": 3}, "3 characters"),
        ({"text": ""}, "0 characters"),
        ({"text": "abc" * 3000, "positions": 8000}, "at most 1,024"),
        ({"text": "abc", "inputs": [[1]]}, "inputs and text at once"),
        ({"text": "abcdefghij", "noise": 0.1}, "goes with dataset, not with text"),
        ({"inputs": [[1]], "targets": [[1]], "positions": 4}, "goes with text, not with inputs"),
        ({"inputs": [[1]], "targets": [[1]], "scale": "much"}, "data.scale"),
        ({"inputs": [[1e300]], "targets": [[1]], "scale": 1e300}, "data.scale"),
        ({"batch_size": 2}, "one of inputs"),
    ],
)
def test_what_does_not_fit_is_told(keys, told):
    with pytest.raises(UserError) as caught:
        found(**keys)
    assert told in str(caught.value)
    assert "n.toml: data" in str(caught.value)
