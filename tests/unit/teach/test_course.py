"""A reader's way through a lesson: a page is a function of (lesson, page), whatever the reader did."""

from __future__ import annotations

import textwrap
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.base.spans import plain
from bptui.model.debugger.commands import registry
from bptui.model.source.network import load
from bptui.teach import filling, names, reading
from bptui.teach.catalogue import find
from bptui.teach.certificate import certificate
from bptui.teach.course import Course
from bptui.teach.lesson import Lesson
from tests.sessions import snapshot

HEAD = '+++\ntitle = "T"\n+++\n# T\n## First\n::open lesson-2-2-1\n'


def course(body: str, head: str = HEAD, page: int = 0) -> Course:
    return Course(reading.parse(head + textwrap.dedent(body), Path("own.md")), page)


@cache
def lesson_4() -> Lesson:
    front = find("4")
    return names.opened(front.path, front.key)


@pytest.fixture
def fourth() -> Lesson:
    return lesson_4()


def state(course: Course) -> tuple[object, ...]:
    """All that a screen could show of a page."""
    session = course.session
    seen: list[object] = []
    if session is not None:
        values = [session.state.value(node) for node in session.graph.nodes]
        seen = [snapshot(session)[1:], [(branch.edits, branch.losses.tolist()) for branch in session.branches]]
        seen += [None if value is None else value.tobytes() for value in values]
    hidden = [(each.node.name, each.of, each.at) for each in course.hidden]
    shown = course.opens(), course.explains(), course.failed, course.state
    return course.number, course.stage, hidden, shown, repr(seen)


COMMANDS = (
    "step", "goto end", "set lr = 0.1", "set x[0,1] = 3", "undo", "train 3", "select layer1.a[0,1]", "view neurons",
    "by layer2.bias", "nudge layer1.weight[0,0] 1", "zoom", "goto start",
)  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(["next", "back", "home", "answer", *COMMANDS]), max_size=12), st.integers(0, 16))
def test_turning_back_and_forth_is_exact(moves, page):
    fourth = lesson_4()
    fresh = state(Course(fourth, page))
    walked = Course(fourth, page)
    for move in moves:
        if move == "next":
            walked.next()
        elif move == "back":
            walked.back()
        elif move == "home":
            walked.home()
        elif move == "answer":
            walked.show()
        else:
            with suppress(UserError):
                registry.run(walked.session, move)
    walked.turn(page)
    if walked.asked.done is None:
        assert state(walked) == fresh
    assert state(walked) == state(Course(fourth, page, walked.answers))


def test_away_and_home(fourth):
    walked = Course(fourth, 9)
    before = state(walked)
    assert not walked.away
    registry.run(walked.session, "step")
    assert walked.away
    walked.home()
    assert not walked.away
    assert state(walked) == before


def test_the_whole_lesson_shown(fourth):
    walked = Course(fourth)
    for number in range(len(fourth.pages)):
        assert walked.number == number
        assert walked.failed == ()
        if walked.question is not None:
            assert walked.state == "asked"
            assert walked.explains() == []
            walked.show()
            assert walked.state == "shown"
            assert walked.hidden == ()
        for block in (*walked.opens(), *walked.explains()):
            assert not any("? (" in plain(line) for line in block)
        walked.next()
    assert walked.finished
    assert set(walked.answers.values()) == {"shown"}


def test_the_whole_lesson_right_at_once_then_after_a_wrong_answer(fourth):
    for first in (True, False):
        walked = Course(fourth)
        while not walked.finished:
            if (question := walked.question) is not None:
                right = walked.right
                if question.is_choice:
                    right_text = str(1 + [option.right for option in question.options].index(True))
                    wrong_text = str(1 + [option.right for option in question.options].index(False))
                else:
                    right_text, wrong_text = plain(right), "123.456"
                if not first:
                    assert not walked.answer(wrong_text).right
                    assert walked.state == "not yet"
                    assert walked.asked.tries[-1].text == wrong_text
                assert walked.answer(right_text).right
                assert walked.state == "right"
            walked.next()
        assert set(walked.answers.values()) == {"once" if first else "later"}
        assert len(walked.answers) == sum(page.question is not None for page in fourth.pages)


def test_hints_one_after_the_other_then_the_answer():
    walked = course("::ask number loss\nQ?\n> one\n> two\n\nbecause\n")
    assert [plain(walked.hint()) for _ in range(3)] == ["one", "two", ""]
    assert walked.state == "shown"
    assert plain(walked.explains()[0][0]) == "because"


