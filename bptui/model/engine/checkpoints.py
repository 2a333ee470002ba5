"""States of a program that are kept on the way, so that a training step can be run again from the nearest one."""

from __future__ import annotations

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.program import Program


class Rows:
    """States of the steps first, first + every, first + 2·every, … in one block that never grows beyond `limit` rows.

    Pages of the block are touched only when they are used. When it is full, every second row is given up.
    """

    def __init__(self, limit: int, length: int, dtype: np.dtype[np.generic]) -> None:
        self._block = np.empty((max(limit, 2), length), dtype)
        self.clear(0, 1)

    def clear(self, first: int, every: int) -> None:
        """Forget all; the next row is of step `first`."""
        self.first, self.every, self.count = first, every, 0

    def wants(self, step: int) -> bool:
        """Is `step` the next one to keep?"""
        return step == self.first + self.count * self.every

    def until(self, step: int) -> int:
        """How many steps from `step` to the next one to keep."""
        return self.first + self.count * self.every - step

    def keep(self, program: Program) -> None:
        """Keep the state from which the program's next step starts, if it is wanted."""
        if not self.wants(program.step):
            return
        if self.count == len(self._block):
            kept = self._block[::2]
            self._block[: len(kept)] = kept
            self.count, self.every = len(kept), self.every * 2
            if not self.wants(program.step):
                return
        program.save_into(self._block[self.count])
        self.count += 1

    def nearest(self, step: int) -> int | None:
        """The last kept step that is not after `step`."""
        if not self.count or step < self.first:
            return None
        return self.first + min((step - self.first) // self.every, self.count - 1) * self.every

    def __getitem__(self, step: int) -> Array:
        row: Array = self._block[(step - self.first) // self.every]
        return row

    @property
    def limit(self) -> int:
        """How many rows there are at most."""
        return len(self._block)

    @property
    def nbytes(self) -> int:
        """Bytes in use."""
        return self.count * self._block.strides[0]
