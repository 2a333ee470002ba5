"""The explorers on the screen: the numbers on their rows, keys, lines, any size, no colours, hidden numbers."""

from __future__ import annotations

import copy
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.arithmetic import last_place
from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line, plain
from bptui.model.debugger.progress import Progress
from bptui.model.source.network import from_formula, load
from bptui.screens import explore
from bptui.screens.bars import EIGHTHS
from bptui.screens.board import Board
from bptui.screens.explore.flow import FlowBoard
from bptui.screens.explore.rate import RateBoard
from bptui.screens.render import RenderOptions, length, to_ascii
from bptui.screens.stage import Stage
from bptui.teach.explore.flow import Course
from tests.screens.rig import StageApp, debug, piloted

NAMES = list(explore.EXPLORERS)
SEEN = RenderOptions()


def worked(board: Board) -> Board:
    """The board with everything computed."""
    board.lines(80, 22, SEEN)  # of a map: in so many cells
    while (work := board.work()) is not None:
        work(Progress())
    return board


def text(board: Board, width: int = 80, height: int = 22, look: RenderOptions = SEEN) -> str:
    """What it shows."""
    return "\n".join(plain(row).rstrip() for row in board.lines(width, height, look))


def row(board: Board, start: str, **size: int) -> str:
    """The row that begins so."""
    return next(line for line in text(board, **size).split("\n") if line.strip().startswith(start))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs, runs as quickly as it can."""
    monkeypatch.setattr("bptui.screens.explore.race.PACE", 0.0)


TRAINED: dict[str, list[Course]] = {}
"""The trainings of each network's flow: nine of a thousand training steps, the same bits each time."""


def trained(board: FlowBoard) -> None:
    """Give it what was trained for the first board of its network; what it sees of them is its own."""
    known = TRAINED.setdefault(board._network.name, board.courses)
    if known is board.courses:
        worked(board)
    board.courses = [copy.copy(course) for course in known]
    for course in board.courses:
        course._flows = {0: course._flows[0]}


@pytest.fixture
def make() -> AsyncIterator[Callable[..., Board]]:
    """Boards that are closed in the end."""
    made: list[Board] = []

    def board(*arguments: object, **named: object) -> Board:
        one = explore.board(*arguments, **named)  # type: ignore[arg-type]
        if isinstance(one, FlowBoard):
            trained(one)
        made.append(worked(one))
        return one

    yield board  # type: ignore[misc]
    for each in made:
        each.close()


Make = Callable[..., Board]


def test_chain_says_three_times_twelve(make: Make) -> None:
    board = make("chain")
    page = text(board)
    assert "u = 3·x" in page
    assert "× 12" in page
    assert re.search(r"3\.0000 +× +12\.0000 += +36\.0000", page)
    assert re.search(r"du/dx = 3 +× +dy/du = 2·u += +dy/dx", page)
    assert re.search(r"promise +3\.6000 .* 36 × 0\.1", page)
    assert "one cell is 0.1" in page
    assert "y and dy/dx are both 36 only by accident. At x = 1 they are 9 and 18." in page
    bars = {name: row(board, name).count("█") for name in ("x grows", "u grows", "y grows", "promise")}
    assert bars == {"x grows": 1, "u grows": 3, "y grows": 36, "promise": 36}
    board.run("x 1")
    page = text(worked(board))
    assert re.search(r"3\.0000 +× +6\.0000 += +18\.0000", page)
    assert "accident" not in page
    board.press("flow", (0, 0), "f")
    assert re.search(r"6\.0000 +× +3\.0000 += +18\.0000", text(board))
    assert "flow ◀ backward" in text(board)


