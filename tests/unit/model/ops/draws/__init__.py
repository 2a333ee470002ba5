"""Uses of every operation of tests/reference/ops.json that are drawn, not written: any rank and axis, negative axes,
tuples of axes, broadcasting, size 1, 0-d, empty; numbers with ties, zeros and kinks; attributes of every kind.

`DRAWS` has one function for each operation: a random generator to a `Case`, which knows PyTorch's call.
"""

from .base import Case
from .layers import DRAWS as LAYERS
from .losses import DRAWS as LOSSES
from .tensors import DRAWS as TENSORS

__all__ = ["DRAWS", "Case"]

DRAWS = {**TENSORS, **LAYERS, **LOSSES}
