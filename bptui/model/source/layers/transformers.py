"""Attention and blocks of it: of an encoder, whose positions look at each other, and of a decoder, which also looks at
a memory, what another layer made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bptui.model.base.schema import Key, any_value, text
from bptui.model.engine.arrays import array, shape_text
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.common import flag, integer, optional, real
from bptui.model.source.layers.context import ACTIVATION, INIT, TRAIN, Kind, LayerContext, activation, settings_of
from bptui.model.source.layers.inner import inner
from bptui.model.source.layers.positions import AXES, LENGTHS, there

MAX_BLOCKS = 48
HEADS = Key(integer(1), 1, "how many, each with its share of the features")
SHARED = Key(optional(integer(1)), None, "heads of keys and values, each read by several of queries (default: heads)")
DROPOUT = Key(real(0, 1, open_high=True), 0.0, "how much is dropped, anew at each training step")
CAUSAL = Key(flag, False, "true: a position sees only itself and earlier ones")
MASK = Key(
    any_value, None, "a list for each position: 1 where it may look at another (or at one of the memory), 0 where not"
)
ADDED = Key(any_value, None, "numbers added to the scores, as mask has them; -inf hides")
LOOKS = {"heads": HEADS, "kv_heads": SHARED, "causal": CAUSAL, "dropout": DROPOUT, "lengths": LENGTHS, "mask": MASK,
         "score_bias": ADDED}  # fmt: skip
"""How positions look at each other."""


def attention(context: LayerContext, x: Node) -> tuple[Node, str]:
    """Multi-head attention: every position looks at all others (only at earlier ones where causal), or at a memory."""
    context.rank(x, AXES)
    samples, positions, features = x.shape
    heads, causal, p = (context.settings[key] for key in ("heads", "causal", "dropout"))
    shared = context.settings["kv_heads"] or heads
    seen = _memory(context, "memory", x, x)
    values = _memory(context, "values", x, seen)
    if values.shape[1] != seen.shape[1]:
        what = f"'{context.settings['values']}' has {values.shape[1]} positions"
        raise context.fail("values", what, f"{seen.shape[1]}, as what is looked at")
    if features % heads:
        raise context.fail("heads", f"{heads} heads do not divide {features} features")
    if heads % shared:
        raise context.fail("kv_heads", f"{shared} do not divide {heads} heads")
    size = features // heads

    def project(source: Node, part: str, width: int) -> Node:
        weight = context.parameter(f"{part}_weight", (source.shape[2], width), "W", "xavier_uniform")
        if not context.settings["use_bias"]:
            return context.use("matmul", source, weight, part=part)
        bias = context.parameter(f"bias_{part}", (width,), "b", "zeros")
        return context.use("affine", source, weight, bias, part=part)

    def head(source: Node, part: str, count: int) -> Node:
        made = project(source, part, count * size)
        if part != "query":
            made = _more(context, made, part)
        parts = context.use("reshape", made, part=f"{part}_parts", shape=(*made.shape[:2], count, size))
        return context.use("transpose", parts, part=f"{part}_heads", axes=(0, 2, 1, 3))

    looks = head(x, "query", heads), head(seen, "key", shared), head(values, "value", shared)
    more = looks[1].shape[2] - seen.shape[1]
    mask, added = _mask(context, x, seen, more), _given(context, "score_bias", "added", x, seen)
    if more and added is not None:
        added = context.use("pad", added, part="added_all", pad_width=((0, 0), (0, more)))
    drop: Node | float | None = None
    if p:
        drop = context.mask("mask", (samples, heads, positions, seen.shape[1] + more), p)
    optional = [mask, drop, added]
    while optional and optional[-1] is None:
        optional.pop()
    mixed = context.use(
        "scaled_dot_product_attention",
        *looks,
        *(1.0 if each is None else each for each in optional),
        part="attention",
        causal=causal and not more,
        dropout=p,
        grouped=shared != heads,
    )
    back = context.use("transpose", mixed, part="mixed", axes=(0, 2, 1, 3))
    joined = context.use("reshape", back, part="joined", shape=x.shape)
    words = f"attention, {heads} heads{', causal' * causal}"
    return project(joined, "output", features), words + (f", of {context.settings['memory']}" if seen is not x else "")


def _memory(context: LayerContext, key: str, x: Node, default: Node) -> Node:
    """What is looked at, or what is mixed of it: x itself, or what an earlier layer made."""
    name = context.settings[key]
    if name is None:
        return default
    found = context.earlier(key, name)
    if len(found.shape) != 3 or found.whole or found.shape[0] != x.shape[0]:
        raise context.fail(
            key, f"'{name}' has shape {shape_text(found.shape)}", f"expected ({x.shape[0]}, positions, features)"
        )
    return found


def _more(context: LayerContext, made: Node, part: str) -> Node:
    """Keys or values with the positions that are no one's: one that is learned, one of zeros, as
    torch.nn.MultiheadAttention has them. Every query may look at them."""
    samples, _, width = made.shape
    parts = [made]
    if context.settings["add_bias_kv"]:
        learned = context.parameter(f"bias_{part[0]}", (1, 1, width), "b", "xavier_normal", fan=(width, width))
        parts.append(context.use("broadcast_to", learned, part=f"{part}_learned", shape=(samples, 1, width)))
    if context.settings["add_zero_attn"]:
        zeros = np.zeros((samples, 1, width))
        parts.append(context.leaf(f"{part}_zero", "const", zeros, symbol="o"))
    return context.use("concat", *parts, part=f"{part}_all", symbol=part, axis=1) if len(parts) > 1 else made


def _mask(context: LayerContext, x: Node, seen: Node, more: int) -> Node | None:
    """1 where a query may look at a key, and at `more` that are no one's; None where it may at all."""
    given, ends = _given(context, "mask", "shown", x, seen), there(context, seen)
    if more and context.settings["causal"]:
        earlier = context.leaf("earlier", "const", np.tri(x.shape[1], seen.shape[1]), symbol="earlier")
        given = earlier if given is None else context.use("mul", given, earlier, part="shown_earlier", symbol="shown")
    if ends is not None:
        ends = context.use("reshape", ends, part="there_keys", symbol="there", shape=(x.shape[0], 1, 1, seen.shape[1]))
        given = ends if given is None else context.use("mul", ends, given, part="seen")
    if given is None or not more:
        return given
    width = (*((0, 0),) * (len(given.shape) - 1), (0, more))
    return context.use("pad", given, part="seen_all", symbol="seen", pad_width=width, value=1.0)


