"""The debugger's screen as a function of the session: what stands where, and that nothing moves while stepping."""

from __future__ import annotations

import pytest

from bptui.model.base.spans import plain
from bptui.model.debugger.session import Session
from bptui.model.source.examples import examples
from bptui.model.source.network import from_mapping, load
from bptui.screens import panels
from bptui.screens.frame import Ui, paint
from bptui.symbolic.card import card_for
from tests.screens.rig import Screen, debug, loaded, piloted

BAD = ("panel failed", "a defect of bptui", "Traceback")


async def test_the_debugger_of_the_lesson_at_120x36() -> None:
    """Every part of the screen, from one real session."""
    async with debug("lesson-2-2-1", 120, 36) as screen:
        await screen.press(*"sssssss")
        await screen.derived()
        rows = screen.rows
        assert len(rows) == 36
        assert all(len(row) == 120 for row in rows)
        assert rows[0].startswith(" bptui  lesson-2-2-1   training step 0   backward 4/5   layer1.a")
        assert "loss 0.019503" in rows[0]
        assert rows[1].startswith("─ 1 Network ──")
        assert rows[1][51:68] == "┬━ 2 Operation ━━"
        assert rows[1].endswith("━ ◀ backward ━")
        assert rows[11].startswith(" ◀ a      sigmoid  0.5100  0.5000  -0.0988 -0.0978 │")
        assert "-0.0987503      ×      0.2499000      =     -0.0246777" in screen.text
        assert "✓ proved" in screen.text
        assert rows[20][51:64] == "├─ 3 Tensor  "
        assert rows[31].startswith("─ 4 Timeline ──")
        assert rows[31][51] == "┴"
        assert rows[31].endswith(" moment 8 of 13 ─")
        assert rows[33].startswith(" forward         ●━━━━━━━━━━━━━━●━━")
        assert rows[34].startswith(" backward        ○───────────── ◀ ━━")
        assert rows[35].startswith(" s/S step  n/N layer")
        assert rows[35].endswith(" : command  ? help ")


def test_a_rule_meets_the_dividers_at_both_of_its_ends() -> None:
    """With a third column, the rule over Tensor begins at one divider and ends at another."""
    rows = drawn(Session(load("xor")), (200, 50)).splitlines()
    (rule,) = (row for row in rows if "3 Tensor" in row)
    assert rule[51] == "├"
    x = rule.index("┤")
    assert {row[x] for row in rows[2 : rows.index(rule)]} == {"│"}


async def test_the_grid_of_80x24() -> None:
    async with debug("lesson-2-2-1") as screen:
        await screen.press(*"sssssss")
        rows = screen.rows
        assert rows[9].startswith("◀ a       0.5100  0.5000  -0.0988 -0.0978 │")
        assert rows[15][42:54] == "├─ 3 Tensor "
        assert rows[19][42] == "┴"
        assert "●━━━━━━━━━━●━━━━━━━━━━●━━━━━━━━━━●━━━━━━┓    ○ ○ ○ ○" in rows[21]


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60)])
async def test_nothing_moves_while_stepping(size: tuple[int, int]) -> None:
    """The rules' joints, the column of names and the titles stay where they are over a whole training step."""
    async with debug("xor", *size) as screen:
        await screen.settle()  # the first card has its checks
        frames = set()
        for _ in range(screen.session.timeline.length):
            joints = tuple((x, y) for y, row in enumerate(screen.rows[:-4]) for x, c in enumerate(row) if c in "│├┬┴")
            names = tuple(row[3:9] for row in screen.rows[2:-5])
            frames.add((joints, names))
            await screen.press("s")
        assert len(frames) == 1


def where(screen: Screen) -> list[str]:
    """The status line without the count of checks, which comes from the worker when it is ready."""
    return screen.rows[0].partition("✓")[0].split()


