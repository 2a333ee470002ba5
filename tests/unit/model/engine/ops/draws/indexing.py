"""What reads and writes parts of a tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tests.unit.model.engine.ops.draws.base import Case, Random, an_axis, chance, numbers, pick, shape_of


def split(random: Random) -> Case:
    x = numbers(random, shape_of(random, 1, 3))
    axis = an_axis(random, x.ndim)
    size: Any = int(random.integers(1, 4))
    if chance(random):
        cuts = sorted(int(n) for n in random.integers(0, x.shape[axis] + 1, 2))
        size = (cuts[0], cuts[1] - cuts[0], x.shape[axis] - cuts[1])
    count = len(size) if isinstance(size, tuple) else max(1, -(-x.shape[axis] // size))
    part = int(random.integers(-count, count))
    sizes = list(size) if isinstance(size, tuple) else size
    call = lambda torch, x: torch.split(x, sizes, axis)[part]  # noqa: E731
    return Case("split", {"x": x}, call, {"size": size, "axis": axis, "part": part})


def chunk(random: Random) -> Case:
    x = numbers(random, shape_of(random, 1, 3, empty=False))
    axis, chunks = an_axis(random, x.ndim), int(random.integers(1, 5))
    size = -(-x.shape[axis] // chunks)
    count = -(-x.shape[axis] // size)
    part = int(random.integers(-count, count))
    call = lambda torch, x: torch.chunk(x, chunks, axis)[part]  # noqa: E731
    return Case("chunk", {"x": x}, call, {"chunks": chunks, "axis": axis, "part": part})


def unbind(random: Random) -> Case:
    x = numbers(random, shape_of(random, 1, 3, empty=False))
    axis = an_axis(random, x.ndim)
    part = int(random.integers(-x.shape[axis], x.shape[axis]))
    return Case("unbind", {"x": x}, lambda torch, x: torch.unbind(x, axis)[part], {"axis": axis, "part": part})


def _pattern(random: Random, rank: int, new: bool) -> tuple[list[Any], int]:
    """Entries of an index, a name for each list, and how many lists there are."""
    lists = sorted(int(n) for n in random.permutation(rank)[: int(random.integers(1, min(3, rank) + 1))])
    entries: list[Any] = [slice(None)] * rank
    for axis in range(rank):
        if axis not in lists:
            entries[axis] = pick(random, slice(None), slice(None), slice(None, None, 2), 0, slice(1, None))
    for n, axis in enumerate(lists):
        entries[axis] = f"i{n + 1}" if n else "i"
    if new and chance(random):
        entries.insert(int(random.integers(rank + 1)), None)
    return entries, len(lists)


def _text(entries: list[Any]) -> str:
    def one(e: Any) -> str:
        if not isinstance(e, slice):
            return str(e)
        return ":".join("" if n is None else str(n) for n in (e.start, e.stop, *([] if e.step is None else [e.step])))

    return f"[{', '.join(map(one, entries))}]"


def _filled(entries: list[Any], lists: Any) -> tuple[Any, ...]:
    rest = iter(lists)
    return tuple(next(rest) if isinstance(entry, str) else entry for entry in entries)


def index(random: Random) -> Case:
    x = numbers(random, tuple(int(n) for n in random.integers(2, 5, int(random.integers(1, 5)))))
    entries, count = _pattern(random, x.ndim, new=True)
    shape = shape_of(random, 0, 2)
    sizes = [x.shape[axis] for axis, e in enumerate(e for e in entries if e is not None) if isinstance(e, str)]
    lists = [random.integers(0, size, shape) for size in sizes]
    inputs = {"x": x, **{f"i{n + 1}" if n else "i": each for n, each in enumerate(lists)}}
    assert count == len(lists)
    return Case("index", inputs, lambda torch, x, *i: x[_filled(entries, i)], {"index": _text(entries)})


def index_put(random: Random) -> Case:
    """To different places, unless they add up: PyTorch writes any of several that go to one."""
    x = numbers(random, tuple(int(n) for n in random.integers(2, 5, int(random.integers(1, 4)))))
    entries, _ = _pattern(random, x.ndim, new=False)
    sizes = [size for size, e in zip(x.shape, entries, strict=True) if isinstance(e, str)]
    accumulate, count = chance(random), int(random.integers(0, int(np.prod(sizes)) + 1))
    flat = random.integers(0, np.prod(sizes), count) if accumulate else random.permutation(int(np.prod(sizes)))[:count]
    lists = np.unravel_index(flat, sizes)
    seen = np.empty(x.shape)[tuple(e if not isinstance(e, str) else slice(None) for e in entries)]
    own = [e for e in entries if not isinstance(e, int)]
    src = numbers(random, seen[_filled([e if isinstance(e, str) else slice(None) for e in own], lists)].shape)

    def call(torch: Any, x: Any, src: Any, *i: Any) -> Any:
        """By the number of each place: PyTorch's index_put takes lists alone."""
        part = tuple(e if not isinstance(e, str) else slice(None) for e in entries)
        key = _filled([e if isinstance(e, str) else slice(None) for e in own], i)
        at = torch.arange(x.numel()).reshape(x.shape)[part][key].reshape(-1)
        return x.reshape(-1).index_put((at,), src.reshape(-1), accumulate).reshape(x.shape)

    inputs = {"x": x, "src": src, **{f"i{n + 1}" if n else "i": np.array(each) for n, each in enumerate(lists)}}
    return Case("index_put", inputs, call, {"index": _text(entries), "accumulate": accumulate})


