"""Present mode: a question before each number, answers of which each is a mistake but one, a clicker, nothing that
moves, and nothing that gives it away."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line, Span, line, plain
from bptui.model.debugger.commands import registry
from bptui.model.debugger.session import Session
from bptui.model.source.examples import ORDER
from bptui.model.source.network import load
from bptui.screens import autoplay
from bptui.screens.panels import digits, present, presented, question
from bptui.screens.panels.choices import Choice, Mistake, choices
from bptui.screens.panels.present import Slide, draw
from bptui.screens.render import RenderOptions
from bptui.screens.scene import Scene
from bptui.symbolic.card import card_for
from tests.derivations import service
from tests.screens.panel_rig import network, squeezed
from tests.screens.rig import debug

SIZES = [(40, 12), (80, 24), (120, 36)]
"""Of the screens that every example is walked on; the footer has the last row."""


def presenting(name: str, topic: str = "operation") -> Session:
    """A session in present mode at its first Moment, its derivations made."""
    session = Session(network(name))
    service().warm(session.graph)
    assert service().wait(60.0)
    session.present(True, "loss" if topic == "loss" else "operation")
    return session


def scene(session: Session, width: int, height: int, unicode: bool = True) -> Scene:
    return Scene(session, width, height - 1, RenderOptions(unicode=unicode), rules=service())


def page(session: Session, width: int = 80, height: int = 24) -> list[str]:
    """The page, without the row of the footer."""
    return [plain(row) for row in presented.lines(scene(session, width, height))]


async def test_a_question_then_its_answer_then_the_next() -> None:
    async with debug("lesson-2-2-1") as screen:
        await screen.derived()
        await screen.press("s", "P")
        assert "What is a[0,0]?" in screen.text
        assert "pgdn the answer  pgup back  1-4 the class says  esc leave" in screen.rows[-1]
        assert "larger" not in screen.text
        hidden = screen.rows
        await screen.press("pagedown")
        assert screen.session.stop == 1
        assert "larger than z[0,0], 0.0400" in screen.text
        assert "pgdn next  pgup back" in screen.rows[-1]
        await screen.press("pageup")
        assert screen.rows == hidden
        await screen.press("s", "s")
        assert screen.session.stop == 2
        assert screen.session.view.asks
        await screen.press("S")
        assert (screen.session.stop, screen.session.view.asks) == (1, False)
        await screen.press("enter")
        assert (screen.session.stop, screen.session.view.asks) == (2, True)
        await screen.press("n", "escape")
        assert not screen.session.view.present
        assert not screen.session.view.asks
        assert screen.rows[1].startswith("─ 1 Network ")


@pytest.mark.parametrize("moment", [6, 7, 8, 9])
@pytest.mark.parametrize("shown", [False, True])
def test_before_it_is_derived_a_gradient_is_not_called_a_value(moment: int, shown: bool) -> None:
    """Its number never stands under the name of what it is the gradient of."""
    session = presenting("xor-stuck")
    session.goto(str(moment))
    session.view.asks = not shown
    for rules in (None, service()):
        drawn = Scene(session, 120, 35, RenderOptions(), rules=rules)
        made = presented.slide(drawn)
        asked = plain(made.number.symbol) if made.number is not None else ""
        assert asked.startswith("∂L/∂") or made.equation is not None
        assert "What" in plain(made.question)


def test_a_local_derivative_comes_into_its_place() -> None:
    session = presenting("xor-stuck")
    session.goto("8")
    before, after = ([plain(row) for row in presented.lines(Scene(session, 120, 35, RenderOptions(), rules=rules))]
                     for rules in (None, service()))  # fmt: skip
    assert "deriving" in " ".join(before)
    assert [n for n, row in enumerate(before) if "upstream" in row] == [
        n for n, row in enumerate(after) if "upstream" in row
    ]
    assert [row.count("┏") > 0 for row in before] == [row.count("┏") > 0 for row in after]


async def test_what_the_class_says_is_marked_and_told_what_it_did() -> None:
    """Picture 23a: -0.0247 is about a quarter of what came in."""
    async with debug("lesson-2-2-1") as screen:
        await screen.run("goto backward layer1.a")
        await screen.derived()
        await screen.press("P", "3")
        assert screen.session.view.says == 3
        assert "✓" not in screen.text
        assert "✗" not in screen.text
        await screen.press("3")
        assert screen.session.view.says == 0
        await screen.press("3", "pagedown")
        rows = {row.split()[1]: row for row in screen.rows if row.strip()[:1] in ("✓", "✗", "1", "4")}
        assert "✓  2    -0.0247" in screen.text
        assert "✗  3     0.0247    the sign turned" in screen.text
        assert "1    -0.0988    what came in alone" in screen.text
        assert "4     0.2499    the slope alone" in screen.text
        assert "smaller: ∂a/∂z is 0.2499, in size below 1" in screen.text
        assert rows
        await screen.press("1")
        assert screen.session.view.says == 3
        assert "the answer is told; pgup asks again" in screen.rows[-1]
        await screen.press("pagedown")
        assert screen.session.view.says == 0


async def test_arrows_choose_the_element_whatever_panel_had_the_focus() -> None:
    async with debug("lesson-2-2-1") as screen:
        await screen.press("1", "P", "right")
        assert screen.session.element == (0, 1)
        assert "z[0,1]" in screen.text
        await screen.press("down")
        assert screen.session.node.name == "layer1.z"


async def test_nothing_spoils_what_is_asked() -> None:
    """`i`, `p`, print, a display, copy. At 120x36 the number is -0.0247 at this Moment."""
    async with debug("lesson-2-2-1", 120, 36) as screen:
        await screen.run("goto backward layer1.a")
        await screen.derived()
        await screen.run("display grad(layer1.z[0,0])")
        await screen.press("P")
        asking = [row for row in screen.rows if "0.0247" in row]
        assert len(asking) == 2  # of the answers to choose from, itself and with its sign turned
        for keys in ("i", "p"):
            await screen.press(keys)
            assert "0.02467" not in screen.text
            assert "= -0.0247" not in screen.text
            await screen.press("escape")
        if not screen.session.view.present:
            await screen.press("P")
        for text in ("print grad(layer1.z)", "why grad(layer1.z[0,0])", "copy", "paths layer1.z[0,0]"):
            await screen.run(text)
            assert "0.02467" not in screen.text
            assert "= -0.0247" not in screen.text


async def test_the_loss_is_presented_from_its_panel() -> None:
    """P where the loss panel has the focus shows its curve; each page is a training step."""
    async with debug("xor", 120, 36) as screen:
        await screen.run("train 5")
        await screen.press("5", "P")
        assert screen.session.view.topic == "loss"
        assert "What is it after one more training step?" in screen.text
        assert f"{screen.session.recorded.loss:.6g}" not in screen.text
        step = screen.session.cursor.step
        await screen.press("pagedown")
        assert f"{screen.session.recorded.loss:.6g}" in screen.text
        assert "one training step ago" in screen.text
        await screen.press("pagedown")
        assert (screen.session.cursor.step, screen.session.view.asks) == (step + 1, True)
        await screen.press("pageup")
        assert (screen.session.cursor.step, screen.session.view.asks) == (step, False)
        await screen.press("escape")
        assert not screen.session.view.present


class Clock:
    """A timer that a test rings itself."""

    def __init__(self) -> None:
        self.rings: Callable[[], None] | None = None
        self.seconds = 0.0

    def every(self, seconds: float, call: Callable[[], None]) -> Clock:
        self.seconds, self.rings = seconds, call
        return self

    def stop(self) -> None:
        self.rings = None


async def test_pages_turn_by_themselves_until_space() -> None:
    async with debug("lesson-2-2-1") as screen:
        clock = Clock()
        screen.app.debugger.autoplay.every = clock.every
        await screen.run("autoplay 5")
        assert (clock.seconds, screen.session.view.present) == (5.0, True)
        assert "space stop" in screen.rows[-1]
        seen = []
        for _ in range(4):
            assert clock.rings is not None
            clock.rings()
            await screen.settle()
            seen.append((screen.session.stop, screen.session.view.asks))
        assert seen == [(0, False), (1, True), (1, False), (2, True)]
        await screen.press("space")
        assert clock.rings is None
        assert screen.session.stop == 2
        assert "the pages stand still" in screen.rows[-1]
        await screen.run("autoplay")
        assert clock.seconds == autoplay.USUAL
        await screen.press("escape")
        assert not screen.session.view.present
        assert clock.rings is None


def test_how_long_a_page_stands() -> None:
    assert autoplay.seconds("") == autoplay.USUAL
    assert autoplay.seconds("2.5 s") == 2.5
    assert autoplay.seconds("off") is None
    for text in ("soon", "-1", "0", "1e9", "99999", "5 5"):
        with pytest.raises(UserError, match=r"^autoplay: "):
            autoplay.seconds(text)


def test_a_class_says_one_of_four_while_it_is_asked() -> None:
    session = Session(load("darts"))
    with pytest.raises(UserError, match="says: no question is open"):
        registry.run(session, "says 1")
    session.present(True)
    for text in ("5", "two", "-1"):
        with pytest.raises(UserError, match=r"1 to 4; 0 for none"):
            registry.run(session, f"says {text}")
    assert not registry.run(Session(load("darts")), "page").ok


@pytest.mark.corpus(every=4, rows=2)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", ORDER)
def test_every_example_is_walked_and_every_answer_fits(name: str, size: tuple[int, int], full: bool) -> None:
    """From the first Moment to the end of a training step by pgdn. Nothing of question, answers and reason is cut,
    nothing that is not the answer moves when it is told, and until then nothing says which it is."""
    session = presenting(name)
    length = session.timeline.length
    skip = 1 if full or length < 20 else length // 10
    while session.cursor.step == 0:
        asked = presented.slide(scene(session, *size))
        if len(asked.choices) > 1:
            session.view.says = 1 + session.stop % len(asked.choices)
        before = page(session, *size)
        registry.run(session, "page")
        shown = presented.slide(scene(session, *size))
        after = page(session, *size)
        assert all(len(row) == size[0] for row in (*before, *after))
        assert len(before) == len(after) == size[1] - 1
        text, told = squeezed(" ".join(before)), squeezed(" ".join(after))
        assert "✓" not in text
        assert asked.question == shown.question
        for part in (plain(asked.question), *(choice.text for choice in asked.choices)):
            assert squeezed(part) in text, part
            assert squeezed(part) in told, part
        for part in (plain(shown.reason), *(c.mistake for n, c in enumerate(shown.choices, 1) if n == shown.marked)):
            assert squeezed(part) in told, part
        assert [c.mistake for c in shown.choices].count("") == bool(shown.choices)
        assert len({c.text for c in shown.choices}) == len(shown.choices)
        still = [y for y, (a, b) in enumerate(zip(before, after, strict=True)) if a == b]
        assert before[0] == after[0] or session.here.id == session.graph.loss
        assert {y for y, row in enumerate(before) if squeezed(plain(asked.question))[:12] in squeezed(row)} <= set(
            still
        )
        session.move(min(session.stop + skip, length - 1) if session.stop < length - 1 else session.stop + 1)


@pytest.mark.corpus(every=3)
@pytest.mark.parametrize(
    "size", [(80, 24), (200, 60), (60, 20), (40, 12), (24, 6), (24, 2), (9, 3)], ids=lambda size: f"{size[0]}x{size[1]}"
)
@pytest.mark.parametrize("unicode", [True, False], ids=["0", "1"])
def test_every_size(size: tuple[int, int], unicode: bool) -> None:
    session = presenting("xor")
    for _ in range(2 * session.timeline.length):
        rows = presented.lines(scene(session, *size, unicode=unicode))
        assert len(rows) == size[1] - 1
        assert all(len(plain(row)) == size[0] for row in rows)
        registry.run(session, "page")


def test_a_sign_and_a_dead_unit_are_told_as_they_are() -> None:
    session = Session(network("xor-stuck"))
    service().warm(session.graph)
    assert service().wait(60.0)
    registry.run(session, "goto backward")
    told = set()
    for _ in range(session.timeline.count("backward")):
        for column in range(8):
            session.select_element((0, column))
            told.add(plain(question.asked(session, card_for(session, service())).reason).split(":")[0])
        registry.run(session, "step")
    assert {"nothing came in", "smaller"} & told


def test_answers_are_the_right_one_and_mistakes_that_can_be_told_from_it() -> None:
    made = choices(
        -0.5, "-0.5000", [Mistake(-0.501, "near"), Mistake(2.0, "up"), Mistake(None, "none"), Mistake(2.001, "")]
    )
    texts = {choice.text: choice.mistake for choice in made}
    assert texts == {"-1.0000": "twice as much", "-0.5000": "", "0.5000": "the sign turned", "2.0000": "up"}
    assert list(texts) == sorted(texts, key=float)
    assert [c.text for c in choices(float("nan"), "NaN", [])] == ["-inf", "0", "inf", "NaN"]
    assert [c.mistake for c in choices(float("nan"), "NaN", [])][-1] == ""
    assert choices(None, "·", []) == ()
    assert sum(not c.mistake for c in choices(0.0, "0", [])) == 1
    assert len(choices(0.0, "0", [])) == 4


def words(rows: list[Line]) -> str:
    return " ".join(" ".join(plain(row).split()) for row in rows)


@pytest.mark.parametrize("size", [(80, 23), (40, 11), (120, 35), (60, 19)])
def test_a_page_of_a_lesson_without_numbers(size: tuple[int, int]) -> None:
    """Any question with any answers can be put on a page, with an equation or without."""
    said = ("more than that", "about a quarter of it", "the same", "nothing")
    made = Slide(
        line("lesson 4   The backward pass"), line("9/17"), line("at backward 4/5"),
        question=line("-0.0988 comes in. At ", ("z", "value"), " arrives"),
        choices=tuple(Choice(text, "" if n == 1 else "no") for n, text in enumerate(said)),
        reason=line("A quarter is the most that a sigmoid ever lets through."),
        timeline=(Span("z ── a"),),
    )  # fmt: skip
    for shown in (False, True):
        text = words(draw(made._replace(shown=shown), *size, RenderOptions()))
        assert all(part in text for part in said)
        assert "-0.0988 comes in. At z arrives" in text
        assert ("A quarter is the most that a sigmoid ever lets through." in text) is shown
        assert "9/17" in text
    alone = words(
        draw(Slide(line("lesson 4"), line("1/17"), reason=line("A last word."), shown=True), *size, RenderOptions())
    )
    assert "A last word." in alone


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
    assert digits.large("-1", True, 7) == (
        "            ██",
        *["            ██"] * 2,
        "█████       ██",
        *["            ██"] * 3,
    )
    assert digits.large("?", True, 5) == ("╺━━━┓", "    ┃", "  ┏━┛", "     ", "  .  ")


def test_a_large_screen_has_larger_digits_and_a_small_one_the_usual() -> None:
    for width, height, wide in (
        (200, 50, "██    ██"),
        (160, 45, "┏━━━┓"),
        (120, 36, "┏━━━┓"),
        (80, 24, "┏━┓"),
        (40, 12, "-0.0247"),
    ):
        rows = "\n".join(shown("lesson-2-2-1", 7, width, height))
        assert wide in rows


@pytest.mark.parametrize(("width", "height", "rows"), [(240, 60, 9), (200, 50, 7), (120, 36, 5), (80, 24, 3)])
def test_digits_are_as_large_as_there_is_room_for_beside_their_operators(width: int, height: int, rows: int) -> None:
    """As on a projector of 80x24: about an eighth of the screen's height, and nothing touches."""
    text = shown("lesson-2-2-1", 7, width, height)
    place = next(n for n, row in enumerate(text) if "×" in row)
    drawn = text[place - rows // 2 : place + rows // 2 + 1]
    assert all(drawn), "a row of digits is empty"
    large = (digits.large(number, rows=rows) for number in ("-0.0988", "0.2499", "-0.0247"))
    for made in large:
        assert made is not None
        assert all(part.strip() in row for part, row in zip(made, drawn, strict=True))
    left, right = text[place].split("×")
    assert left.endswith(" ")
    assert right.startswith(" ")


def shown(name: str, stop: int, width: int = 80, height: int = 24) -> list[str]:
    """The page of a Moment, its number told."""
    session = presenting(name)
    session.move(stop)
    session.view.asks = False
    return [row.strip() for row in page(session, width, height)]


def test_a_sum_has_its_signs_its_count_and_at_the_backward_moment_the_rule_of_the_sum() -> None:
    loss = shown("lenet", 10)
    assert any(row.endswith(" more)/16") for row in loss)
    back = shown("lenet", 17)
    assert any(" - 0.0" in row and " + -" not in row for row in back)
    assert any(row.startswith("∂L/∂padded[p,q,r,s] = Σ_o,a,u") for row in back)


def test_what_is_written_out_is_never_the_beginning_of_something() -> None:
    """Of weights at 60x20 the row of numbers, not half of the formula; of a part of a vector where it is from."""
    rows = shown("transformer", 23, 60, 20)
    assert any(row.lstrip("= ").startswith("exp(-") and "/" in row for row in rows)
    assert "weights[0,0,4,4] = exp(scaled[0,0,4,4])" not in rows
    assert "key_parts[0,0,1,2] = key[0,0,6]" in " ".join(shown("transformer", 15, 60, 20))


def test_where_nothing_has_room_there_is_no_defect() -> None:
    assert present.draw(Slide(line("a"), line("b")), 0, 0, RenderOptions()) == []


def test_all_terms_of_a_sum_stand_where_they_have_room() -> None:
    """A class that is asked what they add up to can add them up."""
    session = Session(load("xor"))
    session.goto("layer2.z")

    def told(width: int) -> str:
        scene = Scene(session, width, 24, RenderOptions(), rules=service())
        return "".join(plain(row) for row in presented.lines(scene))

    products = session.state.value("layer1.a")[0] * session.state.value("layer2.weight")[:, 0]
    assert all(f"{abs(x):.5f}" in told(80) for x in products if x)
    assert "more" not in told(80)
    session = Session(load("lenet"))
    session.goto("layer6.z")
    assert "more" in told(80)
