"""Of linear equations and determinants."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tests.unit.model.source.captured.samples.draw import Draw  # noqa: E402


def equations(t: Draw) -> None:
    def square(*shape: int) -> Any:
        """Far from singular."""
        return t(*shape) / 3 + 2 * torch.eye(shape[-1], dtype=torch.float64)

    for lead in ((), (2,)):
        a = square(*lead, 3, 3)
        torch.inverse(a), torch.linalg.inv(a), a.inverse(), torch.linalg.inv_ex(a)
        torch.det(a), torch.linalg.det(-a), a.logdet(), torch.slogdet(-a), torch.linalg.slogdet(a)
        torch.linalg.solve(a, t(*lead, 3, 2)), torch.linalg.solve(a, t(*lead, 3)), torch.linalg.solve_ex(a, t(3, 4))
        torch.linalg.solve(a, t(*lead, 2, 3), left=False)
        both = a @ a.mT
        torch.linalg.cholesky(both), torch.cholesky(both, True), both.cholesky(), torch.linalg.cholesky_ex(both)
        torch.linalg.solve_triangular(a, t(*lead, 3, 2), upper=True)
        torch.linalg.solve_triangular(a, t(*lead, 2, 3), upper=False, left=False, unitriangular=True)
        torch.matrix_power(a, 5), torch.linalg.matrix_power(a, -2), a.matrix_power(1)
    torch.linalg.solve(square(3, 3), t(2, 3, 4))
