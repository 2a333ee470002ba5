"""`bptui capture SCRIPT.py`: which training step of an unmodified program is written, whatever its loop looks like."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from bptui import cli  # noqa: E402
from bptui.capturing import parted, told  # noqa: E402
from bptui.model.debugger.findings.diagnose import diagnose  # noqa: E402
from bptui.model.source.captured.file import open_record  # noqa: E402
from bptui.model.source.captured.network import network_of  # noqa: E402
from bptui.model.source.captured.record import Record  # noqa: E402
from bptui.torch.capturing.script import Capture  # noqa: E402
from bptui.torch.capturing.wanted import Outcome, Wanted  # noqa: E402

HEAD = """
import torch
from torch import nn
torch.manual_seed(0)
x, y = torch.randn(6, 3), torch.randn(6, 1)
model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
said = open("said.txt", "w", buffering=1)
"""
"""`say` is how a program tells the loss of each of its training steps."""

LOOPS = {
    "the usual one": """
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(4):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            print(loss.item(), file=said)
        """,
    "zero_grad last, evaluation between": """
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        for _ in range(4):
            loss = nn.functional.mse_loss(model(x), y)
            print(loss.item(), file=said)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            with torch.no_grad():
                model(x).mean()
        """,
    "an optimizer that is made and never used": """
        spare = torch.optim.Adam(model.parameters(), lr=0.1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(4):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            print(loss.item(), file=said)
        """,
    "one optimizer for each parameter, made late": """
        optimizers = {}
        for _ in range(4):
            loss = nn.functional.mse_loss(model(x), y)
            loss.backward()
            for name, parameter in model.named_parameters():
                if name not in optimizers:
                    optimizers[name] = torch.optim.SGD([parameter], lr=0.1)
                optimizers[name].step()
                optimizers[name].zero_grad()
            print(loss.item(), file=said)
        """,
    "no optimizer": """
        for _ in range(4):
            loss = nn.functional.mse_loss(model(x), y)
            loss.backward()
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter -= 0.1 * parameter.grad
                    parameter.grad = None
            print(loss.item(), file=said)
        """,
    "a closure": """
        optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=1)
        for _ in range(4):
            def closure():
                optimizer.zero_grad()
                closure.loss = nn.functional.mse_loss(model(x), y)
                closure.loss.backward()
                return closure.loss
            optimizer.step(closure)
            print(closure.loss.item(), file=said)
        """,
    "tensors alone": """
        w = torch.randn(3, 1, requires_grad=True)
        for _ in range(4):
            loss = ((x @ w - y) ** 2).mean()
            loss.backward()
            with torch.no_grad():
                w -= 0.1 * w.grad
            w.grad = None
            print(loss.item(), file=said)
        """,
}


def program(folder: Path, body: str, name: str = "train.py") -> str:
    """A program in a folder."""
    (folder / name).write_text(HEAD + textwrap.dedent(body))
    return name


def captured(folder: Path, body: str, **wanted: object) -> Outcome:
    """What comes of a run of it there."""
    return Capture(Wanted(program(folder, body), **wanted)).run()  # type: ignore[arg-type]


def losses(record: Record) -> list[float]:
    """The losses of a captured step."""
    return [float(record.array(loss)) for backward in record.step.backwards for loss, _ in backward.losses]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("number", [0, 1, 3])
@pytest.mark.parametrize("loop", LOOPS)
def test_the_step_that_is_asked_for_is_the_one_that_is_written(here, loop, number):
    outcome = captured(here, LOOPS[loop], step=number)
    assert (outcome.code, outcome.failed) == (0, "")
    assert torch.overrides._len_torch_function_stack() == 0
    (written,) = outcome.written
    assert written.path.name == f"train-step{number}.bptui"
    record = open_record(written.path)
    said = [float(line) for line in (here / "said.txt").read_text().split()]
    assert len(said) == 4  # the program ran on to its end
    assert losses(record) == [pytest.approx(said[number], rel=1e-6)]
    assert record.step.about["step"] == number


def test_two_optimizers_are_one_step(here):
    body = """
        other = nn.Linear(1, 1)
        first, second = torch.optim.SGD(model.parameters(), 0.1), torch.optim.SGD(other.parameters(), 0.1)
        for _ in range(3):
            first.zero_grad()
            nn.functional.mse_loss(model(x), y).backward()
            first.step()
            second.zero_grad()
            nn.functional.mse_loss(other(model(x).detach()), y).backward()
            second.step()
        """
    for number in (0, 1):
        (written,) = captured(here, body, step=number).written
        step = open_record(written.path).step
        assert len(step.backwards) == len(step.updates) == 2


SCALED = """
    optimizer = torch.optim.SGD(model.parameters(), 1e-4)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20)
    for _ in range(16):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.float16):
            loss = (model(x).view(2, 3) * 64).mean()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        print(loss.item(), scaler.get_scale(), file=said)
    """


def test_an_update_that_is_skipped_ends_a_step_too(here):
    """The scale is halved until gradients are finite: each try is a training step, and has but one backward pass."""
    scales = []
    for number in (0, 1, 15):
        outcome = captured(here, SCALED, step=number)
        assert outcome.steps == 16
        record = open_record(outcome.written[0].path)
        said = [line.split() for line in (here / "said.txt").read_text().splitlines()]
        skipped = float(said[number][1]) < (float(said[number - 1][1]) if number else 2.0**20)
        assert len(record.step.backwards) == 1
        assert bool(record.step.updates) != skipped
        scales.append(skipped)
    assert scales == [True, True, False]


def test_gradients_that_float16_does_not_hold_are_told_where_they_arise_and_that_the_update_was_skipped(here):
    (written,) = captured(here, SCALED, step=1).written
    (finding,) = (f for f in diagnose(network_of(open_record(written.path), "step")).findings if f.rule == "numeric")
    assert finding.severity == "warning"
    assert "is beyond 65,504, the largest float16" in "\n".join(finding.evidence)
    assert "GradScaler skipped the update" in finding.evidence[-1]


def test_backward_passes_without_an_update_are_told(here):
    body = "optimizer = torch.optim.SGD(model.parameters(), 0.1)\nfor _ in range(3): model(x).sum().backward()"
    assert told(Wanted("train.py", step=1), captured(here, body, step=1)) == (
        "nothing was captured: the program made no training step (3 backward passes, and no optimizer stepped)"
    )


def test_gradients_are_accumulated_over_several_backward_passes(here):
    body = """
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for n in range(12):
            (nn.functional.mse_loss(model(x), y) / 4).backward()
            if n % 4 == 3:
                optimizer.step()
                optimizer.zero_grad()
        """
    for number in (0, 2):
        (written,) = captured(here, body, step=number).written
        step = open_record(written.path).step
        assert (len(step.backwards), len(step.updates)) == (4, 1)


NAN = """
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for n in range(8):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y) * (float("nan") if n >= 5 else 1)
        loss.backward()
        optimizer.step()
    print(n, file=said)
    """


def test_the_first_loss_that_is_not_finite_and_those_that_led_there(here):
    outcome = captured(here, NAN, nan=True, last=3)
    assert [each.step for each in outcome.written] == [3, 4, 5]
    assert sorted(path.name for path in here.glob("*.bptui")) == [f"train-step{n}.bptui" for n in (3, 4, 5)]
    assert (here / "said.txt").read_text() == "7\n"
    assert open_record(outcome.written[-1].path).step.about["reason"] == "its loss is not finite"


@pytest.mark.parametrize("wanted", [{"nan": True}, {"nan": True, "stop": True}, {}])
@pytest.mark.parametrize("to", ["mine.bptui", "mine.zip", "runs/mine"])
def test_the_last_of_several_has_the_name_that_was_asked_for(here, to, wanted):
    """It stays where another step begins after it that comes to nothing, and takes the place of an earlier capture."""
    body = textwrap.dedent(NAN) + "for _ in range(3):\n    model(x)\n"
    for _ in range(2):
        outcome = captured(here, body, to=to, **wanted)
        assert [str(each.path) for each in outcome.written] == [to]
        assert open_record(Path(to)).step.about["step"] == outcome.written[0].step == (5 if wanted else 7)
        folder = (here / to).parent
        assert [path.name for path in folder.iterdir() if "mine" in path.name] == [Path(to).name]


def test_where_no_loss_was_nan_that_is_said(here):
    outcome = captured(here, LOOPS["the usual one"], nan=True)
    said = told(Wanted("train.py", nan=True), outcome)
    assert said.startswith("no loss was NaN or infinite in 4 training steps; training step 3 captured")
    outcome = captured(here, NAN, nan=True)
    assert told(Wanted("train.py", nan=True), outcome).startswith("training step 5 captured")


@pytest.mark.parametrize("ending", ["bptui", "zip"])
def test_of_many_steps_the_last_are_kept_and_the_others_removed(here, ending):
    captured(here, NAN, nan=True, last=2, to=f"mine.{ending}")
    found = sorted(path.name for path in here.iterdir() if "mine" in path.name)
    assert found == [f"mine-step4.{ending}", f"mine-step5.{ending}"]


def test_stop_ends_the_program_there(here):
    outcome = captured(here, NAN, nan=True, stop=True)
    assert ([each.step for each in outcome.written], outcome.code) == ([5], 0)
    assert (here / "said.txt").read_text() == ""


def test_the_first_step_of_a_program_has_what_ran_before_its_loop_and_diff_says_so(here, capsys):
    body = LOOPS["the usual one"].replace("for _", "x = x * 2\n        for _")
    for number in (0, 1):
        captured(here, body, step=number)
    assert cli.main(["diff", "train-step0.bptui", "train-step1.bptui", "--plain"]) == 1
    assert "a is the first training step of its program: it has what ran before the loop" in capsys.readouterr().out
    assert cli.main(["diff", "train-step1.bptui", "train-step0.bptui", "--plain"]) == 1
    assert "b is the first training step of its program" in capsys.readouterr().out


def test_the_last_steps_are_kept(here):
    outcome = captured(here, LOOPS["the usual one"], last=2)
    assert [each.step for each in outcome.written] == [2, 3]


def test_what_a_program_raises_is_its_own_and_the_step_is_written_as_far_as_it_came(here, capsys):
    body = """
        def train():
            h = model[0](x).tanh()
            return nn.functional.linear(h, torch.zeros(2, 5))
        train()
        """
    outcome = captured(here, body, step=0)
    (written,) = outcome.written
    assert outcome.code == 1
    error = capsys.readouterr().err
    assert "train.py" in error
    assert "RuntimeError" in error
    assert "bptui" not in error
    record = open_record(written.path)
    assert record.step.about["reason"].startswith("RuntimeError")
    assert [event.name.rpartition(".")[2] for event in record.step.events] == ["linear", "tanh"]


@pytest.mark.parametrize(("end", "code"), [("raise SystemExit(3)", 3), ("raise SystemExit", 0), ("x.no_such", 1)])
def test_the_exit_code_is_the_programs_own(here, end, code):
    assert captured(here, textwrap.dedent(LOOPS["the usual one"]) + end, step=1).code == code


def test_nothing_that_was_asked_for_is_told(here):
    outcome = captured(here, LOOPS["the usual one"], step=50)
    assert told(Wanted("train.py", step=50), outcome) == (
        "nothing was captured: the program made 4 training steps, and ended before step 50"
    )
    assert not list(here.glob("*.bptui"))


def test_what_cannot_be_written_is_told_before_the_program_runs(here, capsys):
    (here / "mine.bptui").write_text("notes")
    name = program(here, LOOPS["the usual one"])
    assert cli.main(["capture", name, "--to", "mine.bptui"]) == 2
    assert "only a captured step is replaced" in capsys.readouterr().err
    assert not (here / "said.txt").exists()


def test_its_own_words_are_left_to_the_program():
    own, rest = parted(["train.py", "--epochs", "5", "--step", "3", "--lr=0.1", "--to=a.bptui", "data"])
    assert own == ["--step", "3", "--to=a.bptui"]
    assert rest == ["train.py", "--epochs", "5", "--lr=0.1", "data"]
    assert parted(["--last", "2", "--", "train.py", "--step", "9"]) == (["--last", "2"], ["train.py", "--step", "9"])


def test_the_whole_command_leaves_output_and_exit_code_alone_and_ends_on_a_signal_as_it_would(here):
    body = """
        import os, signal, sys
        print("hello", sys.argv[1:], flush=True)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for n in range(3):
            optimizer.zero_grad()
            nn.functional.mse_loss(model(x), y).backward()
            optimizer.step()
        os.kill(os.getpid(), signal.SIGTERM)
        """
    name = program(here, body)
    words = [sys.executable, "-m", "bptui", "capture", "--last", "2", name, "--epochs", "5"]
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    assert run.stdout == "hello ['--epochs', '5']\n"
    assert run.returncode == -15
    assert [open_record(path).step.about["step"] for path in sorted(here.glob("*.bptui"))] == [1, 2]


def test_parameters_that_are_read_before_their_model_is_called_have_their_names(here):
    body = """
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        mean = {name: value.clone() for name, value in model.state_dict().items()}
        for n in range(3):
            optimizer.zero_grad()
            nn.functional.mse_loss(model(x), y).backward()
            optimizer.step()
            for name, value in model.state_dict().items():
                mean[name].mul_(0.9).add_(value, alpha=0.1)
        """
    for number in (0, 1):
        (written,) = captured(here, body, step=number).written
        step = open_record(written.path).step
        updated = [row.value for group in step.updates[0].groups for row in group.rows]
        assert [step.parameters[name] for name in ("0.weight", "0.bias", "2.weight", "2.bias")] == updated