@given(st.integers(0, 2), st.integers(-25, 25), st.sampled_from([0.02, 0.1, 0.5, 1.0]))
@settings(max_examples=25, deadline=None)
def test_the_bars_of_a_chain_are_as_long_as_their_numbers_say(pair: int, tenths: int, nudge: float) -> None:
    board = explore.board("chain")
    board.run(f"pair {pair + 1}")
    board.run(f"x {tenths / 10}")
    board.run(f"nudge {nudge}")
    page = board.lines(80, 22, SEEN)
    cell = float(re.search(r"one cell is (\S+)", "\n".join(map(plain, page)))[1])  # type: ignore[index]
    for line in page:
        found = re.match(r" +(\w grows|promise) +(\S+)", plain(line))
        if found is None:
            continue
        eighths = 0
        for span in line:
            filled = [EIGHTHS.index(glyph) for glyph in span.text if glyph in EIGHTHS[1:]]
            eighths += sum(8 - n if "reverse" in span.style else n for n in filled)
        number = abs(float(found[2]))
        assert abs(eighths - 8 * number / cell) <= 1.01 + 8 * 5e-5 / cell or (eighths == 1 and number < cell), page
    board.close()


@given(st.sampled_from(["darts", "xor", "lesson-2-2-1", "two-paths"]), st.sampled_from([0.01, 0.05, 0.1, 0.3, 1.0]))
@settings(max_examples=12, deadline=None)
def test_promised_times_its_part_is_what_really_happens(name: str, rate: float) -> None:
    board = RateBoard(load(name), rate=rate)
    rows = {found[1]: found[2] for line in board.lines(80, 22, SEEN)
            if (found := re.search(r"│ (promised|really|of it) +(\S+) *$", plain(line)))}  # fmt: skip
    promised, really, part = (float(rows[key]) for key in ("promised", "really", "of it"))
    digits = max(10.0 ** last_place(rows[key]) for key in rows) / 2
    assert abs(promised * part - really) <= digits * (1 + abs(promised) + abs(part)) + digits**2


def test_chain_two_ways_and_other_formulas(make: Make) -> None:
    board = make("chain")
    board.run("pair 4")
    page = text(worked(board))
    assert re.search(r"4\.0000 +\+ +2\.0000 · 4\.0000 += +12\.0000", page)
    assert "4 × 2 = 8 times" in page
    page = text(make("chain", load("two-paths")))
    assert re.search(r"-18\.0000 += +-14\.0000", page)
    own = make("chain", from_formula("L = (y - w*x)**2", {"x": 2.0, "y": 2.0, "w": 0.5}, ["w"]), "w")
    assert re.search(r"2\.0000 +× +-1\.0000 +× +2\.0000 += +-4\.0000", text(own))
    own.run("by x")
    assert "Nudge x by 0.1" in text(worked(own))


def test_rate_reads_as_the_seed_says(make: Make) -> None:
    board = make("rate")
    assert plain(board.status()[1]) == "loss 0.8100"
    assert "∂L/∂w      -3.6000" in text(board)
    assert " 0.1 hits " in text(board)
    for rate, regime, second in (
        (0.05, "falls", "0.2025"), (0.1, "hits", "0"), (0.15, "overshoots", "0.2025"), (0.2, "swings", "0.8100"),
        (0.25, "flies away", "1.8225"),
    ):  # fmt: skip
        board.run(f"rate {rate}")
        page = text(worked(board))
        here = next(span.text for line in board.lines(80, 22, RenderOptions()) for span in line
                    if "reverse" in span.style and regime in span.text)  # fmt: skip
        assert here.strip() == regime
        assert row(board, "loss").split()[1:3] == ["0.8100", second], page
    assert row(board, "loss").split()[1:] == ["0.8100", "1.8225", "4.1006", "9.2264", "20.7594", "46.7087", "105.0945"]
    page = text(board)
    assert "promised   -4.0500" in page
    assert "really      1.0125" in page
    assert "of it      -0.2500" in page
    board.run("slice w")
    assert "0.125 hits" in text(worked(board))
    assert "0.25 swings" in text(board)
    assert isinstance(board, RateBoard)
    board.press("step", (1, 0), ">")
    worked(board)
    assert plain(board.status()[0]).endswith("step 1")
    board.press("step", (-1, 0), "<")
    assert board.press("step", (-1, 0), "<") == "no step was taken"