@pytest.mark.corpus(rows=3)
@pytest.mark.parametrize("name", [name for name, _ in examples()])
def test_every_example_at_every_moment(name: str) -> None:
    """Each Moment of each example draws without a panel failing, and on the way back as on the way there."""
    session = Session(load(name))
    seen = [drawn(session)]
    while session.cursor.index + 1 < session.timeline.count("update") or session.cursor.phase != "update":
        if not session.step().moved:  # nothing is trained
            break
        seen.append(drawn(session))
    assert len(seen) == session.timeline.length
    for before in reversed(seen):
        assert drawn(session) == before
        session.reverse_step()


def drawn(session: Session, size: tuple[int, int] = (120, 36)) -> str:
    """The screen as text, with the card before anything is derived."""
    rows = paint(session, Ui(session.network.name, card=card_for(session)), *size)
    text = "\n".join(plain(row) for row in rows)
    assert not any(bad in text for bad in BAD), text
    return text


async def test_keys_go_through_a_training_step_and_back() -> None:
    async with debug("xor", 120, 36) as screen:
        seen = []
        for _ in range(screen.session.timeline.length):
            assert not any(bad in screen.text for bad in BAD), screen.text
            seen.append(where(screen))
            await screen.press("s")
        for before in reversed(seen):
            await screen.press("S")
            assert where(screen) == before


async def test_step_then_back_draws_the_same_screen() -> None:
    async with debug("lesson-2-2-1", 120, 36) as screen:
        await screen.derived()
        for _ in range(13):
            await screen.derived()
            before = screen.app.debugger.canvas.rows
            await screen.press("s", "S")
            await screen.derived()
            assert screen.app.debugger.canvas.rows == before
            await screen.press("s")


async def test_a_partial_gradient_is_never_shown_as_final() -> None:
    async with debug("two-paths", 120, 36) as screen:
        partial = 0
        for _ in range(screen.session.timeline.length):
            for node in screen.session.graph.nodes:
                gradient = screen.session.state.gradient(node)
                if gradient.array is not None and not gradient.final:
                    row = next(r for r in screen.rows if r[3:].startswith(node.label + " "))
                    assert "…" in row
                    assert f"{gradient.arrived} of {gradient.total}" in row
                    partial += 1
            await screen.press("s")
        assert partial


def test_nan_and_inf_are_shown() -> None:
    broken = {
        "name": "broken", "data": {"inputs": [[0.0, 1.0]], "targets": [[1.0]]},
        "layers": [{"kind": "dense", "units": 2, "weight": [[1e200, 1.0], [1e200, 1e300]], "bias": [0, 0]},
                   {"kind": "dense", "units": 1, "weight": [[1e200], [-1e300]], "bias": [0]}],
        "loss": {"kind": "mse"}, "optimizer": {"kind": "sgd", "learning_rate": 0.1},
    }  # fmt: skip
    for size in ((80, 24), (120, 36), (60, 20), (40, 12)):
        session = Session(from_mapping(broken, "broken"))
        for _ in range(16):
            drawn(session, size)
            session.step()
        session.view.focus = 1
        text = drawn(session, size)
        assert "NaN" in text or "inf" in text


async def test_one_broken_panel_does_not_take_the_others_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    function = panels._function

    def fails(*_: object) -> None:
        raise ValueError("on purpose")

    monkeypatch.setattr(panels, "_function", lambda *what: fails if what == ("tensor", "lines") else function(*what))
    async with debug("xor", 120, 36) as screen:
        assert "this panel failed: ValueError: on purpose" in screen.text
        assert "layer1" in screen.text


async def test_a_user_error_of_the_file_ends_with_2() -> None:
    from bptui.app import BptuiApp
    from bptui.model.source.network import load

    app = BptuiApp("nowhere.toml", lambda: load("nowhere.toml"))
    async with piloted(app):
        await loaded(app)
    assert app.return_code == 2
    assert "nowhere.toml" in str(app.error)


async def test_an_answer_is_never_cut() -> None:
    """What is too long for the last row comes in rows of its own; of a move, the place stands in the first row."""
    async with debug("two-paths", 60, 24) as screen:
        await screen.run("goto end")
        await screen.run("print nosuchname + 1")
        answer = screen.rows[screen.rows.index(next(row for row in screen.rows if "━ answer" in row)) + 1 : -1]
        assert " ".join(" ".join(answer).split()).endswith(")")
