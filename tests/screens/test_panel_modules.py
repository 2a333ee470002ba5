"""Panel 1 of a captured step: its modules, folded, with their sizes, badges and lines."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.base.spans import plain
from bptui.model.debugger import folding
from bptui.model.debugger.session import Session
from bptui.model.source.captured.network import CapturedNetwork, network_of
from bptui.screens import frame
from bptui.screens.badges import AT_ONCE, Badges
from bptui.screens.panels import loss, source
from bptui.screens.render import RenderOptions
from bptui.screens.scene import Scene
from bptui.symbolic.service import Service
from tests.records import blocks

from .panel_rig import texts
from .rig import Screen, debug

SIZES = [(60, 20), (80, 24), (120, 36), (200, 50)]


def captured(born: bool = False, count: int = 2) -> CapturedNetwork:
    return network_of(blocks(count, born), "blocks.bptui")


def listed(screen: Screen, width: int = 42) -> list[str]:
    """The rows of the panel."""
    return [row[:width].rstrip() for row in screen.rows[2:]]


def row_of(screen: Screen, name: str) -> str:
    return next(row for row in screen.rows if row[2:].lstrip(" ▾▸").startswith(name))


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_the_modules_stand_in_the_place_of_the_network(width: int, height: int) -> None:
    async with debug(captured, width, height) as screen:
        await screen.press("1")
        assert "1 Modules" in screen.text
        for name in ("▾", "forward", "embed linear", "▸", "blocks.0", "blocks.1", "mse_loss loss"):
            assert name in screen.text
        head = row_of(screen, "head linear")
        assert ":22" in head
        stats = screen.session.network.modules.step.values  # type: ignore[union-attr]
        made = screen.session.graph.by_name["head.linear"].id
        assert isinstance(screen.session.network, CapturedNetwork)
        value = stats[screen.session.network.captured.values_of[made][0]]
        assert value.stats is not None
        assert f"{value.stats.size:.4f}" in head
        assert ("4,1" in head) is (width >= 120)


async def test_enter_folds_and_the_arrows_go_from_row_to_row() -> None:
    async with debug(captured, 80, 24) as screen:
        await screen.press("1", "down", "enter")
        assert "up linear" in screen.text
        assert screen.session.node.name == "blocks.0.add"
        await screen.press("down", "down")
        assert screen.session.node.name == "blocks.0.relu"
        await screen.press("left", "left")
        assert "up linear" not in screen.text
        await screen.press("right")
        assert "up linear" in screen.text
        assert screen.session.stop == 0


async def test_n_goes_by_modules_and_s_by_operations_and_back_is_where_one_was() -> None:
    async with debug(captured, 80, 24) as screen:
        await screen.press("n")  # a call of several operations is one stop: where it is done
        assert screen.session.here.name == "embed.linear"
        start, reached = screen.session.stop, []
        for _ in range(4):
            await screen.press("n")
            reached.append(screen.session.here.name)
        assert reached == ["blocks.0.up.linear", "blocks.0.relu", "blocks.0.down.linear", "blocks.0.add"]
        await screen.press("N", "N", "N", "N")
        assert screen.session.stop == start


async def test_the_row_of_the_moment_has_the_chip_wherever_it_is() -> None:
    async with debug(captured, 80, 24) as screen:
        for _ in range(screen.session.walk.length):
            session = screen.session
            here = folding.listing(session).seen(folding.here(session))
            chips = [row[:42] for row in screen.rows[2:19] if row[0] in "▶◀◆"]
            assert len(chips) == 1, screen.text
            assert here.label[:8] in chips[0]
            await screen.press("s")


async def test_nan_is_said_as_such_and_reversed_where_it_came_up() -> None:
    async with debug(lambda: captured(born=True), 120, 36) as screen:
        await screen.press("x")
        assert screen.session.here.name == "log"
        rows = [row for row in screen.app.debugger.canvas.rows if "NaN" in plain(row)]
        styles = {plain(row)[2:].split()[0]: next(s.style for s in row if "NaN" in s.text) for row in rows}
        assert "reverse" in styles["log"]
        assert "reverse" not in styles["head"]


LOOKS = ({}, {"theme": "light"}, {"no_color": True}, {"unicode": False}, {"theme": "ansi-dark"})


@pytest.mark.parametrize(
    ("width", "height", "options"), [(*size, {}) for size in SIZES] + [(*SIZES[0], look) for look in LOOKS[1:]]
)
async def test_nothing_is_cut_and_every_row_fits(width: int, height: int, options: dict[str, object]) -> None:
    async with debug(captured, width, height, **options) as screen:
        for _ in range(4):
            await screen.press("n")
            assert all(len(row) == width for row in screen.rows[:-1])
            assert "failed" not in screen.text


def test_a_step_draws_no_more_than_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many modules only what is looked at has rows."""
    from bptui.model.debugger.session import Session

    network = captured(count=200)
    session = Session(network)
    texts(frame.paint(session, frame.Ui(), 120, 36))
    made = len(network.modules._rows)
    assert made < 210
    for _ in range(10):
        session.step()
        texts(frame.paint(session, frame.Ui(), 120, 36))
    assert len(network.modules._rows) <= made + 4 * 3


