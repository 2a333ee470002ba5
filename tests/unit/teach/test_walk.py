"""Any lesson that opens can be walked, checked and printed, whatever stands in it."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, reject, settings
from hypothesis import strategies as st

from bptui.model.base.spans import plain
from bptui.teach import names, reading, sheet
from bptui.teach.certificate import certificate
from bptui.teach.check import check
from bptui.teach.course import Course
from bptui.teach.export import markdown
from bptui.teach.worksheet import worksheet

HEAD = '+++\ntitle = "T"\n+++\n'
EXPRESSIONS = st.sampled_from([
    "loss", "grad(loss)", "x", "x[0,1]", "grad(layer1.z[0,1])", "new(layer1.weight[0,0])", "prediction - y", "1/0",
    "loss/0", "sum(x)", "lr", "step", "value", "grad", "nan(x)", "x > 0", "layer1.a", "-grad(layer2.bias)", "0",
    "1e-12", "loss", "lr", "x[0,0]", "k",
])  # fmt: skip
DIRECTIVES = st.sampled_from([
    "open lesson-2-2-1", "open chain", "open xor", "open gone", 'open eval "L = w*w" w=3 --train w', "goto loss",
    "goto backward", "goto end", "goto step 2", "set lr = 0.1", "set x[0,1] = 0", "set layer1.units = 3", "undo",
    "nudge layer1.weight[0,0]", "train 3", "view neurons", "stage chain rate", "stage network", "stage loss", "why",
    "select layer1.a[0,1]", "by layer2.bias", "break loss", "wait at loss", "teacher", "findings", "continue", "hide x",
    "paths x[0,0]", "redo", "next-finding", "print x", "mark a", "jump a", "set x = 1e300",
])  # fmt: skip


@st.composite
def blocks(draw: st.DrawFn) -> str:
    """A block of a page, mostly right."""
    one = draw(EXPRESSIONS)
    return draw(st.sampled_from([
        f"::{draw(DIRECTIVES)}", f"::let k = {one}", f"::hide {one}", f"::wait {one}",
        f"Text `= {one}` and `{one}` *so*.",
        f"`= {one} to 2` × 2 = `= {draw(EXPRESSIONS)}`", f"- `= {one}`\n- b", f"```\n{one}\n```",
        f"::ask number {one}\nWhat is `a[0]`?\n- = {draw(EXPRESSIONS)} : no `= {one}`\n> a hint `= {one}`",
        f"::ask choice\nWhich?\n- [x] `= {one}`\n- [ ] b\n  > no `= {one}`", "## Another page", "0.1234 1.5e3",
    ]))  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.lists(blocks(), max_size=10), st.sampled_from(["0.5", "loss", "1", "x", "-1e9", "2"]))
def test_any_lesson_that_opens_is_walked(rows, typed):
    source = f"{HEAD}## First\n::open lesson-2-2-1\n" + "\n\n".join(rows) + "\n"
    try:
        lesson = names.known(source, Path("own.md"))
    except reading.LessonErrors:
        reject()  # that those are told is of another test
    walked = Course(lesson)
    while not walked.finished:
        if walked.question is not None:
            walked.answer(typed)
            walked.hint()
            walked.hint()
        for width in (20, 35):
            assert all(plain(row.line).isprintable() for row in sheet.whole(walked, width))
        walked.next()
    for error in check(lesson):
        assert str(error).startswith("own.md:")
    for text in (markdown(lesson), worksheet(lesson, True), worksheet(lesson, False, 3)):
        assert text.replace("\n", "").isprintable()
    assert certificate(lesson, walked.answers).summary