def test_rate_says_where_its_regimes_are_from(make: Make) -> None:
    assert "found by search" in text(make("rate", load("xor")), width=100)
    assert "from the curvature" in text(make("rate", load("darts")), width=120)


def test_flow_shows_both_networks_and_each_switch(make: Make) -> None:
    board = make("flow")
    page = text(board)
    for line in (
        r"sigmoid, as it is +✗ vanishing │ relu, he init +✓ arrives",
        r"layer1 .* 2\.0e-4 ✗ │ layer1 .* 0\.1962 ✓",
        r"layer3 .* 0\.0378 ! │",
        r"layer1: input side\. +layer5: loss side",
        r"bands +✗ 0\.01 ! 0\.1 ✓ 10 ! 100 ✗",
        r"sigmoid, as it is +guesses: ln 2 = 0\.6931 +2\.0e-4 +0\.6931 ✗",
        r"residual from layer2 on  layer1 stands before the skip +7\.8e-4 +0\.6881 ✗",
        r"adam in the place of sgd learns: it rescales each step +2\.0e-4 +0\.0086 ✓",
    ):
        assert re.search(line, page), line
    board.press("preset", (1, 0), "p")
    assert "bands  ✗ 0.01 ! 0.1 ✓ 0.5 ! 1 ✗" in text(board)
    board.press("preset", (1, 0), "p")
    page = text(board)
    for name, size, mark in (
        ("L1", "0.1240", "✓"),
        ("L2", "0.0900", "!"),
        ("L3", "0.0070", "✗"),
        ("L5", "0.0010", "✗"),
    ):
        assert re.search(rf"{name} .* {size} {mark} │", page)
    assert page.count("✓") >= 6
    assert "L1: next to the loss" in page


@pytest.mark.parametrize(
    ("look", "blocks"),
    [
        (SEEN, "   0.1    0.3    1    3    10"), (RenderOptions(ansi=True), "██ 0.1 ▓▓ 0.3 ▒▒ 1 ░░ 10"),
        (RenderOptions(unicode=False), "## 0.1 ++ 0.3 :: 1 .. 10"),
    ],
)  # fmt: skip
def test_the_legend_of_a_map_has_each_shade_once(look: RenderOptions, blocks: str, make: Make) -> None:
    board = make("race")
    text(board, 120, 34)  # the map has as many pixels as it was drawn with
    while (work := board.work()) is not None:
        work(Progress())
    assert f"least  below {blocks} " in text(board, 120, 34, look)


@pytest.mark.parametrize("size", [(120, 34), (200, 48)])
def test_flow_has_the_losses_of_both_where_there_is_room(size: tuple[int, int], make: Make) -> None:
    """On one scale: a loss that goes from 0.7074 to 0.6931 is flat beside one that falls to 0.0007."""
    board = make("flow")
    lines = text(board, *size).split("\n")
    assert len(lines) == size[1]
    start = next(n for n, line in enumerate(lines) if line.startswith("─ 3 Loss  sigmoid, as it is ─"))
    wide = lines[start].index("┬")
    assert "─ relu, he init ─" in lines[start][wide:]
    left, other = ([line[part] for line in lines[start:]] for part in (slice(0, wide), slice(wide + 1, None)))
    assert re.search(r"loss 0\.707379 +at step 0\b", left[1])
    assert re.search(r"loss 0\.736137 +at step 0\b", other[1])
    for side, rows in ((left, 1), (other, 5)):
        assert side[-1].split() == ["0", "1,000"]
        drawn = [row for row in side if any("\u2801" <= glyph <= "\u28ff" for glyph in row)]
        assert len(drawn) == 1 if rows == 1 else len(drawn) >= rows
        assert any("0.7361│" in row for row in side)
        assert any("0.0007│" in row for row in side)
    board.hide = frozenset(("relu, he init",))
    hidden = "\n".join(text(board, *size).split("\n")[start:])
    assert "0.707379" in hidden
    assert "0.736137" not in hidden
    assert "0.0007" not in hidden


