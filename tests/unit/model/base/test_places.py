"""An index and its place are the same element."""

from math import prod

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bptui.model.base.places import ravel, unravel


@given(st.lists(st.integers(1, 4), max_size=4).map(tuple))
def test_an_index_and_its_place_are_the_same_element(shape: tuple[int, ...]) -> None:
    array = np.arange(prod(shape)).reshape(shape)
    for place in range(array.size):
        at = unravel(place, shape)
        assert array[at] == place == ravel(at, shape)
        assert all(type(i) is int for i in at)
