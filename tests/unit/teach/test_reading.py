"""The format of lessons: what is read, and every error with its line."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.base.printable import printable
from bptui.teach import names, reading
from bptui.teach.catalogue import FOLDER, lessons
from bptui.teach.lesson import Code, Items, Lesson, Paragraph, Piece
from bptui.teach.markup import prose

HEAD = '+++\ntitle = "T"\n+++\n# T\n## A page\n::open lesson-2-2-1\n'
"""Six lines before what a test says."""


def read(body: str, head: str = HEAD) -> Lesson:
    return reading.parse(head + textwrap.dedent(body), Path("own.md"))


def errors(body: str, head: str = HEAD) -> list[str]:
    """All that is wrong with a lesson, form first, then names."""
    try:
        names.known(printable(head + textwrap.dedent(body), keep="\n"), Path("own.md"))
    except reading.LessonErrors as found:
        return [str(error) for error in found.errors]
    return []


MAY_NOT = "a lesson may not (it moves, looks and edits; no file is written, no program run)"
PARAMETERS = "layer1.weight, layer1.bias, layer2.weight, layer2.bias"
ERRORS = [
    ("::gto loss", "7: ::gto: no such directive or command (did you mean ::goto?)"),
    ("::ask choice\nWhich?\n- [ ] a\n  > no", "7: ::ask choice: no answer has an [x] (- [x] before the right one)"),
    ("::ask number loss\nA?\n\n::ask number loss\nB?", "10: ::ask: a second question on this page (one a page)"),
    (
        "::ask choice\nWhich?\n- [x] this\n- [ ] that",
        "10: ::ask choice: a wrong answer without a reason (> why not, in the line after it)",
    ),
    ("::ask number grad(layer3.z)\nQ", "7: ::ask number grad(layer3.z): no node is called 'layer3.z' (layer2.z)"),
    ("::hide layer1.z[4]", "7: ::hide layer1.z[4]: index 4 is outside axis 1 (0 to 1)"),
    ("::stage opperation", "7: ::stage opperation: there is no such stage (did you mean operation?)"),
    ("::write a.json", f"7: ::write: {MAY_NOT}"),
    ("::source a.txt", f"7: ::source: {MAY_NOT}"),
    ("::quit", f"7: ::quit: {MAY_NOT}"),
    ("::copy", f"7: ::copy: {MAY_NOT}"),
    ("::define x", f"7: ::define: {MAY_NOT}"),
    ("::goto", "7: ::goto: something is missing (::goto NODE | PHASE | 42 | 50% | start | end | step N)"),
    ("::undo now", "7: ::undo: 'now' is too much (::undo takes no argument)"),
    ("::let before", "7: ::let: 'before' is not NAME = EXPR (::let before = loss)"),
    ("::train 1000000", "7: ::train: 1000000 is far for a lesson (100,000 at most)"),
    ("::goto step 9999999", "7: ::goto: 9999999 is far for a lesson (100,000 at most)"),
    ("::teacher", "7: ::teacher: no paragraph after it"),
    ("::ask", "7: ::ask: '' is not asked (::ask number EXPR, or ::ask choice)"),
    ("::ask number loss", "7: ::ask number: the question is missing (it stands in the next line)"),
    ("::ask number loss\nQ\n> h\nmore", "10: ::ask number: text after the answers (an empty line before it)"),
    ("> a hint", "7: a hint that belongs to no question (hints stand right under ::ask, no empty line)"),
    ("```\nx", "7: an unclosed ``` (a second one after the code)"),
    ("It is `= lss`.", "7: `= lss`: no node is called 'lss' (loss)"),
    ("It is `= loss +`.", "7: `= loss +`: nothing comes after + (for example max(abs(grad)) > 10)"),
    ("### deeper", "7: '### deeper' is no page (\"## \" begins one; **…** for a term)"),
    ("## A title that is much too long", "7: the title has 29 characters (24 at most)"),
    ("::ask number loss\nQ\n- = layer1.a[0,2] : no", "9: - = layer1.a[0,2]: index 2 is outside axis 1 (0 to 1)"),
    ("::ask number new(x)\nQ", f"7: ::ask number new(x): new(x) is of no parameter ({PARAMETERS})"),
]


@pytest.mark.parametrize(("body", "told"), ERRORS, ids=lambda value: value[:30] if isinstance(value, str) else "")
def test_what_is_wrong_is_told_with_its_line(body, told):
    assert errors(body) == [f"own.md:{told}"]


def test_what_is_wrong_before_the_pages():
    assert errors("", '+++\ntitle = "T"\n') == ["own.md:1: an unclosed +++ (a second one after the keys)"]
    assert errors("", '+++\ntitle = "T"\n+++\nstray\n## A\n') == ['own.md:4: text before the first page ("## …")']
    assert errors("", '+++\ntitle = "T"\n+++\n## A\n::goto loss\n') == [
        "own.md:5: ::goto before any ::open (::open xor)"
    ]
    assert errors("", '+++\nabout = "T"\n+++\n## A\n') == [
        "own.md:1: +++: 'title' is missing (what it is called; the only key that is needed)"
    ]
    assert errors("", '+++\ntitle = "T"\nlevel = 3\n+++\n## A\n')[0].startswith("own.md:3: +++: unknown key 'level'")
    assert errors("", "# T\n## A\n")[0].startswith("own.md:1: the front is missing")
    assert errors("", '+++\ntitle = "T"\n+++\n# T\n')[0].startswith("own.md:5: there is no page")


def test_all_of_a_file_is_told_at_once_in_the_order_of_its_lines():
    found = errors("::gto loss\n::write x\n::stage opperation\n::ask choice\nQ\n- [ ] a\n")
    assert [line.split(":")[1] for line in found] == ["7", "8", "9", "10", "12"]


def test_what_is_too_large_is_refused(tmp_path):
    pages = HEAD + "\n## Page\ntext\n" * 100
    with pytest.raises(reading.LessonErrors, match="101 pages"):
        reading.parse(pages, Path("own.md"))
    file = tmp_path / "large.md"
    file.write_text(HEAD + "x" * 2**20)
    with pytest.raises(UserError, match="at most 1,048,576 bytes"):
        reading.read(file)


def test_blocks_are_what_they_look_like():
    page = read("one\ntwo\n\n- a\n- b\n  c\n\n```\n::goto x\n```\n::goto loss\nthree\n").pages[0]
    paragraph, items, code, after = page.opens
    assert isinstance(paragraph, Paragraph)
    assert paragraph.prose == (Piece("one two"),)
    assert isinstance(items, Items)
    assert items.items == ((Piece("a"),), (Piece("b c"),))
    assert isinstance(code, Code)
    assert code.lines == ("::goto x",)
    assert isinstance(after, Paragraph)
    assert [each.text for each in page.before] == ["open lesson-2-2-1", "goto loss"]


def test_directives_belong_before_or_after_the_question():
    page = read("::goto loss\n::ask number loss\nQ?\n> h\n\n::goto end\nafter\n").pages[0]
    assert [each.word for each in page.before] == ["open", "goto"]
    assert [each.word for each in page.after] == ["goto"]
    assert page.question is not None
    assert page.question.hints == ((Piece("h"),),)
    assert len(page.explains) == 1


def test_marks_in_prose():
    assert prose("a *b* **c** `= x to 2` `d` 2 * 3 * 4 `e") == (
        Piece("a "), Piece("b", weight="stress"), Piece(" "), Piece("c", weight="term"), Piece(" "),
        Piece("x", "number", "", 2), Piece(" "), Piece("d", "symbol"), Piece(" 2 * 3 * 4 `e"),
    )  # fmt: skip
    assert prose("*`a` is*") == (Piece("a", "symbol", "stress"), Piece(" is", weight="stress"))


def test_keys_of_pages_are_words_and_all_different():
    lesson = read("## Your turn: 2nd\n## Your turn, 2nd!\n")
    assert [page.key for page in lesson.pages] == ["a-page", "your-turn-2nd", "your-turn-2nd-2"]


def test_nothing_of_a_file_reaches_the_terminal_as_it_is():
    lesson = read("text \x1b[31m\u202e `a\x1b`\n::ask number loss\n\x1b]0;x\x07\n> \x9b\n")
    assert all(character.isprintable() for character in repr(lesson))
    for line in errors("::g\x1bto \x1b]52;c;x\x07\n::hide \x1b\n::stage \x1b[2J\n`= \x1b`\n"):
        assert line.isprintable()


@pytest.mark.parametrize("front", lessons(), ids=lambda front: front.title)
def test_the_front_of_a_lesson_agrees_with_the_whole(front):
    lesson = names.opened(front.path, front.key)
    assert lesson.front == front
    assert front.pages == len(lesson.pages)
    assert front.about


def test_the_lessons_have_numbers_of_their_own():
    numbers = [front.number for front in lessons()]
    assert numbers == sorted(set(numbers))
    assert len(list(FOLDER.glob("*.md"))) == len(numbers)


LINES = st.sampled_from([
    "## A", "# T", "+++", "```", "::ask number loss", "::ask choice", "::ask", "- [x] a", "- [ ] b", "  > why",
    "> hint", "- = loss : no", "- =", "- item", "text `= loss` *b*", "`", "::open xor", "::open", "::goto loss",
    "::teacher", "", "::hide loss", "::let a = loss", "::wait at loss", "::wait loss < 1", "::stage network", "::",
    ":: x", "::ask\tnumber", "\x1b[0m", "::let a = __import__('os')", "`= ().__class__`", "**a *b** c*",
])  # fmt: skip


@given(st.lists(LINES | st.text(max_size=30), max_size=40), st.booleans())
def test_any_text_is_a_lesson_or_told_line_by_line(rows, begun):
    source = (HEAD if begun else "") + "\n".join(rows)
    try:
        reading.parse(source, Path("own.md"))
    except reading.LessonErrors as found:
        for error in found.errors:
            assert str(error).startswith("own.md:")
            assert str(error).isprintable()
