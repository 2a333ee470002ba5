"""Present mode: a question before each number, the same keys, nothing that moves, and nothing that gives it away."""

from __future__ import annotations

import pytest

from bptui.model.base.spans import plain
from bptui.model.debugger.commands import registry
from bptui.model.debugger.session import Session
from bptui.model.source.network import load
from bptui.screens.panels import digits, present, question
from bptui.screens.render import RenderOptions
from bptui.symbolic.card import card_for
from bptui.symbolic.service import Service
from tests.screens.rig import debug


def derived(session: Session) -> Service:
    service = Service(60.0, 60.0)
    service.warm(session.graph)
    assert service.wait(60.0)
    return service


async def test_a_question_then_its_number_then_the_next() -> None:
    async with debug("lesson-2-2-1") as screen:
        await screen.derived()
        await screen.press("s", "P")
        assert "Is a[0,0] larger or smaller than z[0,0], 0.0400?" in screen.text
        assert "s/S show" in screen.rows[-1]
        assert "larger\n" not in screen.text
        hidden = screen.rows
        await screen.press("s")
        assert screen.session.stop == 1
        assert any(row.split() == ["larger"] for row in screen.rows)
        assert "s/S step" in screen.rows[-1]
        await screen.press("S")
        assert screen.rows == hidden
        await screen.press("s", "s")
        assert screen.session.stop == 2
        assert screen.session.view.asks
        await screen.press("S")
        assert (screen.session.stop, screen.session.view.asks) == (1, False)
        await screen.press("n", "escape")
        assert not screen.session.view.present
        assert not screen.session.view.asks
        assert screen.rows[1].startswith("─ 1 Network ")


async def test_arrows_choose_the_element_whatever_panel_had_the_focus() -> None:
    async with debug("lesson-2-2-1") as screen:
        await screen.press("1", "P", "right")
        assert screen.session.element == (0, 1)
        assert "z[0,1]" in screen.text
        await screen.press("down")
        assert screen.session.node.name == "layer1.z"


@pytest.mark.parametrize("name", ["lesson-2-2-1", "two-paths", "xor", "classifier"])
def test_showing_a_number_moves_nothing_and_stepping_moves_no_frame(name: str) -> None:
    """What differs between hidden and shown is the number, the answer and, at the loss, the status line."""
    session = Session(load(name))
    service = derived(session)
    session.present(not session.view.present)
    for _ in range(session.timeline.length):
        card = card_for(session, service)
        asked = question.asked(session.revealed(), card_for(session.revealed(), service))
        assert plain(asked.question).endswith("?")
        hidden = [plain(row) for row in present.lines(session, 80, 23, RenderOptions(), card, rules=service)]
        registry.run(session, "step")
        card = card_for(session, service)
        shown = [plain(row) for row in present.lines(session, 80, 23, RenderOptions(), card, rules=service)]
        changed = [y for y, (a, b) in enumerate(zip(hidden, shown, strict=True)) if a != b]
        assert changed
        assert all(len(row) == 80 for row in (*hidden, *shown))
        assert plain(asked.answer) not in [row.strip() for row in hidden if row.strip()]
        last = hidden[-2].strip()
        assert "─" in last or session.timeline.count(session.cursor.phase) == 1
        registry.run(session, "step")
    assert session.cursor.step == 1


@pytest.mark.parametrize("size", [(80, 23), (120, 35), (200, 59), (60, 19), (40, 11), (24, 5), (24, 1)])
@pytest.mark.parametrize("unicode", [True, False])
def test_every_size(size: tuple[int, int], unicode: bool) -> None:
    session = Session(load("xor"))
    service = derived(session)
    session.present(True)
    for _ in range(2 * session.timeline.length):
        card = card_for(session, service, unicode)
        rows = present.lines(session, *size, RenderOptions(unicode=unicode), card)
        assert len(rows) == size[1]
        assert all(len(plain(row)) == size[0] for row in rows)
        registry.run(session, "step")


def test_a_sign_and_a_dead_unit_are_told_as_they_are() -> None:
    session = Session(load("xor-stuck"))
    service = derived(session)
    registry.run(session, "goto backward")
    told = set()
    for _ in range(session.timeline.count("backward")):
        for column in range(8):
            session.select_element((0, column))
            told.add(plain(question.asked(session, card_for(session, service)).answer).split(":")[0])
        registry.run(session, "step")
    assert {"nothing", "smaller"} <= told


def test_digits_of_every_size_and_none_alike() -> None:
    for glyphs in (digits.DIGITS, digits.PLAIN):
        assert len(set(glyphs.values())) == len(glyphs)
        assert all(len({len(row) for row in rows}) == 1 for rows in glyphs.values())
    assert all("".join(rows).isascii() for rows in digits.PLAIN.values())
    assert digits.large("NaN") is None
    assert digits.large("1", unicode=False, rows=5) is None
    for size in digits.SIZES:
        assert len({digits.large(c, True, size) for c in digits.DIGITS}) == len(digits.DIGITS)
        rows = digits.large("-0.25", True, size)
        assert rows is not None
        assert len(rows) == size
        assert len(set(map(len, rows))) == 1
    assert digits.large("8", True, 5) == ("┏━━━┓", "┃   ┃", "┣━━━┫", "┃   ┃", "┗━━━┛")
    assert digits.large("?", True, 5) == ("╺━━━┓", "    ┃", "  ┏━┛", "     ", "  .  ")


def test_a_large_screen_has_larger_digits_and_a_small_one_the_usual() -> None:
    for width, height, wide in ((200, 49, "┏━━━┓"), (120, 35, "┏━━━┓"), (80, 23, "┏━┓")):
        rows = "\n".join(shown("lesson-2-2-1", 7, width, height))
        assert wide in rows


def shown(name: str, stop: int, width: int = 80, height: int = 23) -> list[str]:
    """The page of a Moment, its number told."""
    session = Session(load(name))
    session.move(stop)
    return [
        plain(row).strip()
        for row in present.lines(session, width, height, RenderOptions(), card_for(session, derived(session)))
    ]


def test_a_sum_has_its_signs_its_count_and_at_the_backward_moment_the_rule_of_the_sum() -> None:
    loss = shown("lenet", 10)
    assert any(row.endswith(" more)/16") for row in loss)
    back = shown("lenet", 17)
    assert any(" - 0.0" in row and " + -" not in row for row in back)
    assert any(row.startswith("∂L/∂padded[p,q,r,s] = Σ_o,a,u") for row in back)


def test_what_is_written_out_is_never_the_beginning_of_something() -> None:
    """Of weights at 60x20 the row of numbers, not half of the formula; of a part of a vector where it is from."""
    rows = shown("transformer", 23, 60, 19)
    assert any(row.startswith("exp(-") and "/" in row for row in rows)
    assert "weights[0,0,4,4] = exp(scaled[0,0,4,4])" not in rows
    assert "key_parts[0,0,1,2] = key[0,0,6]" in shown("transformer", 15, 60, 19)
