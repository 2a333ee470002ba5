"""`bptui learn N --export`: a lesson as Markdown to read, its numbers filled in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from bptui.model.base.spans import Line, plain
from bptui.teach.course import Course
from bptui.teach.lesson import Block, Code, Items, Lesson, Prose, Question


def markdown(lesson: Lesson) -> str:
    """Page by page: prose, the question with its answer, the explanation."""
    course = Course(lesson)
    parts = [f"# {lesson.front.title}"]
    if lesson.front.about:
        parts.append(f"*{lesson.front.about}*")
    for number, page in enumerate(lesson.pages):
        course.turn(number)
        course.show()
        failed = [f"*{told}*" for told in course.failed]
        parts += [f"## {number + 1}. {page.title}", *failed, *blocks(course.text, page.opens)]
        if page.question is not None:
            parts += [*asked(course, page.question), *blocks(partial(course.text, after=True), page.explains)]
    return "\n\n".join(parts)


def marked(line: Line) -> str:
    """Spans as Markdown: symbols and numbers as they are, what is stressed in stars."""
    out = ""
    for span in line:
        inner = span.text.strip()
        bold = "bold" in span.style and inner
        out += span.text.replace(inner, f"**{inner}**", 1) if bold else span.text
    return out.strip()


def blocks(say: Callable[[Prose], Line], given: tuple[Block, ...]) -> Iterator[str]:
    """Some blocks, each a text."""
    for block in given:
        if isinstance(block, Code):
            yield "\n".join(["```", *block.lines, "```"])
        elif isinstance(block, Items):
            yield "\n".join(f"- {marked(say(item))}" for item in block.items)
        else:
            yield marked(say(block.prose))


def asked(course: Course, question: Question) -> Iterator[str]:
    """The question, its options, and the answer."""
    yield f"> {marked(course.text(question.prose))}"
    if question.is_choice:
        yield "\n".join(
            f"- [{'x' if each.right else ' '}] {marked(course.text(each.prose))}" for each in question.options
        )
    else:
        yield f"{plain(course.label)} = **{plain(course.right)}**"
