"""Wrong composites: every operation in them is right, what they are put together to is not.

`change` says of a part, by its name, what takes its place: a function of (use, its operation, inputs, attributes). The
checks of the parts cannot see such a mistake: that of the whole must.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bptui.model.engine import ops
from bptui.model.engine.calls import Backward
from bptui.model.engine.ops.base import Composite as Row
from bptui.model.engine.recording import Recording

from ..unit.symbolic.composites import Use, cell, many_heads, projected
from ..unit.symbolic.steps import graph_of, record

Change = Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class Composite:
    """A wrong graph of parts beside a right definition."""

    use: Use
    told: str
    change: Mapping[str, Change]
    attributes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def op(self) -> str:
        return self.use.op


def planted(fault: Composite) -> Row:
    """The composite with some of its parts made otherwise; `attributes`: what `build` is told instead of the truth."""
    row = ops.COMPOSITES[fault.op]

    def build(use: Any, inputs: Any, attributes: Any) -> Any:
        met = set()

        def other(kind: Any, *given: Any, name: str | None = None, **settings: Any) -> Any:
            change = fault.change.get(str(name))
            if change is None:
                return use(kind, *given, name=name, **settings)
            met.add(name)
            return change(use, kind, given, settings)

        made = row.build(other, inputs, {**attributes, **fault.attributes})
        assert met == set(fault.change), f"{fault.told}: there is no part {set(fault.change) - met}"
        return made

    return dataclasses.replace(row, build=build)


def step(fault: Composite) -> Recording:
    """A training step around one use, called `made`."""
    return record(graph_of(planted(fault), fault.use.inputs(), fault.use.attributes))


# --------------------------------------------------------------------------------------------------------- changes
def instead(kind: str, **more: Any) -> Change:
    """Another operation with the same inputs."""
    return lambda use, _, given, settings: use(kind, *given, **{**settings, **more})


def first(use: Any, kind: Any, given: Any, settings: Any) -> Any:
    """Left out: its first input goes on."""
    return given[0]


def twice(use: Any, kind: Any, given: Any, settings: Any) -> Any:
    """Done, and once more with what comes out."""
    return use(kind, use(kind, *given, **settings), *given[1:], **settings)


def turned(use: Any, kind: Any, given: Any, settings: Any) -> Any:
    """Its inputs the other way round."""
    return use(kind, *given[::-1], **settings)


def then(kind: str) -> Change:
    """And another operation with what comes out."""
    return lambda use, own, given, settings: use(kind, use(own, *given, **settings))


def times(factor: float) -> Change:
    """The same, times a number."""
    return lambda use, kind, given, settings: use("mul", use(kind, *given, **settings), factor)


def turned_around(use: Any, kind: Any, given: Any, settings: Any) -> Any:
    """1 less what it is."""
    return use("sub", 1.0, use(kind, *given, **settings))


def detached(use: Any, kind: Any, given: Any, settings: Any) -> Any:
    """The same value, but nothing goes back through it."""

    def vjp(emit: Any, ctx: Backward) -> None:
        for array in ctx.into:
            if array is not None:
                emit(np.copyto, array, emit.const(0.0))

    row = ops.OPS[kind]
    return use(dataclasses.replace(row, vjp=vjp, shape_before_unbroadcast=None), *given, **settings)


def rootless(use: Any, kind: Any, given: Any, settings: Any) -> Any:
    """The sum of squares along the last axis, for the length."""
    return use("sum", use("square", *given), axis=-1)


def eps_outside(use: Any, kind: Any, given: Any, settings: Any) -> Any:
    """1/(sqrt(variance) + eps) of variance + eps: eps is taken off again first."""
    return use("reciprocal", use("add", use("sqrt", use("sub", given[0], EPS)), EPS))


def ahead(use: Any, kind: Any, given: Any, settings: Any) -> Any:
    """Weights of a query that sees the key after it, too."""
    seen, rest = (use("slice", given[0], index=index) for index in ("[..., :1]", "[..., 1:]"))
    return use("softmax", use("concat", seen, use("causal_mask", rest), axis=-1), axis=-1)


def shifted(by: int, width: int) -> Change:
    """The same gate, cut out of the sums at another place."""
    return lambda use, kind, given, settings: use(kind, given[0], index=f"[..., {by * width}:{(by + 1) * width}]")


def exchanged(use: Any, kind: Any, given: Any, settings: Any) -> Any:
    """The channels of each group in the place of another's."""
    return use("slice", use(kind, *given, **settings), index="[:, ::-1]")