def test_a_hint_makes_an_answer_a_later_one():
    walked = course("::ask number loss\nQ?\n> one\n")
    walked.hint()
    assert walked.answer("0.0195").right
    assert walked.answers == {"first": "later"}


def test_what_stands_before_the_question_stays_as_it_was():
    walked = course("It is `= loss`.\n\n::ask number loss\nQ?\n\n::set y[0,0] = 0.5025\nNow it is `= loss`.\n")
    assert plain(walked.opens()[0][0]) == "It is  ? ."
    walked.show()
    assert plain(walked.opens()[0][0]) == "It is 0.0195."
    assert plain(walked.explains()[0][0]) == "Now it is 2.2e-13."
    assert plain(walked.right) == "0.0195"


def test_a_number_is_kept_over_another_network():
    walked = course("::let old = loss\n## Second\n::open darts\nIt was `= old`, and `= loss`.\n", page=1)
    assert plain(walked.opens()[0][0]).startswith("It was 0.0195, and ")
    assert walked.session.network.name == "darts"


def test_a_parameter_is_what_it_was_before_the_update_and_new_is_what_it_becomes():
    walked = course("::goto end\n`= layer2.weight[0,0]` `= new(layer2.weight[0,0])` `= grad(layer2.weight[0,0])`\n")
    assert plain(walked.opens()[0][0]) == "0.5000 0.5504 -0.1007"


def test_a_number_that_is_not_there_yet_is_as_it_will_be():
    walked = course("::goto start\n`= loss` `= grad(layer1.weight[0,0])`\n")
    assert plain(walked.opens()[0][0]) == "0.0195 -0.0123"


def test_what_is_hidden():
    walked = course("::hide grad(layer1.z[1])\n::ask number grad(layer1.a[0,1])\nQ? `= grad(layer1.a[0,1])`\n")
    assert [(each.node.name, each.of, each.at) for each in walked.hidden] == [
        ("layer1.z", "gradient", (None, 1)), ("layer1.a", "gradient", (0, 1)),
    ]  # fmt: skip
    assert plain(walked.text(walked.question.prose)) == "Q?  ? "
    assert plain(walked.label) == "∂L/∂a[0,1]"
    walked.show()
    assert walked.hidden == ()


def test_a_wait_opens_when_the_reader_has_got_there():
    walked = course("::wait at backward layer1.a\n::wait loss < 0.01\n## Second\n")
    assert walked.waiting == "at backward layer1.a"
    assert walked.next() == "at backward layer1.a"
    assert walked.next() == ""
    assert walked.number == 1
    walked.back()
    registry.run(walked.session, "goto backward layer1.a")
    assert walked.waiting == "loss < 0.01"
    registry.run(walked.session, "train 3")
    assert walked.waiting == ""
    assert walked.next() == ""


def test_a_directive_that_fails_is_told_and_the_prose_goes_on():
    walked = course("::goto layer9\nstill\n## Second\n::open gone.toml\nand `= loss` here\n## Third\nmore\n")
    assert walked.failed[0].startswith("::goto layer9: 'layer9' is not a place (did you mean ")
    assert plain(walked.opens()[0][0]) == "still"
    walked.next()
    assert walked.session is None
    assert walked.failed[0].startswith("::open gone.toml: ")
    assert plain(walked.opens()[0][0]) == "and ? (loss) here"
    walked.next()
    assert walked.number == 2
    assert walked.failed[0].startswith("::open gone.toml: ")


def test_a_file_beside_the_lesson_and_none_elsewhere(tmp_path):
    from bptui.model.source.examples import text_of

    (tmp_path / "mine.toml").write_text(text_of("lesson-2-2-1"))
    text = '+++\ntitle = "T"\n+++\n## A\n::open {}\n`= loss`\n'
    walked = Course(reading.parse(text.format("mine.toml"), tmp_path / "l.md"))
    assert plain(walked.opens()[0][0]) == "0.0195"
    for outside in ("../mine.toml", str(tmp_path / "mine.toml"), "/etc/passwd"):
        assert Course(reading.parse(text.format(outside), tmp_path / "l.md")).session is None


def test_a_formula_is_opened_with_its_values():
    walked = course('::open eval "L = (y - w*x)**2" x=2 y=2 w=0.5 --train w --lr 0.1\n`= L` `= new(w)` `= lr`\n')
    assert plain(walked.opens()[0][0]) == "1.0000 0.9000 0.1000"
    for wrong in ("eval", "eval x", 'eval "L = w" w', 'eval "L = w" w=1 --lr no', 'eval "L = w'):
        assert course(f"::open {wrong}\n").failed


