"""Derivatives that a PyTorch program derives again, captured: each is the backward pass as operations, whose numbers
and gradients are those of PyTorch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import bptui.torch  # noqa: E402
from bptui.model.debugger.commands.registry import run  # noqa: E402
from bptui.model.debugger.session import Session  # noqa: E402
from bptui.model.source.captured.file import open_record  # noqa: E402
from bptui.model.source.captured.network import CapturedNetwork, network_of  # noqa: E402
from bptui.model.source.captured.verdicts import check_event  # noqa: E402


def slope(u, x, **options):
    return torch.autograd.grad(u, x, torch.ones_like(u), create_graph=True, **options)


def penalty():
    """A critic of images, whose slope is to be 1 (Gulrajani et al. 2017)."""
    critic = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(3, 4, 3, stride=2), nn.LayerNorm([4, 2, 2]),
        nn.Tanh(), nn.Flatten(), nn.Linear(16, 1),
    )  # fmt: skip
    real, fake = torch.randn(3, 1, 6, 6), torch.randn(3, 1, 6, 6)

    def step():
        share = torch.rand(3, 1, 1, 1)
        x = (share * real + (1 - share) * fake).requires_grad_()
        (g,) = slope(critic(x), x, retain_graph=True, only_inputs=True)
        far = ((g.reshape(3, -1).norm(2, dim=1) - 1) ** 2).mean()
        (critic(fake).mean() - critic(real).mean() + 10 * far).backward()

    return critic, step


def equation():
    """Burgers' equation, u_t + u·u_x = 0.1·u_xx, and more: two outputs, two inputs, the third derivative."""
    net = nn.Sequential(nn.Linear(2, 5), nn.GELU(), nn.Linear(5, 5), nn.SiLU(), nn.Linear(5, 2))

    def step():
        x, t = torch.rand(6, 1, requires_grad=True), torch.rand(6, 1, requires_grad=True)
        both = net(torch.cat([x, t], 1))
        u, v = both[:, :1], both[:, 1:]
        ux, ut = slope(u, (x, t))
        (vx,) = torch.autograd.grad(v.sum(), x, create_graph=True)
        (uxx,) = slope(ux, x)
        (uxxx,) = torch.autograd.grad([uxx.sum()], [x], create_graph=True)
        loss = ((ut + u * ux - 0.1 * uxx) ** 2).mean() + (vx**2).mean() + (uxxx**2).mean() + ((ux - uxx) ** 2).mean()
        loss.backward()

    return net, step


def by_weights():
    """The gradient of a loss by weights, of two losses with a seed, and by what they do not depend on."""
    net, other = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)), nn.Linear(2, 2)
    x, seed = torch.randn(5, 3), torch.tensor(0.5)

    def step():
        out = net(x)
        first, second = (out**2).mean(), out.sin().sum()
        found = torch.autograd.grad(
            [first, second], [net[0].weight, other.weight, net[2].bias], [torch.ones(()), seed], create_graph=True,
            allow_unused=True,
        )  # fmt: skip
        sum((g**2).sum() for g in found if g is not None).backward()

    return net, step


def captured(program: Callable, folder: Path) -> CapturedNetwork:
    torch.manual_seed(0)
    model, step = program()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with bptui.torch.capture(folder / "step.bptui", model, optimizer) as capture:
        optimizer.zero_grad()
        step()
        optimizer.step()
    return network_of(open_record(capture.written), "step")


@pytest.mark.parametrize("program", [penalty, equation, by_weights], ids=lambda program: program.__name__)
def test_every_number_is_that_of_pytorch(program, tmp_path):
    network = captured(program, tmp_path)
    rows = [
        row
        for event in reversed(network.recording.record.step.leading)
        for row in check_event(network.recording, event)
    ]
    assert Counter(row.verdict for row in rows if row.verdict not in ("ok", "rounding")) == {}
    assert not network.captured.unknown
    derived = {e.id for e in network.recording.record.step.leading if e.name == "torch.autograd.grad"}
    nodes = {i for event in derived for i in network.captured.nodes_of[event]}
    assert {"value", "gradient"} <= {row.row for row in rows if row.node in nodes}


