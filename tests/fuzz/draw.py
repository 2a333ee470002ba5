"""What is drawn: hostile words, broken files, command lines. Each is a function of a `random.Random`."""

from __future__ import annotations

import copy
import io
import json
import random
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from bptui.model.source.examples import FOLDER

WORDS = [
    "", " ", "0", "-1", "1", "2.5", "1e999", "-0", "nan", "inf", "9" * 30, "9" * 400, "0x10", "1_000", "true",
    "none", "None",
    "x", "w", "layer1", "layer1.z", "layer1.weight[0,1]", "layer1.z[9,9]", "loss", "L", "end", "start", "50%",
    "101%", "*",
    "[", "]", "[[", "[1,", "{", "}", "(", ")", "((((", "grad(w)", "a.b.c", "..", ".", "/", "~", "~nobody1/x.txt",
    "/dev/null",
    "/dev/zero", "/proc/self/mem", "/", "--", "-", "-x", "--json", "'", '"', "\\", "#", ";", "=", "==", "a=b",
    "x=1", "=1",
    "\x1b]52;c;ZXZpbA==\x07", "\x1b[2J", "\x00", "\x7f", "\x9b", "\u202e", "\ud800", "\u2028", "é", "∂", "日本", "😀",
    "\n",
    "\r\n", "\t", "x" * 1000, "[" * 1000, "(" * 200, ".".join("a" * 500), "if", "if loss", "if loss <", "loss < 0.5",
    "x @", "@", "**", "x**x**x", "9**9**9", "1/0", "0/0", "sqrt(-1)", "__import__('os')", "lambda: 0", "f'{x}'",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3, 1.5, -0.0, 1e308, 1e-320, 10**18, 10**19, 10**200, float("nan"),
    float("inf"), "", "x",
    "relu", "dense", "\x1b[2J", "\u202e", "x" * 5000, [], {}, [[]], [[1], [2, 3]], [None], ["a", 1], {"kind": "relu"},
    {"kind": None}, {"a": {"b": {}}}, [0] * 1000, [[0, 1], [1, 0]], [[[[1]]]], {"kind": "normal", "std": 1e308},
    "y = x",
    "y[i] = x[i+1]", "L = sum(x)", "9**9**9", [1e400],
]  # fmt: skip
KEYS = ["", "kind", "units", "weight", "bias", "name", "x", "\x1b[2J", "k" * 300, "a.b", "inputs", "shape", "__class__"]
SMALL = ("darts", "chain", "boxes", "lesson-2-2-1", "xor", "cs231n-neuron", "two-paths", "swoosh", "lstm", "mazur")
"""Examples of which a step takes milliseconds."""


def pick(draw: random.Random, things: Any) -> Any:
    """One of some things, as a copy."""
    return copy.deepcopy(draw.choice(list(things)))


# --------------------------------------------------------------------------------------------------------- files
def table(draw: random.Random) -> dict[str, Any]:
    """The table of an example's file with a change or a few anywhere in it."""
    return changed(draw, tomllib.loads((FOLDER / f"{draw.choice(SMALL)}.toml").read_text(encoding="utf-8")))


def changed(draw: random.Random, found: dict[str, Any]) -> dict[str, Any]:
    """A table with a change or a few anywhere in it."""
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        where: Any = found
        while True:
            key = pick(draw, where.keys() if isinstance(where, dict) else range(len(where)))
            inner = where[key]
            if not isinstance(inner, dict | list) or not inner or draw.random() < 0.3:
                break
            where = inner
        change = draw.randint(0, 5)
        if change == 0:
            del where[key]
        elif change == 1 and isinstance(where, dict):
            where[pick(draw, KEYS)] = where.pop(key)
        elif change == 2 and isinstance(where, dict):
            where[pick(draw, KEYS)] = pick(draw, VALUES)
        elif change == 3 and isinstance(where[key], int | float):
            where[key] = draw.choice((0, -1, 1, 2, 7, 0.5, 1e-300, 1e300, 10**12))
        elif change == 3 and isinstance(where, list):
            where.extend([where[key]] * draw.choice((1, 2, 50)))
        else:
            where[key] = pick(draw, VALUES)
        if not found:
            break
    return found


