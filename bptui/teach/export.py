"""`bptui learn N --export`: a lesson as Markdown to read, its numbers filled in."""

from __future__ import annotations

from collections.abc import Iterator

from bptui.model.base.spans import Line, plain
from bptui.teach.course import Course
from bptui.teach.lesson import Block, Code, Items, Lesson, Question


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
        parts += [f"## {number + 1}. {page.title}", *failed, *blocks(course, page.opens)]
        if page.question is not None:
            parts += [*asked(course, page.question), *blocks(course, page.explains, True)]
    return "\n\n".join(parts)


def marked(line: Line) -> str:
    """Spans as Markdown: symbols and numbers as they are, what is stressed in stars."""
    out = ""
    for span in line:
        inner = span.text.strip()
        bold = "bold" in span.style and inner
        out += span.text.replace(inner, f"**{inner}**", 1) if bold else span.text
    return out.strip()


def blocks(course: Course, given: tuple[Block, ...], after: bool = False) -> Iterator[str]:
    """The blocks of a page, each a text."""
    for block in given:
        if isinstance(block, Code):
            yield "\n".join(["```", *block.lines, "```"])
        elif isinstance(block, Items):
            yield "\n".join(f"- {marked(course.text(item, after))}" for item in block.items)
        else:
            yield marked(course.text(block.prose, after))


def asked(course: Course, question: Question) -> Iterator[str]:
    """The question, its options, and the answer."""
    yield f"> {marked(course.text(question.prose))}"
    if question.is_choice:
        yield "\n".join(
            f"- [{'x' if each.right else ' '}] {marked(course.text(each.prose))}" for each in question.options
        )
    else:
        yield f"{plain(course.label)} = **{plain(course.right)}**"