def test_what_a_derivative_is_made_of_has_words_for_names(tmp_path):
    """`layer2_weight_T` of the weight of a Sequential's module 2, not `2_weight_T`, which reads as a product."""
    session = Session(captured(equation, tmp_path))
    graph = session.recording.graph
    names = [name for node in graph.ops if node.name.startswith("grad") and (name := node.name.rpartition(".")[2])]
    assert {"layer2_weight_T", "getitem_silu"} <= set(names)
    assert [name for name in names if not name.partition("#")[0].isidentifier() or not name[0].isalpha()] == []
    assert run(session, "goto layer2_weight_T").ok
    assert session.here.name == "grad.layer2_weight_T"
    assert run(session, "print layer2_weight_T[1,2]").ok


def test_what_has_no_such_rule_stays_one_opaque_operation(tmp_path):
    def bessel():
        net = nn.Linear(3, 4)
        x = torch.randn(5, 3, requires_grad=True)

        def step():
            u = torch.special.i0(net(x))
            (g,) = torch.autograd.grad((u**2).sum(), x, create_graph=True)
            (g**2).sum().backward()

        return net, step

    network = captured(bessel, tmp_path)
    *_, why = network.captured.unknown.values()  # and that i0 is not known itself
    assert "has no backward rule made of operations" in why


def test_what_if_goes_through_it(tmp_path):
    """Another number, and the loss is what PyTorch makes of it."""

    def program():
        net, x = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double(), torch.randn(4, 2).double()
        x.requires_grad_()

        def step():
            (g,) = slope(net(x), x)
            loss = ((g.norm(dim=1) - 1) ** 2).mean()
            loss.backward()
            losses.append(loss.item())

        models.append(net)
        steps.append(step)
        return net, step

    losses, models, steps = [], [], []
    session = Session(captured(program, tmp_path))
    assert session.recording.loss == pytest.approx(losses[0], rel=1e-12)
    assert run(session, "set 0.bias[0] = 0.7").ok
    torch.manual_seed(0)
    program()
    with torch.no_grad():
        models[1][0].bias[0] = 0.7
    steps[1]()
    assert session.recording.loss == pytest.approx(losses[1], rel=1e-12)


F, EYE = nn.functional, torch.eye(4)
RULES: dict[str, Callable] = {
    "silu": F.silu, "abs": torch.abs, "clamp": lambda z: z.clamp(-0.5, 0.5), "rsqrt": lambda z: z.exp().rsqrt(),
    "div": lambda z: z / (z.flip(0).exp() + 1), "glu": F.glu, "softsign": F.softsign, "logaddexp":
    lambda z: torch.logaddexp(z, z.flip(0)), "logsumexp": lambda z: z.logsumexp(1), "cosine":
    lambda z: F.cosine_similarity(z, z.flip(0)), "max_pool": lambda z: F.max_pool1d(z, 2),
    "adaptive": lambda z: F.adaptive_max_pool1d(z, 3), "amax": lambda z: z.amax(1), "min": lambda z: z.min(0).values,
    "topk": lambda z: z.topk(2).values, "infinity": lambda z: torch.linalg.vector_norm(z, ord=torch.inf, dim=1),
    "norm": lambda z: z.norm(dim=1), "inv": lambda z: torch.linalg.inv(z @ z.T + EYE), "det": torch.linalg.det,
    "solve": lambda z: torch.linalg.solve(z @ z.T + EYE, z), "cholesky":
    lambda z: torch.linalg.cholesky(z @ z.T + EYE), "spectrum": lambda z: torch.fft.fft(z).abs(), "power":
    lambda z: torch.fft.rfft(z).abs().log(), "interpolate": lambda z: F.interpolate(z[None], scale_factor=2),
    "local_response": lambda z: F.local_response_norm(z[None], 2), "one_sample":
    lambda z: F.cross_entropy(z[0], torch.tensor(1)),
}  # fmt: skip
"""u of what a layer gives; the loss derives the sum of u², so that each result is read by what comes after it, too."""


def of_squares(function):
    net, x = nn.Linear(4, 4), torch.randn(4, 4, requires_grad=True)

    def step():
        (g,) = torch.autograd.grad((function(net(x)) ** 2).sum(), x, create_graph=True)
        (g**2).sum().backward()

    return net, step


@pytest.mark.corpus(every=2)
@pytest.mark.parametrize("name", RULES)
def test_each_rule_reads_what_autograd_reads(name, tmp_path):
    """So that what comes to a result on the way back is the same."""
    network = captured(lambda: of_squares(RULES[name]), tmp_path)
    assert not network.captured.unknown
    events = reversed(network.recording.record.step.leading)
    rows = [row for event in events for row in check_event(network.recording, event)]
    assert Counter(row.verdict for row in rows if row.verdict not in ("ok", "rounding")) == {}