def test_flow_says_in_few_columns_what_its_numbers_are(make: Make) -> None:
    lines = text(make("flow"), 60, 18).split("\n")
    assert lines[1].split() == ["sigmoid", "✗", "vanishing", "│", "relu,", "he", "init", "✓", "arrives"]
    assert next(line for line in lines if "One switch" in line).endswith(" layer1 gets   after 1,000 ─")
    low, high = (lines[7].index(label) for label in ("1e-4", "100"))
    track = lines[2][low : high + 3]
    assert set(track) <= set("●·─━"), "the labels stand at the ends of the track"


def test_the_chosen_switch_is_in_sight(make: Make) -> None:
    """A lesson leaves the explorer 17 rows."""
    board = make("flow")
    count = len(board.courses)  # type: ignore[attr-defined]
    for n in range(1, count + 1):
        for height in (17, 15, 12, 10):
            rows = text(board, 80, height).split("\n")
            assert sum(row.startswith("▶") for row in rows) == 1, (n, height)
            rule = next(row for row in rows if "One switch" in row)
            assert f" of {count} " in rule
            assert n < count or f" {count} of {count} " in rule.replace("-", " ")
        board.press("choose", (1, 0), "down")


def test_flow_trains_by_step(make: Make) -> None:
    board = make("flow")
    before = text(board)
    board.press("train", (1, 0), ">")
    assert text(board).count("·") > before.count("·")  # not there yet
    assert text(worked(board)) != before
    board.press("train", (-1, 0), "<")
    assert text(board) == before
    assert board.press("train", (-1, 0), "<") == "at training step 0, the first"


def test_activations_in_numbers(make: Make) -> None:
    board = make("activations")
    page = text(board)
    assert re.search(r"▶ sigmoid +0\.8176 +0\.1491 +5\.4e-9", page)
    assert re.search(r"gelu +1\.3998 +1\.1275 +3\.3193", page)
    assert "∂a/∂z = a·(1 - a)   ✓ proved" in page
    assert "0.25 at" in page
    board.run("choose relu")
    board.run("z 0")
    page = text(worked(board))
    assert re.search(r"▶ relu +0 +0 +0", page)
    assert "derivative at 0 is 0" in page.replace("\n", " ") or "The derivative" in page


def test_race_runs_all_from_one_start(make: Make) -> None:
    board = make("race")
    board.run("step 28")
    page = text(worked(board))
    for name, rate, loss in (
        ("S  sgd", "0.05", "1.2413"), ("M  momentum", "0.05", "0.2108"), ("R  rmsprop", "0.05", "0.7654"),
        ("A  adam", "0.1", "1.8853"),
    ):  # fmt: skip
        assert re.search(rf"{name} +rate {re.escape(rate)} +{re.escape(loss)}", page), name
    assert "first now  1 M  2 R  3 S  4 A" in page
    assert page.count("@") == 2
    assert "o" in page
    board.press("choose", (1, 0), "down")
    board.press("rate", (0, 1), "right")
    assert text(board).count("·") >= 1  # one of the curves is not there yet
    assert "rate 0.06" in text(worked(board))
    board.press("problem", (1, 0), "o")
    assert "Loss over u and v" in text(worked(board))
    board.press("run", (0, 0), "space")
    assert "▶" in plain(board.status()[0])
    worked(board)
    assert plain(board.status()[0]).endswith("step 40 of 40")
    board.press("start", (0, 0), "0")
    board.press("run", (0, 0), "space")
    board.opening()
    assert "▶" not in plain(board.status()[0])  # it waits for who comes back from the debugger


def test_race_of_any_network(make: Make) -> None:
    assert "two directions, a cut" in text(make("race", load("xor")))
    board = make("race", load("darts"))
    assert "Loss over w and b ─" in text(board)
    with pytest.raises(UserError, match="only one number"):
        explore.board("race", from_formula("L = (w - x)**2", {"w": 1.0, "x": 2.0}, ["w"]))


