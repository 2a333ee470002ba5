"""One call of a function of PyTorch, as a record of one event, and what bptui's operations make of it: the harness for
the tests of `known`. It needs torch, and knows nothing of the recorder."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from zlib import crc32

import numpy as np
import pytest

from bptui.model.engine.build import Builder
from bptui.model.engine.graph import Node
from bptui.model.engine.program import Program
from bptui.model.source.captured.call import Call, Lacks, Workshop
from bptui.model.source.captured.known import is_drawn, knows, registry, short
from bptui.model.source.captured.pairs import as_pairs
from bptui.model.source.captured.record import FLOATS, Backward, Event, Record, Stats, Step, Value

torch = pytest.importorskip("torch")

from torch.overrides import TorchFunctionMode, resolve_name  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils._pytree import tree_flatten, tree_map  # noqa: E402


def numbers(tensor: Any) -> np.ndarray:
    """As they are now, bfloat16 widened, complex ones as pairs."""
    plain = tensor.detach()
    if plain.is_complex():
        return torch.view_as_real(plain.resolve_conj().resolve_neg()).numpy()
    return (plain.float() if plain.dtype == torch.bfloat16 else plain).resolve_conj().resolve_neg().numpy()


class Kept(Record):
    """A record in memory."""

    def __init__(self) -> None:
        self.step = Step()
        self.arrays: list[np.ndarray] = []

    def add(self, tensor: Any, wants_grad: bool = False) -> int:
        array = numbers(tensor).copy()
        place = (tensor.storage_offset(), tuple(tensor.stride()))
        kind = str(tensor.dtype).removeprefix("torch.")
        stats = None
        if array.dtype.kind == "f":
            finite = array[np.isfinite(array)]
            ends = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
            stats = Stats(int(np.isnan(array).sum()), int(np.isinf(array).sum()), 0.0, *ends)
        value = Value(len(self.arrays), kind, tuple(tensor.shape), wants_grad=wants_grad, place=place, stats=stats)
        as_pairs([value])
        self.step.values.append(value)
        self.arrays.append(array)
        return value.id

    def array(self, value: int) -> np.ndarray:
        return self.arrays[value]

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self.arrays)


class Draws(TorchDispatchMode):
    """What a dropout draws inside of a call."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Any] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name in ("bernoulli_", "bernoulli"):
            self.found.append(out)
        elif name == "native_dropout":
            self.found.append(out[1])
        return out


def name_of(func: Any) -> str:
    """The full name of a function, as a recorder writes it."""
    return resolve_name(func) or "torch." + getattr(func, "__name__", "unnamed")


@dataclass
class Recorded:
    """One call: its record, PyTorch's gradients by value, the gradients that were drawn for the results by value."""

    record: Kept
    event: Event
    grads: dict[int, np.ndarray | None] = field(default_factory=dict)
    seeds: dict[int, np.ndarray] = field(default_factory=dict)


