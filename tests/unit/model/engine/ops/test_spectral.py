"""Complex numbers as pairs, Fourier transforms: laws, and a block of a Fourier neural operator beside PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bptui
from bptui.model.base.errors import UserError
from bptui.model.base.spans import plain
from bptui.model.debugger.expressions import expression as expressions
from bptui.model.debugger.lines import evaluated
from bptui.model.debugger.session import Session
from bptui.model.engine import ops
from bptui.model.engine.pairs import complex_nodes
from bptui.model.source import network
from bptui.symbolic.check.step import check_step
from tests.unit.model.engine.ops.executor import run

RNG = np.random.default_rng(3)
BLOCK = "s = rfft(x); k = ceinsum(s[:, :, 0:3], w, equation='bix,iox->box'); y = irfft(k, n=8); L = mean((y - t)**2)"
VALUES = {"x": RNG.normal(size=(2, 3, 8)), "w": RNG.normal(size=(3, 2, 3, 2)), "t": RNG.normal(size=(2, 2, 8))}


def value(op: str, *inputs: Any, **attributes: Any) -> Any:
    return run(ops.OPS[op], inputs, attributes)[0]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.sampled_from(["backward", "ortho", "forward"]), st.integers(0, 2**32))
def test_the_inverse_gives_back_what_was_given_and_no_energy_is_lost(n: int, norm: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    x, real = random.normal(size=(2, n, 2)), random.normal(size=(2, n))
    near = {"atol": 1e-12, "rtol": 1e-12}
    np.testing.assert_allclose(value("ifft", value("fft", x, norm=norm), norm=norm), x, **near)
    np.testing.assert_allclose(value("irfft", value("rfft", real, norm=norm), n=n, norm=norm), real, **near)
    np.testing.assert_allclose(np.sum(value("fft", x, norm="ortho") ** 2), np.sum(x**2), **near)
    product = value("cmul", x, value("conj", x))
    np.testing.assert_allclose(product[..., 0], np.sum(x**2, -1), **near)
    np.testing.assert_allclose(product[..., 1], 0, **near)


def test_a_spectral_block_has_pytorchs_numbers_as_formula_and_in_python() -> None:
    torch = pytest.importorskip("torch")
    x, w, t = (torch.tensor(VALUES[name], requires_grad=True) for name in "xwt")
    s = torch.fft.rfft(x)
    k = torch.einsum("bix,iox->box", s[:, :, :3], torch.view_as_complex(w))
    loss = (torch.fft.irfft(k, n=8) - t).square().mean()
    loss.backward()
    recording = network.from_formula(BLOCK, {name: array.tolist() for name, array in VALUES.items()}).program().record()
    assert abs(float(recording.value("L")) - float(loss.detach())) < 1e-12
    for name, tensor in (("x", x), ("w", w), ("t", t)):
        np.testing.assert_allclose(recording.grad(name), tensor.grad.numpy(), atol=1e-13)
    assert check_step(recording).ok
    a, b, c = (bptui.data(VALUES[name], name=name) for name in "xwt")
    spectrum = bptui.rfft(a)[:, :, 0:3]
    y = bptui.irfft(bptui.ceinsum(spectrum, b, equation="bix,iox->box"), n=8)
    made = bptui.network(bptui.mean((y - c) ** 2)).program().record()
    assert abs(float(made.value(made.graph.loss)) - float(loss.detach())) < 1e-12


def test_complex_numbers_are_known_and_printed_as_such() -> None:
    net = network.from_formula("s = cmul(z, w); L = sum(norm(s, axis=-1))", {"z": [[1.5, -2.0]], "w": [[0.0, 1.0]]})
    session = Session(net)
    assert {net.graph.nodes[i].name for i in complex_nodes(net.graph)} == {"z", "w", "s"}
    session.goto("L")
    said = {name: plain(evaluated(session, expressions.parse(name, net.graph))[0]) for name in "zsL"}
    assert said["z"].split(" = ")[1].replace("0", "") == "1.5-2.i"
    assert said["s"].split(" = ")[1].replace("0", "") == "2.+1.5i"
    assert "i" not in said["L"].split(" = ")[1]


COMPLEX = [row for row in (*ops.OPS.values(), *ops.COMPOSITES.values()) if row.complex]


@pytest.mark.parametrize("row", COMPLEX, ids=lambda row: row.name)
def test_what_a_row_says_to_be_complex_is_of_it(row: Any) -> None:
    assert set(row.complex) <= {*row.input_names, "y"}


@pytest.mark.parametrize("use", ["fft(x)", "cmul(x, x)", "irfft2(x)", "real(x)"])
def test_what_has_no_pairs_is_told_in_one_line(use: str) -> None:
    with pytest.raises(UserError, match=r"\(real, imaginary\)") as told:
        network.from_formula(f"L = sum({use})", {"x": np.ones((2, 3)).tolist()})
    assert "\n" not in str(told.value)
