"""The network that was played last: what is kept and read again draws the same map and trains to the same bits; a file
that bptui did not write is none."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bptui import cli, showing
from bptui.home_app import HomeApp
from bptui.model.base.errors import UserError
from bptui.model.base.spans import plain
from bptui.model.debugger.progress import Progress
from bptui.screens.play import last, output
from bptui.screens.play.board import Playground
from bptui.screens.play.opening import again
from bptui.screens.render import RenderOptions
from bptui.screens.stage import Stage
from bptui.teach.play import kept
from bptui.teach.play.setup import opened
from tests.screens.rig import StageApp, piloted
from tests.screens.test_home import At

LOOKS = (RenderOptions(), RenderOptions(ansi=True), RenderOptions(unicode=False, ansi=True))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BPTUI_STATE", str(tmp_path))
    return tmp_path


def carry_out(made: Playground) -> Playground:
    while (work := made.work()) is not None:
        work(Progress())
    return made


def played(*lines: str, file: str | None = None) -> Playground:
    made = Playground(opened(file), 20)
    for text in lines:
        made.run(text)
        carry_out(made)
    return made


def same_map(made: Playground) -> None:
    """Home's map is the playground's, without the points."""
    found = kept.last()
    assert found is not None
    frame = made.frame
    for look in LOOKS:
        want = output.plane(frame.seen.output, output.range_of(frame), 20, 10, look)
        assert last.Map(found).lines(22, 10, look) == want


@pytest.mark.parametrize(
    ("lines", "file"),
    [
        (("step 30",), None),
        (("data hills", "stride 100", "step 7"), None),
        (("loss cross_entropy", "step 3"), None),
        (("step 20", "test 50", "points test"), "classifier"),
        (("layers 3 3", "activation swoosh = x/(1 + exp(-x))", "step 5"), None),
        (("rate 0.5", "step 12"), None),
        (("activation relu", "rate 0.1", "optimizer sgd", "step 12"), None),
        (("seed 9",), None),
        (("discretize on", "step 30"), None),
    ],
)
def test_what_is_kept_draws_the_same_map_and_goes_on_to_the_same_bits(lines: tuple[str, ...], file: str | None) -> None:
    made = played(*lines, file=file)
    made.keep()
    same_map(made)
    then = carry_out(again()())  # type: ignore[arg-type]  # a playground
    assert isinstance(then, Playground)
    a, b = made.frame, then.frame
    assert (a.step, a.loss, a.seen.test, a.setup.stride, a.setup.share) == (
        b.step, b.loss, b.seen.test, b.setup.stride, b.setup.share)  # fmt: skip
    assert (a.seen.output == b.seen.output).all()
    then.keep()
    same_map(made)


@pytest.mark.parametrize("lines", [("step 20", "rate 0.5", "step 40"), ("weight 0.5", "step 4")])
def test_what_was_changed_on_the_way_is_in_the_map_and_begins_at_step_0(lines: tuple[str, ...]) -> None:
    made = played(*lines)
    made.keep()
    same_map(made)
    assert carry_out(again()()).frame.step == 0  # type: ignore[arg-type]  # a playground


def test_who_did_nothing_keeps_what_was_there(folder: Path) -> None:
    played("step 3").keep()
    before = (folder / "played.json").read_bytes()
    played().keep()
    assert (folder / "played.json").read_bytes() == before


def test_a_network_that_is_too_large_to_be_kept_leaves_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played("step 3").keep()
    monkeypatch.setattr(kept, "MAX_BYTES", 30_000)
    played("step 4").keep()
    assert not (folder / "played.json").exists()
    with pytest.raises(UserError, match="no network that was played is kept"):
        again()


def test_where_nothing_is_kept_nothing_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BPTUI_STATE", "")
    played("step 3").keep()
    assert kept.last() is None
    assert not list(folder.iterdir())


MAP = {"size": 1, "output": "AAAAAAAAAAA=", "levels": [0.5, 0.5, False, False]}
GOOD = {
    "format": 1, "title": "t", "step": 1, "where": "play", "folder": "", "network": {}, "settings": [], "map": MAP,
}  # fmt: skip


def write(folder: Path, content: object) -> None:
    (folder / "played.json").write_text(content if isinstance(content, str) else json.dumps(content))


def test_the_least_that_is_right(folder: Path) -> None:
    write(folder, GOOD)
    assert kept.last() is not None


TWO = (False, False)
DRAWN = (
    {"size": 0}, {"size": 61}, {"size": 2}, {"size": True}, {"size": "1"}, {"output": "AAAA"}, {"output": "~"},
    {"output": 5}, {"levels": [0, 0, *TWO]}, {"levels": [0, 1, False]}, {"levels": [0, 1, 1, True]},
    {"levels": ["a", 1, *TWO]}, {"levels": [1e999, 1, *TWO]}, {"levels": [0, 1e999, *TWO]},
    {"levels": [10**400, 1, *TWO]},
)  # fmt: skip
CHANGES = (
    {"format": 2}, {"title": 3}, {"title": "t" * 5_000}, {"step": -1}, {"step": True}, {"step": 1e9}, {"network": []},
    {"settings": "stride 1"}, {"settings": ["stride 1"] * 99}, {"settings": [1]}, {"map": None}, {"where": None},
    *({"map": {**MAP, **each}} for each in DRAWN),
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_what_is_no_such_file_is_no_map(folder: Path, change: dict[str, object]) -> None:
    write(folder, GOOD | change)
    assert kept.last() is None


TEXTS = ("", "{", "[" * 10_000, "null", "1e999", "\x00", '{"a": ' * 60, "x" * (kept.MAX_BYTES + 1))


@pytest.mark.parametrize("content", TEXTS, ids=lambda text: text[:4])
def test_no_text_is_a_map(folder: Path, content: str) -> None:
    write(folder, content)
    assert kept.last() is None


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner), max_leaves=8
)


@hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([*GOOD, *MAP]), JSON)
def test_any_value_in_any_place_is_read_or_is_none(folder: Path, key: str, value: object) -> None:
    write(folder, {**GOOD, "map": MAP | ({key: value} if key in MAP else {}), **({key: value} if key in GOOD else {})})
    found = kept.last()
    if found is not None:
        assert len(last.Map(found).lines(20, 10, LOOKS[0])) == 10
        with pytest.raises(UserError):  # an empty network is none, whatever stands around it
            found.setup()


def test_a_network_that_is_none_is_told_in_one_line(folder: Path) -> None:
    write(folder, GOOD)
    with pytest.raises(UserError) as told:
        again()()
    assert "\n" not in str(told.value)


# ----------------------------------------------------------------------------------------------------------- at home


@asynccontextmanager
async def at_home(width: int = 120, height: int = 36) -> AsyncIterator[At]:
    app = HomeApp(cli._opened, screen_of=showing.screen_of)
    async with piloted(app, width, height) as pilot:
        app.home._pictured()  # what a timer does after the first frame
        await app.workers.wait_for_complete()
        await pilot.pause()
        yield At(app, pilot)


def map_of(text: str) -> list[str]:
    """What stands at the left of the playground's panel on a screen of 120 columns."""
    rows = text.splitlines()
    first = next(n for n, row in enumerate(rows) if "2 Playground" in row)
    last = next(n for n, row in enumerate(rows) if "4 Recent" in row)
    return [row[84:104] for row in rows[first + 2 : last - 1]]


