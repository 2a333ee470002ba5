"""Uses of every operation of tests/reference/ops.json that are drawn, not written: any rank and axis, negative axes,
tuples of axes, broadcasting, size 1, 0-d, empty; numbers with ties, zeros and kinks; attributes of every kind.

`DRAWS` has one function for each operation (or way of using it): a random generator to a `Case`, which knows PyTorch's
call.
"""

from tests.unit.model.engine.ops.draws.base import Case
from tests.unit.model.engine.ops.draws.indexing import DRAWS as INDEXING
from tests.unit.model.engine.ops.draws.layers import DRAWS as LAYERS
from tests.unit.model.engine.ops.draws.losses import DRAWS as LOSSES
from tests.unit.model.engine.ops.draws.matrices import DRAWS as MATRICES
from tests.unit.model.engine.ops.draws.moves import DRAWS as MOVES
from tests.unit.model.engine.ops.draws.scaled import DRAWS as SCALED
from tests.unit.model.engine.ops.draws.spectral import DRAWS as SPECTRAL
from tests.unit.model.engine.ops.draws.tensors import DRAWS as TENSORS

__all__ = ["DRAWS", "Case"]

DRAWS = {**TENSORS, **MOVES, **INDEXING, **MATRICES, **SPECTRAL, **LAYERS, **SCALED, **LOSSES}
