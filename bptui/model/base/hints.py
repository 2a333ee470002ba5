"""What somebody who knows PyTorch, NumPy or a blackboard writes in a formula by habit, and how it is written here."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from bptui.model.base.errors import did_you_mean

LAYERS: Mapping[str, str] = {
    "Linear": "x @ W + b", "Conv1d": "conv1d(x, W, b)", "Conv2d": "conv2d(x, W, b)",
    "ConvTranspose2d": "conv_transpose2d(x, W, b)", "MaxPool2d": "max_pool2d(x, 2)", "AvgPool2d": "avg_pool2d(x, 2)",
    "BatchNorm1d": "batch_norm(x, gamma, beta)", "BatchNorm2d": "batch_norm(x, gamma, beta)",
    "LayerNorm": "layer_norm(x, gamma, beta)", "RMSNorm": "rms_norm(x, gamma)", "Embedding": "table[labels]",
    "ReLU": "relu(x)", "LeakyReLU": "leaky_relu(x)", "ELU": "elu(x)", "SELU": "selu(x)", "GELU": "gelu(x)",
    "SiLU": "silu(x)", "Mish": "mish(x)", "Sigmoid": "sigmoid(x)", "Tanh": "tanh(x)", "Softplus": "softplus(x)",
    "Softmax": "softmax(x, axis=-1)", "LogSoftmax": "log_softmax(x, axis=-1)", "Flatten": "reshape(x, shape=…)",
    "MSELoss": "mse(a, y)", "L1Loss": "mae(a, y)", "HuberLoss": "huber(a, y)", "SmoothL1Loss": "smooth_l1(a, y)",
    "CrossEntropyLoss": "cross_entropy(z, labels)", "NLLLoss": "nll(z, labels)", "BCELoss": "bce(p, y)",
    "BCEWithLogitsLoss": "bce_with_logits(z, y)", "KLDivLoss": "kl_div(p, q)", "CTCLoss": "ctc(log_probs, labels)",
    "GaussianNLLLoss": "gaussian_nll(a, y, var)", "PoissonNLLLoss": "poisson_nll(a, y)",
    "TripletMarginLoss": "triplet_margin(anchor, positive, negative)",
    "TripletMarginWithDistanceLoss": "margin_ranking(far, near, 1, margin=1)",
    "MarginRankingLoss": "margin_ranking(x1, x2, y)", "CosineEmbeddingLoss": "cosine_embedding(x1, x2, y)",
    "HingeEmbeddingLoss": "hinge_embedding(x, y)", "MultiLabelSoftMarginLoss": "multilabel_soft_margin(z, y)",
    "PairwiseDistance": "pairwise_distance(a, b)",
    "MultiheadAttention": "multi_head_attention(q, k, v, w_q, w_k, w_v, w_o, heads=2)",
    "Sequential": "one line for each layer", "ModuleList": "one line for each layer",
}  # fmt: skip
"""PyTorch's modules: in a formula the weights are values with names of their own."""
TRAINING = frozenset({
    "backward", "step", "zero_grad", "detach", "cpu", "cuda", "to", "numpy", "clone", "contiguous", "requires_grad_",
    "train", "eval", "float", "double", "tolist", "no_grad", "parameters",
})  # fmt: skip
"""Methods that are no part of a formula: that is what the debugger does, step by step."""
METHODS: Mapping[str, str] = {
    "view": "write reshape(x, shape=(2, 3))", "reshape": "write reshape(x, shape=(2, 3))",
    "flatten": "write reshape(x, shape=(…))", "permute": "write transpose(x, axes=(1, 0))", "t": "write x.T",
    "size": "sizes are written as numbers", "shape": "sizes are written as numbers", "ndim": "it is known",
    "dot": "write a @ b", "mm": "write a @ b", "bmm": "write a @ b", "item": "leave it out",
    "reduce_sum": "write sum(x)", "reduce_mean": "write mean(x)", "reduce_max": "write max(x)",
    "tensor": "give it as a value: a=[1, 2]", "array": "give it as a value: a=[1, 2]",
    "zeros": "give it as a value: a=[0, 0]", "ones": "give it as a value: a=[1, 1]",
    "unsqueeze": "write reshape(x, shape=(…))", "squeeze": "write reshape(x, shape=(…))", "mT": "write transpose(x)",
    "data": "leave it out", "grad": "the gradient is what bptui shows: leave it out",
}  # fmt: skip
CALLS: Mapping[str, str] = {
    "print": "bptui shows every value", "len": "sizes are written as numbers", "range": "write the terms out",
    "Variable": "give it as a value", "tensor": "give it as a value: a=[1, 2]", "float": "leave it out",
    "int": "leave it out", **dict.fromkeys(("grad", "diff", "derivative", "D", "gradient"), "write d(u, x)"),
}  # fmt: skip
KINDS: Mapping[str, str] = {
    "Compare": "there are < <= == != >= >",
    "IfExp": "where(x > 0, a, b)", "List": "give it as a value: a=[1, 2]",
    "ListComp": "write the terms out", "Import": "leave it out: every operation is there by its name",
    "ImportFrom": "leave it out: every operation is there by its name", "For": "write the steps out, a line each",
    "While": "write the steps out, a line each", "FunctionDef": 'write f = op("y = x*x")',
    "Lambda": 'write f = op("y = x*x")', "With": "leave it out", "Dict": "give values by name",
    "AugAssign": "a new name: a2 = a + 1",
}  # fmt: skip
"""Parts of Python that formulas do not have, and what does the same."""
CHARACTERS: Mapping[str, str] = {
    "−": "-", "–": "-", "·": "*", "×": "*", "∗": "*", "⋅": "*", "÷": "/", "√": "sqrt(x)", "²": "**2", "³": "**3",
    "“": "no quotes", "”": "no quotes", "‘": "no quotes", "’": "x.T", "∑": "sum(x)", "Σ": "sum(x)", "≥": ">=",
    "≤": "<=", "→": "=", "∞": "inf", "½": "0.5", "⊤": ".T", "\N{FULLWIDTH EQUALS SIGN}": "=", "⊙": "*",
}  # fmt: skip
FUNCTIONS = frozenset({
    "exp", "log", "sqrt", "abs", "sin", "cos", "tan", "sinh", "cosh", "tanh", "erf", "sign", "floor", "round", "sum",
    "mean", "max", "min", "relu", "sigmoid", "softmax",
})  # fmt: skip
"""What a blackboard writes without brackets: sin x."""
EXAMPLE = "for example L = (y - w*x)**2"