async def test_home_shows_the_map_and_goes_on_with_it() -> None:
    made = played("step 200")
    made.keep()
    async with at_home() as at:
        drawn = output.plane(made.frame.seen.output, output.range_of(made.frame), 20, 10, at.app.home.state.look)
        assert map_of(at.text) == [plain(row) for row in drawn]
        await at.press("2")
        assert "circle again" in at.text
        assert "at step 200" in " ".join(row[106:].strip() for row in at.text.splitlines())
        await at.press("enter")
        stage = at.app.screen
        assert isinstance(stage, Stage)
        while stage.board is None or stage.worker.job is not None or stage.board.work() is not None:
            await at.pilot.pause()
        assert isinstance(stage.board, Playground)
        assert stage.board.frame.step == 200
        await at.press("greater_than_sign")
        while stage.worker.job is not None:
            await at.pilot.pause()
        await at.press("q")
        assert "at step 210" in " ".join(row[106:].strip() for row in at.text.splitlines())


@pytest.mark.parametrize("content", ["", "{}"])
async def test_without_one_the_about_stands_there(folder: Path, content: str) -> None:
    write(folder, content)
    async with at_home() as at:
        assert at.app.home.state.picture is None
        await at.press("2")
        assert at.app.home.state.item is not None
        assert at.app.home.state.item.opens == "play"
        assert "choose data, layers" in at.text


async def test_80x24_has_its_row_alone() -> None:
    played("step 20").keep()
    async with at_home(80, 24) as at:
        assert "play  circle again, at step 20; o play begins another" in at.text


async def test_the_end_of_the_program_keeps_it(folder: Path) -> None:
    """However it ends: a signal ends it by `exit`, too."""
    app = StageApp("play", lambda: played("step 30"))
    async with piloted(app) as pilot:
        while app.stage.board is None:
            await pilot.pause()
        app.end(143)
        while app.is_running:
            await pilot.pause()
    found = kept.last()
    assert found is not None
    assert found.step == 30


def test_the_shell_has_it_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["play", "--again"]) == 2
    assert "no network that was played is kept (bptui play)" in capsys.readouterr().err
    played("step 30").keep()
    assert cli.main(["play", "xor", "--again"]) == 2
    assert cli.main(["play", "--again"]) == 0
    assert "circle" in capsys.readouterr().out
