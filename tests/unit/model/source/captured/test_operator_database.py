"""Every sample of PyTorch's own operator database whose function bptui knows: as a function, as a method, in place and
as an operator. `--full` compares all of them, some 14,000 calls, in about three minutes."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="PyTorch's operator database imports it")

from tests.unit.model.source.captured.one_event import Seen, watching  # noqa: E402

PARTS = 8
REFUSED = (RuntimeError, TypeError, AttributeError, AssertionError)
"""What does not fit in place, has no such method, or needs another device."""


@pytest.mark.corpus(every=PARTS)
@pytest.mark.parametrize("part", range(PARTS))
def test_no_sample_disagrees(part: int, full: bool, record_property: Any) -> None:
    from torch.testing._internal.common_methods_invocations import op_db

    seen = Seen()
    for op in op_db[part::PARTS] if full else op_db[part :: PARTS * 8]:
        if torch.float64 not in op.dtypes:
            continue
        torch.manual_seed(1)
        samples = list(op.sample_inputs("cpu", torch.float64, requires_grad=False))
        for variant in dict.fromkeys((op.op, op.method_variant, op.inplace_variant, op.operator_variant)):
            for sample in samples if variant is not None else ():
                _call(seen, variant, sample)
    assert not seen.wrong, seen.wrong[:5]
    record_property("compared", f"{len(seen.compared)} calls of {len(set(seen.compared))} names")
    record_property("opaque", ", ".join(f"{name} {n}" for name, n in Counter(n for n, _ in seen.opaque).items()))
    assert len(seen.compared) > (500 if full else 20)


def _call(seen: Seen, function: Any, sample: Any) -> None:
    first = sample.input.clone() if isinstance(sample.input, torch.Tensor) else sample.input
    with watching(seen), suppress(*REFUSED):
        function(first, *sample.args, **sample.kwargs)
