"""The one error that a user sees: where, what is wrong, and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple

from bptui.model.base.printable import MAX_LINE, one_line


class Part(NamedTuple):
    """A place, from 1, inside of a text that itself stands somewhere: in a formula, or in a file."""

    text: str
    line: int
    column: int


class UserError(Exception):
    """Bad input, told in one line: `WHERE: what is wrong (what would be right)`.

    Raised for anything that came from a user (a formula, a file, a flag, a command); the shell prints
    it as `bptui: error: …` and exits with 2, the screen shows it in the command line. Everything else
    that is raised is a defect of bptui. `part` says more closely where, inside of a text that `where` names.
    The line is printable and has at most `MAX_LINE` characters, whatever a user's text that it quotes holds.
    """

    def __init__(self, where: str, what: str, right: str = "", part: Part | None = None) -> None:
        self.where, self.what, self.right, self.part = where, what, right, part
        line = f"{one_line(where, 140)}: {one_line(what, 200)}"
        if right:
            line += f" ({one_line(right, MAX_LINE - len(line) - 3)})"
        super().__init__(line)


def as_user_error(problem: BaseException) -> UserError:
    """The problem itself where it is one of a user's; a defect of bptui, in one line, where it is any other."""
    if isinstance(problem, UserError):
        return problem
    return UserError("a defect of bptui", f"{type(problem).__name__}: {problem}")


def reason(problem: Exception) -> str:
    """What the system says of an error, without its number; of any other what it says itself."""
    return str(getattr(problem, "strerror", None) or problem)


ELSEWHERE = {
    "lr": "learning_rate", "eta": "learning_rate", "linear": "dense", "fc": "dense", "fully_connected": "dense",
    "out_features": "units", "features": "units", "neurons": "units", "size": "units", "dim": "axis",
    "out_channels": "channels", "filters": "channels", "num_heads": "heads", "n_heads": "heads", "act": "activation",
    "nonlinearity": "activation", "initializer": "init", "epochs": "steps", "iterations": "steps", "x": "inputs",
    "y": "targets", "labels": "targets", "loss_fn": "loss", "criterion": "loss", "l1": "mae", "l2": "mse",
    "ln": "log", "avg": "mean", "average": "mean", "logistic": "sigmoid", "σ": "sigmoid", "dot": "matmul",
    "mm": "matmul", "bmm": "matmul", "elementwise_max": "maximum", "max_pool": "max_pool2d", "maxpool": "max_pool2d",
    "conv": "conv2d", "batchnorm": "batch_norm", "layernorm": "layer_norm", "nll": "cross_entropy",
    "softmax_cross_entropy": "cross_entropy", "categorical_crossentropy": "cross_entropy",
    "binary_crossentropy": "bce", "sparse_categorical_crossentropy": "cross_entropy", "mseloss": "mse", "l1loss": "mae",
    "bceloss": "bce", "bcewithlogitsloss": "bce_with_logits", "crossentropyloss": "cross_entropy", "nllloss": "nll",
    "huberloss": "huber", "smoothl1loss": "smooth_l1", "kldivloss": "kl_div", "mean_squared_error": "mse",
    "bce_loss": "bce", "nll_loss": "nll", "mse_loss": "mse", "l1_loss": "mae", "mean_absolute_error": "mae",
    "meansquarederror": "mse", "meanabsoluteerror": "mae", "log_loss": "bce", "huber_loss": "huber",
    "leakyrelu": "leaky_relu", "swish": "silu", "exponential": "exp", "simplernn": "rnn",
    "batchnormalization": "batch_norm", "layernormalization": "layer_norm", "transformerencoderlayer": "transformer",
    "globalaveragepooling2d": "global_avg_pool", "globalmaxpooling2d": "global_max_pool", "relu": "activation",
    "softmax": "activation", "maxpooling1d": "max_pool1d", "maxpooling2d": "max_pool2d", "maxpooling3d": "max_pool3d",
    "averagepooling1d": "avg_pool1d", "averagepooling2d": "avg_pool2d", "averagepooling3d": "avg_pool3d",
    "conv1dtranspose": "conv_transpose1d", "conv2dtranspose": "conv_transpose2d",
    "conv3dtranspose": "conv_transpose3d",
}  # fmt: skip
"""What PyTorch, Keras or a textbook call it → what it is called here, where the letters do not tell."""


MAX_WORDS, MAX_WORD = 1_000, 64
"""How many words, and how much of one, are looked at: the distance of two words takes time."""


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """`did you mean 'sigmoid'?` where a known word is near, or means the same elsewhere, else `otherwise`."""
    near = nearest(word, known)
    return f"did you mean '{near}'?" if near else otherwise


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that is near, or means the same elsewhere; "" where none does."""
    words = [word for _, word in zip(range(MAX_WORDS), known, strict=False)]
    word = word[:MAX_WORD]
    near = [each for each in (word.casefold(), ELSEWHERE.get(word.casefold())) if each in words][:1]
    near = near or [known for known in words if sorted(known) == sorted(word)]  # adma: adam
    near = near or difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return near[0] if near else ""
