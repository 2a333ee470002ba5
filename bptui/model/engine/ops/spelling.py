"""Other libraries' words for what is here: arguments are taken, operations are told.

`sum(x, dim=1, keepdim=True)` is `sum(x, axis=1, keepdims=True)`; of `clamp` the message says that it is `clip` here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bptui.model.base.errors import did_you_mean

ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "dim": ("axis", "axes"), "dims": ("axes", "axis"), "axis": ("axes",), "axes": ("axis",), "keepdim": ("keepdims",),
    "ddof": ("correction",), "input": ("x", "logits", "log_probs", "probs", "prediction", "scores", "a"),
    "target": ("labels",), "labels": ("target",), "other": ("b",), "condition": ("c",), "index": ("i",),
    "dim1": ("axis1",), "dim2": ("axis2",), "input1": ("a",), "input2": ("b",), "x1": ("a",), "x2": ("b",),
    "source": ("src",), "indices": ("i",), "query": ("q",), "key": ("k",), "value": ("v",), "attn_mask": ("mask",),
    "is_causal": ("causal",), "dropout_p": ("dropout", "p"), "num_groups": ("groups",), "num_heads": ("heads",),
    "feature_group_count": ("groups",), "ceil": ("ceil_mode",), "a_min": ("min",), "a_max": ("max",),
    "size": ("shape",),
    "upscale_factor": ("factor",), "downscale_factor": ("factor",), "newshape": ("shape",),
    "slope": ("negative_slope",), "threshold": ("lambd", "delta"),
}  # fmt: skip
"""PyTorch's, NumPy's and JAX's words → the words here, of which an operation has at most one."""

OPERATIONS: Mapping[str, str] = {
    "absolute": "abs", "amax": "max", "amin": "min", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin",
    "arcsinh": "asinh", "arctan": "atan", "arctan2": "atan2", "arctanh": "atanh",
    "argsort": "sort", "astype": "cast", "binary_cross_entropy": "bce",
    "binary_cross_entropy_with_logits": "bce_with_logits", "binary_crossentropy": "bce", "bmm": "matmul",
    "cat": "concat", "categorical_crossentropy": "cross_entropy", "clamp": "clip", "concatenate": "concat",
    "divide": "div", "dot": "matmul", "eq": "equal", "expand": "broadcast_to", "expand_dims": "reshape",
    "flatten": "reshape", "ge": "greater_equal", "gt": "greater", "hinge_loss": "hinge", "huber_loss": "huber",
    "im2col": "unfold", "col2im": "fold",
    "index_select": "take", "select": "slice", "mv": "matmul", "ctc_loss": "ctc", "expit": "sigmoid",
    "clamp_min": "clip", "clamp_max": "clip", "log_sum_exp": "logsumexp",
    "kl_div_loss": "kl_div", "l1_loss": "mae", "le": "less_equal", "log_loss": "bce",
    "logsigmoid": "log_sigmoid", "lt": "less", "mean_squared_error": "mse", "mm": "matmul", "mse_loss": "mse",
    "multi_margin_loss": "multi_margin", "multiply": "mul", "ne": "not_equal", "negative": "neg", "nll_loss": "nll",
    "no_grad": "detach", "permute": "transpose", "relu_6": "relu6", "rint": "round",
    "sdpa": "scaled_dot_product_attention", "smooth_l1_loss": "smooth_l1", "soft_margin_loss": "soft_margin",
    "sparse_categorical_crossentropy": "cross_entropy", "squeeze": "reshape", "stop_gradient": "detach",
    "subtract": "sub", "swish": "silu", "take_along_axis": "gather", "take_along_dim": "gather", "tile": "repeat",
    "unsqueeze": "reshape", "vdot": "matmul", "view": "reshape",
    "cosine_embedding_loss": "cosine_embedding", "focal_loss": "focal", "gaussian_nll_loss": "gaussian_nll",
    "hinge_embedding_loss": "hinge_embedding", "logcosh": "log_cosh", "margin_ranking_loss": "margin_ranking",
    "mean_absolute_percentage_error": "mape", "multilabel_soft_margin_loss": "multilabel_soft_margin",
    "poisson_nll_loss": "poisson_nll", "sigmoid_focal_loss": "sigmoid_focal", "triplet_margin_loss": "triplet_margin",
    "triplet_margin_with_distance_loss": "margin_ranking",
    "inverse": "inv", "ravel": "reshape", "reshape_as": "reshape", "inner": "matmul", "sgn": "sign", "msort": "sort",
    "float_power": "power", "gammaln": "lgamma", "vector_norm": "norm", "frobenius_norm": "norm", "tensordot": "einsum",
    "fliplr": "flip", "flipud": "flip", "upsample": "interpolate", "upsample_bilinear": "interpolate",
    **dict.fromkeys(("hstack", "vstack", "dstack", "column_stack", "row_stack", "concatenate"), "concat"),
    **dict.fromkeys(("hsplit", "vsplit", "dsplit", "array_split"), "split"),
}  # fmt: skip
"""Other libraries' names of operations → the names here."""