def toml(draw: random.Random) -> str:
    """The text of an example's file, cut, doubled, and with foreign characters in it."""
    text = (FOLDER / f"{draw.choice(SMALL)}.toml").read_text(encoding="utf-8")
    for _ in range(draw.randint(1, 5)):
        at = draw.randrange(len(text) + 1)
        change = draw.randint(0, 4)
        if change == 0:
            text = text[:at] + text[at + draw.randint(1, 40) :]
        elif change == 1:
            text = text[:at] + draw.choice(WORDS) + text[at:]
        elif change == 2:
            lines = text.split("\n")
            line = draw.randrange(len(lines))
            lines[line : line + 1] = [lines[line]] * draw.choice((0, 2, 30))
            text = "\n".join(lines)
        elif change == 3:
            text = text[:at] + draw.choice("[]{}\"'=.,#\\\n0123456789eE+-_") + text[at + 1 :]
        else:
            text = text[:at]
    return text


def network_file(draw: random.Random, folder: Path, number: int) -> Path:
    """A broken network file."""
    if draw.random() < 0.6:
        path = folder / f"n{number}.json"
        path.write_text(json.dumps(table(draw)), encoding="utf-8")
    else:
        path = folder / f"n{number}.toml"
        path.write_bytes(toml(draw).encode("utf-8", "surrogatepass"))
    return path


# ---------------------------------------------------------------------------------------------------- data files
CELLS = [
    "1",
    "0",
    "-2.5",
    "1e3",
    "",
    "?",
    "NA",
    "nan",
    "inf",
    "1e999",
    "x",
    '"1"',
    '"a,b"',
    '"',
    "1 2",
    "\x00",
    "\x1b[2J",
    "é",
]


def csv_bytes(draw: random.Random) -> bytes:
    """A table that may have anything in its cells, and any width in a row."""
    width, odd, end = draw.randint(1, 5), draw.choice((0, 0.02, 0.3)), draw.choice(("\n", "\r\n", "\r"))
    separator = draw.choice(",,,;\t| ")
    rows = []
    if draw.random() < 0.5:
        rows.append([draw.choice((*WORDS, "a", "b")) for _ in range(width)])
    for _ in range(draw.choice((0, 1, 3, 20))):
        if draw.random() < odd / 3:
            rows.append([draw.choice(("# no row", "#", "  #x", '"', "1,5;2"))])
        wide = draw.randint(0, 6) if draw.random() < odd else width
        rows.append([draw.choice(CELLS) if draw.random() < odd else f"{draw.gauss(0, 1):.3f}" for _ in range(wide)])
    text = end.join(separator.join(row) for row in rows)
    return draw.choice((b"", b"", b"\xef\xbb\xbf", b"\xff\xfe")) + text.encode("utf-8", "surrogatepass")


def npz_bytes(draw: random.Random) -> bytes:
    """An archive with arrays of any kind, perhaps broken."""
    arrays: list[Any] = [
        np.ones((4, 2)), np.ones((4, 1)), np.zeros(0), np.zeros((0, 2)), np.array("text"), np.ones(4, np.complex128),
        np.array([np.nan, 1]), np.ones((4, 2), np.float16), np.ones((2,) * 20), np.array(["a", "b"]), np.ones(4,
    bool),
        np.array(0), np.zeros(4, "M8[s]"), np.zeros(4, [("a", "f8")]),
    ]  # fmt: skip
    names = ("inputs", "targets", "inputs", "targets", "x", "y", "X", "\x1b[2J", "a/b", "../x")
    made = io.BytesIO()
    np.savez(made, **{draw.choice(names): draw.choice(arrays) for _ in range(draw.randint(2, 4))})
    content = bytearray(made.getvalue())
    if draw.random() < 0.3:
        for _ in range(draw.randint(1, 30)):
            content[draw.randrange(len(content))] = draw.randrange(256)
    return bytes(content[: draw.randrange(len(content))] if draw.random() < 0.2 else content)