def recorded(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], wanted: int | None = None
) -> Recorded:
    """Call `func` and take its gradients from random ones of its results; of the first `wanted` tensors among its
    arguments, which stay as they are."""
    record = Kept()
    leaves: dict[int, tuple[Any, Any, int]] = {}  # id of the argument → the leaf, its copy, its value

    def copied(tensor: Any) -> Any:
        if id(tensor) not in leaves:
            floats = (tensor.is_floating_point() or tensor.is_complex()) and (wanted is None or len(leaves) < wanted)
            leaf = tensor.detach().clone().requires_grad_(floats)
            copy = leaf * 1 if floats else leaf
            leaves[id(tensor)] = leaf, copy, record.add(copy, floats)
        return leaves[id(tensor)][1]

    def encoded(item: Any) -> Any:
        if isinstance(item, torch.Tensor):
            return {"v": next(v for _, copy, v in leaves.values() if copy is item)}
        if isinstance(item, list | tuple | range):
            return [encoded(part) for part in item]
        if isinstance(item, slice):
            return {"slice": [encoded(part) for part in (item.start, item.stop, item.step)]}
        if item is Ellipsis:
            return {"...": True}
        if isinstance(item, torch.dtype):
            return {"dtype": str(item).removeprefix("torch.")}
        if isinstance(item, float) and not np.isfinite(item):
            return {"float": repr(item)}
        return item if item is None or isinstance(item, bool | int | float | str) else {"other": type(item).__name__}

    args, kwargs = tree_map(lambda x: copied(x) if isinstance(x, torch.Tensor) else x, (args, kwargs))
    written = encoded(list(args)), {key: encoded(item) for key, item in kwargs.items()}
    versions = {id(copy): copy._version for _, copy, _ in leaves.values()}
    before = {id(copy): record.arrays[value] for _, copy, value in leaves.values()}
    name = name_of(func)
    with Draws() as draws:
        result = func(*args, **kwargs)
    outs, changed = [], {}
    flat = [x for x in tree_flatten(result)[0] if isinstance(x, torch.Tensor)]
    own = {id(copy): value for _, copy, value in leaves.values()}
    if short(name) == "__setitem__":
        flat = [args[0]]
    for x in flat:
        if id(x) not in own or x._version != versions[id(x)]:
            outs.append(record.add(x, x.requires_grad))
            if id(x) in own:
                changed[own[id(x)]] = outs[-1]
    shown = list(outs)
    fresh = iter(outs)
    results = [next(fresh) if id(x) not in own or own[id(x)] in changed else own[id(x)] for x in flat]
    for _, copy, value in leaves.values():  # running statistics
        if value not in changed and not np.array_equal(numbers(copy), before[id(copy)], equal_nan=True):
            changed[value] = record.add(copy)
            outs.append(changed[value])
    event = Event(0, "forward", name, *written, outs, inputs=list(own.values()), changed=changed)
    if results != shown:
        event.notes["results"] = results
    if draws.found:
        event.notes["masks"] = [record.add(mask) for mask in draws.found]
    record.step.events.append(event)
    found = Recorded(record, event)
    random = np.random.default_rng(len(name))
    pairs = [
        (out, x) for out, x in zip(shown, [x for x in flat if id(x) not in own or own[id(x)] in changed], strict=True)
    ]
    total = None
    for out, x in pairs:
        if x.requires_grad:
            x = torch.view_as_real(x.resolve_conj()) if x.is_complex() else x
            seed = random.normal(size=tuple(x.shape))
            found.seeds[out] = seed
            term = (x * torch.from_numpy(np.asarray(seed)).to(x.dtype)).sum()
            total = term if total is None else total + term
    if total is not None:
        total.backward()
    backward = Backward([])
    for leaf, _, value in leaves.values():
        found.grads[value] = None if leaf.grad is None else numbers(leaf.grad.to_dense() + 0).astype(np.float64)
        if leaf.grad is not None:
            backward.grads[value] = record.add(leaf.grad.to_dense() + 0)
    record.step.backwards.append(backward)
    return found


@dataclass
class Built:
    """The same by bptui: values by result, gradients by argument, the operations that were used."""

    values: dict[int, np.ndarray]
    grads: dict[int, np.ndarray | None]
    operations: list[str]


def built(call: Recorded) -> Built:
    """The event in bptui's operations, run in float64. Lacks where it is opaque, not where an entry is mistaken."""
    record, event = call.record, call.event
    builder = Builder("float64", where="capture")
    shop = Workshop(record, builder)
    for value in event.inputs:
        v = record.step.values[value]
        if v.dtype in FLOATS:
            shop.nodes[value] = builder.leaf(shop.fresh(f"v{value}"), "input", shape=v.shape, wants_grad=v.wants_grad)
    make = registry.entry_of(record.step, event)
    if make is None:
        raise Lacks(f"bptui does not know {event.name} of such numbers")
    outs = registry._said(Call(shop, event, short(event.name)), make)
    operations = [node.op.name for node in builder._nodes if node.op is not None]
    loss: Node | None = None
    for out, seed in call.seeds.items():
        if outs[out].wants_grad:
            held = builder.leaf(shop.fresh("seed"), "input", np.asarray(seed), wants_grad=False)
            term = builder.use("sum", builder.use("mul", outs[out], held))
            loss = term if loss is None else builder.use("add", loss, term)
    if loss is None:
        loss = builder.use("mul", builder.leaf("nothing", "input", 0.0), 1.0)
    graph = builder.finish(loss)
    arrays = {shop.nodes[value].id: record.array(value) for value in event.inputs if value in shop.nodes}
    arrays |= {node: read() for node, read in shop.reads.items()}
    assert all(array is not None for array in arrays.values()), event.name
    filled = [
        replace(node, value=np.array(arrays[node.id], np.int64 if node.whole else np.float64))
        if node.id in arrays
        else node
        for node in graph.nodes
    ]
    for node in filled:
        assert node.value is None or node.value.shape == node.shape, (event.name, node)
    recording = Program(replace(graph, nodes=tuple(filled))).record()
    return Built(
        {out: np.asarray(recording.value(node.id)) for out, node in outs.items()},
        {value: recording.grad(shop.nodes[value].id) if value in shop.nodes else None for value in event.inputs},
        operations,
    )


