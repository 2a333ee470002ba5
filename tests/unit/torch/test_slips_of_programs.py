"""Slips as people make them in a PyTorch program, each beside the same program without it: the slip is named first of
all, in one captured step, and the other program is not accused."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("torch")

from bptui.model.debugger.findings.diagnose import diagnose
from bptui.model.debugger.findings.finding import Finding
from bptui.model.source.captured.file import open_record
from bptui.model.source.captured.network import network_of
from bptui.torch.capturing.script import Capture
from bptui.torch.capturing.wanted import Wanted

HEAD = """\
import copy
import torch
from torch import nn
from torch.nn import functional as F
torch.manual_seed(1)
x = torch.randn(32, 6)
y = torch.sin(x[:, 0]) + x[:, 1] * x[:, 2]
k = (x @ torch.randn(6, 5)).argmax(1)
t = (torch.arange(24)[:, None] + torch.arange(9)) % 11
def net(outputs):
    return nn.Sequential(nn.Linear(6, 20), nn.ReLU(), nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, outputs))
model, rate = net({outputs}), 0.05
"""
LOOP = """
for step in range(4):
    optimizer.zero_grad()
    loss().backward()
    optimizer.step()
"""
SGD = "optimizer = torch.optim.SGD(model.parameters(), rate)\n"
CLASSES = "loss = lambda: F.cross_entropy(model(x), k)\n"
LIST = """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = {0}([nn.Linear(6, 20), nn.Linear(20, 20)])
        self.out = nn.Linear(20, 5)
    def forward(self, h):
        for layer in self.layers:
            h = torch.relu(layer(h))
        return self.out(h)
model = Net()
"""
SEQUENCE = """\
embed, mix, out = nn.Embedding(11, 16), nn.{0}, nn.Linear(20, 11)
optimizer = torch.optim.Adam([*embed.parameters(), *mix.parameters(), *out.parameters()], 0.01)
"""
ATTENTION = (
    SEQUENCE.format("Linear(16, 48)").replace("Linear(20", "Linear(16")
    + """\
def loss():
    q, k, v = mix(embed(t)).chunk(3, -1)
    w = (torch.einsum("bqd,bkd->bqk", q, k) / 4).softmax({0})
    return F.cross_entropy(out(torch.einsum("bqk,bkd->bqd", w, v)).transpose(1, 2), t)
"""
)
WORDS = SEQUENCE.format("Linear(16, 48)").replace("Linear(20", "Linear(16")
ADAM = "optimizer = torch.optim.Adam([*embed.parameters(), *mix.parameters(), *out.parameters()], 0.01)\n"
PADDED = (
    "t = torch.where(torch.arange(9) < (torch.arange(24) % 5 + 3)[:, None], 1 + t % 10, 0)\n"
    "embed = nn.Embedding(11, 16, padding_idx=0)\n"
)
CLIPPED = (
    SGD
    + CLASSES
    + """
for step in range(4):
    optimizer.zero_grad()
    {0}
    loss().backward()
    {1}
    optimizer.step()
    {2}