def data_file(draw: random.Random, folder: Path, number: int) -> Path:
    """A network file that reads a broken data file."""
    name, content = (f"d{number}.csv", csv_bytes(draw)) if draw.random() < 0.6 else (f"d{number}.npz", npz_bytes(draw))
    (folder / name).write_bytes(content)
    data: dict[str, Any] = {"file": name}
    if draw.random() < 0.2:
        data["target_columns"] = draw.choice((1, 2, 0, ["a"], ["b", "b"], [0], [], "a", [None], ["\x1b"] * 30_000))
    if draw.random() < 0.2:
        data[draw.choice(("separator", "decimal"))] = draw.choice((",", ";", " ", "|", ".", "\t", "", 3, "\n", '"'))
    if draw.random() < 0.15:
        data[draw.choice(("scale", "shape", "batch_size", "seed", "text"))] = pick(draw, VALUES)
    content = {
        "data": data,
        "layers": [{"kind": "dense", "units": 1}],
        "loss": {"kind": draw.choice(("mse", "cross_entropy", "hinge"))},
    }
    path = folder / f"f{number}.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


STATE = {"0.weight": [[0.1, 0.2], [0.3, 0.4]], "0.bias": [0.0, 0.1], "2.weight": [[1.0, 2.0]], "2.bias": [0.5]}
NAMES = (*STATE, "0.kernel", "1.weight", "0", ".", "", "a" * 300, "0.weight_ih_l0", "0.weight_ih_l" + "9" * 40,
         "0.in_proj_weight", "0.out_proj.weight", "\x1b[2J.weight", "0/weight:0", "0.num_batches_tracked")  # fmt: skip


def weights_bytes(draw: random.Random, form: str) -> bytes:
    """A file of weights, broken in its names, its numbers or its bytes."""
    tensors: dict[str, Any] = dict(STATE)
    for _ in range(draw.choice((0, 1, 1, 2, 3))):
        name = draw.choice(list(tensors) or [""])
        value = tensors.pop(name, None)
        if draw.random() < 0.6:
            tensors[draw.choice(NAMES)] = value if draw.random() < 0.5 else pick(draw, VALUES)
    if form == ".json":
        content = bytearray(json.dumps(tensors).encode())
    else:
        plain = {name: np.asarray(value) for name, value in STATE.items()}
        for name in list(tensors.keys() - plain.keys()):
            plain[name.replace("\x00", "")] = draw.choice(
                (np.ones((2, 2)), np.ones(0), np.array("a"), np.array(np.nan))
            )
        made = io.BytesIO()
        if form == ".npz":
            np.savez(made, **plain)
        else:
            header = {name: {"dtype": "F64", "shape": [1, 1], "data_offsets": [8 * n, 8 * n + 8]}
                      for n, name in enumerate(plain)}  # fmt: skip
            text = json.dumps(header).encode()
            made.write(len(text).to_bytes(8, "little") + text + b"\0" * 8 * len(plain))
        content = bytearray(made.getvalue())
    for _ in range(draw.choice((0, 0, 1, 20))):
        content[draw.randrange(len(content))] = draw.randrange(256)
    return bytes(content[: draw.randrange(len(content))] if draw.random() < 0.15 else content)


def weights_file(draw: random.Random, folder: Path, number: int) -> Path:
    """A network file that reads a broken file of weights."""
    form = draw.choice((".json", ".npz", ".safetensors", ".pt"))
    (folder / f"w{number}{form}").write_bytes(weights_bytes(draw, form))
    layers: list[Any] = [{"kind": "dense", "units": 2}, {"kind": "dense", "units": 1}]
    if draw.random() < 0.2:
        layers = [{"kind": draw.choice(("attention", "lstm", "batch_norm", "flatten", "embedding")), "units": 2}]
    content = {
        "data": {"inputs": [[0, 1], [1, 0]], "targets": [[0], [1]]},
        "layers": layers,
        "loss": {"kind": "mse"},
        "weights": f"w{number}{form}" if draw.random() < 0.9 else pick(draw, VALUES),
        "weight_layout": draw.choice(("in_out", "out_in")),
    }
    path = folder / f"v{number}.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


