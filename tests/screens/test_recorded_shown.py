"""A step that was recorded elsewhere on the screen: absent numbers, opaque operations; and 10,000 operations of it."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bptui.model.debugger.session import Session
from bptui.model.engine.build import Builder, Label
from bptui.model.engine.history import History, RecordedStep
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.timeline import Timeline
from bptui.model.source.network import Network, load
from bptui.screens.frame import Ui, paint
from bptui.screens.opening import ready
from bptui.screens.panels import rows
from bptui.symbolic.card import card_for
from tests.recorded import DiskRecording, everything, hidden, stored
from tests.screens.rig import Screen, debug


@dataclass(frozen=True)
class Recorded(Network):
    """A network of which one training step was recorded."""

    of: Any = None

    def history(self) -> History:
        return RecordedStep(self.of)


def recorded(network: Network, disk: DiskRecording) -> Recorded:
    """The network with its step."""
    return Recorded(**{**vars(network), "graph": disk.graph}, of=disk)


def opened(name: str, folder: Path, *, absent: float = 0.0, opaque: tuple[str, ...] = ()) -> Callable[[], Network]:
    """An example's first step, from a folder; `absent`: the part of its arrays that is not there."""
    network = load(name)
    recording = network.program().record()
    names = list(everything(recording))
    disk = stored(recording, folder, absent=set(random.Random(7).sample(names, int(len(names) * absent))))
    disk.graph = hidden(recording.graph, *opaque)
    disk.timeline = Timeline(disk.graph, recording.timeline.events)
    return lambda: recorded(network, disk)


def quiet(screen: Screen) -> str:
    """The screen without what depends on the speed of the machine."""
    return re.sub(r"\d+ ms|[✓✗]\s*\d+", "…", screen.text)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_a_step_from_a_file_looks_like_a_step_of_the_engine(size, tmp_path):
    seen = []
    for target in ("xor", opened("xor", tmp_path)):
        async with debug(target, *size) as screen:
            here = []
            for key in ("s", "n", "f", "s", "s", "f", "s", "S"):
                await screen.press(key)
                await screen.derived()
                here.append(quiet(screen).replace("test", "xor"))
        seen.append(here)
    for theirs, mine in zip(*seen, strict=True):
        assert mine.splitlines()[1:] == theirs.splitlines()[1:]


@pytest.mark.parametrize("absent", [0.3, 0.7, 1.0])
async def test_what_is_absent_never_breaks_a_panel(absent, tmp_path):
    async with debug(opened("xor", tmp_path, absent=absent), 120, 36) as screen:
        length = screen.session.timeline.length
        for _ in range(length):
            assert "panel failed" not in screen.text
            await screen.press("s")
        assert absent < 1 or screen.text.count("not recorded") > 10
        assert "not computed yet" not in screen.text
        for key in ("v", "v", "v", "1", "right", "8", "o", "enter", "1", "v", "i", "P", "s", "S", "escape", "f"):
            await screen.press(key)
            assert "panel failed" not in screen.text


async def test_an_opaque_operation_says_so_in_every_view(tmp_path):
    async with debug(opened("xor", tmp_path, opaque=("layer1.a", "loss")), 120, 36) as screen:
        await screen.run("goto layer1.a")
        await screen.derived()
        assert "opaque: values and gradients as recorded" in screen.text
        for _ in range(screen.session.timeline.length):
            await screen.press("s")
            await screen.derived()
            assert "panel failed" not in screen.text
        for line in (
            "goto layer1.a", "view layers", "view neurons", "view graph", "view operations", "goto end", "predictions",
            "sample 1", "goto layer1.a", "why layer1.a[0,0]", "present",
        ):  # fmt: skip
            await screen.run(line)
            assert line != "predictions" or "of loss only numbers were recorded" in " ".join(screen.text.split())
            assert "panel failed" not in screen.text
        hidden_id = screen.session.graph.by_name["layer1.a"].id
        assert all(node != hidden_id for _, node in screen.session.branch.failed)


def chain(count: int) -> Network:
    """So many operations one after the other, fifty to a layer, each tenth with a parameter of its own."""
    b = Builder()
    a, y = (b.leaf(name, role, np.ones(4), wants_grad=False) for name, role in (("x", "input"), ("y", "target")))
    for i in range(count // 2):
        scope = f"layer{i // 25}"
        if i % 10 == 0:
            w = b.leaf(Label(f"w{i}", scope), "param", np.full(4, 1.0 + 1e-4 * i))
        a = b.use("tanh", b.use("mul", a, w, name=f"z{i}", scope=scope), name=f"a{i}", scope=scope)
    return Network("chain", b.finish(b.use("mse", a, y, name="L", scope="loss")), Optimizer())


def test_of_2500_operations_a_frame_looks_at_no_more_than_of_100(tmp_path, monkeypatch):
    made: list[str] = []
    rows_of = rows._rows

    def counted(session, node, *rest):
        made.append(node.name)
        return rows_of(session, node, *rest)

    monkeypatch.setattr(rows, "_rows", counted)
    work = []
    for count in (100, 2_500):
        network = chain(count)
        disk = stored(network.program().record(), tmp_path / str(count), counted=False)
        disk.complete = False
        session = Session(recorded(network, disk))
        found = []
        for place in ("start", "z5", "backward", "update"):
            session.goto(place)
            for _ in range(8):
                disk.looked.clear()
                made.clear()
                session.step()
                paint(session, Ui(), 120, 36)
                found.append((disk.looked.total(), len(made)))
        work.append(found)
    small, large = (np.array(found) for found in work)
    assert large.sum(0)[0] <= 1.5 * small.sum(0)[0]
    assert (large.max(0) <= 1.5 * small.max(0)).all()


def calls_in(work: Callable[[], object]) -> int:
    """How many functions are called."""
    found = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal found
        found += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return found


def test_of_10000_operations_the_first_frame_and_a_step_take_what_they_take_of_100(tmp_path):
    work = []
    for count in (100, 10_000):
        network = chain(count)
        disk = stored(network.program().record(), tmp_path / str(count), counted=False)
        disk.complete = False
        session = Session(recorded(network, disk))
        ready(session, 120, 36)
        opened = disk.looked.total()
        disk.looked.clear()

        def frame(session=session):
            paint(session, Ui(card=card_for(session)), 120, 36)

        first = calls_in(frame)
        session.step()
        work.append((opened, first, calls_in(frame), disk.looked.total()))
    for small, large in zip(*work, strict=True):
        assert large <= 1.1 * small
