"""The screen of `bptui diff`: sizes, keys, what it says, and that enter opens both runs where they are apart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bptui.model.base.errors import UserError
from bptui.model.base.spans import length, plain
from bptui.model.debugger.diff.runs import Run, Runs
from bptui.model.debugger.progress import Progress
from bptui.model.source.captured.network import network_of
from bptui.screens.diff.board import DiffBoard
from bptui.screens.keys import DIFF
from bptui.screens.render import RenderOptions
from tests.screens.rig import StageApp, piloted
from tests.unit.model.debugger.diff.recorded import Changed, engine, record, unchanged

UNICODE = RenderOptions()
SIZES = [(80, 24), (120, 36), (60, 20), (200, 50), (40, 12), (24, 6), (24, 30), (31, 24)]


def run(name: str, change: Changed = unchanged, **how: object) -> Run:
    network = network_of(record(engine(**how), change=change), name)  # type: ignore[arg-type]
    return Run(name, network.recording, network, network.history())


def made(**how: object) -> DiffBoard:
    """A capture against one with other settings; nothing is compared yet."""
    return DiffBoard(Runs(run("a.bptui"), run("b.bptui", **how)))  # type: ignore[arg-type]


def worked(board: DiffBoard) -> DiffBoard:
    while (work := board.work()) is not None:
        work(Progress())
    return board


def text(board: DiffBoard, size: tuple[int, int] = (80, 22), look: RenderOptions = UNICODE) -> list[str]:
    return [plain(row) for row in board.lines(*size, look)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("how", [{"eps": 1e-3}, {"seed": 1}, {"activation": "tanh"}, {"rate": 0.3}, {}])
def test_every_size_is_filled_and_nothing_is_too_wide(
    size: tuple[int, int], unicode: bool, how: dict[str, object]
) -> None:
    width, height = size[0], size[1] - 2
    board, look = made(**how), RenderOptions(unicode, ansi=not unicode)
    for each in (board, worked(board)):
        rows = each.lines(width, height, look)
        assert len(rows) <= height
        assert all(length(row) <= width for row in rows)
        assert unicode or all(plain(row).isascii() and "?" not in plain(row) for row in rows)
    for word, by in [("choose", (10**6, 0)), ("choose", (-(10**6), 0)), ("next", (1, 0)), ("tolerance", (0, -1))]:
        board.press(word, by, "")
        rows = worked(board).lines(width, height, look)
        assert all(length(row) <= width for row in rows)


def test_it_begins_with_the_last_equal_row_and_says_why_the_first_is_apart() -> None:
    board = worked(made(eps=1e-3, seed=0))
    rows = text(board)
    start = next(n for n, row in enumerate(rows) if "Operations" in row) + 1
    assert rows[start].startswith("≠▶")
    assert "layer_norm" in rows[start]
    said = "\n".join(rows)
    assert "its inputs are equal" in said
    assert "so the operation itself differs" in said
    assert any(row.split()[:3] == ["eps", "1e-5", "1e-3"] for row in rows)
    left, right = board.status()
    assert plain(left) == "diff  a.bptui  b.bptui   tolerance 1e-5"
    assert plain(right).startswith("≠ ")
    rows = text(worked(made(rate=0.3)))
    first = next(n for n, row in enumerate(rows) if row.startswith("≠◆"))
    assert rows[first - 1].startswith("   ✓")


def test_nothing_moves_while_rows_are_chosen() -> None:
    board = worked(made(eps=1e-3))
    titles = {tuple(n for n, row in enumerate(text(board)) if row[:1] in "─━" and row[2:3].isdigit())}
    for _ in board.runs.rows:
        board.press("choose", (1, 0), "down")
        rows = text(worked(board))
        titles.add(tuple(n for n, row in enumerate(rows) if row[:1] in "─━" and row[2:3].isdigit()))
        assert sum(row[1:2] in "▶◀◆" and row[1:2] != "" for row in rows) == 1
    assert len(titles) == 1


def test_next_visits_all_that_are_apart_and_back_again() -> None:
    board = worked(made(eps=1e-3))
    seen = [board.chosen]
    while not board.press("next", (1, 0), "x"):
        seen.append(board.chosen)
    assert seen == [i for i in range(len(board.runs.rows)) if board.runs.apart(i)]
    back = [board.chosen]
    while not board.press("next", (-1, 0), "X"):
        back.append(board.chosen)
    assert back == seen[::-1]


def test_the_tolerance_is_set_by_keys_and_by_a_line() -> None:
    board = worked(made(eps=1e-3))
    count = board.runs.count
    for _ in range(5):
        board.press(*DIFF.find("plus"), "plus")
    assert board.runs.tolerance.value == 1.0
    assert board.runs.first is None
    assert any("Nothing is apart" in row for row in text(worked(board)))
    board.run("tolerance 1e-5")
    assert board.runs.count == count
    for line in ("tolerance x", "tolerance -1", "tolerance nan", "find nowhere", "find ", "step"):
        with pytest.raises(UserError):
            board.run(line)
    board.run("find mse")
    assert board.runs.rows[board.chosen].function == "mse_loss"
    assert "find net.h" in board.complete("find net")


def test_the_numbers_of_both_stand_side_by_side_the_farthest_first() -> None:
    board = worked(made(eps=1e-3))
    board.press(*DIFF.find("v"), "v")
    assert board.urgent()
    rows = text(worked(board))
    start = next(n for n, row in enumerate(rows) if "Side by side" in row) + 1
    gap = board.runs.gap(board.chosen)
    assert gap is not None
    first = rows[start].split()
    assert first[1] == f"[{','.join(map(str, gap.at))}]"
    assert float(first[2]) == pytest.approx(gap.a, rel=1e-4)
    assert float(first[3]) == pytest.approx(gap.b, rel=1e-4)
    apart = [each.relative for each in board._elements[board.chosen]]
    assert apart == sorted(apart, reverse=True)
    assert apart[0] == pytest.approx(gap.relative)
    board.press("choose", (1, 0), "down")
    assert text(board)[start] == rows[start + 1]
    for row in range(len(board.runs.rows)):
        board.beside = False
        board.press("start", (0, 0), "0")
        board.press("choose", (row - board.chosen, 0), "")
        board.press("beside", (0, 0), "v")
        assert len(text(worked(board))) == 22
    board.press(*DIFF.find("escape"), "escape")
    assert any("Operations" in row for row in text(board))


def test_what_is_asked_is_explained_before_the_rest_is_compared() -> None:
    board = made(seed=1)
    assert board.work() == board._advance

    class Two(Progress):
        """Ends after two rows."""

        def report(self, part: float, what: str) -> None:
            self.count = getattr(self, "count", 0) + 1
            if self.count > 2:
                raise InterruptedError

    with pytest.raises(InterruptedError):
        board.runs.advance(Two())
    assert board.runs.known == 2
    assert board.urgent()
    work = board.work()
    assert work is not None
    work(Progress())
    assert not board.urgent()
    worked(board)
    assert board.runs.finished


def test_a_tensor_that_cannot_be_read_is_told_once_and_the_rest_stays() -> None:
    board = made(eps=1e-3)
    other = board.runs.b.recording.record  # type: ignore[attr-defined]
    read, last = other.array, other.step.events[-2].outs[0]

    def damaged(value: int) -> object:
        if value == last:
            raise UserError("b.bptui", "tensor 9 is damaged")
        return read(value)

    other.array = damaged
    failed = 0
    while (work := board.work()) is not None and failed < 5:
        try:
            work(Progress())
        except UserError:
            failed += 1
    assert failed == 1
    assert board.runs.first == 0
    assert any("layer_norm" in row for row in text(board))


@pytest.mark.parametrize("how", [{"eps": 1e-3}, {"rate": 0.3}, {"activation": "tanh"}])
def test_enter_opens_each_run_at_the_chosen_row(how: dict[str, object]) -> None:
    board = worked(made(**how))
    for i, row in enumerate(board.runs.rows):
        board.press("start", (0, 0), "0")
        board.press("choose", (i - board.chosen, 0), "")
        for side in (0, 1):
            board.side = side
            if row.missing and row.missing != f"only in {'ab'[side]}":
                with pytest.raises(UserError):
                    board.opening()
                continue
            session = board.opening()
            assert session.cursor.phase == row.phase
            if row.phase == "update":
                assert session.here.name == row.module
            elif row.call is not None:
                call = row.pair[side] or board.runs.rows[i].call
                assert call is not None
                assert session.here.id in call.nodes or row.pair[side] is None


@asynccontextmanager
async def on_screen(board: DiffBoard, size: tuple[int, int] = (80, 24)) -> AsyncIterator[StageApp]:
    app = StageApp("diff", lambda: board)
    async with piloted(app, *size) as pilot:
        app.pilot = pilot  # type: ignore[attr-defined]
        while app.stage.board is None or app.stage.worker.job is not None or board.work() is not None:
            await pilot.pause(0.005)
        await pilot.pause()
        yield app


async def test_on_the_screen_enter_opens_a_and_then_b() -> None:
    async with on_screen(made(eps=1e-3)) as app:
        pilot = app.pilot  # type: ignore[attr-defined]
        rows = [plain(row) for row in app.stage.canvas.rows]
        assert len(rows) == 24
        assert any(row.startswith("≠▶") for row in rows)
        for name in ("a.bptui", "b.bptui"):
            assert any(f"enter opens {name} here" in plain(row) for row in app.stage.canvas.rows)
            await pilot.press("enter")
            await app.workers.wait_for_complete()
            assert app.session is not None
            assert app.session.network.name == name
            assert app.session.cursor.phase == "forward"
            await pilot.press("q")
            await pilot.pause()