def across(use: Any, kind: Any, given: Any, settings: Any) -> Any:
    """The features of a head are each second one, not those beside each other."""
    *lead, heads, size = settings["shape"]
    n = len(lead)
    return use("transpose", use(kind, given[0], shape=(*lead, size, heads)), axes=(*range(n), n + 1, n))


def heads_exchanged(use: Any, kind: Any, given: Any, settings: Any) -> Any:
    """The first head in the place of the second."""
    return use("slice", use(kind, *given, **settings), index="[..., ::-1, :]")


def reversed_taps(use: Any, kind: Any, given: Any, settings: Any) -> Any:
    """A kernel that is flipped along its first axis."""
    return use(kind, given[0], use("slice", given[1], index="[:, :, ::-1]"), *given[2:], **settings)


EPS = 1e-3
WIDE = cell("lstm_cell", (3,))
NARROW = projected((3,))
HEADS = many_heads((2,), 2)
SHARED = many_heads((), 4, True, kv_heads=2)
LOOKS = Use("attention_weights", ((3, 4), (5, 4)))
GRU = cell("gru_cell", (3,))
RNN = cell("rnn_cell", (3,))
VOLUME = Use("conv3d", ((1, 2, 4, 3, 3), (4, 2, 2, 3, 2), (4,)), {"padding": (0, 1, 1)})
SAME = Use("conv1d", ((2, 4, 9), (6, 4, 4), (6,)), {"padding": "same"})
LINE = Use("conv_transpose1d", ((2, 4, 5), (4, 2, 3), (4,)), {"stride": 3, "padding": 1, "groups": 2})
BLOCK = Use("conv_transpose3d", ((1, 2, 2, 3, 2), (2, 1, 2, 2, 2)), {"stride": (2, 1, 1), "groups": 2})
LAYER = Use("layer_norm", ((3, 4), (4,), (4,)), {"eps": EPS})
RMS = Use("rms_norm", ((3, 4), (4,)), {"eps": EPS})
BATCH = Use("batch_norm", ((5, 3, 2), (3,), (3,), (3,), (3,)), {"eps": EPS})
EVAL = Use("batch_norm", BATCH.shapes, {"eps": EPS, "training": False})
GROUP = Use("group_norm", ((2, 4, 3), (4,), (4,)), {"groups": 2, "eps": EPS})
LOOK = Use("scaled_dot_product_attention", ((2, 3, 4), (2, 5, 4), (2, 5, 2)), {"causal": True})
MASKED = Use("scaled_dot_product_attention", ((3, 4), (5, 4), (5, 2), (3, 5)))
LINEAR = Use("linear", ((3, 4), (5, 4), (5,)))
IMAGE = Use("conv2d", ((2, 4, 7, 6), (6, 4, 3, 2), (6,)), {"padding": 1, "stride": 2})
GROUPS = Use("conv1d", ((2, 4, 9), (6, 2, 3), (6,)), {"groups": 2, "padding": 1})
SPREAD = Use("conv_transpose2d", ((2, 4, 3, 4), (4, 3, 3, 2), (6,)), {"stride": 2, "padding": 1, "groups": 2})

