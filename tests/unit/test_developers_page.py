"""What DEVELOPERS.md shows of adding something works as it is written: each example, where it says that it goes."""

from __future__ import annotations

import re
from textwrap import dedent
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from bptui.model.base.spans import plain
from bptui.model.debugger.commands import move
from bptui.model.debugger.commands.row import Family
from bptui.model.engine import optimizers, updates
from bptui.model.engine.ops import functions, reduce
from bptui.model.engine.optimizers import Optimizer
from bptui.screens.scene import Scene
from bptui.symbolic.check import check_step
from tests.paths import ROOT
from tests.screens.panel_rig import at
from tests.unit.model.engine.small import xor
from tests.unit.symbolic.steps import graph_of, record

PAGE = (ROOT / "DEVELOPERS.md").read_text(encoding="utf-8")


def example(heading: str, number: int = 0) -> str:
    """A code block of a section."""
    section = PAGE.partition(f"\n## How to add {heading}\n")[2].partition("\n## ")[0]
    return dedent(re.findall(r"(?:^    .*\n|^\n(?=    ))+", section, re.MULTILINE)[number])


def run(code: str, module: ModuleType) -> dict[str, Any]:
    """The names of a module after the code at its end. It is this project's own page."""
    names = dict(vars(module))
    exec(code, names)
    return names


@pytest.mark.parametrize(("number", "module"), [(0, functions), (1, reduce)], ids=["elementwise", "reduction"])
def test_an_operation(number: int, module: ModuleType) -> None:
    code = example("an operation", number).strip()
    assert code.count("\n") < 5
    (row,) = run(f"ROWS = ({code})", module)["ROWS"]
    report = check_step(record(graph_of(row, [np.random.default_rng(3).normal(size=(3, 4))])))
    rows = {each.row: each.verdict for each in report.rows if each.op == row.name}
    assert rows["forward"] == rows["symbolic"] == rows["direction"] == "ok"
    assert report.ok


def test_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(move, "family", Family("Move"))
    run(example("a command"), move)
    (row,) = move.family.rows
    session = at("xor", 0)
    assert row.run is not None
    row.run(session, "")
    assert session.stop == 10


def test_a_panel() -> None:
    names: dict[str, Any] = {}
    exec(example("a panel"), names)
    session = at("xor", 6)
    (row,) = names["lines"](Scene(session, 40, 5))
    gradient = session.state.gradient(session.node).array
    assert gradient is not None
    assert plain(row) == f" {np.linalg.norm(gradient):.6g}"
    assert names["__doc__"].startswith("Panel ")


def test_an_optimizer(monkeypatch: pytest.MonkeyPatch) -> None:
    row = run(f"ROW = {{{example('an optimizer')}}}", updates)["ROW"]
    monkeypatch.setattr(optimizers, "OPTIMIZERS", {**optimizers.OPTIMIZERS, **row})
    report = check_step(xor(Optimizer(*row, 0.1)).record())
    assert [each.verdict for each in report.rows if each.row == "update"] == ["ok"] * 4