def test_each_page_begins_with_nothing_selected():
    walked = course("::select layer1.a[0,1]\n::view neurons\n::by layer2.bias\n## Second\n", page=1)
    assert walked.session.selection.pinned is None
    assert walked.session.selection.element == ()
    assert walked.session.view.mode == "operations"
    assert np.shape(walked.session.element) == np.shape(walked.session.node.shape)


def test_the_stage_stays_until_another_is_set():
    walked = course("::stage loss network\n## Second\n## Third\n::stage paths\n", page=1)
    assert walked.stage == ("loss", "network")
    walked.next()
    assert walked.stage == ("paths",)


def test_what_is_asked_is_not_seen_anywhere_until_it_is_answered(fourth):
    walked = Course(fourth, 9)
    assert registry.run(walked.session, "print layer1.z.grad").text.count("?") == 1
    walked.show()
    assert "?" not in registry.run(walked.session, "print layer1.z.grad").text
    walked.turn(8)
    assert {str(each) for each in walked.session.view.hidden} == {"grad(layer1.z)"}
    walked = course("::hide grad(layer1.z[1])\n::ask number new(layer1.weight[0,1])\nQ?\n")
    kept_back = {str(each) for each in walked.session.view.hidden}
    assert kept_back == {"grad(layer1.z[0,1])", "new(layer1.weight[0,1])"}


def test_names_to_train_as_several_words_are_told_as_one():
    walked = course('::open eval "p = w*x + b; L = (y - p)**2" x=2 y=3 w=1 b=0 --train w b\n')
    assert "--train w,b" in walked.failed[0]


def test_a_certificate_has_the_numbers_and_how_they_were_found(fourth):
    walked = Course(fourth)
    while not walked.finished:
        if walked.number == 9:
            walked.answer("-0.0244")
        elif walked.number == 2:
            walked.answer("0.1975")
            walked.answer("-0.1975")
        elif walked.number == 13:
            walked.show()
        walked.next()
    found = certificate(fourth, walked.answers)
    assert [(plain(each.label), plain(each.number), each.how) for each in found.worked] == [
        ("∂L/∂layer2.z[0,0]", "-0.1975", "later"),
        ("∂L/∂layer1.z[0,1]", "-0.0244", "once"),
    ]
    assert plain(found.summary) == "14 questions: 1 right at once, 1 after a hint, 1 shown, 11 left open"
    assert found.losses is not None
    assert [f"{loss:.4f}" for loss in found.losses] == ["0.0195", "0.0010"]


def test_the_whole_lesson_skipped_then_come_back_to(fourth):
    walked = Course(fourth)
    while not walked.finished:
        walked.next()
    assert walked.answers == {}
    assert all(walked.done(page) for page in range(16))
    walked.turn(2)
    assert walked.state == "asked"
    assert walked.done(10)
    assert walked.answer("-0.1975").right
    assert walked.answers == {"the-prediction": "once"}


def test_nothing_that_a_lesson_holds_is_executed(tmp_path):
    trap = tmp_path / "trap"
    evil = f"__import__('os').mkdir('{trap}')"
    walked = course(
        f'::open eval "L = {evil}"\n::let a = {evil}\n::set lr = {evil}\n::break loss if {evil}\n::print {evil}\n'
        f"::wait {evil}\n`= {evil}`\n\n::ask number {evil}\n`= {evil}`\n- = {evil} : no\n"
    )
    walked.answer(evil)
    walked.hint()
    walked.next()
    assert not trap.exists()


def test_what_cannot_be_asked_is_told():
    walked = course("::ask number x\nQ?\n")
    found = walked.answer("0.5")
    assert not found.counts
    assert plain(found.reason) == "this cannot be asked: it is 2 numbers, (1,2)"
    walked.hint()
    assert walked.state == "shown"


def test_a_certificate_calls_a_computed_number_by_its_page():
    front = find("5")
    lesson = names.opened(front.path, front.key)
    found = certificate(lesson, {page.key: "once" for page in lesson.pages if page.question is not None})
    assert "A promise" in [plain(each.label) for each in found.worked]


def test_a_symbol_has_the_colours_of_what_it_names() -> None:
    """dy/dx is a gradient where y is the end, as ∂L/∂x is; of something else it is only letters."""
    graph = load("chain").graph
    assert [tuple(span) for span in filling.symbol("dy/dx", graph) if span.text] == [("dy/dx", "gradient")]
    assert [tuple(span) for span in filling.symbol("∂L/∂u · u", graph) if span.text] == [
        ("∂L/∂u", "gradient"), (" · ", "text"), ("u", "value"),
    ]  # fmt: skip
    assert all(span.style == "text" for span in filling.symbol("du/dx", graph))
