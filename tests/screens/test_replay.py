"""What was recorded is done again, and ends where it ended; a line of which something else comes is named."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.events import Key

from bptui import cli, replay
from bptui.app import BptuiApp
from bptui.model.base.errors import UserError
from bptui.model.debugger.commands.registry import COMMANDS
from bptui.model.debugger.session import Session
from bptui.model.source.network import load
from bptui.recorder import Recorder
from bptui.screens.keys import PAGES, PANEL, REPLAY
from bptui.screens.player import Player
from bptui.surroundings import Surroundings
from tests.screens.rig import debug, piloted
from tests.sessions import snapshot

SMALL = ("xor", "lesson-2-2-1", "darts")
LINES = (
    "step 3", "goto backward", "next", "finish", "train 3", "untrain", "break layer1.z if loss < 0.8", "continue",
    "watch layer2.bias", "reverse-continue", "set lr = lr/2", "undo", "redo", "select layer1.weight[0,1]",
    "display loss", "view neurons", "view graph", "view layers", "view operations", "zoom", "mark a", "jump a", "back",
    "forward", "focus 1", "focus 2", "focus 3", "focus 4", "no such command", "set lr = -1", "print loss",
    "info breakpoints", "help step", "present on",
    "present off", "define twice", "step $arg0", "end", "twice 2", "until loss", "L = 3", "theme light", "focus-next",
    "nudge layer1.weight[0,1] 0.1", "nudge", "branch 0", "diff", "diff column", "paths", "why", "last",
    "close", "findings",
)  # fmt: skip
SIZES = {"wide": (140, 40), "small": (50, 14)}
Captured = pytest.CaptureFixture[str]
KEYS = tuple(key for place in (PANEL, PAGES) for row in place.rows for key in row.keys if key not in ("ctrl+c", "q"))


def state(session: Session) -> object:
    """Everything that a user can have changed."""
    stops = [(row.command, row.enabled, row.ignored, row.hits) for row in session.breakpoints.rows.values()]
    marks = {name: (mark.branch.number, mark.moment) for name, mark in session.marks.items()}
    edits = [[edit.text for edit in branch.edits] for branch in session.branches]
    return snapshot(session), stops, session.displays, marks, edits, session.scripts.words


async def recorded(
    path: Path, target: str, done: list[str], size: tuple[int, int] = (80, 24)
) -> tuple[object, list[str]]:
    """Lines and keys, recorded; the state in which they end, and the screen."""
    recorder = Recorder(str(path), ["run", target], size)
    async with debug(target, *size, around=Surroundings(recorder=recorder)) as screen:
        for text in done:
            if text in SIZES:
                await screen.pilot.resize_terminal(*SIZES[text])
            elif text in KEYS:
                screen.app.debugger.take(text)
            else:
                screen.app.debugger.run(text)
            while screen.app.debugger.runner.busy:
                await screen.settle()
        recorder.close()
        return state(screen.session), screen.rows[:-1]


async def replayed(path: Path) -> tuple[object, list[str], UserError | None]:
    """The state in which a replay ends, its screen, and what failed."""
    made = replay.read(str(path))
    player = Player(made, 0.0, hidden=True)
    async with debug(made.target[1], *made.size) as screen:
        await player.play(screen.app.debugger)
        return state(screen.session), screen.rows[:-1], player.failed


@settings(max_examples=12)
@given(st.sampled_from(SMALL), st.lists(st.sampled_from((*LINES, *KEYS, *SIZES)), max_size=12))
def test_a_replay_ends_where_the_run_ended(
    tmp_path_factory: pytest.TempPathFactory, target: str, done: list[str]
) -> None:
    path = tmp_path_factory.mktemp("replay") / "a.jsonl"
    was = asyncio.run(recorded(path, target, done))
    now = asyncio.run(replayed(path))
    assert now[2] is None
    assert now[0] == was[0]


async def test_what_was_interrupted_ends_where_it_was_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    recorder = Recorder(str(path), ["run", "xor"], (80, 24))
    async with debug("xor", around=Surroundings(recorder=recorder)) as screen:
        debugger = screen.app.debugger
        debugger.run("train 9000000")
        job = debugger.runner.job
        assert job is not None
        await screen.pilot.pause()
        debugger.on_key(Key("ctrl+c", None))
        await asyncio.wrap_future(job)
        await screen.pilot.pause()
        await screen.press("s")
        was = state(screen.session)
    assert '"for": "train 9000000"' in path.read_text()
    now, _, failed = await replayed(path)
    assert failed is None
    assert now == was


async def test_a_screen_of_another_size_is_recorded_where_a_key_depends_on_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    was, _ = await recorded(path, "transformer", ["focus 1", "small", "step", "pagedown", "wide", "pagedown"])
    sizes = [entry["size"] for entry in map(json.loads, path.read_text().splitlines()) if "size" in entry]
    assert sizes == [[80, 24], [50, 14], [140, 40]]
    assert (await replayed(path))[::2] == (was, None)


async def test_a_script_is_recorded_line_by_line(tmp_path: Path) -> None:
    script, path = tmp_path / "a.bp", tmp_path / "a.jsonl"
    script.write_text("define twice\nstep $arg0\nstep $arg0\nend\ntwice 2\nexpect layer1\n")
    was, _ = await recorded(path, "xor", [f"source {script}"])
    script.unlink()
    done = [json.loads(row).get("do") for row in path.read_text().splitlines()[1:]]
    assert done == ["define twice", "step $arg0", "step $arg0", "end", "step 2", "step 2", "expect layer1"]
    assert (await replayed(path))[::2] == (was, None)


def test_each_line_is_on_the_disk_before_the_next(tmp_path: Path) -> None:
    path, session = tmp_path / "a.jsonl", Session(load("xor"))
    recorder = Recorder(str(path), ["run", "xor"], (80, 24))
    recorder.command(session, "step")
    assert [json.loads(row) for row in path.read_text().splitlines()][1]["do"] == "step"
    with pytest.raises(UserError, match="nothing is overwritten"):
        Recorder(str(path), ["run", "xor"], (80, 24))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is full")
def test_a_full_disk_keeps_nobody_from_debugging(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, session = Recorder.__new__(Recorder), Session(load("xor"))
    recorder._path, recorder._begun, recorder.lost = "/dev/full", 0.0, ""
    recorder._file = open("/dev/full", "w")  # noqa: SIM115
    for _ in range(3):
        recorder.command(session, "step")
    assert recorder.close() == "--record: /dev/full: no space left on device; nothing more is recorded"


# what a file may say


def run(capsys: Captured, *words: str) -> tuple[int, str]:
    code = cli.main(list(words))
    out, err = capsys.readouterr()
    return code, out + err


HEAD = '{"format": 1, "target": "lesson-2-2-1", "size": [120, 36]}\n'


def test_a_script_with_a_first_line_is_held_to_what_it_expects(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "a.replay"
    path.write_text(HEAD + "# layer1\nstep 7\nexpect ✓ difference\n{\"key\": \"right\"}\nexpect element [0,1]\n"
                    "expect print grad(layer1.z) == [[-0.02468, -0.02444]]\n")  # fmt: skip
    assert run(capsys, "replay", str(path), "--batch") == (0, f"{path}: 5 lines, each as it was\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("expect nothing of it", "line 2: expect: 'nothing of it' is not shown"),
        ("expect print loss == 7", "line 2: expect: loss is not 7"),
        ("nosuch", "line 2: nosuch: there is no such command"),
        ('{"do": "step", "at": "training step 0 forward 3/4 layer2.z, layer2.z[0,0]"}', "2: replay: this leads to"),
        ('{"do": "step", "loss": 3.0}', "line 2: replay: the loss is 0.0195"),
        ('{"do": "step", "error": "it was refused"}', "line 2: replay: this was refused when it was recorded"),
    ],
)  # fmt: skip
def test_a_line_of_which_something_else_comes_is_a_1(tmp_path: Path, capsys: Captured, line: str, said: str) -> None:
    path = tmp_path / "a.replay"
    path.write_text(f"{HEAD}{line}\nstep\n")
    code, text = run(capsys, "replay", str(path), "--batch")
    assert code == 1
    assert said in text
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    "content",
    [
        "", "step\n", "{\n", "[]\n", '{"format": 2, "target": "xor"}\n', '{"format": 1}\n',
        '{"format": 1, "target": 3}\n',
        '{"format": 1, "target": ["trace", "xor"]}\n', '{"format": 1, "target": "xor", "size": [0, 24]}\n',
        '{"format": 1, "target": "xor", "more": 1}\n', HEAD + '{"do": "step", "key": "s"}\n', HEAD + "{}\n",
        HEAD + '{"do": 3}\n', HEAD + '{"t": "late", "do": "step"}\n', HEAD + '{"do": "' + "x" * 5000 + '"}\n',
        HEAD + "[" * 20_000 + "\n", HEAD + '{"do":' + "[" * 5_000 + "\n", HEAD + "x" * 13_000 + "\n",
        '{"format": 1, "target": "nosuch"}\n', '{"format": 1, "target": ["run", "xor", "--nosuch"]}\n',
        HEAD + "\n" * 100_001,
    ],
)  # fmt: skip
def test_what_cannot_be_replayed_is_a_2(tmp_path: Path, capsys: Captured, content: str) -> None:
    path = tmp_path / "a.replay"
    path.write_text(content)
    code, text = run(capsys, "replay", str(path), "--batch")
    assert code == 2
    assert text.startswith("bptui: error: ")
    assert text.count("\n") == 1
    assert text.strip().isprintable()


def test_hostile_lines_do_nothing_outside(tmp_path: Path, capsys: Captured) -> None:
    path, there = tmp_path / "a.replay", tmp_path / "there.json"
    head = json.dumps({"format": 1, "target": ["run", "xor", "--record", str(there), "-ex", f"write {there}"]})
    lines = [head, f"write {there}", f"wri {there}", "define mine", f"write {there}", "end", "mine", "copy",
             '{"key": "\\u001b[2J"}', "step", "expect print step == 0", "quit", "step"]  # fmt: skip
    path.write_text("\n".join(lines))
    code, text = run(capsys, "replay", str(path), "--batch")
    assert (code, text) == (0, f"{path}: 12 lines, each as it was\n")
    assert not there.exists()


def test_random_bytes_are_refused_or_played(tmp_path: Path, capsys: Captured) -> None:
    draw = random.Random(7)
    words = [command.word for command in COMMANDS if command.word not in ("continue", "train", "quit")]
    for n in range(6):
        path = tmp_path / f"{n}.replay"
        rows = [f"{draw.choice(words)} {''.join(map(chr, draw.choices(range(1, 300), k=9)))}" for _ in range(8)]
        path.write_text(HEAD + "\n".join(rows), encoding="utf-8")
        code, text = run(capsys, "replay", str(path), "--batch")
        assert code in (0, 1)
        assert text.strip().isprintable()


# at its pace


def test_the_pauses_are_those_that_were_recorded() -> None:
    entries = [replay.Entry(2, do="step", t=0.5), replay.Entry(3, do="step", t=0.7), replay.Entry(4, do="step", t=60.0),
               replay.Entry(5, do="step"), replay.Entry(6, do="step", t=61.0)]  # fmt: skip
    made = replay.Replay("a", ["run", "xor"], (80, 24), entries)
    assert [round(pause, 6) for pause in made.pauses(None)] == [0.5, 0.2, replay.LONGEST, replay.PACE, replay.PACE]
    assert made.pauses(2.0) == [2.0] * 5


async def test_each_key_of_a_replay_does_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "a.replay"
    path.write_text(HEAD + "step\n" * 50)
    for row in REPLAY.rows:
        for key in row.keys:
            player = Player(replay.read(str(path)), 3600.0)
            app = BptuiApp("lesson-2-2-1", lambda: load("lesson-2-2-1"), around=Surroundings(player=player))
            async with piloted(app) as pilot:
                while "▶  :step" not in "".join(span.text for span in app.debugger.ui.message):
                    await pilot.pause()
                app.debugger.on_key(Key(key, None))
                if row.word == "next":
                    while app.session is None or app.session.stop == 0:
                        await pilot.pause()
                    assert player.playing
                elif row.word == "pause":
                    assert not player._resumed.is_set()
                    app.debugger.on_key(Key(key, None))
                    assert player._resumed.is_set()
                elif row.word == "end":
                    while player.playing:
                        await pilot.pause()
                    await pilot.press("s")
                    assert app.session is not None
                    assert app.session.stop == 1
                else:
                    assert app.leaving
                app.debugger.on_key(Key("ctrl+q", None))
