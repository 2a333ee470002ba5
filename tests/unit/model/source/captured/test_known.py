"""What PyTorch's functions are in bptui's operations: value and every gradient as PyTorch's, in float64."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bptui.model.source.captured.call import Lacks  # noqa: E402
from bptui.model.source.captured.known import DERIVATIVE, HOMES, KNOWN, knows, registry  # noqa: E402
from bptui.model.source.captured.record import Event  # noqa: E402
from tests.unit.model.source.captured.one_event import (  # noqa: E402
    Kept,
    Recorded,
    Seen,
    built,
    disagreements,
    name_of,
    recorded,
    watching,
)
from tests.unit.model.source.captured.samples import FAMILIES, Draw  # noqa: E402


@cache
def seen_of(family: str, full: bool) -> Seen:
    """Each function; by default in a third of its calls, which differ by their axes, options and shapes."""
    torch.manual_seed(3)
    with watching(every=1 if full else 3) as seen:
        FAMILIES[family](Draw())
    return seen


@pytest.mark.parametrize("family", FAMILIES)
def test_value_and_gradients_are_pytorchs(family: str, full: bool) -> None:
    seen = seen_of(family, full)
    assert not seen.wrong, seen.wrong[:5]
    opaque = [x for x in seen.opaque if "unknown operation" not in x[1] and "not finite" not in x[1]]
    assert not opaque, opaque[:5]
    assert not seen.refused, seen.refused[:5]


class Planted(Draw):
    """One number of each tensor is another one."""

    def __init__(self, number: float) -> None:
        super().__init__()
        self.number, self.count = number, 0

    def __call__(self, *shape: int) -> Any:
        found = super().__call__(*shape)
        self.count += 7
        if found.numel():
            found.reshape(-1)[self.count % found.numel()] = self.number
        return found


@pytest.mark.corpus(every=15, rows=2)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf], ids=["planted nan", "planted inf", "planted -inf"])
def test_what_is_not_finite_spreads_as_in_pytorch(number: float, family: str) -> None:
    """The same elements of value and gradients are NaN or inf; what computes otherwise is opaque then."""
    torch.manual_seed(3)
    with watching() as seen, suppress(RuntimeError):  # a loss may refuse NaN
        FAMILIES[family](Planted(number))
    assert not seen.wrong, seen.wrong[:5]


def test_each_entry_is_swept(full: bool) -> None:
    swept = {entry for family in FAMILIES for name in seen_of(family, full).compared if (entry := registry.key(name))}
    swept |= {registry.key(name) for family in FAMILIES for name, _ in seen_of(family, full).opaque}
    swept |= {name for name in KNOWN if name.startswith("bptui.")}
    swept.add(DERIVATIVE)  # tests/unit/torch/test_double_backward.py
    assert not set(KNOWN) - swept - UNSEEN, sorted(set(KNOWN) - swept - UNSEEN)


UNSEEN = frozenset({
    "cpu", "cuda", "positive", "pack_padded_sequence", "pad_packed_sequence", "weight_norm",
    *(f"torch.nn.functional.adaptive_max_pool{n}d" for n in (1, 2, 3)),
})  # fmt: skip
"""What gives its own argument here, and names that a recorder may write without the underscore."""


@pytest.mark.parametrize("upper", [False, True])
def test_a_complex_factor_is_one_where_no_gradient_is_asked_for(upper: bool) -> None:
    """PyTorch's gradient has an anti-Hermitian part besides: with one the call is opaque."""
    given = torch.view_as_complex(Draw()(2, 3, 3, 2))
    square = given @ given.mH + torch.eye(3)
    call = recorded(torch.linalg.cholesky, (square,), {"upper": upper}, wanted=0)
    assert not disagreements(call, built(call))
    with pytest.raises(Lacks, match="anti-Hermitian"):
        built(recorded(torch.linalg.cholesky, (square,), {"upper": upper}))


def test_what_a_recorder_adds_itself() -> None:
    """A view of a base was written to: the base takes what was written, the view is made anew."""
    base, part, names = (
        torch.arange(12.0).double().reshape(3, 4),
        (slice(1, 3), slice(0, 4, 2)),
        ("put", "view_again", "same"),
    )
    kept = Kept()
    view = base[part]
    old, new = kept.add(base, True), kept.add(view * 10, True)
    kept.step.values[new].place = view.storage_offset(), tuple(view.stride())
    after = base.clone()
    after[part] *= 10
    written, again, same = kept.add(after, True), kept.add(after[part], True), kept.add(base, True)
    calls = (([old, new], written), ([written], again), ([old], same))
    for name, (inputs, out) in zip(names, calls, strict=True):
        event = Event(0, "forward", f"bptui.{name}", [{"v": v} for v in inputs], {}, [out], inputs=inputs)
        mine = built(Recorded(kept, event, seeds={out: np.ones(kept.arrays[out].shape)}))
        assert np.array_equal(mine.values[out], kept.arrays[out])
        if name == "put":
            assert mine.grads[old].sum() == 12 - 4
            assert mine.grads[new].sum() == 4
        if name == "view_again":
            assert np.array_equal(np.flatnonzero(mine.grads[written]), [4, 6, 8, 10])