# ----------------------------------------------------------------------------------------------- source and timeline
async def test_under_the_card_stands_the_line_that_called() -> None:
    async with debug(captured, 120, 36) as screen:
        await screen.run("goto blocks.1.relu")
        right = [row[72:].rstrip() for row in screen.rows]
        at = next(n for n, row in enumerate(right) if row.startswith("─ source  model.py"))
        assert right[at].endswith("Model.forward ─")
        assert [row.rstrip() for row in right[at + 1 : at + 6]] == [
            "  8 class Block:",
            "  9     def forward(self, x):",
            " 10         h = self.up(x).relu()",
            " 11         h = self.down(h)",
            " blocks.1  relu",
        ]
        assert "on-cursor" in str(screen.app.debugger.canvas.rows[at + 3])
        await screen.run("goto update head.bias")
        assert "sgd, parameter 12 of 12" in screen.text


@pytest.mark.parametrize("width", range(24, 60))
def test_a_module_is_not_cut_where_its_part_can_be_said_in_fewer_words(width: int) -> None:
    session = Session(captured())
    session.goto("update head.bias")
    called = session.network.modules.called(session.cursor.phase, session.node.id)
    row = plain(source._brief(called, width))
    assert len(row) <= width
    assert "…" not in row or len(" model.py:10  head  sgd 12/12") > width - 3


async def test_where_there_is_little_room_one_row_says_where_it_was_called() -> None:
    async with debug(captured, 80, 24) as screen:
        await screen.run("goto blocks.1.relu")
        assert any(row[43:].startswith(" model.py:10  blocks.1  relu") for row in screen.rows)


async def test_what_is_opaque_says_why() -> None:
    made = blocks()
    for event in made.step.events:
        if event.name.endswith("relu"):
            event.name = "torch.nobody.knows"
    async with debug(lambda: network_of(made, "x"), 120, 36) as screen:
        await screen.run("goto blocks.0.knows")
        assert "bptui does not know" in " ".join(screen.text.split())


def track(screen: Screen, phase: str) -> str:
    return next(row for row in screen.rows if row.startswith(f" {phase} "))


async def test_the_timeline_has_a_column_for_each_module() -> None:
    async with debug(captured, 120, 36) as screen:
        names = screen.rows[screen.rows.index(track(screen, "forward")) - 1]
        assert names.split() == ["embed", "blocks.0", "blocks.1", "head", "loss", "update"]
        assert "by module   moment 1 of" in screen.text
        assert track(screen, "forward").count("○") == 5  # four ahead, and the update
        await screen.run("goto blocks.1")
        forward = track(screen, "forward")
        assert (forward.count("●"), forward.count("○")) == (2, 3)
        x = forward.index("▶")
        assert names.index("blocks.1") <= x < names.index("blocks.1") + 8
        await screen.run("mirror")
        assert track(screen, "backward").index("◀") == x
        assert "sgd" in forward
        await screen.run("goto update")
        assert "1 of 12" in track(screen, "backward")


async def test_a_cross_is_where_nan_came_up() -> None:
    async with debug(lambda: captured(born=True), 120, 36) as screen:
        await screen.derived()
        names = screen.rows[screen.rows.index(track(screen, "forward")) - 1]
        crosses = [x for x, c in enumerate(track(screen, "forward")) if c == "✗"]
        assert len(crosses) == 1
        assert abs(crosses[0] - names.index("head") - 2) <= 1
        assert "✗ 12 of 12" in track(screen, "backward")


async def test_of_many_modules_a_window_is_seen() -> None:
    async with debug(lambda: captured(count=60), 80, 24) as screen:
        for line in ("goto start", "goto blocks.30", "goto loss", "goto backward blocks.30", "goto backward embed"):
            await screen.run(line)
            assert "▶" in track(screen, "forward") or "◀" in track(screen, "backward"), line
            assert all(len(row) == 80 for row in screen.rows)
        assert ">" in track(screen, "forward")


# ------------------------------------------------------------------------------------------------------------ badges
async def checked(screen: Screen) -> None:
    """Wait until all that is asked for while nobody presses a key is compared."""
    for _ in range(8):
        await screen.derived()