"""
)
CLIP = "nn.utils.clip_grad_norm_(model.parameters(), 0.5)"


class Slip(NamedTuple):
    """type of the right finding, a part of what it says; the program, what differs in the slip and without it."""

    type: str
    says: str
    program: str
    wrong: tuple[str, ...]
    right: tuple[str, ...]
    outputs: int = 5
    step: int = 2


SLIPS = {
    **{
        f"column against row, {name}": Slip(
            "output-range", "are stretched to (32,32)", SGD + "loss = lambda: " + formula + LOOP,
            ("model(x)",), ("model(x).squeeze(1)",), outputs=1,
        )
        for name, formula in {
            "absolute": "({0} - y).abs().mean()", "norm": "torch.norm({0} - y) / 32",
            "log cosh": "torch.log(torch.cosh(y - {0})).mean()",
            "relative": "((y - {0}) / (1 + y.abs())).square().mean()",
        }.items()
    },
    "probabilities over time": Slip(
        "output-activation", "log_softmax along axis 1", SEQUENCE.format("Linear(16, 20)") + "def loss():\n"
        "    lp = out(torch.tanh(mix(embed(t)))).log_softmax({0})\n"
        "    return F.nll_loss(lp.reshape(-1, 11), t.reshape(-1))\n" + LOOP, ("1",), ("-1",),
    ),
    "probabilities by hand": Slip(
        "output-activation", "sum to 1 along axis 0", SGD + "def loss():\n    z = model(x).exp()\n"
        "    return -(z / z.sum({0}, keepdim=True))[range(32), k].log().mean()\n" + LOOP, ("0",), ("1",),
    ),
    "probabilities over positions": Slip(
        "output-activation", "picked along axis 2", SEQUENCE.format("Linear(16, 20)") + "def loss():\n"
        "    p = out(torch.relu(mix(embed(t)))).softmax({0})\n"
        "    return -torch.log(p.gather(2, t[..., None]) + 1e-8).mean()\n" + LOOP, ("1",), ("2",),
    ),
    "classes along the last axis": Slip(
        "output-activation", "the units of out lie along axis 2",
        SEQUENCE.format("Linear(16, 20)").replace("11)", "9)") + "t = t % 9\n"
        "loss = lambda: F.cross_entropy(out(torch.relu(mix(embed(t)))){0}, t)\n" + LOOP, ("",), (".transpose(1, 2)",),
    ),
    "sign of a likelihood": Slip(
        "unbounded-loss", "falls where the probability of the target falls",
        SGD + "loss = lambda: {0}model(x).log_softmax(1).gather(1, k[:, None]).mean()\n" + LOOP, ("",), ("-",),
    ),
    "hinge of 0 and 1": Slip(
        "output-activation", "takes targets -1 and 1", SGD + "b = (y > 0).float()\n"
        "loss = lambda: torch.clamp(1 - {0} * model(x).squeeze(1), min=0).mean()\n" + LOOP,
        ("b",), ("(2 * b - 1)",), 1,
    ),
    "attention by einsum": Slip("hidden-activation", "sums over axis 2", ATTENTION + LOOP, ("1",), ("2",)),
    "view for transpose": Slip(
        "data-dependence", "it swaps no axes", SEQUENCE.format("Conv1d(16, 20, 3, padding=1)") + "def loss():\n"
        "    h = torch.relu(mix(embed(t).{0})).transpose(1, 2)\n"
        "    return F.cross_entropy(out(h).transpose(1, 2), t)\n" + LOOP, ("view(24, 16, 9)",), ("transpose(1, 2)",),
    ),
    "layers in a list": Slip(
        "frozen", "no part of a model", LIST + SGD + CLASSES + LOOP, ("list",), ("nn.ModuleList",),
    ),
    "a tensor of its own": Slip(
        "frozen", "its gradient adds up", "w = {0}(torch.randn(6, 6))\nw.requires_grad_()\n"
        "optimizer = torch.optim.SGD([*model.parameters(), *{1}], rate)\n"
        "loss = lambda: F.cross_entropy(model(torch.tanh(x @ w)), k)\n" + LOOP, ("", "[]"), ("nn.Parameter", "[w]"),
    ),
    "two optimizers of one layer": Slip(
        "optimizer", "moved twice by one gradient", SGD + "other = torch.optim.SGD({0}.parameters(), rate)\n" + CLASSES
        + LOOP + "    other.step()\n", ("model[-1]",), ("nn.Linear(3, 3)",),
    ),
    "data changed in place": Slip(
        "changed-data", "changes x in place", SGD + "def loss():\n    part = x[4:28]\n    {0}\n"
        "    return F.cross_entropy(model(part), k[4:28])\n" + LOOP, ("part *= 1.1",), ("part = part * 1.1",),
    ),
    "no step": Slip(
        "no-update", "no optimizer stepped in 64", SGD + CLASSES + LOOP.replace("range(4)", "range(70)").replace(
            "optimizer.step()", "{0}"), ("",), ("optimizer.step()",), step=0,
    ),
    "optimizer of the head": Slip(
        "frozen", "in no optimizer, and as PyTorch draws them",
        "optimizer = torch.optim.SGD({0}.parameters(), rate)\n" + CLASSES + LOOP, ("model[-1]",), ("model",),
    ),
    "through NumPy": Slip(
        "no-gradient", "come back as", SGD + "def loss():\n    h = model[:2](x)\n    h = {0}\n"
        "    return F.cross_entropy(model[2:](h), k)\n" + LOOP,
        ("torch.from_numpy(h.detach().numpy().copy())",), ("h",),
    ),
    "hard choice": Slip(
        "no-gradient", "argmax", "back = nn.Linear(5, 5)\n"
        "optimizer = torch.optim.SGD([*model.parameters(), *back.parameters()], rate)\n"
        "loss = lambda: F.cross_entropy(back({0}), k)\n" + LOOP,
        ("F.one_hot(model(x).argmax(1), 5).float()",), ("torch.tanh(model(x))",),
    ),
    "rounded": Slip(
        "no-gradient", "round", "a = net(8)\nmodel = nn.ModuleList([a, nn.Linear(8, 5)])\n" + SGD +
        "loss = lambda: F.cross_entropy(model[1]({0}(model[0](x))), k)\n" + LOOP, ("torch.round",), ("torch.tanh",),
    ),
    "loss of something else": Slip(
        "no-gradient", "depends on none of the 6 parameters", SGD + "def loss():\n    z = model(x)\n"
        "    return F.cross_entropy({0}, k)\n" + LOOP, ("F.one_hot(k, 5).float().requires_grad_()",), ("z",),
    ),
    "dropout asleep": Slip(
        "wrong-mode", "dropout works as if it were tested", "model.insert(2, nn.Dropout(0.2))\nmodel.{0}()\n"
        + SGD + CLASSES + LOOP, ("eval",), ("train",),
    ),
    "clipped to nothing": Slip(
        "clipping", "clipping leaves", CLIPPED, ("", CLIP.replace("0.5", "1e-4"), ""), ("", CLIP, ""),
    ),
    "clipped before": Slip("clipping", "it ran before backward()", CLIPPED, (CLIP, "", ""), ("", CLIP, "")),
    "clipped after": Slip("clipping", "when the optimizer has stepped", CLIPPED, ("", "", CLIP), ("", CLIP, "")),
    "a rate of nothing": Slip(
        "learning-rate-low", "thousand times as long", "rate = {0}\n" + SGD + CLASSES + LOOP, ("1e-7",), ("0.05",),
    ),
    "uphill": Slip(
        "optimizer", "maximize=True", "optimizer = torch.optim.SGD(model.parameters(), rate, maximize={0})\n" + CLASSES
        + LOOP, ("True",), ("False",),
    ),
    "inputs overwritten": Slip(
        "data-dependence", "the same for every sample",
        SGD + "loss = lambda: F.cross_entropy(model(x * {0}), k)\n" + LOOP, ("0",), ("2",),
    ),
    "a mask the wrong way round": Slip(
        "data-dependence", "hides all others", PADDED + "mix, out = nn.MultiheadAttention(16, 2, batch_first=True), "
        "nn.Linear(16, 5)\n" + ADAM + "def loss():\n    h = embed(t)\n"
        "    h = h + mix(h, h, h, key_padding_mask=t {0} 0)[0]\n"
        "    return F.cross_entropy(out(h.mean(1)), t[:, 0] % 5)\n" + LOOP, ("!=",), ("==",),
    ),
    "padding that counts": Slip(
        "labels", "the padding of embed", PADDED + "mix, out = nn.GRU(16, 16, batch_first=True), nn.Linear(16, 11)\n"
        + ADAM + "loss = lambda: F.cross_entropy(out(mix(embed(t[:, :-1]))[0]).transpose(1, 2), t[:, 1:]{0})\n" + LOOP,
        ("",), (", ignore_index=0",),
    ),
    "the answer is seen": Slip(
        "data-dependence", "lets a position see the next one", WORDS + "def loss():\n    h = embed(t[:, :-1])\n"
        "    q, k, v = mix(h).chunk(3, -1)\n    h = h + F.scaled_dot_product_attention(q, k, v{0})\n"
        "    return F.cross_entropy(out(h).transpose(1, 2), t[:, 1:])\n" + LOOP, ("",), (", is_causal=True",),
    ),
    "heads by a view": Slip(
        "data-dependence", "it swaps no axes", WORDS + "def loss():\n    h = embed(t)\n"
        "    q, k, v = (z.reshape{0} for z in mix(h).chunk(3, -1))\n"
        "    h = h + F.scaled_dot_product_attention(q, k, v).{1}reshape(24, 9, 16)\n"
        "    return F.cross_entropy(out(h[:, 0]), t[:, 4])\n" + LOOP,
        ("(24, 2, 9, 8)", ""), ("(24, 9, 2, 8).transpose(1, 2)", "transpose(1, 2)."),
    ),
    "scores divided by nothing": Slip(
        "saturated-units", "divided by nothing", WORDS.replace("16", "96").replace("48", "288") + "def loss():\n"
        "    q, k, v = mix(4 * embed(t)).chunk(3, -1)\n"
        "    return F.cross_entropy(out((q @ k.mT{0}).softmax(-1) @ v).transpose(1, 2), t)\n" + LOOP,
        ("",), ("/ 96 ** 0.5",), step=0,
    ),
    "a target that follows": Slip(
        "wrong-gradient", "the step moves the target, too", SGD + "def loss():\n"
        "    value = model(x).gather(1, k[:, None]).squeeze(1)\n"
        "    return F.smooth_l1_loss(value, (y + 0.9 * model(x + 1).amax(1)){0})\n" + LOOP, ("",), (".detach()",),
    ),
    "a term without an end": Slip(
        "unbounded-loss", "has no lower end", "model = nn.ModuleList([nn.Linear(6, 6), nn.Linear(3, 6)])\n" + SGD +
        "def loss():\n    mu, s = model[0](x).chunk(2, 1)\n"
        "    kl = -0.5 * (1 + s - mu.pow(2) - s.exp()).mean()\n"
        "    return F.mse_loss(model[1](mu + torch.randn_like(mu) * (s / 2).exp()), x) {0} kl\n" + LOOP, ("-",), ("+",),
    ),
    "a penalty that pays": Slip(
        "unbounded-loss", "has no lower end", SGD + "def loss():\n"
        "    size = sum(p.square().sum() for p in model.parameters() if p.ndim > 1)\n"
        "    return F.cross_entropy(model(x), k) {0} 0.001 * size\n" + LOOP, ("-",), ("+",),
    ),
    "a parameter made anew": Slip(
        "frozen", "is made anew in the step", "class Net(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.f, self.w = nn.Linear(6, 16), nn.Parameter(torch.randn(5, 16))\n"
        "    def forward(self, x):\n        w = F.normalize(self.w, dim=1)\n        {0}\n"
        "        return 4 * torch.tanh(self.f(x)) @ w.T\nmodel = Net()\n" + SGD + CLASSES + LOOP,
        ("w = self.w = nn.Parameter(w)",), ("",),
    ),
    "one class": Slip("labels", "sorted and not shuffled", "k = k * {0}\n" + SGD + CLASSES + LOOP, ("0",), ("1",)),
    "thrown far": Slip(
        "learning-rate-high", "% of their size",
        "optimizer = torch.optim.Adam(model.parameters(), {0})\n" + CLASSES + LOOP, ("1.0",), ("0.001",),
    ),
    "asleep in the middle": Slip(
        "no-gradient", "ran under no_grad: no gradient reaches", SGD + "def loss():\n"
        "    with torch.set_grad_enabled({0}):\n        h = model[:4](x)\n"
        "    return F.cross_entropy(model[4:](h), k)\n" + LOOP, ("False",), ("True",),
    ),
    "detached from the judge": Slip(
        "no-gradient", "detach (program.py:23)", "judge, made = net(1), nn.Linear(6, 6)\n"
        "first, second = (torch.optim.Adam(m.parameters(), 1e-3) for m in (judge, made))\n"
        "yes, no = torch.ones(32, 1), torch.zeros(32, 1)\nfor step in range(4):\n"
        "    z = made(torch.randn(32, 6))\n    first.zero_grad()\n"
        "    (F.binary_cross_entropy_with_logits(judge(x), yes) +\n"
        "     F.binary_cross_entropy_with_logits(judge(z.detach()), no)).backward()\n    first.step()\n"
        "    second.zero_grad()\n    F.binary_cross_entropy_with_logits(judge({0}), yes).backward()\n"
        "    second.step()\n",
        ("z.detach()",), ("z",),
    ),
    "a mean of nothing": Slip(
        "numeric", "mean is NaN", SGD +
        "loss = lambda: F.cross_entropy(model(x), k) + model(x)[k > {0}].square().mean()\n"
        + LOOP, ("9",), ("1",),
    ),
    "lengths of columns": Slip(
        "data-dependence", "no cosines", SGD + "def loss():\n"
        "    a, b = (F.normalize(model(x + 0.1 * torch.randn(32, 6)), dim={0}) for _ in range(2))\n"
        "    return F.cross_entropy(a @ b.T / 0.2, torch.arange(32))\n" + LOOP, ("0",), ("1",),
    ),
    "one block four times": Slip(
        "architecture", "is called 4 times", "block = lambda: nn.Sequential(nn.Linear(6, 6), nn.Tanh())\n"
        "model = nn.Sequential(nn.Sequential(*{0}), nn.Linear(6, 5))\n" + SGD + CLASSES + LOOP,
        ("[block()] * 4",), ("[block() for _ in range(4)]",),
    ),
    "weights overwritten": Slip(
        "wrong-gradient", "overwrites 4.weight", SGD + "def loss():\n    z = model(x)\n    {0}\n"
        "    return F.cross_entropy(z, k)\n" + LOOP,
        ("model[4].weight.data.div_(2)",), ("model[4].weight.data.norm()",),
    ),
    "the other model's optimizer": Slip(
        "no-update", "those of another model", "teacher = net(5)\n"
        "optimizer = torch.optim.Adam({0}.parameters(), 0.002)\ndef loss():\n    with torch.no_grad():\n"
        "        z = teacher(x).softmax(1)\n    return F.kl_div(model(x).log_softmax(1), z, reduction='batchmean')\n"
        + LOOP, ("teacher",), ("model",),
    ),
    "one of two losses": Slip(
        "no-gradient", "come back as a plain number in add", "other = nn.Linear(20, 1)\n"
        "optimizer = torch.optim.SGD([*model.parameters(), *other.parameters()], rate)\n"
        "loss = lambda: F.cross_entropy(model(x), k) + F.mse_loss(other(model[:4](x)).squeeze(1), y){0}\n" + LOOP,
        (".item()",), ("",),
    ),
    "cut off to be probabilities": Slip(
        "output-activation", "takes probabilities", SGD + "b = (y > 0).float()\n"
        "loss = lambda: F.binary_cross_entropy(model(x).squeeze(1){0}, b)\n" + LOOP,
        (".sub(0.3).clamp(0, 1)",), (".sub(0.3).sigmoid()",), 1,
    ),
    "an overlap that is to grow": Slip(
        "unbounded-loss", "smallest where all are wrong", SGD + "b = (y > 0).float()\ndef loss():\n"
        "    p = model(x).squeeze(1).sigmoid()\n    return {0}2 * (p * b).sum() / (p.sum() + b.sum())\n" + LOOP,
        ("",), ("1 - ",), 1,
    ),
    "a table that was drawn": Slip(
        "frozen", "and as PyTorch draws them", "embed = nn.Embedding.from_pretrained({0})\n"
        "mix, out = nn.GRU(16, 16, batch_first=True), nn.Linear(16, 11)\n"
        "optimizer = torch.optim.Adam([*mix.parameters(), *out.parameters()], 0.01)\n"
        "loss = lambda: F.cross_entropy(out(mix(embed(t[:, :-1]))[0]).transpose(1, 2), t[:, 1:])\n" + LOOP,
        ("torch.randn(11, 16)",), ("torch.randn(11, 16).cumsum(0) / 3",),
    ),
    "sent back twice": Slip(
        "stale-gradient", "its gradient counts 2-fold", SGD + CLASSES + LOOP.replace(
            "loss().backward()", "l = loss()\n    l.backward(retain_graph=True)\n    {0}"),
        ("l.backward()",), ("l.item()",),
    ),
    "from sample to sample": Slip(
        "data-dependence", "from sample to sample", "mix, out = nn.GRU(1, 16{0}), nn.Linear(16, 5)\n"
        "optimizer = torch.optim.Adam([*mix.parameters(), *out.parameters()], 0.01)\n"
        "loss = lambda: F.cross_entropy(out(mix(x[..., None])[0][:, -1]), k)\n" + LOOP, ("",), (", batch_first=True",),
    ),
    "an optimizer in each step": Slip(
        "optimizer", "made anew", CLASSES + "optimizer = torch.optim.Adam(model.parameters(), 0.001)\n" +
        LOOP.replace("zero_grad()", "zero_grad()\n    {0}"),
        ("optimizer = torch.optim.Adam(model.parameters(), 0.001)",), ("pass",), step=2,
    ),
    "labels from 1": Slip("exception", "out of bounds", SGD + "k = k + {0}\n" + CLASSES + LOOP, ("1",), ("0",), step=0),
}  # fmt: skip
SOME = ("column against row, absolute", "probabilities by hand", "layers in a list", "through NumPy", "clipped before",
        "labels from 1", "the answer is seen", "a term without an end")  # fmt: skip
"""Of each kind one: the others are asked in full."""


def found(slip: Slip, parts: tuple[str, ...], folder: Path) -> list[Finding]:
    script = folder / "program.py"
    script.write_text(HEAD.replace("{outputs}", str(slip.outputs)) + slip.program.format(*parts))
    outcome = Capture(Wanted(str(script), step=slip.step, to=str(folder / "step.bptui"), stop=True)).run()
    assert not outcome.failed, outcome.failed
    return [f for f in diagnose(network_of(open_record(folder / "step.bptui"), "x")).findings if f.severity != "note"]


def test_a_program_without_a_backward_pass_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(HEAD.replace("{outputs}", "5") + SGD + CLASSES + LOOP.replace(".backward()", ""))
    outcome = Capture(Wanted(str(script), step=2, to=str(tmp_path / "step.bptui"))).run()
    assert outcome.failed == "training step 2 has an update and no backward pass: is there loss.backward()?"
    assert (outcome.code, outcome.written) == (0, ())


@pytest.mark.parametrize(
    "name", [name if name in SOME else pytest.param(name, marks=pytest.mark.corpus) for name in SLIPS]
)
def test_a_slip_is_named_first_and_the_program_without_it_is_not_accused(name: str, tmp_path: Path) -> None:
    slip = SLIPS[name]
    first, *_ = found(slip, slip.wrong, tmp_path)
    assert first.type == slip.type
    assert any(slip.says in finding.text for finding in (first, *first.therefore)), first.text
    assert first.measured.source
    assert [finding.text for finding in found(slip, slip.right, tmp_path)] == []


HEALTHY = {
    "cosines that are sure of themselves": "W = nn.Parameter(torch.randn(5, 5))\n"
    "optimizer = torch.optim.SGD([*model.parameters(), W], rate)\n"
    "loss = lambda: F.cross_entropy(24 * F.linear(F.normalize(model(x)), F.normalize(W)), k)\n" + LOOP,
    "messages of a graph that are dropped": SGD + "A = ((torch.rand(32, 32) < 0.2) | torch.eye(32).bool()).float()\n"
    "A = A / A.sum(1, keepdim=True)\nloss = lambda: F.cross_entropy(A @ F.dropout(model(x), 0.2), k)\n" + LOOP,
    "gradients turned round": "class Turned(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, h):\n"
    "        return h.view_as(h)\n    @staticmethod\n    def backward(ctx, g):\n        return -0.3 * g\n"
    "body, other = net(12), nn.Linear(12, 2)\nmodel = nn.ModuleList([body, nn.Linear(12, 5), other])\n" + SGD +
    "def loss():\n    h = body(x)\n"
    "    return F.cross_entropy(model[1](h), k) + F.cross_entropy(other(Turned.apply(h)), k % 2)\n"
    + LOOP,
    "a teacher that follows": "teacher = copy.deepcopy(model)\nteacher.requires_grad_(False)\nrate = 0.02\n" + SGD +
    "loss = lambda: F.cross_entropy(model(x), k) + F.mse_loss(model(x), teacher(x))\n" + LOOP +
    "    for a, b in zip(teacher.parameters(), model.parameters()):\n        a.data.lerp_(b.data, 0.1)\n",
    "a last layer of zeros": "nn.init.zeros_(model[-1].weight)\n" + SGD + CLASSES + LOOP,
    "distances of all pairs": SGD + "def loss():\n    p = model(x)\n"
    "    d = ((p[:, None] - x[None, :, :5]) ** 2).sum(-1)\n"
    "    return d.min(0).values.mean() + d.min(1).values.mean()\n" + LOOP,
    "both softmaxes of a contrast": SGD + "def loss():\n"
    "    z = F.normalize(model(x), dim=1) @ F.normalize(model(x + 0.1), dim=1).T / 0.2\n"
    "    return -(z.log_softmax(0).diagonal().mean() + z.log_softmax(1).diagonal().mean()) / 2\n" + LOOP,
    "rewards below 0": SGD + "def loss():\n    d = torch.distributions.Categorical(logits=model(x))\n"
    "    a = d.sample()\n    return -(d.log_prob(a) * (-(a != k).float() - 0.1)).mean()\n" + LOOP,
    "views of one another": "a, b = net(8), nn.Linear(8, 8)\nmodel = nn.ModuleList([a, b])\n" + SGD + "def loss():\n"
    "    z = [a(x + 0.1 * torch.randn(32, 6)) for _ in range(2)]\n"
    "    return F.mse_loss(b(z[0]), z[1].detach()) + F.mse_loss(*z) + F.relu(1 - z[0].std(0)).mean()\n" + LOOP,
    "weights kept small": SGD + CLASSES + LOOP + "    for p in model.parameters():\n        p.data.clamp_(-0.2, 0.2)\n",
    "a cell for each moment": "cells = nn.ModuleList([nn.GRUCell(1, 8)])\n"
    "model = nn.ModuleList([cells, nn.Linear(8, 5)])\n" + SGD + "def loss():\n    h = torch.zeros(32, 8)\n"
    "    for i in range(6):\n        h = cells[0](x[:, i:i + 1], h)\n"
    "    return F.cross_entropy(model[1](h), k)\n" + LOOP,
    "columns against each other": SGD + "def loss():\n"
    "    a, b = (F.normalize(model(x + 0.1 * torch.randn(32, 6)), dim=0) for _ in range(2))\n"
    "    return (a.T @ b - torch.eye(5)).square().mean()\n" + LOOP,
    "a mean by hand": SGD + "loss = lambda: F.kl_div(model(x).log_softmax(1), F.one_hot(k, 5) * 0.8 + 0.04, "
    "reduction='batchmean')\n" + LOOP,
    "inputs that are levelled": "x = 40 * x + 90\n"
    "model = nn.Sequential(nn.Linear(6, 20), nn.BatchNorm1d(20), nn.ReLU(), "
    "nn.Linear(20, 5))\n" + SGD + CLASSES + LOOP,
    "heads as long as a batch": "e = nn.Embedding(11, 16)\n"
    "layer = nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=True)\n"
    "model = nn.ModuleList([e, layer, nn.Linear(16, 5)])\n" + SGD + "s = t[:8, :6]\n"
    "loss = lambda: F.cross_entropy(model[2](layer(e(s)).mean(1)), s[:, 2] % 5)\n" + LOOP,
    "all ignored but a few": SGD + "i = torch.where(torch.arange(32) < 30, -100, k)\n"
    "loss = lambda: F.cross_entropy(model(x), i)\n" + LOOP,
    "a copy of what is given": WORDS + "def loss():\n    h = embed(t)\n    q, k, v = mix(h).chunk(3, -1)\n"
    "    return F.cross_entropy(out(h + F.scaled_dot_product_attention(q, k, v)).transpose(1, 2), t)\n" + LOOP,
    "two optimizers in turn": "head = nn.Linear(5, 5)\n" + SGD +
    "other = torch.optim.SGD(head.parameters(), 0.05)\nfor step in range(9):\n"
    "    optimizer.zero_grad(); other.zero_grad()\n    F.cross_entropy(head(model(x)), k).backward()\n"
    "    (other if step % 3 else optimizer).step()\n",
}  # fmt: skip


@pytest.mark.corpus
@pytest.mark.parametrize("step", [0, 2])
@pytest.mark.parametrize("name", HEALTHY)
def test_what_looks_like_a_slip_and_is_meant_is_not_accused(name: str, step: int, tmp_path: Path) -> None:
    assert [finding.text for finding in found(Slip("", "", HEALTHY[name], (), (), step=step), (), tmp_path)] == []
