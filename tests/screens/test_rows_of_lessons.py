"""What the five interactive texts show, row by row, read off the screen of a lesson at 80x24: on its page, or in what
stands beside it, the explorers and the playground among it, driven there by their keys.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from bptui.model.base.spans import plain
from bptui.teach.catalogue import find, lessons
from tests.screens.test_lesson import At, answer_right, reading


class Row(NamedTuple):
    """One thing that the texts show: its number there, where it is shown here, and what is to be read once the question
    is done and some keys are pressed: `said` on the page (question and explanation among it), `beside` in the debugger
    or the board that stands there."""

    row: int
    lesson: int
    page: str
    said: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


# fmt: off
ROWS = (
    Row(1, 1, "A throw", ("hit = 1.1000",), ("hit     1.1000", "w       0.5000", "x       2.0000", "b       0.1000")),
    Row(1, 1, "One number for a miss", ("L = 0.8100",), ("y       2.0000", "miss    0.9000", "L       0.8100")),
    Row(2, 1, "Which way?", ("-3.6", "w must grow"), ("0.5000          -3.6000",)),
    Row(3, 1, "Twice as far", ("0.81 again",), ("rate η      0.2000", "0.8100    0.8100    0.8100", " swings ")),
    Row(3, 1, "A little further", ("faster and faster", "2.25 times"),
        ("rate η      0.2500", "0.8100    1.8225    4.1006    9.2264", " flies away ")),
    Row(3, 1, "And in between?", ("0.125 hits and 0.25 swings", "falls, hits, overshoots, swings, flies away"),
        ("rate η      0.1500", "0.8100    0.2025    0.0506", " overshoots ")),
    Row(4, 1, "Is 0.81 high?", ("high compared to what?", "8100", "a loss of 4")),
    Row(5, 1, "How far?", ("new w = w - η·∂L/∂w", "new w = 0.8600", "old - η × gradient")),
    Row(5, 1, "The loop", ("forward", "loss", "backward", "update", "forward again"),
        ("forward", "backward", "update")),
    Row(7, 3, "Four boxes", ("2 → 3 → 1 → 5 → 2",),
        ("x       2.0000", "h       3.0000", "g       1.0000", "f       5.0000", "L       2.0000")),
    Row(7, 3, "And back", ("1, 2, 8, 16, 16", "∂L/∂g = 8.0000"),
        ("5.0000           2.0000", "1.0000           8.0000", "3.0000          16.0000")),
    Row(8, 2, "The same road back", ("1, then 6, then 18", "turns the arrows"),
        ("flow ◀ backward", "18.0000 │◀──", "6.0000 │◀──", "1.0000 │")),
    Row(8, 3, "And back", ("Now back", "same road as forward, turned")),
    Row(9, 2, "Two boxes", ("y = 36.0000", "2, 6, 36"), ("x       2.0000", "u       6.0000", "y      36.0000")),
    Row(9, 2, "Count the cells", ("dy/dx = 36.0000", "3 × 12 = 36"),
        ("2.0000 │", "6.0000 │", "36.0000 │", "3.0000         ×         12.0000         =         36.0000")),
    Row(9, 2, "Slopes multiply", ("dy/dx = dy/du × du/dx",),
        ("12.00000   ×    3.00000   =   36.00000",)),
    Row(9, 2, "Not always 36", ("dy/dx = 18.0000", "y is 9 "),
        ("1.0000 │", "9.0000 │", "3.0000         ×          6.0000         =         18.0000")),
    Row(10, 2, "Not always 36", ("x has been moved to 1", "left and right move x")),
    Row(11, 2, "Your turn: dy/dx", ("dz/dx is 3", "dy/dz is 2", "dy/dx = 6.0000"),
        ("× 3", "× 2", "3.0000         ×          2.0000         =          6.0000")),
    Row(12, 2, "Straight and around", ("dz/dx = ∂z/∂x + ∂z/∂y · dy/dx", "dz/dx = 12.0000"),
        ("4.0000         +     2.0000 · 4.0000     =         12.0000",)),
    Row(12, 2, "Two ways", ("-18 + 4 = -14",), ("-14.0000",)),
    Row(13, 3, "First, add up", ("z = x @ W + b", "0.0400"), ("z       0.0400  0",)),
    Row(13, 3, "The second layer", ("0.5025", "prediction"), ("0.5025",)),
    Row(13, 3, "Half the square", ("½(z - y)²", "L = 0.0195"), ("0.0195",)),
    Row(13, 3, "Half or whole?", ("-0.1975", "-0.3950"), ("-0.3950",)),
    Row(13, 3, "The mean of four", ("2/N", "-1.3189", "-0.6594"), ("-0.659448", "mse(z, y)")),
    Row(13, 3, "What you can do now", ("loss = 0.5*(z2 - y)**2", "a1 = sigmoid(z1)", "z2 = a1 @ W2 + b2"),
        ("0.5025", "0.0195")),
    Row(13, 4, "The prediction", ("½(z - y)²", "the miss itself"), ("∂L/∂z[0,0] = -0.1975",)),
    Row(14, 3, "Where it is steepest", ("a·(1 - a)", "0.2500", "At most 0.25")),
    Row(14, 4, "The sigmoid", ("A quarter is the most that a sigmoid ever lets through",),
        ("-0.09875   ×    0.24990   =   -0.02468",)),
    Row(14, 7, "A quarter, four times", ("that is 0.25 at most", "answer = 0.0039")),
    Row(15, 4, "A miss", ("shown 0.50 and 0.30", "It said 0.5025", "should have said 0.7000", "that miss: 0.0195"),
        ("0.5000  0.3000", "0.5100  0.5000", "0.5025", "0.0195")),
    Row(15, 4, "All nine", ("All nine gradients are in",),
        ("-0.0123 -0.0122", "-0.0074 -0.0073", "-0.1007 -0.0988", "-0.1975")),
    Row(16, 4, "A miss", ("Nine numbers made the prediction",), ("━ 1/17 ━", "◉○○○○○○○○○○○○○○○○", "1 Network")),
    Row(16, 4, "What you can do now", ("upstream × local = downstream", "Next, lesson 5"), ("━ 17/17 ━",)),
    Row(17, 4, "Turn the dials", ("new = old - η × gradient", "new weight[0,0] = 0.5504"),
        ("W' = W - η·∂L/∂W", "W' = 0.5000 - 0.5·(-0.10073) = 0.5504", "η learning rate 0.5")),
    Row(17, 8, "The rate", ("between a ten thousandth and 1", "outside of that :info network asks")),
    Row(18, 7, "Ten bars of a text", ("sigmoid .124 .090 .007 .002 .001", "that text counts from the loss")),
    Row(21, 7, "On a track", (), ("sigmoid, as it is         ✗ vanishing", "relu, he init                ✓", "2.0e-4 ✗",
        "0.1962 ✓", "learns")),
    Row(23, 7, "On a track", (), ("residual from layer2 on", "0.6881 ✗", "batch_norm")),
    Row(18, 7, "On a track", ("Say from which side you count",),
        ("L1", "0.1240 ✓", "0.0900 !", "0.0070 ✗", "0.0020 ✗", "0.0010 ✗"), ("p", "p")),
    Row(19, 7, "On a track", (), ("0.2400 ✓", "0.1760 ✓", "0.4740 ✓", "0.4420 ✓", "0.2590 ✓")),
    Row(19, 7, "Do they explode?",
        (".240 .176 .474 .442 .259", "The exploding gradient problem", "All five are healthy")),
    Row(19, 7, "One that explodes", ("79, 189, 290", "This is exploding"), ("290.249", "4.7062")),
    Row(20, 7, "Ten bars of a text",
        ("0.1 to 0.5 is healthy, below 0.1 or above 0.5 a warning, below 0.01 or above 1.0 critical", "a warning ✓")),
    Row(20, 7, "Do they explode?", ("bptui compares layers with each other",)),
    Row(21, 7, "One switch at a time", ("He's start was made for relu",), ("leaky_relu, he init",), ("down",)),
    Row(22, 7, "Shut on all samples", ("they learn nothing", "dead")),
    Row(22, 7, "For ever?", ("it is open, and gets gradients again", "no gradient on these samples"), ("branch 1",)),
    Row(22, 7, "Seen by what?", ("Which part of that is one step?", "answer = 0.8765")),
    Row(23, 7, "One switch at a time", (), ("residual from layer2 on", "batch_norm", "tanh", "clip the norm at 1.0")),
    Row(23, 7, "Clipping", ("residual ways", "batch norm", "LSTM and GRU", "L2", "Xavier or He", "ELU, SELU, Adam")),
    Row(24, 8, "In the playground", ("maps show what each neuron says",),
        ("classifier  step 101", "─ 1 Network ─"), ("T", "greater_than_sign", "t", "t", "greater_than_sign")),
    Row(25, 4, "All nine", ("A large gradient says: the loss is sensitive to this number",)),
    Row(25, 7, "Why do sigmoids vanish?", ("its slope is 0.25 at most, and they multiply",)),
    Row(25, 1, "Why not simply try?", ("random", "answer = 1000000")),
    Row(25, 2, "Your turn: dy/dx", ("What is dy/dx?", "dy/dx = 6.0000")),
    Row(25, 3, "What a sigmoid does", ("between 0 and 1",)),
    Row(26, 5, "And the truth", ("0.97 of the promise",),
        ("0.97 of the promise", "-0.001925", "-0.00198")),
    Row(26, 5, "From both sides", ("-0.197501", "finite difference")),
    Row(12, 6, "Where two ways meet", ("dz/dx = ∂f/∂x + ∂f/∂y · dy/dx", "0.0554", "-0.0190", "= 0.0364"), ("0.0364",)),
    Row(27, 6, "Final inspection", ("Think of a network as a factory", "= 0.7414"), ("0.7414 -0.2171",)),
    Row(27, 6, "Back through a machine", ("hands it on to those before it",),
        ("0.74137   ×    0.18682   =    0.13850",)),
    Row(27, 6, "Every way, multiplied", (), ("0.0006684", "-0.0002298", "0.0004386  ✓")),
    Row(36, 4, "What you can do now", ("Backward begins with a 1, at the loss",)),
    Row(36, 6, "What you can do now", ("Blame goes loss, output, hidden, input",),
        ("layer1.z   layer1.a   layer2.z   layer2.a     loss", " backward      ◀ ━")),
    Row(5, 8, "The rate", ("new = old - η × gradient",), ("-3.6000", "new       0.8600")),
    Row(6, 7, "Clipping", ("shortens a gradient", "It helps against", "exploding ones", "Xavier or He's start")),
    Row(6, 8, "Momentum", ("steps to and fro cancel",), ("m' = 0.9·0 + 0.1492 = 0.1492",)),
    Row(6, 8, "RMSprop", ("mean square of past gradients",), ("v' = α·v + (1 - α)·(∂L/∂b)²",)),
    Row(6, 8, "Which is best?", ("now Adam is the first",),
        ("M  momentum  rate 0.05    0.1328", "1 M  2 R  3 S  4 A"), ("space",)),
    Row(6, 10, "Four obstacles", ("gradients vanish, explode", "a rough landscape", "local minima", "cost")),
    Row(31, 8, "Round and round", ("take a batch of samples", "forward: a prediction", "the loss: how far off",
        "backward: the gradients", "update: every weight a little", "again")),
    Row(31, 8, "A batch", ("100 samples", "takes 20 of them", "answer = 5", "an epoch")),
    Row(31, 8, "A local minimum", ("M rolls through",),
        ("S  sgd       rate 0.02    0.78", "first now  1 M"), ("space",)),
    Row(31, 10, "Four obstacles", ("local minima: batches, other starts", "cost")),
    Row(35, 8, "Adam's first step", ("Whatever its gradient: the first step is as long as the rate",
        "new bias[0] = -0.0500"), ("-0.050000  0.050000",)),
    Row(29, 9, "Using it", ("the forward pass ✓", "That is inference"), ("backward      ○──────────○──────────○──",)),
    Row(32, 9, "A program", ("Sequential(Linear(2, 8),", "ReLU(), Linear(8, 1))", "range(1000)", "MSELoss()")),
    Row(32, 9, "MSELoss()(pred, y)", ("-0.1773, -1.3189, -1.2488 and -0.3699", "L = 0.8668"), ("0.8668",)),
    Row(32, 9, "A thousand times", ("0, but for rounding", "Three of the eight units are silent"),
        ("step 1000", "4 of 4 right", "1.0000   1.0000")),
    Row(32, 9, "Seed 14", ("0.50, 0.50, 0.50, 0.50", "L = 0.2500", "Of 20 seeds, 18 learn it"),
        ("0.5826", "0.2500")),
    Row(33, 9, "loss.backward(): first", ("does three things", "a 1 at the loss", "upstream × local", "added"),
        ("the seed", "1.00000   ×   -0.08865   =   -0.08865")),
    Row(33, 9, "One bias, four samples", ("bias.grad", "-1.5575"), ("-1.5575",)),
    Row(34, 9, "Other losses", ("MSE", "Cross-entropy", "Hinge"), ("loss = cross_entropy(layer3.z, y)", "1.054303")),
    Row(35, 9, "optimizer.step()", ("weight = weight - lr × gradient", "Adam", "new bias[0] = -0.2192"),
        ("b' = b - η·m_hat/(sqrt(v_hat) + ε)", "= -0.2192")),
    Row(28, 10, "Or one walk back", ("Forward has 53 operations", "53: each one once more", "one walk back")),
    Row(28, 10, "And back", ("answer = 153600", "the passes are not equal", "a step about three")),
    Row(30, 10, "Who found it",
        ("1970: Seppo Linnainmaa", "1974: Paul Werbos", "1986: Rumelhart, Hinton and Williams")),
    Row(30, 10, "Prizes", ("2018 Turing Award: Yoshua Bengio, Geoffrey Hinton, Yann LeCun",
        "2024 Nobel Prize in Physics: John Hopfield, Geoffrey Hinton")),
    Row(28, 5, "One walk back", ("34 forward passes", "about one or two forward passes", "µs", "twice as long")),
)
# fmt: on
LESSONS = sorted({row.lesson for row in ROWS})


def told(at: At) -> str:
    """The page as it is read at 80x24: the column at the right, or the strip below a board."""
    rows = [plain(row) for row in at.screen.canvas.rows]
    part = rows[18:23] if at.screen.ui.board is not None else [row[43:] for row in rows[2:18]]
    return " ".join(" ".join(part).split())


async def settled(at: At, *texts: str) -> None:
    """Wait for what is derived in threads of its own, until the texts are seen or too much time has passed."""
    for _ in range(1200):
        if at.screen.worker.job is None and all(text in at.text for text in texts):
            return
        await at.pilot.pause(0.05)


@pytest.mark.corpus(every=3)
@pytest.mark.parametrize("number", LESSONS)
async def test_the_rows_of_the_texts_are_read_off_the_screen(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bptui.screens.explore.race.PACE", 0.0)
    async with reading(find(str(number))) as at:
        for page in at.course.lesson.pages:
            assert at.course.page is page
            rows = [row for row in ROWS if (row.lesson, row.page) == (number, page.title)]
            if rows:
                if at.screen.ui.board is None:
                    await settled(at)
                before = told(at)
                await answer_right(at)
                for row in rows:
                    await at.press(*row.keys)
                    await settled(at, *row.beside)
                    for text in row.said:
                        assert text in f"{before} {told(at)}", (page.title, text)
                    for text in row.beside:
                        assert text in at.text, (page.title, text)
            await at.press("pagedown")


@pytest.mark.parametrize("number", LESSONS)
def test_all_rows_that_a_lesson_says_it_covers_are_read_here(number: int) -> None:
    assert {row.row for row in ROWS if row.lesson == number} == set(find(str(number)).rows)


def test_all_rows_are_read() -> None:
    assert {row.row for row in ROWS} == set(range(1, 37))
    assert [front.number for front in lessons()] == LESSONS