def _below(random: Random, *, distinct: bool = False) -> tuple[Any, int, Any]:
    """A tensor, an axis, and places along it, of which there may be fewer on the other axes."""
    x = numbers(random, shape_of(random, 1, 3, empty=False))
    axis = int(random.integers(-x.ndim, x.ndim))
    along = axis % x.ndim
    count = int(random.integers(0, x.shape[axis] + 1 if distinct else 6))
    shape = tuple(count if n == along else int(random.integers(1, size + 1)) for n, size in enumerate(x.shape))
    i = random.integers(0, x.shape[axis], shape)
    if distinct:
        full = np.argsort(random.random([x.shape[axis] if n == along else size for n, size in enumerate(shape)]), along)
        i = np.take(full, range(count), along)
    return x, axis, i


def gather(random: Random) -> Case:
    x, axis, i = _below(random)
    return Case("gather", {"x": x, "i": i}, lambda torch, x, i: torch.gather(x, axis, i), {"axis": axis})


def scatter_add(random: Random) -> Case:
    x, axis, i = _below(random)
    inputs = {"x": x, "i": i, "src": numbers(random, i.shape)}
    return Case("scatter_add", inputs, lambda torch, x, i, src: torch.scatter_add(x, axis, i, src), {"axis": axis})


def scatter(random: Random) -> Case:
    x, axis, i = _below(random, distinct=True)
    inputs = {"x": x, "i": i, "src": numbers(random, i.shape)}
    return Case("scatter", inputs, lambda torch, x, i, src: torch.scatter(x, axis, i, src), {"axis": axis})


def scatter_reduce(random: Random) -> Case:
    """With ties, but for those with an x that is not included: PyTorch counts it there."""
    x, axis, i = _below(random)
    reduce = pick(random, "sum", "mean", "prod", "amax", "amin")
    own = chance(random)
    src = numbers(random, i.shape)
    if not own:
        x = x + 0.123
    given = {"axis": axis, "reduce": reduce, "include_self": own}
    call = lambda torch, x, i, src: torch.scatter_reduce(x, axis, i, src, reduce, include_self=own)  # noqa: E731
    return Case("scatter_reduce", {"x": x, "i": i, "src": src}, call, given)


def _window(random: Random) -> tuple[dict[str, Any], tuple[int, int]]:
    """Settings of patches, and an image that they fit."""
    given = {
        name: tuple(int(n) for n in random.integers(low, high, 2))
        for name, low, high in (("kernel_size", 1, 4), ("dilation", 1, 3), ("padding", 0, 2), ("stride", 1, 4))
    }
    reach = [(k - 1) * d + 1 for k, d in zip(given["kernel_size"], given["dilation"], strict=True)]
    return given, tuple(
        max(1, n + int(random.integers(0, 4)) - 2 * p) for n, p in zip(reach, given["padding"], strict=True)
    )


def unfold(random: Random) -> Case:
    given, image = _window(random)
    x = numbers(random, (*shape_of(random, 2, 2, empty=False), *image))
    return Case("unfold", {"x": x}, lambda torch, x: torch.nn.functional.unfold(x, **given), given)


def fold(random: Random) -> Case:
    given, image = _window(random)
    sides = zip(image, *given.values(), strict=True)
    count = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, d, p, s in sides]
    lead = pick(random, (), (2,))
    area = given["kernel_size"][0] * given["kernel_size"][1]
    x = numbers(random, (*lead, int(random.integers(1, 3)) * area, count[0] * count[1]))
    given = {"output_size": image, **given}
    return Case("fold", {"x": x}, lambda torch, x: torch.nn.functional.fold(x, **given), given)


def pad(random: Random) -> Case:
    """Of one to three axes behind those of samples and channels, as PyTorch's other modes take them."""
    axes = int(random.integers(1, 4))
    x = numbers(random, tuple(int(n) for n in random.integers(2, 5, axes + 2)))
    mode = pick(random, "constant", "reflect", "replicate", "circular")
    pairs = [tuple(int(n) for n in random.integers(0, size, 2)) for size in x.shape[2:]]
    given: dict[str, Any] = {"pad_width": ((0, 0), (0, 0), *pairs), "mode": mode}
    call = {"pad": [n for pair in reversed(pairs) for n in pair], "mode": mode}
    if mode == "constant":
        given["value"] = call["value"] = pick(random, 0.0, 1.5)
    return Case("pad", {"x": x}, lambda torch, x: torch.nn.functional.pad(x, **call), given)


DRAWS: Mapping[str, Callable[[Random], Case]] = {
    "split": split,
    "chunk": chunk,
    "unbind": unbind,
    "index": index,
    "index_put": index_put,
    "gather": gather,
    "scatter_add": scatter_add,
    "scatter": scatter,
    "scatter_reduce": scatter_reduce,
    "unfold": unfold,
    "fold": fold,
    "pad": pad,
}