EACH = Use("instance_norm", ((2, 4, 3), (4,), (4,)), {"eps": EPS})
UNIT = Use("normalize", ((3, 4),))
ANGLE = Use("cosine_similarity", ((3, 4), (3, 4)))
PLANE = Use("rfft2", ((3, 4),))
SHEET = Use("fft2", ((3, 4, 2),))
SHEET_BACK = Use("ifft2", ((3, 4, 2),))
PLANE_BACK = Use("irfft2", ((3, 4, 2),))
POLAR = Use("angle", ((3, 2),))
MIXED = Use("ceinsum", ((3, 4, 2), (4, 5, 2)), {"equation": "ij,jk->ik"})
SUMS = Use("matrix_norm", ((3, 4),), {"ord": 1})
APART = Use("cdist", ((3, 4), (5, 4)))
CUBED = Use("cdist", ((3, 4), (5, 4)), {"p": 3})
BOTH = Use("bilinear", ((3, 4), (3, 2), (5, 4, 2), (5,)))
DROPPED = Use("scaled_dot_product_attention", ((2, 3, 4), (2, 5, 4), (2, 5, 2), (), (2, 3, 5)), {"dropout": 0.25})
BIASED = Use("scaled_dot_product_attention", ((2, 3, 4), (2, 5, 4), (2, 5, 2), (), (), (3, 5)))
GROUPED = Use("scaled_dot_product_attention", ((2, 4, 3, 5), (2, 2, 6, 5), (2, 2, 6, 3)), {"grouped": True})
NEAR = Use("pairwise_distance", ((3, 4), (3, 4)))
TRIPLET = Use("triplet_margin", ((5, 4), (5, 4), (5, 4)), {"margin": 3.0, "swap": True})
ANGLES = Use("cosine_embedding", ((5, 4), (5, 4), (5,)), {"margin": -0.6})
NORMAL = Use("gaussian_nll", ((3, 4), (3, 4), (3, 4)), {"full": True, "eps": 0.7})
SEVERAL = Use("multilabel_soft_margin", ((3, 4), (3, 4), (4,)))
REGION = Use("dice", ((2, 3, 4), (2, 3, 4)))
SLOPES = Use("prelu", ((3, 4, 2), (4,)))
THIRD = Use("normalize", ((3, 4),), {"p": 3})
GATES = {op: Use(op, ((3, 6),)) for op in ("bilinear_glu", "reglu", "geglu", "swiglu")}
CHANNELS = {n: Use(f"dropout{n}d", ((3, 4, *(2, 3, 2)[:n]), (3, 4)), {"p": 0.25}) for n in (1, 2, 3)}
FEATURES = Use("feature_alpha_dropout", ((3, 4, 2), (3, 4)), {"p": 0.25})
DIRECTION = Use("weight_norm", ((3, 4), (3, 1)))
RESPONSE = Use("local_response_norm", ((2, 5, 3),), {"size": 3, "alpha": 0.5, "beta": 0.7, "k": 1.5})
POWERS = {n: Use(f"lp_pool{n}d", ((2, *(4, 6, 2)[:n]),), {"kernel_size": 2, "p": 2}) for n in (1, 2, 3)}