# -------------------------------------------------------------------------------------------- models of elsewhere
KERAS = {"class_name": "Sequential", "config": {"name": "s", "layers": [
    {"class_name": "InputLayer", "config": {"batch_shape": [None, 8, 8, 3]}},
    {"class_name": "Conv2D", "config": {"filters": 4, "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid",
     "activation": "relu", "kernel_initializer": {"class_name": "HeNormal", "config": {}}}},
    {"class_name": "MaxPooling2D", "config": {"pool_size": [2, 2]}}, {"class_name": "Flatten", "config": {}},
    {"class_name": "LSTM", "config": {"units": 3, "activation": "tanh"}},
    {"class_name": "Bidirectional", "config": {"layer": {"class_name": "GRU", "config": {"units": 2}}}},
    {"class_name": "BatchNormalization", "config": {"momentum": 0.99, "epsilon": 0.001}},
    {"class_name": "Dense", "config": {"units": 2, "activation": "softmax"}}]},
    "compile_config": {"loss": "mse", "optimizer": {"class_name": "Adam", "config": {"learning_rate": 0.01}}},
}  # fmt: skip
PRINTED = """\
Net(
  (a): Sequential(
    (0): Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1), padding=same)
    (1): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
  )
  (rnn): LSTM(4, 3, num_layers=2, batch_first=True, bidirectional=True)
  (norm): LayerNorm((6,), eps=1e-05, elementwise_affine=True)
  (fc): Linear(in_features=6, out_features=2, bias=True)
)
"""
PROGRAM = """\
import torch, torch.nn as nn, torch.nn.functional as F
hidden = 3*2
class Net(nn.Module):
    def __init__(self, n=4):
        super().__init__()
        self.a = nn.Sequential(nn.Linear(n, hidden), nn.ReLU())
        self.lstm = nn.LSTM(hidden, 3, batch_first=True)
        self.b = nn.Linear(3, 2, bias=False)
    def forward(self, x):
        x = F.dropout(self.a(x), 0.5, self.training)
        out, h = self.lstm(x)
        x = out[:, -1].relu()
        return self.b(x.view(x.size(0), -1))
loss = nn.CrossEntropyLoss(); opt = torch.optim.Adam(Net().parameters(), lr=1e-3)
"""


def model_file(draw: random.Random, folder: Path, number: int) -> Path:
    """A model of Keras or PyTorch with something odd in it."""
    kind = draw.choice(("json", "txt", "py"))
    if kind == "json":
        text = json.dumps(changed(draw, copy.deepcopy(KERAS)))
    else:
        text = PRINTED if kind == "txt" else PROGRAM
        for _ in range(draw.randint(1, 3)):
            found = list(re.finditer(r"\w+|[=(),.*:]", text))
            at = draw.choice(found) if found else None
            words = (*WORDS, "None", "x", "self", "nn.Linear", "-1", "2**99999", "[0]", "lambda", "((", "\n", "10**10")
            text = text[: at.start()] + draw.choice(words) + text[at.end() :] if at else text
    path = folder / f"m{number}.{kind}"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


# ------------------------------------------------------------------------------------------------- command lines
SHELL = [
    "run",
    "eval",
    "convert",
    "trace",
    "check",
    "explain",
    "examples",
    "info",
    "learn",
    "diff",
    "--help",
    "--version",
    "help",
]
OPTIONS = [
    "--json", "--steps", "--at", "--formula", "--values", "--train", "--lr", "--plain", "--ascii", "--theme", "-x",
    "-ex", "--weights", "--weight-layout", "--optimizer", "--dtype",
    "--batch", "--no-color", "--format", "--help", "--nosuch",
]  # fmt: skip
ARGUMENTS = [
    *SMALL, "L = (y - w*x)**2", "L = sum(x)", "x=2", "y=[1,2]", "w=0.5", "x=[[1,2],[3,4]]", "x=[]", 'x="a"',
    "x={}", "x=null", "3",
    "100", "w,b", "layer1.z[0,0]", "loss", "latex", "markdown", "dark", "s", "break loss", "continue", "info network",
]  # fmt: skip


def words(draw: random.Random) -> list[str]:
    """A command line of the shell, mostly with a command, some options and arguments, some of them hostile."""
    found = [draw.choice(SHELL) if draw.random() < 0.95 else draw.choice(WORDS)]
    for _ in range(draw.randint(0, 6)):
        kind = draw.random()
        found.append(draw.choice(ARGUMENTS if kind < 0.45 else OPTIONS if kind < 0.75 else WORDS))
    return [*found, "--batch"] if found[0] in ("run", "eval") else found


def line(draw: random.Random, commands: list[str]) -> str:
    """A command of the debugger with arguments, some of them hostile, or a hostile text alone."""
    count = draw.choice((0, 0, 1, 1, 1, 2, 3))
    arguments = [draw.choice(WORDS if draw.random() < 0.6 else ARGUMENTS) for _ in range(count)]
    return " ".join([draw.choice(commands) if draw.random() < 0.93 else draw.choice(WORDS), *arguments])
