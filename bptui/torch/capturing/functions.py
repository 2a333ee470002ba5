"""What a function of PyTorch is to the recorder: its name, whether it gives tensors, what it changes in place, and the
same function with its inside opened."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch.overrides import resolve_name
from torch.utils._python_dispatch import TorchDispatchMode

from bptui.model.source.captured.record import UNSCALE

SILENT = frozenset(
    """
    size dim numel stride storage_offset is_contiguous element_size untyped_storage storage data_ptr get_device
    item tolist numpy __len__ __bool__ __int__ __float__ __index__ __contains__ __array__ __dlpack__
    __repr__ __format__ __str__ __hash__ __reduce_ex__ __deepcopy__
    is_floating_point is_complex is_signed is_nonzero is_cuda is_same_size is_set_to is_inference is_pinned is_shared
    is_conj is_neg is_tensor is_storage _is_view _is_all_true equal allclose can_cast result_type
    requires_grad_ retain_grad register_post_accumulate_grad_hook
    """.split()  # noqa: SIM905 - a list to be read
)
"""Functions that give no tensor."""

PROPERTIES = frozenset({"T", "mT", "H", "mH", "data", "real", "imag"})
"""Properties that give a tensor; `grad` is the only other one, and what it gives is given."""


@lru_cache(None)
def full_name(function: object) -> str:
    """The name that PyTorch's documentation has for it: `torch.nn.functional.linear`."""
    found = resolve_name(function)
    if found is None and isinstance(function, types.FunctionType):
        return f"{function.__module__}.{function.__name__}"
    return found or "torch." + getattr(function, "__name__", "unnamed")


@lru_cache(None)
def is_silent(function: object) -> bool:
    """Does it give no tensor, so that there is nothing to record?"""
    parts = full_name(function).split(".")
    if parts[-1] == "__get__":
        return parts[-2] not in PROPERTIES
    return parts[-1] in SILENT or parts[-1] == "__set__"


def _never(*_: object, **__: object) -> bool:
    return False


@lru_cache(None)
def opened(function: object) -> Callable[..., Any] | None:
    """The same function of Python, whose question whether somebody overrides it is answered with no: it runs its body,
    and what that calls is seen. None where it is not written in Python. Nothing of PyTorch is changed."""
    inner = getattr(function, "__wrapped__", function)
    if not isinstance(inner, types.FunctionType):
        return None
    told = {key: _never for key in inner.__globals__ if key.startswith("has_torch_function")}
    told_all = {**inner.__globals__, **told}
    copy = types.FunctionType(inner.__code__, told_all, inner.__name__, inner.__defaults__, inner.__closure__)
    copy.__kwdefaults__ = inner.__kwdefaults__
    return copy


def tensors(item: object) -> list[torch.Tensor]:
    """All tensors in arguments or results, in order."""
    if isinstance(item, torch.Tensor):
        return [item]
    if isinstance(item, list | tuple):
        return [found for part in item for found in tensors(part)]
    if isinstance(item, dict):
        return [found for part in item.values() for found in tensors(part)]
    if isinstance(item, slice):
        return [found for part in (item.start, item.stop, item.step) for found in tensors(part)]
    return []


def targets(function: object, args: Sequence[Any], kwargs: dict[str, Any]) -> list[torch.Tensor]:
    """The tensors that the call says it changes: of `add_`, `+=`, `x[i] = y`, `inplace=True`, and `out=`."""
    last = full_name(function).rpartition(".")[2]
    inplace = last == "__setitem__" or (last.endswith("_") and not last.endswith("__")) or last.startswith("__i")
    place = _inplace(function)
    if place is not None:
        inplace = bool(kwargs.get("inplace", args[place] if len(args) > place else False))
    return (tensors(args[:1]) or tensors(kwargs.get("input")) if inplace else []) + tensors(kwargs.get("out"))


@lru_cache(None)
def _inplace(function: object) -> int | None:
    """Where its argument `inplace` stands: no underscore says that `F.dropout(x, p, training, True)` changes x."""
    code = getattr(function, "__code__", None)
    names = code.co_varnames[: code.co_argcount] if code is not None else ()
    return names.index("inplace") if "inplace" in names else None


RESCALE = "torch._amp_update_scale_"
"""What a gradient scaler asks one step after it asked whether gradients are finite (UNSCALE): how to scale on."""


def silently(function: object, args: Sequence[Any], kwargs: dict[str, Any]) -> list[torch.Tensor]:
    """What is changed in place without a new version: running mean and variance, gradients by a scaler."""
    normal = torch.nn.functional
    if full_name(function) in (UNSCALE, RESCALE):
        return tensors(args[:2])
    if function not in (normal.batch_norm, normal.instance_norm):
        return []
    training = kwargs.get("training", kwargs.get("use_input_stats", args[5] if len(args) > 5 else False))
    if function is normal.instance_norm and len(args) < 6:
        training = kwargs.get("use_input_stats", True)
    return tensors([*args[1:3], kwargs.get("running_mean"), kwargs.get("running_var")]) if training else []


@lru_cache(None)
def draws(function: object) -> bool:
    """May it draw a mask of what is dropped?"""
    last = full_name(function).rpartition(".")[2]
    return "dropout" in last or last in ("scaled_dot_product_attention", "lstm", "gru", "rnn_tanh", "rnn_relu")


class Draws(TorchDispatchMode):  # type: ignore[misc]
    """What a dropout inside of one call draws: 0 where a number is dropped. (Autograd saves it, but not for a call in
    place, nor where gradients are off; and it cannot be read out of the result where x is 0.)"""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[torch.Tensor] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name in ("bernoulli_", "bernoulli"):
            self.found.append(out)
        elif name == "native_dropout":
            self.found.append(out[1])
        return out