@pytest.mark.parametrize("name", ["prod", "cumprod"])
def test_what_pytorch_derives_by_its_result_is_not_accused(name, tmp_path):
    function = {"prod": lambda z: z.prod(1), "cumprod": lambda z: z.cumprod(1)}[name]
    (why,) = captured(lambda: of_squares(function), tmp_path).captured.unknown.values()
    assert why == f"a derivative of {name}, which PyTorch derives by its result"


def of_weights(function, kind=torch.float64, times=1):
    """The gradient by a weight, derived so many times, and the sum of its squares."""
    net, x = nn.Linear(4, 4).to(kind), torch.randn(4, 4).to(kind)

    def step():
        u = function(net(x)).sum()
        for _ in range(times):
            (g,) = torch.autograd.grad(u, net.weight, create_graph=True)
            u = (g**2).sum()
        u.backward()

    return net, step


def rows_of(network):
    events = reversed(network.recording.record.step.leading)
    return [row for event in events for row in check_event(network.recording, event)]


def entropy(z):
    return F.binary_cross_entropy(z.sigmoid(), torch.linspace(0, 1, 16).reshape(4, 4).to(z.dtype))


OF_NOTHING: dict[str, Callable] = {
    "normalize": lambda z: F.normalize(z) ** 2, "rms_norm": lambda z: F.rms_norm(z, (4,), eps=0) ** 2,
    "softmax": lambda z: z.softmax(1),
}  # fmt: skip
"""Their sum is a constant: of its gradient there is nothing but what rounding leaves."""


@pytest.mark.parametrize("kind", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", OF_NOTHING)
def test_a_gradient_that_is_0_but_for_rounding_is_not_accused(name, kind, tmp_path):
    network = captured(lambda: of_weights(OF_NOTHING[name], kind), tmp_path)
    assert not network.captured.unknown
    assert {row.verdict for row in rows_of(network)} <= {"ok", "rounding"}


@pytest.mark.parametrize("name", OF_NOTHING)
def test_one_that_should_be_0_and_is_not_is_found(name, tmp_path):
    network = captured(lambda: of_weights(OF_NOTHING[name]), tmp_path)
    (event,) = (e for e in network.recording.record.step.leading if e.name == "torch.autograd.grad")
    (out,) = event.outs
    record, array = network.recording.record, network.recording.record.array
    wrong = array(out) + 1e-10
    record.array = lambda value: wrong if value == out else array(value)
    assert "FAIL" in {row.verdict for row in check_event(network.recording, event) if row.row == "value"}


def test_where_pytorch_derives_another_slope_it_is_said_by_how_much(tmp_path):
    """The second derivative of binary_cross_entropy adds 1e-12 to p and to 1 - p (FunctionsManual.cpp)."""
    network = captured(lambda: of_weights(entropy), tmp_path)
    rows = rows_of(network)
    assert {row.verdict for row in rows} == {"ok", "rounding"}
    assert any("PyTorch adds 1e-12 to p" in row.note for row in rows if row.verdict == "rounding")
    (event,) = (e for e in network.recording.record.step.leading if e.name == "torch.autograd.grad")
    for node, apart in network.captured.apart.items():
        network.captured.apart[node] = apart._replace(relative=apart.relative * 1e-3)
    assert "FAIL" in {row.verdict for row in check_event(network.recording, event)}


def test_what_it_derives_of_that_slope_is_opaque_where_it_shows(tmp_path):
    network = captured(lambda: of_weights(entropy, times=2), tmp_path)
    (why,) = network.captured.unknown.values()
    assert why.endswith("is derived, here twice")
    assert "FAIL" not in {row.verdict for row in rows_of(network)}
    (tmp_path / "more").mkdir()
    network = captured(lambda: of_weights(entropy, torch.float32, 2), tmp_path / "more")
    assert not network.captured.unknown
    assert {row.verdict for row in rows_of(network)} <= {"ok", "rounding"}
    (tmp_path / "far").mkdir()
    far = captured(lambda: of_weights(lambda z: entropy(40 * z), torch.float32), tmp_path / "far")
    (why,) = far.captured.unknown.values()
    assert "as small as" in why
