"""A lesson walked without a screen: `--check`, `--export`, work sheets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bptui.cli import main
from bptui.model.base.spans import plain
from bptui.teach import names, reading, sheet
from bptui.teach.catalogue import find, lessons
from bptui.teach.check import check
from bptui.teach.course import Course
from bptui.teach.export import markdown
from bptui.teach.worksheet import worksheet
from tests.lesson_page import OWN_LESSON

HEAD = '+++\ntitle = "T"\n+++\n# T\n## A page\n::open lesson-2-2-1\n'


def wrong(body: str) -> list[str]:
    return [str(error) for error in check(reading.parse(HEAD + body, Path("own.md")))]


@pytest.mark.parametrize("front", lessons(), ids=lambda front: front.title)
def test_nothing_is_wrong_in_the_lessons(front):
    assert [str(error) for error in check(names.opened(front.path, front.key))] == []


def test_a_typed_number_that_the_page_does_not_compute():
    told = 'own.md:7: "0.5026" is typed, prediction is 0.5025: write = prediction'
    assert wrong("It said `= prediction`, that is 0.5026.\n") == [told]
    assert wrong("It said 0.5025, or 0.50250.\n") == []
    assert wrong("It said 777.1234.\n") == ['own.md:7: "777.1234" is typed, and no number of the page (write = EXPR)']


def test_a_page_that_is_too_high():
    body = "".join(f"line {n}\n\n" for n in range(17))
    assert wrong(body) == ["own.md:5: 17 rows at 80x24, 16 fit (before the answer)"]
    assert wrong("".join(f"line {n}\n\n" for n in range(16))) == []
    after = "::ask number loss\nQ\n\n" + "".join(f"line {n}\n\n" for n in range(16))
    assert wrong(after) == ["own.md:5: 18 rows at 80x24, 16 fit (after the answer)"]


def test_a_directive_that_fails_and_a_number_that_is_none():
    found = wrong("::goto layer9\nIt is `= x`, `= nothing`.\n")
    assert found[0].startswith("own.md:7: ::goto layer9: 'layer9' is not a place")
    assert found[1] == "own.md:8: `= x`: it is 2 numbers, (1,2) (one, as x[0,0])"
    assert found[2] == "own.md:8: `= nothing`: no node is called 'nothing'"


def test_an_equation_that_a_calculator_would_not_give():
    body = "`= {} to 3` × `= layer1.a[0,0] to 3` = `= {}*layer1.a[0,0] to 5`\n"
    assert wrong(body.format(*["grad(layer2.z[0,0])"] * 2)) == [
        "own.md:7: '-0.198 × 0.510 = -0.10073' is -0.100980 as it is printed (more decimals: `= … to 6`)"
    ]
    assert wrong("2 × 0.5 + 1 = 2 and 6 / 4 - 1 = 0.5\n") == []


def test_a_wrong_answer_that_is_right_and_two_that_are_equal():
    body = "::ask number loss\nQ\n- = 0.5*(prediction - y)**2 : a\n- = 2*loss : b\n- = loss + loss : c\n"
    assert wrong(body) == [
        "own.md:9: - = 0.5*(prediction - y)**2: it is 0.0195, which is right (other numbers, or leave it out)",
        "own.md:10: - = 2*loss: it is 0.0390, as another one is (never told: leave one out)",
        "own.md:11: - = loss + loss: it is 0.0390, as another one is (never told: leave one out)",
    ]


def test_a_page_that_tells_what_it_asks():
    assert wrong("It is `= loss`.\n\n::ask number loss\nQ\n") == [
        "own.md:7: the text tells what is asked, or hidden (after the question)"
    ]


def test_the_shell_says_what_is_wrong_and_exits_1(tmp_path, capsys):
    file = tmp_path / "mine.md"
    file.write_text(HEAD + "::gto x\n::ask number los\nQ\n")
    assert main(["learn", str(file), "--check"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "mine.md:7: ::gto: no such directive or command (did you mean ::goto?)",
        "mine.md:8: ::ask number los: no node is called 'los' (loss)",
    ]
    file.write_text(HEAD + "It is `= loss`.\n")
    assert main(["learn", str(file), "--check"]) == 0
    assert capsys.readouterr().out == "mine.md: 1 page, nothing wrong\n"


@pytest.mark.parametrize("width", [20, 35, 60, 90])
def test_every_row_fits_at_any_width_and_no_word_is_lost(width):
    walked = Course(names.opened(find("4").path))
    while not walked.finished:
        for _ in range(2):
            rows = sheet.whole(walked, width)
            assert all(len(plain(row.line)) <= width - 2 * row.band for row in rows if not row.typing)
            words = " ".join(plain(row.line) for row in rows).split()
            for block in (*walked.opens(), *walked.explains()):
                for line in block:
                    assert set(plain(line).split()) <= set(words) or width < 30
            walked.show()
        walked.next()


def test_a_page_at_80x24_is_16_rows():
    walked = Course(names.opened(find("4").path))
    while not walked.finished:
        assert len(sheet.sheet(walked)) <= sheet.HEIGHT
        walked.next()


def test_the_export_has_the_numbers_and_no_mark_of_the_format():
    text = markdown(names.opened(find("4").path))
    assert "∂L/∂z[0,1] = **-0.0244**" in text
    assert "It said 0.5025. It should have said 0.7000." in text
    assert not re.search(r"^::|`=|\? \(", text, re.MULTILINE)
    assert len(re.findall(r"^## ", text, re.MULTILINE)) == 17


def test_a_work_sheet_has_blanks_and_one_with_the_answers():
    lesson = names.opened(find("4").path)
    blank, solved = worksheet(lesson), worksheet(lesson, answers=True)
    assert "-0.0244" not in blank
    assert "= **-0.0244**" in solved
    assert blank.count("\\_" * 12) > 8
    assert "- layer1: dense 2, sigmoid\n" in blank
    assert "- `x` = [[0.5, 0.3]]\n" in blank
    assert "- learning rate: 0.5\n" in blank
    assert "The prediction still sends \\_" in blank
    assert "The prediction still sends -0.1975." in solved
    assert "[x]" not in blank
    assert "[x] rise" in solved


def test_another_seed_gives_other_numbers_the_same_for_the_same_seed():
    lesson = names.opened(find("4").path)
    first, again, other = (worksheet(lesson, True, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    answers = [set(re.findall(r"= \*\*(-?\d\S*)\*\*", text)) for text in (first, other)]
    assert len(answers[0] - answers[1]) > 4
    assert "hold for its own numbers only" in first


def test_the_lesson_of_the_page_about_the_format_opens_and_is_right():
    lesson = names.known(OWN_LESSON, Path("mine.md"))
    assert check(lesson) == []
    walked = Course(lesson)
    assert plain(walked.answer("-2.0").reason) == "The 2 of the square stays: nothing cancels it here."
    assert walked.answer("-4").right
    walked.next()
    walked.answer("1")
    assert plain(walked.explains()[0][0]) == "It is 0.0400."


def test_under_a_wide_stage_there_are_two_rows_of_prose():
    long = "word " * 40
    assert wrong(f"::stage chain\n{long}\n\n::ask choice\nWhich?\n- [x] a\n- [ ] b\n  > no\n\n{long}\n") == [
        "own.md:5: 3 rows of prose under ::stage chain at 80x24, 2 fit (before the answer)",
        "own.md:5: 3 rows of prose under ::stage chain at 80x24, 2 fit (after the answer)",
    ]
    body = f"::stage rate\nShort.\n\n::ask choice\n{'which ' * 15}?\n- [x] {'a' * 60}\n- [ ] {'b' * 30}\n  > no\n"
    assert [each.split(" under ")[0] for each in wrong(body)] == [
        "own.md:5: 2 rows of question",
        "own.md:5: 2 rows of answers",
    ]


def test_what_is_hidden_for_good_and_what_is_waited_for_in_vain():
    assert wrong("::hide loss\n") == [
        "own.md:7: ::hide loss: hidden for good: nothing is asked on this page (::ask choice)"
    ]
    assert wrong("::wait at layer9\n")[0].startswith("own.md:7: ::wait at layer9: 'layer9' is not a place")
    assert wrong("::wait at backward layer1.a\n::wait loss < 0.01\n") == []
    assert wrong("::wait x @ x < 3\n")[0].startswith("own.md:7: ::wait x @ x < 3: the shapes do not fit")
