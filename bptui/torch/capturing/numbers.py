"""The numbers of tensors on their way into the file: each storage once for every version of it, and what is known of
them where they are not kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from bptui.model.base.numbers import significant
from bptui.model.source.captured.record import Stats, Step, Value
from bptui.model.source.captured.table import KINDS

Tensors = Literal["all", "boundary", "stats"]
GIGA = 2**30


class Refused(Exception):
    """What cannot be captured, and the way out, in one line."""


class Sink(Protocol):
    """Where numbers go: the Writer of a file."""

    def blob(self, data: Any, kind: str) -> int: ...


@dataclass(frozen=True)
class Keep:
    """Whose numbers are kept; of the others only their statistics are.

    tensors  `all`; `boundary`: parameters, what is given, what modules return, and the gradients of these; `stats`:
             single numbers only, and whole ones: what they index decides what an operation is
    limit    bytes of numbers, beyond which only statistics are kept
    told     is told how many bytes there are, each time that another GIGA is full"""

    tensors: Tensors = "all"
    limit: int = 16 * GIGA
    told: Callable[[int], None] | None = None


class Numbers:
    """Makes the values of a step, and hands their numbers to the sink."""

    def __init__(self, step: Step, sink: Sink, keep: Keep) -> None:
        self.step, self.sink, self.rule = step, sink, keep
        self.nbytes = 0
        self._stored: dict[tuple[Any, ...], tuple[StorageWeakRef, int]] = {}
        self._writes: dict[int, int] = {}

    def writes(self, tensor: torch.Tensor) -> tuple[int, int]:
        """Which storage a tensor has, and how often that was changed in place."""
        address = tensor.untyped_storage()._cdata
        return address, self._writes.get(address, 0)

    def written(self, tensor: torch.Tensor) -> None:
        """A tensor was changed in place."""
        address = tensor.untyped_storage()._cdata
        self._writes[address] = self._writes.get(address, 0) + 1

    def value(self, tensor: torch.Tensor, *, border: bool = False) -> Value:
        """A new value with the numbers that a tensor has now. border: it is a parameter, or given, or the result of a
        module. Refused where it has no plain numbers."""
        tensor = _plain(tensor)
        if kind(tensor.dtype) not in KINDS:
            raise Refused(f"a tensor of {kind(tensor.dtype)}: such numbers are not stored (cast it before the step)")
        value = Value(len(self.step.values), kind(tensor.dtype), tuple(tensor.shape))
        value.place = tensor.storage_offset(), tuple(tensor.stride())
        if tensor.is_floating_point():
            value.stats = stats(tensor)
        elif tensor.is_complex():
            value.stats = stats(torch.view_as_real(tensor.resolve_conj()))
        keeps = border if self.rule.tensors == "boundary" else self.rule.tensors == "all"
        if keeps or tensor.numel() == 1 or not tensor.is_floating_point():
            self._write(value, tensor)
        self.step.values.append(value)
        return value

    def add(self, value: int, tensor: torch.Tensor) -> None:
        """The numbers of a value whose numbers were not kept: it turned out to be the result of a module."""
        if self.rule.tensors == "boundary" and self.step.values[value].blob < 0:
            self._write(self.step.values[value], _plain(tensor))

    def kept(self, value: int) -> bool:
        """Are the numbers of a value kept?"""
        return self.step.values[value].blob >= 0

    def _write(self, value: Value, tensor: torch.Tensor) -> None:
        size, storage = tensor.element_size(), tensor.untyped_storage()
        lazy = tensor.is_neg() or tensor.is_conj()  # a sign that is not in the storage
        whole = (
            not lazy and tensor.numel() * size * 2 >= storage.nbytes() > 0
        )  # a slice must not keep all of a data set
        key: tuple[Any, ...] = (*self.writes(tensor), version(tensor), value.dtype)
        if not whole:
            key = (*key, lazy, *value.place, value.shape)
        found = self._stored.get(key)
        if found is None or found[0].expired():
            before, self.nbytes = self.nbytes, self.nbytes + (storage.nbytes() if whole else tensor.numel() * size)
            if self.nbytes > self.rule.limit:
                self._full(value)
                return
            if self.rule.told is not None and self.nbytes // GIGA > before // GIGA:
                self.rule.told(self.nbytes)
            if whole:
                flat = torch.empty(0, dtype=torch.uint8, device=tensor.device).set_(storage).clone()
            else:
                flat = tensor.resolve_conj().resolve_neg().clone(memory_format=torch.contiguous_format)
                flat = flat.reshape(-1).view(torch.uint8)
            found = StorageWeakRef(storage), self.sink.blob(flat.cpu().numpy(), value.dtype)
            self._stored[key] = found
        value.blob = found[1]
        value.offset, value.strides = value.place if whole else (0, _contiguous(value.shape))

    def _full(self, value: Value) -> None:
        if self.rule.limit >= 0:
            self.step.warnings.append(
                f"more than {significant(self.rule.limit / GIGA)} GB of numbers: from value {value.id} "
                "on only what is counted of"
                ' them is kept (tensors="boundary" keeps less, limit= allows more)'
            )
        self.rule = Keep(self.rule.tensors, -1)


def kind(dtype: torch.dtype) -> str:
    """The name of a kind of number: `float32`."""
    return str(dtype).removeprefix("torch.")


def version(tensor: torch.Tensor) -> int:
    """How often autograd knows a tensor to have been changed in place; inference tensors are not counted."""
    return 0 if tensor.is_inference() else int(tensor._version)


def dense(grad: torch.Tensor) -> torch.Tensor:
    """A gradient, which of an embedding may be sparse, as a tensor with all its numbers."""
    return grad.detach().to_dense() if grad.layout is torch.sparse_coo else grad


def stats(tensor: torch.Tensor) -> Stats | None:
    """What is known of a tensor without keeping it: two passes where all is finite. (Autocast changes neither: it does
    not round what these read.)"""
    if not tensor.numel():
        return Stats(0, 0, 0.0, 0.0, 0.0)
    try:
        return _counted(tensor)
    except (RuntimeError, TypeError):
        return None  # a kind of number that PyTorch cannot count


def _counted(tensor: torch.Tensor) -> Stats:
    low, high = torch.aminmax(tensor)
    size = torch.linalg.vector_norm(tensor, 1)
    least, largest, total = float(low), float(high), float(size)
    if not math.isfinite(total) or tensor.element_size() < 4:
        return _slowly(tensor)
    return Stats(0, 0, total / tensor.numel(), least, largest)


def _slowly(tensor: torch.Tensor) -> Stats:
    """The same with numbers that are not finite, or whose sum is not."""
    nan = int(tensor.isnan().sum())
    if nan == tensor.numel():  # most gradients, where the loss is NaN
        return Stats(nan, 0, 0.0, 0.0, 0.0)
    wide = tensor.double()
    inf = int(wide.isinf().sum())
    finite = wide[wide.isfinite()] if nan or inf else wide
    if not finite.numel():
        return Stats(nan, inf, 0.0, 0.0, 0.0)
    low, high = torch.aminmax(finite)
    return Stats(nan, inf, float(finite.abs().mean()), float(low), float(high))


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor without its gradient; Refused where it does not lie in a storage of plain numbers."""
    if torch._C._are_functorch_transforms_active() or torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        raise Refused("inside of torch.func (vmap, grad, jvp): capture a step that calls the model directly")
    if tensor.layout is not torch.strided:
        name = kind(tensor.layout)
        raise Refused(f"a tensor of layout {name}: only dense ones are captured (to_dense() before the step)")
    if tensor.is_quantized:
        raise Refused("a quantised tensor: capture the model before it is quantised")
    if tensor.device.type == "meta":
        raise Refused("a tensor on the meta device has no numbers: capture the model on a real device")
    if is_traceable_wrapper_subclass(tensor):
        raise Refused(f"a {type(tensor).__name__} wraps other tensors: capture the step with plain ones")
    if tensor._is_zerotensor():  # autograd's 0 of a derivative that there is not: it has no memory
        return torch.zeros(tensor.shape, dtype=tensor.dtype, device=tensor.device)
    return tensor.detach()


def _contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides, size = [], 1
    for axis in reversed(shape):
        strides.append(size)
        size *= axis
    return tuple(reversed(strides))
