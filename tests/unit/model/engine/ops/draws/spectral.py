"""Complex numbers as pairs on a last axis, and their transforms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bptui.torch.spectral import CALLS
from tests.unit.model.engine.ops.draws.base import Case, Random, an_axis, numbers, pick, shape_of, stretched


def called(op: str, inputs: dict[str, Any], **given: Any) -> Case:
    """PyTorch's own call of complex tensors, with the settings' defaults."""
    settings = {"norm": "backward", "n": None, "axis": -1, "s": None, "axes": (-2, -1), **given}
    return Case(op, inputs, lambda torch, *x: CALLS[op](torch, x, settings), given)


def pairs(random: Random, shape: tuple[int, ...]) -> Any:
    return numbers(random, (*shape, 2))


def complex_(random: Random) -> Case:
    shape = shape_of(random, 0, 3)
    return called("complex", {"re": numbers(random, shape), "im": numbers(random, shape)})


def of_one(op: str) -> Callable[[Random], Case]:
    def make(random: Random) -> Case:
        x = pairs(random, shape_of(random, 0, 3, empty=False))
        return called(op, {"x": x + (x == 0) if op == "angle" else x})

    return make


def cmul(random: Random) -> Case:
    out = shape_of(random, 0, 3, empty=False)
    return called("cmul", {name: pairs(random, stretched(random, out)) for name in "ab"})


def ceinsum(random: Random) -> Case:
    b, i, o, x = (int(n) for n in random.integers(1, 4, 4))
    inputs = {"first": pairs(random, (b, i, x)), "second": pairs(random, (i, o, x))}
    return called("ceinsum", inputs, equation=pick(random, "bix,iox->box", "bix,iox->bo", "bix,iox->iob"))


def transform(op: str) -> Callable[[Random], Case]:
    def make(random: Random) -> Case:
        lead = tuple(size + 1 for size in shape_of(random, 1, 3, empty=False))
        x = numbers(random, lead) if op == "rfft" else pairs(random, lead)
        given = {"axis": an_axis(random, len(lead)), "norm": pick(random, "backward", "ortho", "forward")}
        size = pick(random, None, int(random.integers(1, 8)))
        return called(op, {"x": x}, **given, **({} if size is None else {"n": size}))

    return make


def over_two(op: str) -> Callable[[Random], Case]:
    def make(random: Random) -> Case:
        lead = tuple(size + 1 for size in shape_of(random, 2, 3, empty=False))
        x = numbers(random, lead) if op == "rfft2" else pairs(random, lead)
        first, second = (int(n) for n in random.permutation(len(lead))[:2])
        given = {"axes": (first, second - len(lead)), "norm": pick(random, "backward", "ortho", "forward")}
        sizes = pick(random, None, tuple(int(n) for n in random.integers(1, 6, 2)))
        return called(op, {"x": x}, **given, **({} if sizes is None else {"s": sizes}))

    return make


DRAWS: Mapping[str, Callable[[Random], Case]] = {
    "complex": complex_,
    **{name: of_one(name) for name in ("real", "imag", "conj", "angle")},
    "cmul": cmul,
    "ceinsum": ceinsum,
    **{name: transform(name) for name in ("fft", "ifft", "rfft", "irfft")},
    **{name: over_two(name) for name in ("fft2", "ifft2", "rfft2", "irfft2")},
}
