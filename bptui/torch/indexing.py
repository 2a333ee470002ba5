"""PyTorch's calls for what reads and writes parts of a tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from bptui.model.engine.ops.lists import layout
from bptui.torch.spectral import Call, Settings


class Unlike(Exception):
    """PyTorch has this operation, but not with these settings or shapes."""


def _part(name: str, setting: str) -> Call:
    def call(torch: Any, x: Sequence[Any], s: Settings) -> Any:
        said = [list(s[setting]) if isinstance(s[setting], tuple) else s[setting]] if setting else []
        return getattr(torch, name)(x[0], *said, dim=s["axis"])[s["part"] or 0]

    return call


def _picked(x: Any, lists: Sequence[Any], index: str | None) -> Any:
    """x[…] as a slice, and of that the lists."""
    found = layout(index, x.ndim, len(lists))
    if any(isinstance(item, slice) and (item.step or 1) < 0 for item in found.plain):
        raise Unlike("PyTorch has no negative steps")
    return x[found.plain][found.key(lists)]


def _index_put(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    """By the number of each place: PyTorch's index_put takes lists alone."""
    source, src, *lists = x
    places = _picked(torch.arange(source.numel()).reshape(source.shape), lists, s["index"]).reshape(-1)
    if not s["accumulate"] and len(places.unique()) < len(places):
        raise Unlike(MANY)
    flat = source.reshape(-1).index_put((places,), src.reshape(-1), accumulate=s["accumulate"])
    return flat.reshape(source.shape)


MANY = "PyTorch does not say what stays of several"


def _scatter(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    source, i, src = x
    order = i.sort(s["axis"]).values
    if (order.diff(dim=s["axis"]) == 0).any():
        raise Unlike(MANY)
    return torch.scatter(source, s["axis"], i, src)


def _scatter_reduce(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    source, i, src = x
    made = torch.scatter_reduce(source, s["axis"], i, src, s["reduce"], include_self=s["include_self"])
    if s["reduce"].startswith("a") and not s["include_self"]:
        reached = torch.scatter(torch.zeros_like(source), s["axis"], i, 1.0) > 0
        if (reached & (made == source)).any():
            raise Unlike("PyTorch counts x among equals, though it is not included")
    return made


INDEXING: Mapping[str, Call] = MappingProxyType(
    {
        "split": _part("split", "size"),
        "chunk": _part("chunk", "chunks"),
        "unbind": _part("unbind", ""),
        "index": lambda torch, x, s: _picked(x[0], x[1:], s["index"]),
        "index_put": _index_put,
        "gather": lambda torch, x, s: torch.gather(x[0], s["axis"], x[1]),
        "scatter_add": lambda torch, x, s: torch.scatter_add(x[0], s["axis"], x[1], x[2]),
        "scatter": _scatter,
        "scatter_reduce": _scatter_reduce,
    }
)