@pytest.mark.parametrize("name", NAMES)
def test_hidden_numbers_stand_nowhere(name: str, make: Make) -> None:
    secrets = {
        "chain": ("dy/dx", "36.0000"), "rate": ("∂L/∂w", "-3.6000"), "flow": ("layer2", "0.0060"),
        "activations": ("slope", "0.1491"), "race": ("loss", "first now"),
    }  # fmt: skip
    if name not in secrets:
        pytest.skip("nothing of it is asked for")
    board = make(name)
    hidden, secret = secrets[name]
    before = text(board)
    assert secret in before.replace("36.0000 │", "")  # of the chain y is 36, too, and stays
    board.hide = frozenset((hidden,))
    after = text(board)
    assert re.search(r" \?( |$)", after, re.MULTILINE)
    assert secret not in re.sub(r"36\.0000 │", "", after)
    assert "3.6000" not in after


TARGETS = {
    "chain": ("", "darts", "xor", "two-paths"), "rate": ("", "xor"), "flow": ("", "lenet"),
    "activations": ("", "swoosh"), "race": ("", "xor"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "target"), [(name, target) for name in NAMES for target in TARGETS[name]])
def test_at_any_size_nothing_raises_or_overflows(name: str, target: str, make: Make) -> None:
    board = make(name, load(target) if target else None)

    @given(st.integers(24, 200), st.integers(4, 60), st.booleans(), st.booleans())
    @settings(max_examples=12, deadline=None)
    def check(width: int, height: int, unicode: bool, ansi: bool) -> None:
        rows = board.lines(width, height, RenderOptions(unicode, ansi))
        assert len(rows) <= height
        assert all(length(line) <= width for line in rows)
        if not unicode:
            assert all(plain(to_ascii(line)).isascii() for line in rows)

    check()
    for width, height in ((60, 18), (80, 17), (80, 22), (120, 34), (200, 48)):
        rows = board.lines(width, height, RenderOptions())
        assert len(rows) <= height
        assert all(length(line) <= width for line in rows)


ODD = {
    "NaN": ("L = sqrt(w)*v", {"w": -1.0, "v": 1.0}), "inf": ("L = 1/w + v", {"w": 0.0, "v": 1.0}),
    "huge": ("L = 1e300*w**2 + v", {"w": 1e5, "v": 0.0}), "flat": ("L = w*0 + 1 + v*0", {"w": 1.0, "v": 1.0}),
    "below 0": ("L = -w**2 - v", {"w": 1.0, "v": 2.0}), "kinks": ("L = abs(w) + abs(v)", {"w": 1.0, "v": -2.0}),
    "long names": ("a_name_that_is_too_long = w*v; L = a_name_that_is_too_long**2", {"w": 1.0, "v": 3.0}),
    "many ways": ("a = w*2; b = w*3; c = w*v; d = w*5; L = a*b*c*d", {"w": 1.0, "v": 2.0}),
}  # fmt: skip


@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize("name", ["chain", "rate", "race"])
def test_numbers_that_are_none_and_odd_formulas(name: str, what: str, make: Make) -> None:
    board = make(name, from_formula(*ODD[what], ["w", "v"]))
    for size in ((80, 22), (60, 18), (24, 4)):
        assert all(length(line) <= size[0] for line in worked(board).lines(*size, SEEN))
    for each in board.place.rows:
        board.press(each.word, each.by[0] if each.by else (0, 0), each.keys[0])
        assert text(worked(board))


def test_rate_says_what_cannot_be_judged(make: Make) -> None:
    assert "not finite here" in text(make("rate", from_formula(*ODD["NaN"], ["w", "v"])))
    flat = text(make("rate", from_formula(*ODD["flat"], ["w", "v"])))
    assert "the gradient is 0 here" in flat
    assert re.search(r"of it +·", flat)  # of a promise of nothing nothing is kept or broken


