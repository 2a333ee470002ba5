"""One use of an operation, and its numbers."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np

from bptui.model.engine import ops


@dataclass(frozen=True)
class Use:
    """One use of an operation: shapes of its inputs, attributes. `positive` keeps inputs above 0.2."""

    op: str
    shapes: tuple
    attributes: dict = field(default_factory=dict)
    positive: bool = False

    def __str__(self):
        told = ",".join(f"{k}={v}" for k, v in self.attributes.items())
        return f"{self.op}{self.shapes}{told}".replace(" ", "")

    @property
    def row(self):
        row = ops.OPS[self.op]
        attributes = {
            n: a.check(self.attributes[n]) if n in self.attributes else a.default for n, a in row.attributes.items()
        }
        other = row.dispatch and row.dispatch(self.shapes, attributes)
        return ops.OPS[other] if other else row

    def inputs(self):
        """The same numbers for the same use, always."""
        rng = np.random.default_rng(zlib.crc32(str(self).encode()))
        row = self.row
        found = []
        for name, shape in zip(row.input_names, self.shapes, strict=False):
            if name in row.indices:
                attributes = {n: self.attributes.get(n, a.default) for n, a in row.attributes.items()}
                low, high, *ignored = row.bounds(self.shapes, attributes)[name]
                labels = rng.integers(low, max(high, 1), shape)
                if ignored and labels.size:
                    labels.reshape(-1)[:: labels.shape[-1] - 1] = ignored[0]
                    labels.reshape(-1)[1] = 0
                found.append(labels)
            elif name in ("weight", "pos_weight") and name in row.fixed:
                found.append(rng.uniform(0.2, 1.8, shape))
            elif row.name == "one_hot":
                found.append(rng.integers(-1, self.attributes["classes"] + 1, shape).astype(float))
            elif row.name in ("hinge_embedding", "margin_ranking") and name == "target":
                found.append(rng.choice([-1.0, 1.0], shape))
            elif name in row.fixed and (row.name not in WITHOUT or row.name.startswith("logical")):
                found.append(rng.integers(0, 2, shape).astype(float))
            elif name == "probs" or (self.op == "soft_cross_entropy" and name == "target"):
                found.append(rng.uniform(0.1, 0.9, shape))
            elif name == "a" and self.op in SQUARE:  # far from singular, of the sign that the operation takes
                signs = rng.choice([-1, 1], shape[-1]) if self.op in ("inv", "det", "slogdet", "solve") else 1.0
                found.append(rng.uniform(-0.6, 0.6, shape) + 2 * signs * np.eye(shape[-1]))
            else:
                values = rng.uniform(0.2, 1.8, shape) / (2 if self.op in WITHIN_1 else 1) + (self.op in BEYOND_1)
                found.append(values if self.positive else values * rng.choice([-1, 1], shape))
        return found


WITHOUT = {name for name, row in ops.OPS.items() if not any(map(row.differentiable, range(len(row.inputs))))}
"""Operations that no gradient passes."""
SQUARE = {"inv", "solve", "solve_triangular", "det", "logdet", "slogdet", "cholesky"}
WITHIN_1 = {"asin", "acos", "atanh"}
BEYOND_1 = {"acosh"}
POSITIVE = {"acosh", "xlogy", "log", "log1p", "sqrt", "rsqrt", "pow", "kl_div", "tweedie"}
