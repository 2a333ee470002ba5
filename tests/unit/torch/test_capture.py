"""`with bptui.torch.capture(path, model, optimizer):` from the program to the file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import bptui.torch  # noqa: E402
from bptui.model.debugger.answers.life import life  # noqa: E402
from bptui.model.debugger.commands import registry  # noqa: E402
from bptui.model.debugger.findings.diagnose import diagnose  # noqa: E402
from bptui.model.debugger.session import Session  # noqa: E402
from bptui.model.source.captured.file import open_record  # noqa: E402
from bptui.model.source.captured.network import network_of  # noqa: E402
from bptui.model.source.captured.recording import CapturedRecording  # noqa: E402
from bptui.symbolic.check.captured import check_captured  # noqa: E402
from tests.torch_programs import make  # noqa: E402
from tests.unit.torch.rig import recorded  # noqa: E402


@pytest.mark.parametrize("program", ["first.lenet", "calling.autocast", "calling.views"])
def test_the_file_holds_what_was_recorded(program: str, tmp_path: Path) -> None:
    models, optimizers, step = make(program)
    with bptui.torch.capture(tmp_path / "step.bptui", *models, *optimizers) as captured:
        step()
    assert captured.written == tmp_path / "step.bptui"
    read = open_record(captured.written)
    models, _, step = make(program)
    from bptui.model.source.captured.known import knows

    twin = recorded(step, models, knows=knows)
    assert read.step.events == twin.step.events
    assert read.step.values == twin.step.values
    assert read.step.backwards == twin.step.backwards
    assert read.step.updates == twin.step.updates
    assert read.step.parameters == twin.step.parameters
    assert read.step.about["reason"] == "asked for"
    for value in twin.step.values:
        found = twin.array(value.id)
        found = found.float() if found.dtype == torch.bfloat16 else found
        assert read.array(value.id).tobytes() == found.contiguous().numpy().tobytes()


def test_what_autocast_rounds_is_called_after_what_it_is(tmp_path: Path) -> None:
    """Three casts and the product of a linear layer do not share its name."""
    model, x = torch.nn.Linear(3, 2), torch.ones(4, 3)
    with bptui.torch.capture(tmp_path / "step.bptui", model), torch.autocast("cpu", torch.bfloat16):
        model(x).float().sum().backward()
    graph = network_of(open_record(tmp_path / "step.bptui"), "step").graph
    assert {"weight_cast", "bias_cast"} <= {node.symbol for node in graph.ops if node.op.name == "cast"}
    assert [node.op.name for node in graph.ops if node.symbol == "linear"] == ["affine"]


def test_a_weight_that_a_half_precision_layer_shares_is_right(tmp_path: Path) -> None:
    """Its gradient is the sum of two, of which one was rounded to float16: it cannot be more exact than that."""
    torch.manual_seed(1)
    table = torch.nn.Embedding(20, 32)
    head = torch.nn.Linear(32, 20, bias=False)
    head.weight = table.weight
    words = torch.randint(20, (8, 16))
    with bptui.torch.capture(tmp_path / "step.bptui", table, head):
        with torch.autocast("cpu", torch.float16):
            loss = torch.nn.functional.cross_entropy(head(table(words).tanh()).view(-1, 20), words.view(-1))
        (loss * 2.0**16).backward()
    shared = [row for row in checked(tmp_path / "step.bptui") if row.input == "weight" and "other consumer" in row.note]
    assert {(row.verdict, row.note) for row in shared} == {("ok", "with 1 other consumer")}


def test_an_update_that_a_scaler_skips_is_said_of_the_gradients(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, x = torch.nn.Linear(3, 2), torch.randn(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**30)
    with bptui.torch.capture(tmp_path / "step.bptui", model, optimizer):
        with torch.autocast("cpu", torch.float16):
            loss = model(x).mean()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
    network = network_of(open_record(tmp_path / "step.bptui"), "step")
    (finding,) = (each for each in diagnose(network).findings if each.rule == "numeric")
    assert finding.severity == "warning"
    assert finding.evidence[-1].endswith("GradScaler skipped the update")
    session = Session(network)
    registry.run(session, "x")
    (born, *_) = session.nonfinite.values()
    assert ("reaches", "the gradients of 2 parameters; none was updated", True) in life(session, born)


def test_hooks_and_results_that_are_arguments_come_back_from_the_file(tmp_path):
    w = torch.ones(2, 3, requires_grad=True)

    def halved(grad):
        return grad / 2

    w.register_hook(halved)
    with bptui.torch.capture(tmp_path / "step.bptui"):
        a, b = torch.broadcast_tensors(w, torch.full((1, 3), 2.0))
        (a * b).sum().backward()
    record = open_record(tmp_path / "step.bptui")
    event, product = record.step.events[:2]
    assert event.notes["results"] == product.inputs
    (backward,) = record.step.backwards
    ((value, (name, after)),) = backward.hooked.items()
    assert value in event.inputs
    assert name.endswith("halved")
    assert (record.array(backward.grads[value]) == 2).all()
    assert (record.array(after) == 1).all()


def test_what_was_recorded_until_an_exception_is_written_with_why(tmp_path, capsys):
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 1))
    with (
        pytest.raises(RuntimeError, match="shapes"),
        bptui.torch.capture(tmp_path / "step.bptui", model),
    ):
        model(torch.ones(2, 3))
    record = open_record(tmp_path / "step.bptui")
    assert [event.name for event in record.step.events] == ["torch.nn.functional.linear"]
    assert record.step.about["reason"].startswith("RuntimeError: mat1 and mat2 shapes cannot be multiplied")
    assert "until RuntimeError" in capsys.readouterr().err


def test_what_is_refused_leaves_no_file_and_one_line(tmp_path, capsys):
    with bptui.torch.capture(tmp_path / "step.bptui") as captured:
        w = torch.ones(3, requires_grad=True)
        (w**2).sum().backward(create_graph=True)
    assert w.grad.tolist() == [2, 2, 2]
    assert captured.written is None
    assert not (tmp_path / "step.bptui").exists()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("bptui: nothing was captured: backward(create_graph=True)")


def test_a_place_that_cannot_be_written_does_not_stop_the_program(tmp_path, capsys):
    (tmp_path / "step.bptui").write_text("mine")
    with bptui.torch.capture(tmp_path / "step.bptui") as captured:
        found = torch.ones(3) * 2
    assert found.tolist() == [2, 2, 2]
    assert captured.written is None
    assert (tmp_path / "step.bptui").read_text() == "mine"
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_what_is_neither_model_nor_optimizer_is_told_at_once(tmp_path):
    with pytest.raises(TypeError, match="got a Tensor"):
        bptui.torch.capture(tmp_path / "step.bptui", torch.ones(3))
    with pytest.raises(ValueError, match="'all', 'boundary', 'stats'"):
        bptui.torch.capture(tmp_path / "step.bptui", tensors="some")


def test_pytorch_is_imported_only_when_something_is_captured():
    code = "import sys, bptui.torch; bptui.torch.capture; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def checked(path: Path) -> list[Any]:
    """The rows of the check of a captured step."""
    record = open_record(path)
    return list(check_captured(CapturedRecording(network_of(record, "step").captured)))


@pytest.mark.parametrize(
    "program",
    [
        "closure",
        "by_hand",
        "frozen",
        "fused",
        "clipped",
        "hooked",
        "changed",
        "read_then_written",
        "spectrum",
        "only_spectrum",
        "two_kinds",
    ],
)
def test_nothing_is_found_wrong_in_other_ways_to_train(program: str, tmp_path: Path) -> None:
    from tests.torch_programs import ways

    torch.manual_seed(0)
    step = getattr(ways, program)()
    step()
    with bptui.torch.capture(tmp_path / "step.bptui"):
        step()
    rows = checked(tmp_path / "step.bptui")
    assert [row for row in rows if row.verdict == "FAIL"] == []
    assert [row for row in rows if row.row == "gradient" and row.verdict == "ok"]