@pytest.mark.parametrize("name", NAMES)
def test_every_key_answers_and_a_wrong_line_is_refused(name: str, make: Make) -> None:
    board = make(name)
    for each in board.place.rows:
        for n, key in enumerate(each.keys):
            board.press(each.word, each.by[n] if each.by else (0, 0), key)
            assert text(worked(board))
    with pytest.raises(UserError, match="no line of this explorer"):
        board.run("nonsense 1")
    if name == "race":
        board.run("problem line")  # the start is that of the problem
    board.press("start", (0, 0), "0")
    assert text(worked(board)) == text(make(name))


@asynccontextmanager
async def on_screen(name: str, size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[StageApp, Callable[[], str]]]:
    app = StageApp(name, lambda: explore.board(name))

    def seen() -> str:
        return "\n".join(plain(line) for line in app.stage.canvas.rows)

    async with piloted(app, *size) as pilot:
        app.pilot = pilot  # type: ignore[attr-defined]
        while app.stage.board is None or app.stage.worker.job is not None or app.stage.board.work() is not None:
            await pilot.pause(0.005)
        yield app, seen


@pytest.mark.parametrize(
    ("name", "keys", "at"),
    [
        ("chain", ("n", "N", "left", "plus"), "x"), ("rate", ("right", "greater_than_sign"), "forward"),
        ("flow", ("down",), "backward"), ("activations", ("down", "left"), "tanh"),
        ("race", ("greater_than_sign", "down", "right"), "step 1"),
    ],
)  # fmt: skip
async def test_in_the_app_keys_draw_and_enter_debugs(name: str, keys: tuple[str, ...], at: str) -> None:
    async with on_screen(name) as (app, seen):
        pilot = app.pilot  # type: ignore[attr-defined]
        for key in keys:
            before = seen()
            await pilot.press(key)
            await pilot.pause()
            assert seen() != before, key
        await pilot.press("enter")
        while app.session is None:
            await pilot.pause(0.005)
        assert app.screen is app.debugger
        await pilot.pause()
        assert at in "\n".join(plain(line) for line in app.debugger.canvas.rows)
        await pilot.press("q")
        assert app.screen is app.stage


@pytest.mark.parametrize("size", [(120, 36), (60, 20), (200, 50)])
async def test_in_another_size_the_map_is_there_without_a_key(size: tuple[int, int]) -> None:
    """Its pixels are others, and are computed then."""
    async with on_screen("race") as (app, seen):
        pilot = app.pilot  # type: ignore[attr-defined]
        await pilot.resize_terminal(*size)
        while "least" not in seen() and "below" not in seen():
            await pilot.pause(0.005)
        assert len(seen().split("\n")) == size[1]
        assert "▀" in seen()


async def test_from_the_debugger_on_its_network() -> None:
    async with debug("darts") as screen:
        screen.app.debugger.run("select b")
        screen.app.debugger.run("explore rate")
        while not isinstance(screen.app.screen, Stage) or screen.app.screen.board is None:
            await screen.pilot.pause(0.005)
        stage = screen.app.screen
        assert "Loss along b" in "\n".join(plain(line) for line in stage.board.lines(80, 22, RenderOptions()))
        await screen.press("q")
        assert screen.app.screen is screen.app.debugger
        screen.app.debugger.run("explore nonsense")
        assert "explore" in screen.text


def styles(lines: list[Line]) -> set[str]:
    """All style words."""
    return {word for line in lines for span in line for word in span.style.split()}


@pytest.mark.parametrize("name", NAMES)
def test_without_colours_the_same_is_said(name: str, make: Make) -> None:
    board = make(name)
    if name != "race":  # of which the map is drawn in shades
        assert text(board) == text(board, look=RenderOptions(ansi=True))
    assert not styles(board.lines(80, 22, RenderOptions(ansi=True))) & {"red", "blue"}