_SAID = (
    (r"'(.)' was never closed", "{0} is never closed"),
    (r"closing parenthesis '(.)' does not match opening parenthesis '(.)'", "{1} is closed by {0}"),
    (r"unmatched '(.)'", "{0} closes nothing"),
    (r"string literal|f-string|EOF", "a text in quotes has no end"),
    (r"leading zeros", "a number begins with 0"),
    (r"(?:decimal|hexadecimal|octal|binary) literal|digit", "a number runs into letters"),
    (r"assign|target", "what stands before = is no name"),
    (r"expected 'else'", "an if without else"),
    (r"positional argument", "a value stands behind a setting"),
    (r"repeated", "a setting stands twice"),
    (r"null byte", "it has a character 0"),
)
"""What Python's parser says, and how it is said here: a formula is no program."""


def misspelt(line: str, column: int, message: str, example: str = EXAMPLE) -> tuple[str, str]:
    """(what is wrong, what would be right) of a line that Python's parser does not take; `column` from 1,
    `example`: what is right there, where nothing better can be said."""
    rest = line[column - 1 :]
    if found := re.search(r"invalid (?:non-printable )?character '?(.)?", message):
        sign = found[1] or ""
        right = f"write {CHARACTERS[sign]}".replace("write no", "no") if sign in CHARACTERS else example
        return f"{sign or 'a sign'} is no part of it", right
    what = f"it cannot go on with {rest.split()[0][:20]}" if rest.strip() else "it stops too early"
    for pattern, said in _SAID:
        if found := re.search(pattern, message):
            what = said.format(*found.groups())
            break
    if "never closed" in message:
        closing = {"(": ")", "[": "]", "{": "}"}.get(rest[:1], ")")
        return what, f"a {closing} is missing"
    if "unmatched" in message:
        return what, f"one {rest[:1] or ')'} too many"
    if "decimal literal" in message:
        return what, "write 2*x for 2x"
    if not rest.strip() and (cut := re.search(r"(\*\*|[-+*/@=,^<>])\s*(?:#.*)?$", line)):
        return f"nothing comes after {cut[1]}", example
    if re.search(r"(?<![|])\|[^|]+\|", line):
        return what, "write abs(x) for |x|"
    if ":=" in line:
        return what, "write = for :="
    before, after = line[: column - 1], rest.split()
    if "comma" in message:
        before, after = f"{after[0]} ", after[1:]
    if after and after[0][0].isalnum() and re.search(r"[\w)\]]\s+$", before[-10:]):
        first, second = before.split()[-1][-20:], after[0][:20]
        right = "write * for a product, a new line or ; for a new statement"
        if (word := re.search(r"[a-z]+$", first)) and word[0] in FUNCTIONS:
            right = f"functions are written {word[0]}({second})"
        return f"nothing stands between {first} and {second}", right
    return what, example


def attribute(name: str, known: Mapping[str, str]) -> str:
    """What is written for `.name`, or `.name(…)`. `known`: operations, and how each is called."""
    if name in METHODS:
        return METHODS[name]
    if name in TRAINING:
        return "leave it out: the backward pass and the updates are what bptui shows"
    if name in LAYERS:
        return layer(name)
    if name in known:
        return f"write {known[name]}"
    return did_you_mean(name, known, "functions are written f(x); only x.T has a dot")


def layer(name: str) -> str:
    """What is written for a module of PyTorch."""
    return f"write {LAYERS[name]}; layers with weights of their own are in network files"


def module(node: ast.expr) -> str:
    """The name of PyTorch's module in `nn.Linear(3, 4)`, where it is one; else nothing."""
    function = node.func if isinstance(node, ast.Call) else node
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name if name in LAYERS else ""