def _given(context: LayerContext, key: str, part: str, x: Node, seen: Node) -> Node | None:
    """(positions, positions that are looked at) as the file has it."""
    given, shape = context.settings[key], (x.shape[1], seen.shape[1])
    if given is None:
        return None
    value = array(given, context.table.at(key), dtype=context.builder.dtype, masks=key != "mask")
    if value.shape != shape:
        raise context.fail(key, f"found shape {shape_text(value.shape)}", f"expected {shape_text(shape)}")
    if key == "mask" and ((value != 0) & (value != 1)).any():
        raise context.fail(key, "has other numbers than 0 and 1", "score_bias is added to the scores")
    return context.leaf(part, "const", value, symbol=part)


# --------------------------------------------------------------------------------------------------------- blocks
def _block(
    context: LayerContext, features: int, norm_first: bool, memory: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """The layers of one block: attention, attention to a memory, two dense layers, each in a residual with a norm."""
    settings = context.settings
    word, attributes = settings["activation"]
    p = settings["dropout"]
    drop = [{"kind": "dropout", "p": p}] if p else []
    look = {"kind": "attention", **{key: settings[key] for key in LOOKS if key in settings}}
    hidden = settings["hidden"] or 4 * features
    bias = {"use_bias": settings.get("use_bias", True)}
    norm = {"kind": "layer_norm", **bias, **({"eps": settings["eps"]} if "eps" in settings else {})}
    look |= bias
    think = [{"kind": "dense", "units": hidden, "activation": {"kind": word, **attributes}, **bias}, *drop,
             {"kind": "dense", "units": features, **bias}]  # fmt: skip
    parts = {"attend": [look], **({"remember": [dict(memory)]} if memory else {}), "think": think}
    made: list[dict[str, Any]] = []
    for name, layers in parts.items():
        if norm_first:
            made.append({"kind": "residual", "name": name, "layers": [norm, *layers, *drop]})
        else:
            made.append({"kind": "residual", "name": name, "layers": [*layers, *drop]})
            made.append({**norm, "name": f"{name}_norm"})
    return made


def transformer(context: LayerContext, x: Node) -> tuple[Node, str]:
    """A transformer block: attention, then two dense layers, each after a layer_norm and inside a residual."""
    context.rank(x, AXES)
    made = inner(context, _block(context, x.shape[2], True, None), x)
    return made, f"transformer {x.shape[2]}, {context.settings['heads']} heads"


def _stack(context: LayerContext, x: Node, memory: Mapping[str, Any] | None) -> Node:
    """Blocks one after the other, and perhaps a norm at the end."""
    context.rank(x, AXES)
    settings = context.settings
    norm = {"kind": "layer_norm", "name": "norm", "eps": settings["eps"], "use_bias": settings["use_bias"]}
    for n in range(1, settings["layers"] + 1):
        x = inner(context, _block(context, x.shape[2], settings["norm_first"], memory), x, f"block{n}.")
    return inner(context, [norm], x) if settings["final_norm"] else x


def encoder(context: LayerContext, x: Node) -> tuple[Node, str]:
    """Transformer blocks whose positions look at each other."""
    return _stack(context, x, None), _summary(context, "encoder")


def decoder(context: LayerContext, x: Node) -> tuple[Node, str]:
    """Transformer blocks that look at themselves, and at a memory."""
    settings = context.settings
    context.earlier("memory", settings["memory"])
    keys = {key: settings[key] for key in ("heads", "kv_heads", "dropout", "memory", "use_bias")}
    memory = {"kind": "attention", **keys, "mask": settings["memory_mask"], "lengths": settings["memory_lengths"]}
    return _stack(context, x, memory), f"{_summary(context, 'decoder')}, memory {settings['memory']}"


def _summary(context: LayerContext, word: str) -> str:
    settings = context.settings
    return f"transformer {word} x {settings['layers']}, {settings['heads']} heads{', causal' * settings['causal']}"


HIDDEN = Key(integer(1), None, "units between the dense layers (default: four times the features)")
BLOCKS = {
    **LOOKS,
    "layers": Key(integer(1, MAX_BLOCKS), 1, "how many blocks stand on each other"),
    "hidden": HIDDEN,
    "activation": Key(activation, ("relu", {}), ACTIVATION.doc),
    "norm_first": Key(flag, False, "true: a layer_norm before attention and dense layers, not after the sum"),
    "final_norm": Key(flag, False, "true: a layer_norm after the last block"),
    "eps": settings_of("layer_norm")["eps"],
    "use_bias": Key(flag, True, "false: no biases, in the norms neither"),
}
MEMORY = "the name of the earlier layer that is looked at"

KINDS: Mapping[str, Kind] = {
    "attention": Kind(
        "multi-head attention to the positions themselves, or to a memory",
        {
            **LOOKS,
            "memory": Key(optional(text), None, f"{MEMORY} (default: the layer's own input)"),
            "values": Key(
                optional(text), None, "the name of the earlier layer that is mixed (default: what is looked at)"
            ),
            "use_bias": Key(flag, True, "false leaves the biases out"),
            "add_bias_kv": Key(flag, False, "true: one more key and value, learned, that every position may look at"),
            "add_zero_attn": Key(flag, False, "true: one more key and value, all 0"),
            "init": INIT,
            "train": TRAIN,
        },
        attention,
    ),
    "transformer": Kind(
        "a transformer block: attention and two dense layers, each after a layer_norm and inside a residual",
        {**LOOKS, "hidden": HIDDEN, "activation": Key(activation, ("gelu", {}), ACTIVATION.doc)},
        transformer,
    ),
    "transformer_encoder": Kind("transformer blocks, post-norm or pre-norm, as PyTorch's encoder", BLOCKS, encoder),
    "transformer_decoder": Kind(
        "transformer blocks that also look at a memory, as PyTorch's decoder",
        {
            **BLOCKS,
            "causal": Key(flag, True, CAUSAL.doc),
            "memory": Key(text, None, 'memory = "encoder", the name of an earlier layer', required=True),
            "memory_lengths": Key(flag, False, "true: the memory's samples end where data.lengths says"),
            "memory_mask": Key(any_value, None, MASK.doc),
        },
        decoder,
    ),
}
