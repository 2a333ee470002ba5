"""How PyTorch, Keras and Flax call the numbers of a layer, and how they are called here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.printable import one_line
from bptui.model.base.types import Array
from bptui.model.source.weights import keras
from bptui.model.source.weights.given import Given, Module

IGNORED = ("num_batches_tracked",)
"""What a state_dict has and a training step does not need."""
ELSEWHERE: Mapping[str, str] = {
    "gamma": "weight", "scale": "weight", "embeddings": "weight", "embedding": "weight", "beta": "bias",
    "moving_mean": "running_mean", "moving_variance": "running_var",
}  # fmt: skip
"""What Keras and Flax call a part."""
KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")
_CELL = re.compile(r"(weight|bias)_(ih|hh|hr)_l(\d+)(_reverse)?")
_OWN_CELL = re.compile(r"([wb])_(ih|hh|hr)(?:_(\d+))?(_reverse)?")
_HEADS = ("query", "key", "value")
SEPARATE: Mapping[str, str] = {f"{head[0]}_proj_weight": f"{head}_weight" for head in _HEADS}
"""What PyTorch calls the weights of attention to features of other sizes, which are not one matrix."""
ATTENTION = ("in_proj_weight", *SEPARATE)


def modules_of(tensors: Mapping[str, Array], where: str) -> Mapping[str, Module]:
    """The tensors of a file by module, each part as it is called here."""
    names = [name.replace("/", ".").removesuffix(":0") for name in tensors]
    found: dict[str, dict[str, Given]] = {}
    for name, (said, numbers) in zip(names, tensors.items(), strict=True):
        module, _, part = name.rpartition(".")
        if part in IGNORED:
            continue
        parent, _, last = module.rpartition(".")
        if last == "out_proj" and any(f"{parent}.{each}".lstrip(".") in names for each in ATTENTION):
            module, part = parent, "output_weight" if part == "weight" else f"{part}_output"
        if part == "depthwise_kernel" and f"{module}.pointwise_kernel" in names:  # two layers here
            module += ".depthwise"
        parts = [(part, Given(said, numbers))]
        if part not in keras.CELL or f"{module}.{keras.CELL[1]}" not in names:
            parts = [*_parts(part, Given(said, numbers))]
        for own, given in parts:
            if found.setdefault(module, {}).setdefault(own, given) is not given:
                raise UserError(where, f"{one_line(said, 60)} and {found[module][own].name} are the same")
    return keras.cells(found, where)


def _parts(part: str, given: Given) -> Iterator[tuple[str, Given]]:
    """A part of a module by its name here; in_proj is three."""
    numbers = given.numbers
    if cell := _CELL.fullmatch(part):
        level = int(cell[3]) + 1
        yield f"{cell[1][0]}_{cell[2]}{f'_{level}' if level > 1 else ''}{cell[4] or ''}", given
    elif part in ("in_proj_weight", "in_proj_bias") and numbers.ndim and len(numbers) % 3 == 0:
        for head, rows in zip(_HEADS, np.split(numbers, 3), strict=True):
            own = f"{head}_weight" if part == "in_proj_weight" else f"bias_{head}"
            yield own, given._replace(numbers=rows, layout="out_in")
    elif part in SEPARATE:
        yield SEPARATE[part], given._replace(layout="out_in")
    elif part in KERNELS:
        yield "weight", keras.kernel(given)
    elif part == "alpha":  # a slope for each channel, behind axes that share it
        yield (
            "weight",
            given._replace(numbers=numbers.reshape(-1) if numbers.size == max(numbers.shape, default=1) else numbers),
        )
    else:
        yield ELSEWHERE.get(part, part), given


def written(parts: Mapping[str, Array]) -> Iterator[tuple[str, Array]]:
    """Parts of a layer as PyTorch calls them."""
    # of grouped queries, whose keys are fewer, PyTorch has no module: they keep their names
    sizes = {parts[f"{head}_weight"].shape for head in _HEADS if f"{head}_weight" in parts}
    attention = len({rows for rows, _ in sizes}) == 1
    for part, numbers in parts.items():
        if cell := _OWN_CELL.fullmatch(part):
            word = "weight" if cell[1] == "w" else "bias"
            yield f"{word}_{cell[2]}_l{int(cell[3] or 1) - 1}{cell[4] or ''}", numbers
        elif not attention or part in ("bias_k", "bias_v"):
            yield part, numbers
    if attention:
        if len(sizes) == 1:
            yield "in_proj_weight", np.concatenate([parts[f"{head}_weight"] for head in _HEADS])
        else:
            yield from ((part, parts[own]) for part, own in SEPARATE.items())
        if "bias_query" in parts:
            yield "in_proj_bias", np.concatenate([parts[f"bias_{head}"] for head in _HEADS])
        yield "out_proj.weight", parts["output_weight"]
        if "bias_output" in parts:
            yield "out_proj.bias", parts["bias_output"]