# ------------------------------------------------------------------------------------------------------ signatures
def functions() -> Iterator[tuple[str, Any, Any]]:
    """Each function of PyTorch that an entry is for: its full name, itself, the entry."""
    for key, entry in KNOWN.items():
        if key.startswith("bptui.") or key == DERIVATIVE:  # the recorder says what of its arguments counts
            continue
        for name in [key] if "." in key else [f"{home}.{key}" for home in HOMES]:
            parent: Any = torch
            for part in name.split(".")[1:-1]:
                parent = getattr(parent, part, None)
            function = getattr(parent, name.rpartition(".")[2], None)
            if callable(function) and KNOWN[registry.key(name)] is entry:
                yield name, function, entry


def schemas(name: str) -> list[Any]:
    """The signatures of what is not written in Python: one for each overload."""
    home, _, last = name.rpartition(".")
    prefix = {"torch.special": "special_", "torch.linalg": "linalg_"}.get(home, "")
    overloads = torch._C._jit_get_schemas_for_operator(f"aten::{prefix}{last}")
    return [s for s in overloads if "out" not in s.overload_name and str(s.arguments[0].type) == "Tensor"]


def same(own: Any, theirs: Any) -> bool:
    """One default as another: [1, 1] is 1 for each axis, [] and None are nothing."""
    nothing = (None, [], ())
    if isinstance(theirs, list | tuple) and theirs and len(set(theirs)) == 1:
        theirs = theirs[0] if not isinstance(own, list | tuple) else tuple(theirs)
    own = tuple(own) if isinstance(own, list) else own
    theirs = tuple(theirs) if isinstance(theirs, list) else theirs
    return own == theirs or (own, theirs) == (0, "valid") or (own in nothing and theirs in nothing)


def test_defaults_are_pytorchs() -> None:
    """Wherever PyTorch says what an argument is when it is not given, the entry has the same."""
    wrong, compared = [], 0
    for name, function, entry in functions():
        own = inspect.signature(entry).parameters
        open_ended = any(p.kind is p.VAR_KEYWORD for p in own.values())
        try:
            found = [
                {
                    p.name: p.default
                    for p in inspect.signature(function).parameters.values()
                    if p.kind is not p.VAR_KEYWORD
                }
            ]
        except (TypeError, ValueError):
            found = [
                {a.name: a.default_value if a.has_default_value() else inspect.Parameter.empty for a in s.arguments}
                for s in schemas(name)
            ]
        for signature in found:
            for argument, default in list(signature.items())[1:]:
                if (
                    argument in ("out", "generator", "args", "kwargs")
                    or default is inspect.Parameter.empty
                    or open_ended
                ):
                    continue
                compared += 1
                if argument not in own or not same(own[argument].default, default):
                    wrong.append((name, argument, default, own.get(argument)))
    assert not wrong, wrong
    assert compared > 300


def test_positions_are_pytorchs() -> None:
    """Where PyTorch's function is written in Python, the arguments have its names, in its order."""
    for name, function, entry in functions():
        if "__" in name:
            continue
        try:
            theirs = [p for p in inspect.signature(function).parameters.values() if p.name != "out"]
        except (TypeError, ValueError):
            continue
        own = list(inspect.signature(entry).parameters.values())[1:]
        if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in (*theirs, *own)):
            continue
        names = [[p.name for p in given] for given in (theirs, own)]
        first = 1 if ".Tensor." in name else 0
        assert names[1][first : len(theirs)] == names[0][first:], name


# ------------------------------------------------------------------------------------------------------------ names
def test_a_function_is_known_by_each_of_its_names() -> None:
    """PyTorch may know one function by two names (`torch.mm` is `torch.spmm`), and tells the other."""
    for name, function, entry in functions():
        assert KNOWN.get(registry.key(name_of(function)) or "") is entry, name


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("torch.nn.functional.linear", True),
        ("torch.Tensor.add_", True),
        ("torch.Tensor.T.__get__", True),
        ("torch.Tensor.__rsub__", True),
        ("torch.functional.norm", True),
        ("torch.special.expit", True),
        ("bptui.put", True),
        ("mylib.linear", False),
        ("mylib.torch.linear", False),
        ("torch.fft.fft", True),
        ("torch.fft.hfft", False),
        ("torch.linalg.inv", True),
        ("torch.linalg.pinv", False),
        ("torch.special.i0", False),
        ("torch.nn.init.normal_", False),
        ("torch.nn.utils.clip_grad_norm_", False),
        ("linear", False),
        ("", False),
    ],
)
def test_a_function_is_known_by_its_full_name(name: str, known: bool) -> None:
    assert knows(name) is known
