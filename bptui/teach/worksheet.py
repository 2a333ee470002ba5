"""`bptui learn N --worksheet`: the questions of a lesson on paper, with blanks or with the answers.

With a seed the networks have other numbers (`bptui.teach.variation`), and all is computed again. A question whose text
would not hold then is left out: choices, and what has decimal numbers typed in it that are none of the network's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from bptui.model.base import numbers
from bptui.model.base.arithmetic import gives
from bptui.model.base.spans import Line, Span, plain
from bptui.model.engine.graph import Node
from bptui.teach.course import Course
from bptui.teach.export import blocks, marked
from bptui.teach.formulas import Target
from bptui.teach.lesson import Code, Items, Lesson, Prose

BLANK = "\\_" * 12
MOST = 40
"""Numbers of a tensor that are printed."""
_DECIMAL = re.compile(r"(?<![\w.])-?\d+\.\d+")


def worksheet(lesson: Lesson, answers: bool = False, seed: int | None = None) -> str:
    """Markdown: what is given, then each question with its page's text."""
    course = Course(lesson, seed=seed)
    parts = [f"# {lesson.front.title}: work sheet{'' if seed is None else f' {seed}'}"]
    parts.append("**Answers**" if answers else f"Name: {BLANK}{BLANK}")
    asked, left, given = 0, 0, ""
    told: list[Target] = []  # what was asked already: what the next pages say of it, the pupil fills in
    for number, page in enumerate(lesson.pages):
        course.turn(number)
        if page.question is None:
            continue
        if course.asking is None:
            parts += [f"*{told}*" for told in course.failed if f"*{told}*" not in parts]
            continue
        if seed is not None and not _holds(course):
            left += 1
            continue
        asked += 1
        if (now := _given(course)) != given:
            given, told = now, []
            parts.append(now)
        say = partial(_said, course, tuple(told))
        parts += [f"## {asked}. {page.title}", *blocks(say, page.opens)]
        parts += _question(course, answers, say)
        if course.asks is not None and not answers:
            told.append(course.asks)
    if left:
        parts.append(
            "*1 question of the lesson holds for its own numbers only and is left out.*"
            if left == 1
            else f"*{left} questions of the lesson hold for its own numbers only and are left out.*"
        )
    return "\n\n".join(parts)


def _question(course: Course, answers: bool, say: Callable[[Prose], Line]) -> Iterator[str]:
    question = course.question
    assert question is not None
    yield f"**{plain(say(question.prose))}**"
    if question.is_choice:
        marks = ["x" if each.right and answers else " " for each in question.options]
        texts = [marked(say(each.prose)) for each in question.options]
        yield "\n".join(f"- [{mark}] {text}" for mark, text in zip(marks, texts, strict=True))
    else:
        yield f"{plain(course.label)} = {f'**{plain(course.right)}**' if answers else BLANK}"


def _said(course: Course, told: tuple[Target, ...], prose: Prose) -> Line:
    """Prose with room to write in the place of what is hidden."""
    text = course.text(prose, also=told)
    return tuple(Span(BLANK) if "reverse" in span.style else span for span in text)


def _given(course: Course) -> str:
    """What it takes to compute on paper: the operations, inputs, targets, parameters, the learning rate."""
    assert course.session is not None
    session = course.session
    document, graph = session.network.document, session.graph
    formula = None if document is None else document.content.get("formula")
    rows = [f"- {layer.name}: {layer.summary}" for layer in graph.layers]
    if isinstance(formula, str):
        rows = [f"- `{row.strip()}`" for row in re.split(r"[\n;]", formula) if row.strip()]
    rows += [_tensor(course, node) for node in graph.nodes if node.op is None and node.role != "const"]
    if graph.params:
        rows.append(f"- learning rate: {session.network.optimizer.learning_rate:g}")
    return "\n".join(["Given:", "", *rows])


def _tensor(course: Course, node: Node) -> str:
    assert course.asking is not None
    value = course.asking.state.value(node)
    if value is None or value.size > MOST:
        return f"- `{node.name}` {numbers.shape(node.shape)}"
    shown = numbers.exact(value[()]) if not value.ndim else str(value.tolist())
    return f"- `{node.name}` = {shown}"


def _holds(course: Course) -> bool:
    """Is the question one of numbers, and are those in its text the network's?"""
    question, asking = course.question, course.asking
    assert question is not None
    assert asking is not None
    if question.is_choice:
        return False
    known = [number for _, number in asking.all_numbers()]
    texts: list[Prose] = [question.prose]
    for block in course.page.opens:
        texts += () if isinstance(block, Code) else block.items if isinstance(block, Items) else (block.prose,)
    return all(_is_known(found, known) for prose in texts for found in _typed(prose))


def _typed(prose: Prose) -> Iterator[str]:
    for piece in prose:
        if piece.kind == "text":
            yield from _DECIMAL.findall(piece.text)


def _is_known(found: str, known: list[float]) -> bool:
    return any(gives(number, found) for number in known)
