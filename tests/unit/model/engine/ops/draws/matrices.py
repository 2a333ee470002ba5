"""Inverses, equations, determinants, over batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tests.unit.model.engine.ops.draws.base import Case, Random, chance, numbers, pick, shape_of, stretched


def _square(random: Random, lead: tuple[int, ...], side: int, signed: bool = True) -> Any:
    """Matrices far from singular."""
    signs = random.choice([-1, 1], side) if signed else 1.0
    return random.uniform(-0.5, 0.5, (*lead, side, side)) + 2 * signs * np.eye(side)


def of_one(op: str, call: Callable[..., Any], signed: bool = True) -> Callable[[Random], Case]:
    def make(random: Random) -> Case:
        a = _square(random, shape_of(random, 0, 2, empty=False), int(random.integers(1, 5)), signed)
        return Case(op, {"a": a}, call)

    return make


def cholesky(random: Random) -> Case:
    a, upper = _square(random, shape_of(random, 0, 2, empty=False), int(random.integers(1, 4)), False), chance(random)
    return Case("cholesky", {"a": (a + a.swapaxes(-1, -2)) / 2}, lambda torch, a: torch.linalg.cholesky(a, upper=upper),
                {"upper": upper})  # fmt: skip


def _sides(random: Random) -> dict[str, Any]:
    side, vector = int(random.integers(1, 5)), chance(random, 0.3)
    batch = shape_of(random, 0, 2, empty=False)
    a = _square(random, stretched(random, batch), side, False)
    b = numbers(random, (side,) if vector else (*stretched(random, batch), side, int(random.integers(1, 4))))
    return {"a": a, "b": b}


def solve(random: Random) -> Case:
    def call(torch: Any, a: Any, b: Any) -> Any:
        return torch.linalg.inv(a) @ b

    return Case("solve", _sides(random), call)


def solve_triangular(random: Random) -> Case:
    given = {name: chance(random) for name in ("transposed", "upper", "unitriangular")}

    def call(torch: Any, a: Any, b: Any) -> Any:
        columns = b[:, None] if b.ndim == 1 else b
        a = a.mT if given["transposed"] else a
        upper = given["upper"] != given["transposed"]
        y = torch.linalg.solve_triangular(a, columns, upper=upper, unitriangular=given["unitriangular"])
        return y[..., 0] if b.ndim == 1 else y

    return Case("solve_triangular", _sides(random), call, given)


def singular_norm(random: Random) -> Case:
    x = random.uniform(-2, 2, shape_of(random, 2, 4, empty=False))
    order, kept = pick(random, "2", "-2", "nuc"), chance(random)
    named = order if order == "nuc" else int(order)
    return Case("singular_norm", {"x": x}, lambda torch, x: torch.linalg.matrix_norm(x, named, keepdim=kept),
                {"ord": order, "keepdims": kept})  # fmt: skip


DRAWS: Mapping[str, Callable[[Random], Case]] = {
    "inv": of_one("inv", lambda torch, a: torch.linalg.inv(a)),
    "det": of_one("det", lambda torch, a: torch.linalg.det(a)),
    "logdet": of_one("logdet", lambda torch, a: torch.logdet(a), False),
    "slogdet": of_one("slogdet", lambda torch, a: torch.linalg.slogdet(a).logabsdet),
    "singular_norm": singular_norm,
    "cholesky": cholesky,
    "solve": solve,
    "solve_triangular": solve_triangular,
}
