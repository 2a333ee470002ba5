"""Programs as people write them (a GAN, a language model in mixed precision, reinforcement learning, a differential
equation): every step of each is captured, nothing in it is called wrong, and nobody is accused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from bptui import cli  # noqa: E402
from bptui.model.base.errors import UserError  # noqa: E402
from bptui.model.base.safetensors import widened8  # noqa: E402
from bptui.model.base.spans import plain  # noqa: E402
from bptui.model.debugger.commands import registry  # noqa: E402
from bptui.model.debugger.findings.diagnose import diagnose  # noqa: E402
from bptui.model.debugger.session import Session  # noqa: E402
from bptui.model.source.captured.file import open_record  # noqa: E402
from bptui.model.source.captured.network import CapturedNetwork, network_of  # noqa: E402
from bptui.symbolic.check.captured import check_captured  # noqa: E402
from bptui.torch.capturing.script import Capture  # noqa: E402
from bptui.torch.capturing.wanted import Wanted  # noqa: E402
from tests.paths import ROOT  # noqa: E402

PEOPLE = ROOT / "tests" / "torch_programs" / "people"
UNKNOWN = {"solver": {"custom UncheckedAssign"}}
"""Operations of which nothing is claimed, by program."""


def captured(script: Path, step: int, folder: Path) -> CapturedNetwork:
    path = folder / f"{script.stem}.bptui"
    outcome = Capture(Wanted(str(script), step=step, to=str(path), stop=True)).run()
    assert not outcome.failed, outcome.failed
    return network_of(open_record(path), script.stem)


@pytest.mark.corpus(every=2)  # each program, at one of the two steps
@pytest.mark.parametrize("step", [0, 2])
@pytest.mark.parametrize("program", sorted(path.stem for path in PEOPLE.glob("*.py")))
def test_nothing_in_a_healthy_program_is_called_wrong(program: str, step: int, tmp_path: Path) -> None:
    network = captured(PEOPLE / f"{program}.py", step, tmp_path)
    rows = check_captured(network.recording)
    assert [row for row in rows if row.verdict == "FAIL"] == []
    assert {row.op for row in rows if row.verdict == "opaque"} <= UNKNOWN.get(program, set())
    assert Counter(row.verdict for row in rows)["ok"] > 40
    found = diagnose(network)
    assert [finding.text for finding in found.findings] == []
    lacking = [rule.skipped for rule in found.looked_for if "not recorded" in rule.skipped]
    assert lacking == []


HEAD = """\
import torch
from torch import nn
torch.manual_seed(0)
model = nn.Linear(8, 4)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
x = torch.randn(5, 8)
"""


def test_a_step_that_fails_is_told_by_what_was_raised(tmp_path, capsys):
    script = tmp_path / "wide.py"
    script.write_text(HEAD + "h = torch.relu(x)\nmodel(torch.cat([h, h], 1)).sum().backward()\n")
    path = tmp_path / "wide.bptui"
    assert Capture(Wanted(str(script), step=0, to=str(path))).run().code == 1
    (finding, *_) = diagnose(network_of(open_record(path), "wide")).findings
    assert (finding.type, finding.severity) == ("exception", "error")
    assert finding.text.endswith("RuntimeError: mat1 and mat2 shapes cannot be multiplied (5x16 and 8x4)")
    assert any(line.startswith("wide.py:8  model(torch.cat([h, h], 1))") for line in finding.evidence)
    capsys.readouterr()
    cli.main(["check", str(path)])
    assert "no backward pass was captured: RuntimeError: mat1" in capsys.readouterr().out


def test_a_session_counts_as_the_program_did(tmp_path):
    script = tmp_path / "loop.py"
    script.write_text(HEAD + "for _ in range(9):\n    optimizer.zero_grad()\n    model(x).square().sum().backward()\n"
                      "    optimizer.step()\n")  # fmt: skip
    session = Session(captured(script, 7, tmp_path))
    assert plain(session.goto("end").lines[0]).startswith("training step 7  update 2/2")
    assert "at the end of training step 7, the last" in plain(session.step().lines[0])
    assert session.goto("step 7 start").ok
    assert session.goto("step 0 end").ok
    with pytest.raises(UserError, match=r"there is no training step 3 \(7, nothing is trained\)"):
        session.goto("step 3")
    registry.run(session, "set lr = 0.5")
    assert plain(session.goto("start").lines[0]).startswith("training step 0  forward 1/")  # the branch begins anew
    registry.run(session, "train 2")
    assert plain(registry.run(session, "undo").lines[0]).startswith("training step 7  forward 1/")  # there is no other


def test_numbers_of_eight_bits_are_stored_and_read(tmp_path):
    script = tmp_path / "small.py"
    script.write_text(HEAD + "q, r = x.to(torch.float8_e4m3fn), x.to(torch.float8_e5m2)\n"
                      "(model(q.float()) + model(r.float())).sum().backward()\noptimizer.step()\n")  # fmt: skip
    network = captured(script, 0, tmp_path)
    kinds = {value.dtype: value.id for value in network.recording.record.step.values}
    torch.manual_seed(0)
    torch.nn.Linear(8, 4)
    x = torch.randn(5, 8)
    for kind in ("float8_e4m3fn", "float8_e5m2"):
        numbers = network.recording.record.array(kinds[kind])
        assert numbers is not None
        assert numbers.tolist() == x.to(getattr(torch, kind)).float().tolist()
    bits = torch.arange(256, dtype=torch.uint8)
    for kind, digits in ((torch.float8_e4m3fn, 3), (torch.float8_e5m2, 2)):
        ours, right = torch.tensor(widened8(bits.numpy(), digits)), bits.view(kind).float()
        assert ((ours == right) | (ours.isnan() & right.isnan())).all()


def test_a_penalty_that_a_program_adds_by_hand_is_seen_beside_the_loss(tmp_path):
    script = tmp_path / "penalty.py"
    script.write_text(HEAD + "fit = nn.functional.mse_loss(model(x), x[:, :4])\n"
                      "(fit + 9 * sum(p.pow(2).sum() for p in model.parameters())).backward()\n"
                      "optimizer.step()\n")  # fmt: skip
    found = next(each for each in diagnose(captured(script, 0, tmp_path)).findings if each.rule == "weight decay")
    assert found.places[0] == "loss"
    torch.manual_seed(0)
    model = torch.nn.Linear(8, 4)
    x = torch.randn(5, 8)
    fit = torch.nn.functional.mse_loss(model(x), x[:, :4])
    (push,) = torch.autograd.grad(fit, [model.weight])
    pull = 18 * model.weight.detach()
    assert found.measured.number == pytest.approx(float(pull.norm() / push.norm()), rel=1e-5)


def test_what_is_given_as_nan_is_the_cause_and_no_consequence(tmp_path):
    script = tmp_path / "given.py"
    script.write_text(HEAD + "x, y = 100 * x, torch.full((5, 4), float('nan'))\n"
                      "nn.functional.mse_loss(model(x), y).backward()\noptimizer.step()\n")  # fmt: skip
    first, *others = diagnose(captured(script, 0, tmp_path)).findings
    assert first.type == "numeric"
    assert "given, and first read at" in first.text
    assert {finding.type for finding in others} <= {"input-scale"}