def difference(mine: np.ndarray, theirs: np.ndarray, least: float = 0.0) -> float:
    """The largest difference, relative to the largest number, which is taken to be at least `least`; NaN and inf are to
    be the same."""
    mine, theirs = np.asarray(mine, np.float64), np.asarray(theirs, np.float64)
    if mine.shape != theirs.shape:
        return np.inf
    with np.errstate(all="ignore"):
        away = np.where((mine == theirs) | (np.isnan(mine) & np.isnan(theirs)), 0.0, np.abs(mine - theirs))
        size = max(least, *(float(np.max(np.abs(x), where=np.isfinite(x), initial=0.0)) for x in (mine, theirs)))
    return float(np.nan_to_num(np.max(away, initial=0.0), nan=np.inf) / (size or 1.0))


TOLERANCE = {"float64": 1e-9, "float32": 2e-5, "float16": 2e-2, "bfloat16": 1e-1}


def disagreements(call: Recorded, mine: Built) -> list[str]:
    """Where value or gradient of bptui and PyTorch differ."""
    record, event = call.record, call.event
    kinds = [record.step.values[v].dtype for v in (*event.inputs, *event.outs)]
    tolerance = max(TOLERANCE[kind] for kind in kinds if kind in FLOATS)
    wrong = []
    for out, value in mine.values.items():
        if (away := difference(value, record.array(out))) > tolerance:
            wrong.append(f"value {out}: {away:.1e}")
    if call.seeds:
        flow = [x for x in (*call.grads.values(), *call.seeds.values()) if x is not None]
        largest = max(float(np.max(np.abs(x), where=np.isfinite(x), initial=0.0)) for x in flow)
        for place, value in enumerate(event.inputs):
            theirs, own = call.grads[value], mine.grads[value]
            if theirs is None and own is None:
                continue
            shape = record.step.values[value].shape
            pair = [np.zeros(shape) if x is None else x for x in (own, theirs)]
            if (away := difference(*pair, 1e-3 * largest)) > tolerance:
                wrong.append(f"gradient of argument {place}: {away:.1e}")
    return wrong


@dataclass
class Seen:
    """What was seen of calls: `compared` that agree, `opaque` (name, why), `refused` by
    PyTorch itself (name, why), `wrong` (name, what)."""

    compared: list[str] = field(default_factory=list)
    opaque: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    wrong: list[tuple[str, Any]] = field(default_factory=list)


class _Watching(TorchFunctionMode):
    def __init__(self, seen: Seen, every: int) -> None:
        super().__init__()
        self.seen, self.every = seen, every
        self.calls: Counter[str] = Counter()

    def chosen(self, name: str) -> bool:
        """Of the calls of a function the first, and one in `every`: which ones, differs from function to function."""
        number = self.calls[name]
        self.calls[name] += 1
        return number == 0 or (number + crc32(name.encode())) % self.every == 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        state = torch.get_rng_state()
        if knows(name := name_of(func)) and self.chosen(name):
            check(func, args, kwargs, self.seen)
        torch.set_rng_state(state)
        return func(*args, **kwargs)


def check(func: Any, args: Any, kwargs: Any, seen: Seen) -> None:
    """Compare one call, and note what came of it."""
    name = name_of(func)
    try:
        try:
            call = recorded(func, args, kwargs)
        except RuntimeError:  # not all of its arguments may have a gradient
            call = recorded(func, args, kwargs, wanted=1)
    except Exception as problem:  # what PyTorch itself refuses is no call
        seen.refused.append((name, f"{type(problem).__name__}: {problem}"))
        return
    kinds = [v.dtype for v in call.record.step.values]
    if is_drawn(call.record.step, call.event) or not any(kind in FLOATS for kind in kinds):
        return
    try:
        mine = built(call)
    except Lacks as problem:
        seen.opaque.append((name, str(problem)))
        return
    except Exception as problem:  # an entry's own mistake
        seen.wrong.append((name, (repr(problem), call.event.args, call.event.kwargs)))
        return
    wrong = disagreements(call, mine)
    if wrong:
        seen.wrong.append(
            (name, (wrong, call.event.args, call.event.kwargs, [v.shape for v in call.record.step.values]))
        )
    else:
        seen.compared.append(name)


@contextmanager
def watching(seen: Seen | None = None, every: int = 1) -> Iterator[Seen]:
    """Calls in here of functions that bptui knows are compared, value and gradients: one in `every` of each."""
    seen = Seen() if seen is None else seen
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _Watching(seen, every):
            yield seen
