"""Which call of PyTorch an operation of complex numbers is: its last axis is `view_as_real`'s."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

Settings = Mapping[str, Any]
Call = Callable[[Any, Sequence[Any], Settings], Any]
"""(torch, inputs in the order of the row, settings) → the output."""


def _seen(torch: Any, x: Any) -> Any:
    return torch.view_as_complex(x.contiguous())


def _of_one(name: str) -> Call:
    """A function of complex numbers; what it gives may be complex or real."""

    def call(torch: Any, x: Sequence[Any], s: Settings) -> Any:
        y = getattr(torch, name)(_seen(torch, x[0]))
        return torch.view_as_real(y.resolve_conj()) if y.is_complex() else y

    return call


def _complex(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    return torch.view_as_real(torch.complex(x[0], x[1] if len(x) > 1 else torch.zeros_like(x[0])))


def _product(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    return torch.view_as_real(_seen(torch, x[0]) * _seen(torch, x[1]))


def _contracted(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    return torch.view_as_real(torch.einsum(s["equation"], *(_seen(torch, each) for each in x)))


def _transform(name: str) -> Call:
    over = {"n": "n", "dim": "axis"} if not name.endswith("2") else {"s": "s", "dim": "axes"}

    def call(torch: Any, x: Sequence[Any], s: Settings) -> Any:
        given = x[0] if name.startswith("rfft") else _seen(torch, x[0])
        y = getattr(torch.fft, name)(given, norm=s["norm"], **{theirs: s[ours] for theirs, ours in over.items()})
        return torch.view_as_real(y) if y.is_complex() else y

    return call


CALLS: Mapping[str, Call] = MappingProxyType(
    {
        "complex": _complex,
        **{name: _of_one(name) for name in ("real", "imag", "conj", "angle")},
        "cmul": _product,
        "ceinsum": _contracted,
        **{
            f"{name}{two}": _transform(f"{name}{two}") for name in ("fft", "ifft", "rfft", "irfft") for two in ("", "2")
        },
    }
)