ABSENT: Mapping[str, str] = {
    **dict.fromkeys(
        ("LSTM", "GRU", "RNN", "lstm", "gru", "rnn"),
        "over all positions y, h, c = lstm(x, w_ih, w_hh), y, h = gru(…), rnn(…); one step: lstm_cell, …",
    ),
    **dict.fromkeys(
        ("svd", "svdvals", "qr", "lu", "eig", "eigh", "eigvals", "eigvalsh", "pinv", "pinverse", "lstsq"),
        "of matrices there are cholesky, solve, inv, det, logdet, singular_norm",
    ),
    **dict.fromkeys(
        ("sgd", "adam", "adamw", "adagrad", "adadelta", "adamax", "nadam", "radam", "rmsprop", "rprop",
         "asgd", "lbfgs", "lion", "muon"),
        "optimizers are no operations: --optimizer, or a network's [optimizer]",
    ),
    **{
        word: f"write {formula}"
        for word, formula in {
            "log2": "log(x)/log(2)", "log10": "log(x)/log(10)", "exp2": "2**x", "logit": "log(x/(1 - x))",
            "frac": "x - trunc(x)", "fmod": "a - b*trunc(a/b)", "remainder": "a - b*floor(a/b)",
            "mod": "a - b*floor(a/b)", "hypot": "sqrt(a**2 + b**2)", "lerp": "a + w*(b - a)", "softmin": "softmax(-x)",
            "diag": "diagonal(a), or diag_embed(x)", "xlog1py": "xlogy(a, 1 + b)", "entr": "-xlogy(x, x)",
            "threshold": "where(x > t, x, v)", "heaviside": "where(x == 0, v, x > 0)",
            "addmm": "c + a @ b", "addmv": "c + a @ b", "baddbmm": "c + a @ b", "std_mean": "std(x) and mean(x)",
            "dist": "norm(a - b)", "addcmul": "a + v*b*c", "addcdiv": "a + v*b/c", "addr": "c + outer(a, b)",
            "ger": "outer(a, b)", "addbmm": "c + sum(a @ b, axis=0)", "copysign": "abs(a)*sign(b)", "rsub": "b - a",
            "rad2deg": "x*57.29577951308232", "deg2rad": "x*0.017453292519943295", "ldexp": "a*2**b",
            "erfcx": "exp(x**2)*erfc(x)", "signbit": "x < 0", "isneginf": "x == -inf", "isposinf": "x == inf",
            "matrix_power": "x @ x", "channel_shuffle": "reshape and transpose", "aminmax": "min(x) and max(x)",
            "var_mean": "var(x) and mean(x)", "kron": 'einsum(a, b, equation="ij,kl->ikjl") and reshape',
        }.items()
    },
    **dict.fromkeys(
        ("rand", "randn", "randint", "random", "normal", "bernoulli", "multinomial", "poisson", "gumbel_softmax",
         "arange", "linspace", "logspace", "eye"),
        "it is not computed here: give its numbers as a value",
    ),
    **dict.fromkeys(
        ("all", "any", "isin", "argwhere", "nonzero", "matrix_exp", "matrix_rank", "nuclear_norm", "cond", "renorm",
         "igamma", "igammac", "gammainc", "gammaincc", "frexp", "nextafter", "ndtri", "log_ndtr", "polar", "pdist",
         "vander", "fftn", "ifftn", "rfftn", "irfftn", "hfft", "ihfft", "istft", "affine_grid", "max_unpool1d",
         "max_unpool2d", "max_unpool3d", "fractional_max_pool2d", "fractional_max_pool3d", "masked_select",
         "masked_scatter", "select_scatter", "slice_scatter", "diagonal_scatter", "index_fill", "segment_reduce"),
        "there is none here; docs/operations.md lists what there is",
    ),
    **dict.fromkeys(
        ("median", "quantile", "mode", "cummax", "cummin", "cross", "sinc", "i0", "erfinv", "stft", "fftshift",
         "nansum", "nanmean", "bincount", "histc", "searchsorted", "grid_sample", "cov", "corrcoef", "trapz",
         "trapezoid", "zeta", "isclose", "allclose", "multigammaln", "mvlgamma", "logaddexp2", "rot90", "cdf"),
        "there is none here; docs/operations.md lists what there is",
    ),
}  # fmt: skip
"""What there is not, although a word that is looks like it, and what does the same: known words are no slips."""


def spelled(word: str, known: Collection[str]) -> str:
    """The name of an argument as this operation has it; the word itself where it has none like it."""
    if word in known:
        return word
    return next((name for name in ARGUMENTS.get(word, ()) if name in known), word)


def nearest(word: str, known: Collection[str], otherwise: str = "") -> str:
    """What is said of an operation that is not there."""
    here = OPERATIONS.get(word)
    absent = ABSENT.get(word, ABSENT.get(word.lower()))  # PyTorch's optimizers are classes: SGD, Adam, LBFGS
    if absent and word not in known:
        return absent
    return f"it is {here} here" if here in known else did_you_mean(word, known, otherwise)