FAULTS = (
    Composite(NEAR, "eps is left out", {"y_safe": lambda use, kind, given, _: use("mul", given[0], 1 + 1e-5)}),
    Composite(NEAR, "the sum of squares, no root", {"y": rootless}),
    Composite(TRIPLET, "the margin is left out", {"gap": first}),
    Composite(TRIPLET, "never swapped", {"nearer": first}),
    Composite(TRIPLET, "positive and negative exchanged", {"closer": turned}),
    Composite(ANGLES, "the lengths are not differentiated", {"lengths": detached}),
    Composite(ANGLES, "the margin is left out", {"gap": first}),
    Composite(NORMAL, "the variance stands still below eps", {"missing": lambda use, kind, given, _: given[0]}),
    Composite(NORMAL, "the logarithm of the deviation", {"log_var": times(0.5)}),
    Composite(NORMAL, "the constant is left out", {"each_in_full": first}),
    Composite(SEVERAL, "the sum over the classes", {"of_classes": instead("sum")}),
    Composite(SEVERAL, "the weights are left out", {"weighed": first}),
    Composite(
        REGION,
        "over all samples at once",
        {
            "share": lambda use, kind, given, settings: use(
                "add", use(kind, *(use("mean", x) for x in given)), use("mul", given[0], 0.0)
            )
        },
    ),
    Composite(REGION, "what both share counts once", {"twice": first}),
    Composite(THIRD, "the Euclidean length for that of order 3", {"x_length": instead("norm", p=2)}),
    Composite(GATES["bilinear_glu"], "the gate through a sigmoid", {"gate": then("sigmoid")}),
    *(
        Composite(GATES[op], "the gate as it is", {gate: first})
        for op, gate in (("reglu", "relu"), ("geglu", "gelu"), ("swiglu", "silu"))
    ),
    Composite(GATES["geglu"], "the form with tanh", {"gelu": instead("gelu", approximate="tanh")}),
    Composite(GATES["swiglu"], "the gate is not differentiated", {"silu": detached}),
    Composite(GATES["swiglu"], "a sigmoid for silu", {"silu": instead("sigmoid")}),
    *(Composite(use, "kept channels are not divided by 1 - p", {"y": times(0.75)}) for use in CHANNELS.values()),
    Composite(CHANNELS[2], "the mask the other way round", {"mask_spread": turned_around}),
    Composite(FEATURES, "what is dropped is 0", {"y": instead("dropout")}),
    Composite(DIRECTION, "the length is not differentiated", {"length": detached}),
    Composite(
        DIRECTION,
        "the square of the length",
        {"scale": lambda use, kind, given, _: use("div", given[0], use("square", given[1]))},
    ),
    Composite(RESPONSE, "the sum of the squares, not their mean", {"mean_squares": times(3.0)}),
    Composite(RESPONSE, "k left out", {"above_k": first}),
    Composite(RESPONSE, "the channels after it only", {"padded": instead("pad", pad_width=((0, 0), (0, 2), (0, 0)))}),
    *(Composite(use, "the mean of the powers, not their sum", {"sums": first}) for use in POWERS.values()),
    Composite(
        SLOPES,
        "the slopes of other channels",
        {"slope": lambda use, kind, given, settings: use("slice", use(kind, *given, **settings), index="[::-1]")},
    ),
    Composite(
        EACH, "over the samples, too", {"mean": instead("mean", axis=(0, 2)), "variance": instead("mean", axis=(0, 2))}
    ),
    Composite(EACH, "the variance divided by N - 1", {"variance": times(3 / 2)}),
    Composite(PLANE, "the other axis not transformed", {"y": lambda use, kind, given, settings: use("conj", given[0])}),
    Composite(PLANE, "both along the last axis", {"y": instead("fft", axis=-1)}),
    Composite(SHEET, "one of them inverse", {"y": instead("ifft")}),
    Composite(SHEET_BACK, "one of them forward", {"y": instead("fft")}),
    Composite(PLANE_BACK, "the last axis scaled as in an orthogonal one", {"y": instead("irfft", norm="ortho")}),
    Composite(POLAR, "re/im for im/re", {"y": turned}),
    Composite(MIXED, "i·i taken as 1", {"re": instead("add")}),
    Composite(MIXED, "one of the mixed products", {"im": first}),
    Composite(
        SUMS, "the rows' sums for the columns'", {"sums": instead("sum", axis=-1), "largest": instead("max", axis=-2)}
    ),
    Composite(SUMS, "|x| is not differentiated", {"sizes": detached}),
    Composite(APART, "squared, no root", {"y": rootless}),
    Composite(APART, "the sum of both for their difference", {"away": instead("add")}),
    Composite(CUBED, "the Euclidean length for that of order 3", {"y": instead("norm", p=2)}),
    Composite(
        BOTH,
        "the bias counts twice",
        {"y": lambda use, kind, given, settings: use(kind, use(kind, *given), given[1], **settings)},
    ),
    Composite(BOTH, "the products are halved, as for a symmetric form", {"products": times(0.5)}),
    Composite(UNIT, "along the samples", {"x_length": instead("norm", axis=0)}),
    Composite(UNIT, "the length is not differentiated", {"x_length": detached}),
    Composite(ANGLE, "only one of the lengths", {"lengths": first}),
    Composite(ANGLE, "the length of a is not differentiated", {"a_length": detached}),
    Composite(DROPPED, "kept weights are not divided by 1 - p", {"dropped": times(0.75)}),
    Composite(DROPPED, "nothing is dropped", {"dropped": first}),
    Composite(LAYER, "eps outside the root", {"inverse_std": eps_outside}),
    Composite(LAYER, "eps left out", {"variance_eps": first}),
    Composite(LAYER, "the variance divided by N - 1", {"variance": times(4 / 3)}),
    Composite(LAYER, "the variance instead of its root", {"inverse_std": instead("reciprocal")}),
    Composite(LAYER, "over the samples instead of the features", {"mean": instead("mean", axis=0)}),
    Composite(LAYER, "the bias added twice", {"y": twice}),
    Composite(LAYER, "the weight added, the bias multiplied", {"scaled": instead("add"), "y": instead("mul")}),
    Composite(LAYER, "the mean is not differentiated", {"mean": detached}),
    Composite(LAYER, "the variance is not differentiated", {"variance": detached}),
    Composite(RMS, "eps left out", {"variance_eps": first}),
    Composite(RMS, "the sum of the squares, not their mean", {"mean_square": instead("sum")}),
    Composite(RMS, "absolute values instead of squares", {"squares": instead("abs")}),
    Composite(BATCH, "running statistics in training", {}, {"training": False}),
    Composite(EVAL, "the batch's statistics in evaluation", {}, {"training": True}),
    Composite(BATCH, "the variance divided by N - 1", {"variance": times(10 / 9)}),
    Composite(BATCH, "the statistics are not differentiated", {"mean": detached, "variance": detached}),
    Composite(EVAL, "the running variance is not a root", {"inverse_std": instead("reciprocal")}),
    Composite(GROUP, "all channels in one group", {}, {"groups": 1}),
    Composite(GROUP, "groups of half the size", {}, {"groups": 4}),
    Composite(GROUP, "the variance is not differentiated", {"variance": detached}),
    Composite(LOOK, "1/√d left out", {"scaled": first}),
    Composite(LOOK, "divided by d instead of √d", {"scaled": times(0.5)}),
    Composite(LOOK, "the causal mask left out", {}, {"causal": False}),
    Composite(LOOK, "the causal mask one off", {"weights": ahead}),
    Composite(
        LOOK,
        "softmax over the queries",
        {"weights": lambda use, kind, given, _: use("softmax", use("causal_mask", given[0]), axis=-2)},
    ),
    Composite(LOOK, "the scores themselves as weights", {"weights": first}),
    Composite(LOOK, "the softmax is not differentiated", {"weights": detached}),
    Composite(
        MASKED,
        "the mask the other way round",
        {"weights": lambda use, kind, given, _: use(kind, given[0], use("sub", 1.0, given[1]))},
    ),
    Composite(BIASED, "what is added left out", {"biased": first}),
    Composite(
        GROUPED,
        "the heads of the keys one after the other, not in groups",
        {"k_heads": lambda use, kind, given, _: use("repeat", given[0], repeats=(2, 1, 1))},
    ),
    Composite(MASKED, "the mask left out", {"weights": lambda use, kind, given, _: use("softmax", given[0])}),
    Composite(
        LINEAR, "the bias added twice", {"y": lambda use, kind, given, _: use("add", use(kind, *given), given[2])}
    ),
    Composite(LINEAR, "the bias left out", {"y": lambda use, kind, given, _: use("matmul", *given[:2])}),
    Composite(IMAGE, "no padding at the end", {"padded": instead("pad", pad_width=((0, 0), (0, 0), (2, 0), (2, 0)))}),
    Composite(IMAGE, "padding with 1 instead of 0", {"padded": instead("pad", value=1.0)}),
    Composite(
        IMAGE,
        "the kernel flipped",
        {
            "y": lambda use, kind, given, settings: use(
                kind, given[0], use("slice", given[1], index="[:, :, ::-1, ::-1]"), given[2], **settings
            )
        },
    ),
    Composite(
        GROUPS,
        "the groups of the weight exchanged",
        {
            "weight_groups": lambda use, kind, given, settings: use(
                "slice", use(kind, *given, **settings), index="[::-1]"
            )
        },
    ),
    Composite(
        SPREAD,
        "the groups of x exchanged",
        {"x_groups": lambda use, kind, given, settings: use("slice", use(kind, *given, **settings), index="[:, ::-1]")},
    ),
    Composite(
        SPREAD, "the bias left out", {"y_groups": lambda use, kind, given, settings: use(kind, *given[:2], **settings)}
    ),
    Composite(VOLUME, "the taps along depth in reverse", {"y": reversed_taps}),
    Composite(SAME, "the larger padding before", {"padded": instead("pad", pad_width=((0, 0), (0, 0), (2, 1)))}),
    Composite(LINE, "the groups of x exchanged", {"x_groups": exchanged}),
    Composite(BLOCK, "the groups of x exchanged", {"x_groups": exchanged}),
    Composite(
        RNN, "the hidden state read twice", {"sum": lambda use, kind, given, _: use(kind, use(kind, *given), given[1])}
    ),
    Composite(RNN, "sigmoid instead of tanh", {"y": instead("sigmoid")}),
    Composite(WIDE, "input and forget gate exchanged", {"i_sum": shifted(1, 2), "f_sum": shifted(0, 2)}),
    Composite(WIDE, "candidate and output gate exchanged", {"g_sum": shifted(3, 2), "o_sum": shifted(2, 2)}),
    Composite(WIDE, "the forget gate is not a sigmoid", {"f": instead("tanh")}),
    Composite(WIDE, "the new state without tanh", {"c_tanh": first}),
    Composite(WIDE, "state and output exchanged", {"y": turned}),
    Composite(WIDE, "the old state is not differentiated", {"kept": detached}),
    Composite(LOOKS, "scores that are not scaled", {"scaled": first}),
    Composite(LOOKS, "weights over the queries", {"y": instead("softmax", axis=0)}),
    Composite(HEADS, "heads cut across features", {"q_parts": across, "k_parts": across, "v_parts": across}),
    Composite(SHARED, "queries read the keys of another head", {"k_parts": heads_exchanged}),
    Composite(NARROW, "the output gate alone is projected", {"h_whole": first}),
    Composite(NARROW, "what is projected is not differentiated", {"h_whole": detached}),
    Composite(GRU, "reset and update gate exchanged", {"r_x": shifted(1, 2), "z_x": shifted(0, 2)}),
    Composite(
        GRU,
        "the update gate the other way round",
        {"z": lambda use, kind, given, _: use("sub", 1.0, use(kind, *given))},
    ),
    Composite(GRU, "the reset gate left out", {"n_reset": lambda use, kind, given, _: given[1]}),
    Composite(GRU, "the candidate without tanh", {"n": first}),
)
