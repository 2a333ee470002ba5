"""What is drawn, made or compared: no gradient passes it, so that its recorded numbers are taken as they are."""

from __future__ import annotations

from bptui.model.source.captured.call import short
from bptui.model.source.captured.record import FLOATS, Event, Step

MADE = frozenset({
    "zeros", "ones", "empty", "full", "new_zeros", "new_ones", "new_full", "new_empty", "new_tensor", "eye",
    "arange", "linspace", "logspace", "tensor", "as_tensor", "from_numpy", "tril_indices", "triu_indices",
    "hann_window", "hamming_window", "bartlett_window", "blackman_window", "kaiser_window", "rand", "randn",
    "randint", "randperm", "normal", "uniform", "exponential", "bernoulli", "random", "geometric", "log_normal",
    "cauchy", "multinomial", "poisson", "binomial", "scalar_tensor", "empty_strided", "new_empty_strided", "asarray",
    "frombuffer", "range", "vander", "kaiming_uniform", "kaiming_normal", "xavier_uniform", "xavier_normal",
    "trunc_normal", "orthogonal", "constant", "dirac", "sparse",
})  # fmt: skip
"""Functions whose result does not depend on the numbers of what they are given, or only by chance."""


def is_drawn(step: Step, event: Event) -> bool:
    """Are the results of an event taken as they were recorded? They have no gradient, and they are whole numbers or
    truth values, or were made of none but these, or were drawn: also a parameter that is drawn anew."""
    outs = [step.values[out] for out in event.outs]
    last = short(event.name)
    drawn = last.endswith("_like") or last in MADE
    if any(out.wants_grad for out in outs):
        return drawn and bool(event.notes.get("no_grad"))
    if drawn:
        return True
    inputs = [step.values[value] for value in event.inputs]
    return not any(out.dtype in FLOATS for out in outs) or not any(value.dtype in FLOATS for value in inputs)