async def test_every_call_is_compared_and_its_row_and_the_status_line_say_so() -> None:
    async with debug(captured, 120, 36) as screen:
        await checked(screen)
        counts = screen.app.debugger.ui.checks
        assert counts is not None
        assert (counts.failed, counts.opaque) == (0, 0)
        assert counts.good > 30
        assert f"✓ {counts.good}" in screen.rows[0]
        for name in ("forward", "embed linear", "blocks.1", "mse_loss loss", "backward", "update sgd"):
            assert row_of(screen, name)[53] in "✓≈", name


def test_what_is_known_by_the_time_it_is_asked_for_does_not_keep_the_rest_waiting() -> None:
    """A frame is drawn while the first calls are still compared: it wants them, too."""
    network, service = captured(count=40), Service()
    badges = Badges(network.modules, service, set())
    rows, known = network.modules.sections, -1
    calls = len(network.modules.captured.record.step.leading)
    assert calls > 2 * AT_ONCE
    while len(badges._known) > known:
        known = len(badges._known)
        for row in rows:
            badges.of(row)
        badges.ask()
        for row in rows:
            badges.of(row)
        assert service.wait(60.0)
    assert known >= calls
    service.close()


async def test_a_wrong_number_is_found_and_shown_on_all_that_holds_it() -> None:
    made = blocks()
    event = next(event for event in made.step.events if event.module == "blocks.1" and event.name.endswith("relu"))
    wrong = np.array(made.arrays[event.outs[0]])
    wrong[0, 0] += 0.25
    made.arrays[event.outs[0]] = wrong
    async with debug(lambda: network_of(made, "wrong"), 120, 36) as screen:
        await checked(screen)
        counts = screen.app.debugger.ui.checks
        assert counts is not None
        assert counts.failed >= 1
        assert " ✗ " in row_of(screen, "blocks.1")[50:60]
        assert "✓" in row_of(screen, "blocks.0")[50:60]
        await screen.press("x")
        assert (screen.session.here.name, screen.session.cursor.phase) == ("blocks.1.relu", "forward")
        assert "the value of blocks.1.relu failed its check" in screen.rows[-1]
        assert " ✗ " in row_of(screen, "forward")[50:60]


async def test_what_nobody_knows_is_opaque_and_counted() -> None:
    made = blocks()
    for event in made.step.events:
        if event.name.endswith("relu"):
            event.name = "torch.nobody.knows"
    async with debug(lambda: network_of(made, "strange"), 120, 36) as screen:
        await screen.run("goto blocks.0.knows")
        await checked(screen)
        assert row_of(screen, "knows")[53:59] == "opaque"
        assert "opaque 2" in screen.rows[0]
    async with debug(lambda: network_of(made, "strange"), 80, 24) as screen:
        await checked(screen)
        assert "opaque" not in screen.rows[0]
        assert "≈" in screen.rows[0]


async def test_nan_that_the_definition_gives_too_is_right() -> None:
    async with debug(lambda: captured(born=True), 120, 36) as screen:
        await checked(screen)
        assert "✓" in row_of(screen, "log")[50:60]
        assert screen.app.debugger.ui.checks is not None
        assert screen.app.debugger.ui.checks.failed == 0


async def test_a_model_in_a_module_of_its_own_has_the_columns_of_what_is_in_it() -> None:
    made = blocks()
    for event in made.step.events:
        event.module = f"model.{event.module}" if event.module else "model" * (not event.name.endswith("mse_loss"))
    made.step.modules = {f"model.{path}": module for path, module in made.step.modules.items()}
    made.step.modules["model"] = made.step.modules["model.embed"]
    async with debug(lambda: network_of(made, "wrapped"), 120, 36) as screen:
        names = screen.rows[screen.rows.index(track(screen, "forward")) - 1]
        assert names.split() == ["embed", "blocks.0", "blocks.1", "head", "loss", "update"]


@pytest.mark.parametrize("width", [60, 80, 120])
async def test_the_status_line_keeps_its_places_at_every_moment(width: int) -> None:
    async with debug(lambda: captured(count=60), width, 24) as screen:
        await screen.derived()
        places = set()
        for line in ("goto start", "goto blocks.30", "goto backward blocks.59.up.linear.weight_t", "goto update"):
            await screen.run(line)
            row = screen.rows[0]
            places.add((row.index("bptui"), row.index("loss"), row.index("✓"), row.index("✗")))
        assert len(places) == 1


def test_the_loss_of_a_captured_step_is_the_only_one_and_says_so() -> None:
    """It cannot be trained on, but in a branch."""
    session = Session(captured())
    told = " ".join(texts(loss.lines(Scene(session, 60, 12, RenderOptions()))))
    assert "one captured training step" in told
    assert "trains one more" not in told
